"""Gradients by lag: how far back what was read, or held, still moves what comes out now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.errors import InputError
from clew.memory._attribution import still
from clew.memory._input_gradients import input_norms
from clew.memory._jacobians import state_norms
from clew.memory._reading import padded
from clew.memory._windows import Windows
from clew.memory.decay import Decay, decay
from clew.memory.finding import Table
from clew.memory.inside import Inside, inside
from clew.memory.subject import Case, Subject

LAGS, CASES, VECTORS = 128, 32, 4
_EXACT = 64  # units up to which every unit vector is taken
_BEHIND = ", behind"
_MARKS = "os^Dv<>P"


@dataclass(frozen=True)
class LagCurve:
    """One norm by lag, the mean and the median over the cases, and how it decays.

    name: "layer 1", "layer 2 backwards", "loss", "loss, behind" ("answer" where the loss is
    0 by its definition). trained: after it learned. lags, mean, median: (n,). parts: of layers,
    the mean of the norm by each part of the state alone: {"h": (n,), "c": (n,)}. rows: how many
    unit vectors, or random ones where not `exact`, the Jacobian was multiplied with; 0 of the loss,
    which has one gradient.
    """

    name: str
    trained: bool
    lags: NDArray[np.int64]
    mean: NDArray[np.float64]
    median: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]
    decay: Decay
    cases: int
    exact: bool
    rows: int

    @property
    def of_layer(self) -> bool:
        """Whether it is a layer's state by its earlier state, not the loss by what was read."""
        return self.rows > 0

    def within(self, share: float = 0.9) -> int | None:
        """The lag up to which `share` of the sum over all lags lies; None where that is nothing."""
        total = float(self.mean.sum())
        if not (0 < total < np.inf):
            return None
        return int(self.lags[int((np.cumsum(self.mean) >= share * total * (1 - 1e-12)).argmax())])

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.name,
            "trained": self.trained,
            "lags": self.lags.tolist(),
            "mean": _plain(self.mean),
            "median": _plain(self.median),
            "parts": {name: _plain(part) for name, part in self.parts.items()},
            "decay": self.decay.data(),
            "within_90": self.within(),
            "cases": self.cases,
            "exact": self.exact,
            "vectors": self.rows,
        }


@dataclass(frozen=True)
class GradientByLag:
    """What `gradient_by_lag` found: curves of the layers from bottom to top, then of the loss.

    Those before it learned come last, if they can be known. asked: lags that were asked for.
    """

    curves: list[LagCurve]
    element: tuple[str, str]
    loss_name: str
    asked: int
    seed: int

    name = "gradient-by-lag"
    title = "Gradient by lag"

    @property
    def method(self) -> str:
        """Equations, settings and sources."""
        layers = [c for c in self.curves if c.of_layer]
        ways = sorted({
            "with every unit vector" if c.exact
            else f"estimated with {c.rows} vectors of random signs a case (seed {self.seed}; "
            "Hutchinson 1990)" for c in layers
        })  # fmt: skip
        cases = " and ".join(str(n) for n in sorted({c.cases for c in self.curves}))
        return (
            "Layers: |dh_t / ds_{t-tau}|, the Frobenius norm over the root of the number of units, "
            f"so that a memory that keeps all has 1; s is all that the layer carries; "
            f"{' or '.join(ways)}. Loss: |d loss_t / d x_{{t-tau}}|, x the vectors that the lowest "
            f"layer reads. Means over {cases} cases. Rates are the median of the slopes of the "
            "log of the mean between lags, from lag 1 on (Theil 1950; Sen 1968), 95 % intervals by "
            "bootstrap over sequences. How gradients vanish: Hochreiter (1991), Bengio et al. "
            "(1994). A gradient tells of small changes only: of an answer that is sure it tells "
            "little of what that answer needs (Ismail et al. 2020), which the horizon does."
        )

    def curve(self, name: str, trained: bool = True) -> LagCurve | None:
        """The curve of this name, if there is one."""
        return next((c for c in self.curves if (c.name, c.trained) == (name, trained)), None)

    def words(self) -> list[str]:
        """How each gradient decays: the loss first, then the layers; what it was before."""
        after = [c for c in self.curves if c.trained]
        lines = []
        for c in sorted(after, key=lambda c: c.of_layer):
            behind = c.name.endswith(_BEHIND)
            of = (
                "what follows" if behind else "its earlier state" if c.of_layer else "what was read"
            )
            what = c.name.removesuffix(_BEHIND).capitalize()
            text = f"{what} by {of}: {c.decay.words()}."
            if c.decay.last is not None and c.decay.kind in ("vanishes", "explodes", "holds"):
                there = c.mean[c.lags == c.decay.last][0]
                here = 1.0 if c.of_layer else c.mean[0]
                if here > 0:
                    text += f" At lag {c.decay.last} it is {_share(there / here)} that at lag 0."
            if not c.of_layer and (near := c.within()) is not None:
                text += f" 90 % of its sum lies within lag {near}."
            before = self.curve(c.name, trained=False)
            if before is not None:
                text += f" Before training: {before.decay.words()}."
            lines.append(text)
        if (most := max(int(c.lags[-1]) for c in after)) < self.asked:
            lines.append(
                f"There are only {most} lags, not {self.asked}: fewer than half of the cases have "
                "more before the step asked."
            )
        return lines

    def tables(self) -> list[Table]:
        """A row for each lag: layers, the loss; then the rates."""
        found = []
        for title, of_layer in (("State by earlier state", True), ("Loss by what was read", False)):
            some = [c for c in self.curves if c.of_layer is of_layer]
            if not some:
                continue
            heads, columns = [], []
            for c in some:
                when = "" if c.trained else ", before training"
                for what, numbers in {"": c.mean, " (median)": c.median, **{
                    f", by {part} alone": values for part, values in c.parts.items()
                    if len(c.parts) > 1
                }}.items():  # fmt: skip
                    heads.append(f"{c.name}{what}{when}")
                    columns.append(dict(zip(c.lags.tolist(), _plain(numbers), strict=True)))
            lags = sorted({lag for column in columns for lag in column})
            rows = [[lag, *(column.get(lag) for column in columns)] for lag in lags]
            found.append(Table(title, ["lag", *heads], rows))
        keys = ("kind", "rate", "low", "high", "first", "last")
        rates = [[c.name, "after" if c.trained else "before", *(c.decay.data()[k] for k in keys)]
                 for c in self.curves]  # fmt: skip
        heads = ["what", "training", "it", "rate a step", "95 % from", "to", "first lag", "last"]
        return [*found, Table("Rates of decay", heads, rates)]

    def size(self) -> tuple[float, float]:
        """Two panels side by side."""
        return (12.0, 4.8)

    def draw(self, figure: Any) -> None:
        """Layers on the left, the loss on the right; broken lines before training."""
        panels = figure.subplots(1, 2)
        labels = ("|dh_t / ds_{t-tau}|, 1 = all is kept", f"|d loss / d x| ({self.loss_name})")
        for axes, of_layer, label in zip(panels, (True, False), labels, strict=True):
            some = [c for c in self.curves if c.of_layer is of_layer]
            names = list(dict.fromkeys(c.name for c in some))
            for c in some:
                place = names.index(c.name)
                grey = 0.75 * place / max(len(names), 2)
                shown = np.where(np.isfinite(c.mean) & (c.mean > 0), c.mean, np.nan)
                axes.plot(
                    c.lags, shown, linestyle="-" if c.trained else "--", color=str(grey),
                    marker=_MARKS[place % len(_MARKS)], markersize=4, linewidth=1.4,
                    markevery=max(1, len(c.lags) // 12),
                    markerfacecolor=str(grey) if c.trained else "white",
                    label=c.name if c.trained else f"{c.name}, before training",
                )  # fmt: skip
            axes.set_yscale("log")
            axes.set_xlabel(f"lag ({self.element[1]})")
            axes.set_ylabel(label, parse_math=False)
            if any((c.mean > 0).any() for c in some):
                axes.legend(fontsize=8, frameon=False)
            else:
                axes.text(0.5, 0.5, "zero at every lag", ha="center", transform=axes.transAxes)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "element": list(self.element),
            "loss_name": self.loss_name,
            "asked": self.asked,
            "seed": self.seed,
            "curves": [c.data() for c in self.curves],
        }


def gradient_by_lag(
    subject: Subject,
    cases: Sequence[Case],
    *,
    lags: int = LAGS,
    most: int = CASES,
    vectors: int = VECTORS,
    exact: bool | None = None,
    before: bool = True,
    seed: int = 0,
) -> GradientByLag:
    """|dh_t/ds_{t-tau}|_F / sqrt(H) of each layer and |d loss_t/d x_{t-tau}|, by the lag tau.

    Each layer and direction reads by itself what it read in the network, in windows a quarter
    longer than `lags`, from the state of zeros. lags: at most; fewer where half of the cases have
    not as many. most: cases that are looked at, spread over all. exact: with all H unit vectors
    (None: up to 64 units), or the squares estimated with `vectors` of random signs. before: also
    the model before it learned, if that can be known.

    Raises:
        InputError: no cases, none with an element before the step asked, a setting out of range.
    """
    for name, value in (("lags", lags), ("most", most), ("vectors", vectors)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name} is {value!r}", where=name, expected="a whole number from 1")
    some = [cases[k] for k in _spread(len(cases), most)]
    room = lags + max(16, lags // 4)  # the furthest lag has something before it, too
    Windows(subject, some, room)  # says what is wrong with them
    curves: list[LagCurve] = []
    for trained, model in ((True, subject), (False, subject.untrained() if before else None)):
        if model is None:
            continue
        with still(model.network):
            windows = Windows(model, some, room)
            curves += _layers(windows, lags, exact, vectors, seed, trained)
            curves += _losses(windows, lags, seed, trained)
    return GradientByLag(curves, subject.element, subject.loss_name, lags, seed)


def _layers(
    windows: Windows, lags: int, exact: bool | None, vectors: int, seed: int, trained: bool
) -> list[LagCurve]:
    """A curve for each direction of each layer."""
    subject = windows.subject
    places = [windows.places(k, windows.reach) for k in range(len(windows.cases))]
    sizes = np.array([len(p) for p in places])
    size = _common(sizes)
    chosen = [int(k) for k in np.flatnonzero(sizes >= size)]
    # All of one length, so that they step side by side; those of one way end at the step asked.
    inputs = [np.asarray(windows.cases[k].inputs)[places[k][-size:]] for k in chosen]
    sources = [windows.cases[k].source for k in chosen]
    with torch.no_grad():
        x: Tensor = subject.vectors(padded(subject, inputs)).detach()
    found = []
    for layer in inside(subject, x):
        whole = layer.y.shape[-1] <= _EXACT if exact is None else exact
        n = min(lags, size - 1)
        norms = state_norms(layer.module, layer.x, n, None if whole else vectors, seed)
        names = _parts(layer, len(norms.parts))
        found.append(
            _curve(
                layer.name, trained, np.arange(1, n + 1), norms.whole, sources, seed,
                {name: part.mean(0) for name, part in zip(names, norms.parts, strict=True)},
                whole, layer.y.shape[-1] if whole else vectors,
            )
        )  # fmt: skip
    return found


def _losses(windows: Windows, lags: int, seed: int, trained: bool) -> list[LagCurve]:
    """A curve of the loss by what comes before the step asked, and one by what follows it."""
    norms = input_norms(windows, lags, seed)
    sources = [case.source for case in windows.cases]
    what = "loss" if norms.by_loss else "answer"
    found = []
    for name, rows, there in (
        (what, norms.before, windows.before),
        (what + _BEHIND, norms.behind, windows.behind),
    ):
        n = min(lags, _common(there)) if there.any() else 0
        if rows is not None and n > 0:
            found.append(
                _curve(
                    name, trained, np.arange(n + 1), rows[:, : n + 1], sources, seed, {}, True, 0
                )
            )
    return found


def _curve(
    name: str, trained: bool, lags: NDArray[np.int64], rows: NDArray[np.float64],
    sources: Sequence[int], seed: int, parts: dict[str, NDArray[np.float64]], exact: bool,
    vectors: int,
) -> LagCurve:  # fmt: skip
    first = int(lags[0] == 0)  # the rate is that of what was carried on
    with np.errstate(invalid="ignore"):  # inf - inf, of numbers that overflowed
        mean, median = np.nanmean(rows, 0), np.nanmedian(rows, 0)
    return LagCurve(
        name, trained, lags, mean, median, parts,
        decay(lags[first:], rows[:, first:], sources, seed), len(rows), exact, vectors,
    )  # fmt: skip


def _common(sizes: NDArray[np.int64]) -> int:
    """The largest size that half of those with anything reach."""
    there = np.sort(sizes[sizes > 0])
    return int(there[len(there) // 2])


def _parts(layer: Inside, count: int) -> list[str]:
    if layer.kind:
        return ["h", "c"][:count]
    return [f"part {k + 1}" for k in range(count)]


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` numbers from 0, evenly."""
    if not count:
        return []
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most)).tolist()})


def _share(share: float) -> str:
    return f"{100 * share:.2g} % of" if share < 0.995 else f"{share:.2g} times"


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    """Numbers for JSON; None for what is not finite."""
    return [v if np.isfinite(v) else None for v in values.tolist()]
