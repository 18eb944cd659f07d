"""Gradients by lag: how far back what was read, or held, still moves what comes out now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.memory._attribution import still
from clew.memory._input_gradients import (
    Answer,
    ByLag,
    answer_changes,
    answer_norms,
    answer_of,
    loss_norms,
)
from clew.memory._jacobians import state_norms
from clew.memory._lag_curve import BEHIND, TAKEN, plain
from clew.memory._lag_curve import LagCurve as LagCurve
from clew.memory._reading import check_whole, padded
from clew.memory._windows import Windows
from clew.memory.decay import decay
from clew.memory.finding import Table
from clew.memory.inside import Inside, inside
from clew.memory.subject import Case, Subject

LAGS, CASES, VECTORS = 128, 32, 4
FURTHEST = 10_000  # lags: step by step through every layer, that takes minutes
_EXACT = 64  # units up to which every unit vector is taken
_MARKS = "os^Dv<>P"


@dataclass(frozen=True)
class GradientByLag:
    """What `gradient_by_lag` found: curves of the layers from bottom to top, the loss, the answer.

    Those before it learned come last, if they can be known. asked: lags that were asked for.
    answer: the number that stands for the answer: "likeliest", its score; "first", of numbers that
    have names; "signs", of others their sum with random signs.
    """

    curves: list[LagCurve]
    element: tuple[str, str]
    loss_name: str
    asked: int
    answer: Answer
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
        lost = self.curve("answer") is None
        return (
            "Layers: |dh_t / ds_{t-tau}|, the Frobenius norm over the root of the number of its "
            "outputs, so that a memory that keeps all has 1; s is all that the layer carries; "
            f"{' or '.join(ways)}. {'Loss: |d loss_t' if lost else 'Answer: |d a_t'} / "
            "d x_{t-tau}|, x the vectors that the lowest layer reads. Gradient x input: |(d a_t / "
            "d x_{t-tau}) . (x_{t-tau} - m)|, m the mean of all x: so much would the answer move, "
            "to first order, with m in the place of this one. a is "
            f"{self._answer()}. Means over {cases} cases. Rates are the median of the slopes of "
            "the log of the mean between lags, from lag 1 on (Theil 1950; Sen 1968), 95 % "
            "intervals by bootstrap over sequences. How gradients vanish: Hochreiter (1991), "
            "Bengio et al. (1994). A gradient tells of small changes only: of an answer that is "
            "sure it tells little of what that answer needs (Sundararajan et al. 2017), which the "
            "horizon does."
        )

    def _answer(self) -> str:
        return {
            "likeliest": "the score of the likeliest answer",
            "first": "the first of the numbers answered",
            "signs": f"the sum of the numbers answered, with random signs (seed {self.seed})",
        }[self.answer]

    def curve(self, name: str, trained: bool = True) -> LagCurve | None:
        """The curve of this name, if there is one."""
        return next((c for c in self.curves if (c.name, c.trained) == (name, trained)), None)

    def words(self) -> list[str]:
        """How the loss's gradient decays, what the answer hangs on, the layers; what was before."""
        after = [c for c in self.curves if c.trained]
        lines = []
        for c in sorted(after, key=lambda c: c.of_layer):
            text = c.words(self.element)
            before = self.curve(c.name, trained=False)
            if before is not None:
                text += f" Before training: {before.decay.words()}."
            lines.append(text)
        if (most := max(int(c.lags[-1]) for c in after)) < self.asked:
            lines.append(
                f"There {'is' if most == 1 else 'are'} only {most} lag{'s' * (most != 1)}, not "
                f"{self.asked}: fewer than half of the cases have "
                "more before the step asked."
            )
        return lines

    def tables(self) -> list[Table]:
        """A row for each lag: layers, the loss, the answer; then the rates."""
        found = []
        for title, some in zip(
            ("State by earlier state", "Loss by what was read", "Answer by what was read"),
            self._kinds(), strict=True,
        ):  # fmt: skip
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
                    columns.append(dict(zip(c.lags.tolist(), plain(numbers), strict=True)))
            lags = sorted({lag for column in columns for lag in column})
            rows = [[lag, *(column.get(lag) for column in columns)] for lag in lags]
            found.append(Table(title, ["lag", *heads], rows))
        keys = ("kind", "rate", "low", "high", "first", "last")
        rates = [[c.name, "after" if c.trained else "before", *(c.decay.data()[k] for k in keys)]
                 for c in self.curves]  # fmt: skip
        heads = ["what", "training", "it", "rate a step", "95 % from", "to", "first lag", "last"]
        return [*found, Table("Rates of decay", heads, rates)]

    def _kinds(self) -> tuple[list[LagCurve], list[LagCurve], list[LagCurve]]:
        """The curves of layers, of the loss, and of what the answer hangs on."""
        layers = [c for c in self.curves if c.of_layer]
        losses = [c for c in self.curves if c.of_loss]
        return layers, losses, [c for c in self.curves if not (c.of_layer or c.of_loss)]

    def size(self) -> tuple[float, float]:
        """Three panels side by side."""
        return (14.0, 4.8)

    def draw(self, figure: Any) -> None:
        """Layers, the loss, what the answer hangs on; broken lines before training."""
        panels = figure.subplots(1, 3)
        labels = (
            "|dh_t / ds_{t-tau}|, 1 = all is kept",
            f"|d loss / d x| ({self.loss_name})" if self.curve("answer") is None else "|d a / d x|",
            "gradient x input of the answer",
        )
        for axes, some, label in zip(panels, self._kinds(), labels, strict=True):
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
                if not (c.of_layer or c.of_loss) and c.peak is not None:
                    axes.axvline(c.peak, color=str(grey), linestyle=":", linewidth=0.9,
                                 label=f"greatest at lag {c.peak}")  # fmt: skip
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
            "answer": self._answer(),
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

    And |(d a_t/d x_{t-tau}) . (x_{t-tau} - mean x)|, what the answer a_t hangs on to first order.
    Each layer and direction reads by itself what it read in the network, in windows a quarter
    longer than `lags`, from the state of zeros. lags: at most, up to 10,000; fewer where half of
    the cases have not as many. most: cases that are looked at, spread over all. exact: with all H
    unit vectors (None: up to 64 units), or the squares estimated with `vectors` of random signs.
    before: also the model before it learned, if that can be known.

    Raises:
        InputError: no cases, none with an element before the step asked, a setting out of range.
    """
    check_whole("lags", lags, most=FURTHEST)
    for name, value in (("most", most), ("vectors", vectors)):
        check_whole(name, value)
    check_whole("seed", seed, 0)
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
            if trained:
                curves += _both(windows, answer_changes(windows, lags, seed), TAKEN, lags, seed)
    answer = answer_of(subject)
    return GradientByLag(curves, subject.element, subject.loss_name, lags, answer, seed)


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
    """Curves of the loss; where there is none of the answer."""
    norms = loss_norms(windows, lags)
    if norms is not None:
        return _both(windows, norms, "loss", lags, seed, trained)
    return _both(windows, answer_norms(windows, lags, seed), "answer", lags, seed, trained)


def _both(
    windows: Windows, found: ByLag, name: str, lags: int, seed: int, trained: bool = True
) -> list[LagCurve]:
    """A curve by what comes before the step asked, and one by what follows it."""
    sources = [case.source for case in windows.cases]
    curves = []
    for end, rows, there in (
        ("", found.before, windows.before),
        (BEHIND, found.behind, windows.behind),
    ):
        n = min(lags, _common(there)) if there.any() else 0
        if rows is not None and n > 0:
            some = rows[:, : n + 1]
            curves.append(
                _curve(name + end, trained, np.arange(n + 1), some, sources, seed, {}, True, 0)
            )
    return curves


def _curve(
    name: str, trained: bool, lags: NDArray[np.int64], rows: NDArray[np.float64],
    sources: Sequence[int], seed: int, parts: dict[str, NDArray[np.float64]], exact: bool,
    vectors: int,
) -> LagCurve:  # fmt: skip
    first = int(lags[0] == 0)  # the rate is that of what was carried on
    with np.errstate(invalid="ignore"):  # inf - inf, of numbers that overflowed
        mean, median = np.nanmean(rows, 0), np.nanmedian(rows, 0)
    here = float(mean[0]) if first else 1.0  # of a state by itself
    return LagCurve(
        name, trained, lags, mean, median, parts,
        decay(lags[first:], rows[:, first:], sources, seed, here), len(rows), exact, vectors,
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
