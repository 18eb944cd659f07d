"""What was noted of gradients while a network learned: in words, as tables, as a picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.memory._layer_names import layer_names
from clew.memory._lettering import drawable
from clew.memory._record import Record, Row
from clew.memory.decay import Decay, decay
from clew.memory.finding import Table

_LAYERS = 12  # drawn; of more, those with the longest gradients
_COLUMNS = 16  # lags in the table
_MARKS = "os^vD*PX<>ph"
_DASHES = ("-", "--", "-.", ":")


class GradientsWatched:
    """Norms by lag, by layer, and what was clipped; made from `record`, in rows of some steps."""

    name = "gradients-in-training"
    title = "Gradients while it learned"

    def __init__(self, record: Record) -> None:
        self.record = record
        self.steps = np.array([row.step for row in record.rows])
        self.layers = layer_names(record.layers)

    @property
    def method(self) -> str:
        """What was measured."""
        record = self.record
        text = (
            "Lengths (Euclidean) of the gradient of each step's mean loss, before clipping: of all "
            "weights and of those of each layer, the mean over the steps of a row."
        )
        if record.measured:
            text += (
                f" By lag tau: the length of the gradient of {record.measured}, by what is read "
                "tau steps before it; the mean over the sequences of the batch."
            )
        return text

    @property
    def by_lag(self) -> NDArray[np.float64]:
        """(rows, lags) norms at the last step of each row; nan where none was measured."""
        rows = self.record.rows
        found = np.full((len(rows), max(len(row.lags or ()) for row in rows)), np.nan)
        for k, row in enumerate(rows):
            found[k, : len(row.lags or ())] = row.lags or ()
        return found

    @property
    def by_layer(self) -> NDArray[np.float64]:
        """(rows, layers) mean norms over the steps of each row."""
        return np.array([np.array(row.layers) / row.steps for row in self.record.rows])

    @property
    def total(self) -> Row:
        """All steps as one row."""
        found = Row()
        for row in [*self.record.rows, *([self.record.since] if self.record.since.steps else [])]:
            found = found + row
        return found

    def words(self) -> list[str]:
        """What became of the gradient by lag, how layers differ, what was clipped."""
        return [*self._lag_words(), self._layer_words(), self._clip_words(), *self._unseen()]

    def _lag_words(self) -> list[str]:
        norms, steps = self.by_lag, self.steps
        seen = [k for k in range(len(steps)) if np.isfinite(norms[k]).any()]
        if not norms.shape[1]:
            return [
                "Gradients by lag were not measured: no recurrent layer reads a sequence at once."
            ]
        if norms.shape[1] < 2:
            return ["Gradients by lag were not measured: the sequences have a single step."]
        lines = []
        for k in dict.fromkeys((seen[0], seen[-1])):
            found = decay(np.arange(norms.shape[1]), norms[k])
            lines.append(f"Step {steps[k]:,}: {in_words(norms[k], found)}.")
        return lines

    def _layer_words(self) -> str:
        names, total = self.layers, self.total
        sizes = np.array(total.layers) / total.steps
        most, least = int(sizes.argmax()), int(sizes.argmin())
        if len(names) < 2 or not sizes[least] > 0:
            return f"The longest gradient is that of {names[most]}: {sizes[most]:.3g} in the mean."
        return (
            f"By layer the mean length goes from {sizes[least]:.2g} ({names[least]}) to "
            f"{sizes[most]:.2g} ({names[most]})."
        )

    def _clip_words(self) -> str:
        total, clip = self.total, self.record.clip
        longest = f"the longest was {total.longest:.3g}"
        if clip is None:
            return f"No limit was set to the gradient's length; {longest}."
        if not total.clipped:
            return f"No gradient was clipped: the limit is {clip:g}, {longest}."
        share = 100 * total.clipped / total.steps
        return (
            f"Clipped at {clip:g}: {total.clipped:,} of {total.steps:,} steps ({share:.3g} %), "
            f"shortened to {total.kept / total.clipped:.2g} of their length in the mean; {longest}."
        )

    def _unseen(self) -> list[str]:
        count = self.record.unseen
        return [f"{count:,} steps were made unwatched."] if count else []

    def tables(self) -> list[Table]:
        """By lag, where measured (some lags of many), by layer, and what was clipped."""
        found, norms = [], self.by_lag
        if norms.shape[1]:
            lags = np.unique(np.geomspace(1, norms.shape[1], _COLUMNS).round().astype(int) - 1)
            rows = [
                [int(step), *(_plain(value) for value in row[lags])]
                for step, row in zip(self.steps, norms, strict=True)
            ]
            found.append(Table("Norm by lag", ["step", *(f"lag {n}" for n in lags)], rows))
        layers = [
            [int(step), *(_plain(value) for value in row)]
            for step, row in zip(self.steps, self.by_layer, strict=True)
        ]
        found.append(Table("Norm by layer", ["step", *self.layers], layers))
        clipped = [
            [row.step, row.steps, _plain(row.norm / row.steps), _plain(row.longest), row.clipped,
             _plain(row.kept / row.clipped) if row.clipped else None]
            for row in self.record.rows
        ]  # fmt: skip
        columns = ["step", "steps", "mean norm", "longest", "clipped", "shortened to"]
        return [*found, Table("All weights together, and clipping", columns, clipped)]

    def size(self) -> tuple[float, float]:
        """In inches."""
        return (9.0, 9.0 if self.by_lag.shape[1] > 1 else 6.0)

    def draw(self, figure: Any) -> None:
        """Lags against steps as a heat map, norms by layer, and all together with what is cut."""
        if self.by_lag.shape[1] > 1:
            upper, *lower = figure.subplots(3, 1, sharex=True, height_ratios=(5, 4, 3))
            self._heat(figure, upper)
        else:
            lower = figure.subplots(2, 1, sharex=True)
        self._lines(lower[0])
        self._whole(lower[1])
        lower[1].set_xlabel("training step")

    def _edges(self) -> NDArray[np.float64]:
        """Where the columns of steps begin and end."""
        begin = [row.step - row.steps for row in self.record.rows]
        return np.array([*begin, self.steps[-1]]) + 0.5

    def _heat(self, figure: Any, axes: Any) -> None:
        norms = self.by_lag
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.log10(norms / norms[:, :1])
        shares[~np.isfinite(shares)] = np.nan
        low = max(-12.0, float(np.nanmin(shares, initial=-1.0)))
        high = max(0.0, float(np.nanmax(shares, initial=0.0)))
        lags = np.arange(norms.shape[1] + 1) - 0.5
        shown = axes.pcolormesh(
            self._edges(), lags, np.maximum(shares, low).T, cmap="Greys", vmin=low, vmax=high
        )
        # What is exactly zero, or no number, is hatched: it is not merely small.
        axes.patch.set(facecolor="white", hatch="///", edgecolor="0.7")
        # Inside of the axes' own row: beside the legends below it would stand far away.
        bar = figure.colorbar(shown, cax=axes.inset_axes((1.02, 0.0, 0.025, 1.0)))
        bar.set_label("log10 of the norm\nas a share of lag 0", fontsize=8)
        axes.set_ylabel("lag, steps back")
        axes.set_title("gradient by lag: the lighter, the less arrives", loc="left", fontsize=10)

    def _lines(self, axes: Any) -> None:
        norms = self.by_layer
        order = np.sort(np.argsort(-norms.mean(0), kind="stable")[:_LAYERS])
        every = max(1, len(self.steps) // 10)
        for place, k in enumerate(order):
            axes.plot(
                self.steps, np.where(norms[:, k] > 0, norms[:, k], np.nan),
                color=str(0.55 * (place % 3) / 2), linestyle=_DASHES[place % len(_DASHES)],
                marker=_MARKS[place % len(_MARKS)], markevery=every, markersize=4, linewidth=1,
                label=drawable(self.layers[k], 40),
            )  # fmt: skip
        if (norms > 0).any():
            axes.set_yscale("log")
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        axes.set_ylabel("mean norm")
        axes.set_title("gradient by layer", loc="left", fontsize=10)

    def _whole(self, axes: Any) -> None:
        rows, clip = self.record.rows, self.record.clip
        axes.plot(self.steps, [row.norm / row.steps for row in rows], color="black", label="mean")
        longest = np.array([row.longest for row in rows])
        axes.plot(self.steps, longest, color="0.5", linestyle=":", label="longest")
        if clip is not None:
            axes.axhline(clip, color="0.6", linestyle="--", linewidth=1, label=f"limit {clip:g}")
            cut = np.array([row.clipped > 0 for row in rows])
            axes.plot(
                self.steps[cut], longest[cut], "x", color="black", markersize=5, label="clipped"
            )
        if (longest > 0).any():
            axes.set_yscale("log")
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        axes.set_ylabel("norm")
        axes.set_title("all weights together", loc="left", fontsize=10)

    def data(self) -> dict[str, Any]:
        """All of it."""
        total, record = self.total, self.record
        return {
            "steps": self.steps.tolist(),
            "by_lag": [[_plain(value) for value in row] for row in self.by_lag],
            "measured": record.measured,
            "layers": self.layers,
            "paths": list(record.layers),
            "by_layer": [[_plain(value) for value in row] for row in self.by_layer],
            "norm": [_plain(row.norm / row.steps) for row in record.rows],
            "longest": [_plain(row.longest) for row in record.rows],
            "clipped": [row.clipped for row in record.rows],
            "clip": record.clip,
            "all_steps": total.steps,
            "all_clipped": total.clipped,
            "unseen": record.unseen,
        }


def in_words(norms: Any, found: Decay) -> str:
    """At what rate the gradient goes, and how much of that at lag 0 is left."""
    if found.kind == "none":
        return "no gradient arrives at any lag"
    told = found.brief()
    if told.startswith("there is some"):
        return f"gradient by lag: {told}"
    sizes = np.asarray(norms, dtype=np.float64)
    if not math.isfinite(sizes[0]) or sizes[0] <= 0:
        return f"the gradient {told}"
    shares = sizes / sizes[0]
    lag = len(shares) - 1
    left = f"{100 * shares[lag]:.3g} % of it is left"
    if shares[lag] > 1:
        left = f"it is {shares[lag]:.3g} times as long"
    for size, name in ((1e-6, "a millionth"), (1e-3, "a thousandth")):
        below = np.flatnonzero(shares <= size)
        if len(below):
            lag, left = int(below[0]), f"{name} of it is left"
            break
    return f"the gradient {told}; {lag} step{'s' * (lag != 1)} back {left}"


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
