"""Linear memory: what was read some steps ago, as far as it can be read off the state by a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.memory._linear_memory import (
    DRAWS,
    LEAST,
    STRAYS,
    LayerMemory,
    Measured,
    material,
    measured,
)
from clew.memory._reading import check_whole
from clew.memory.finding import Table
from clew.memory.subject import Case, Subject

LAGS, STEPS = 100, 20_000
_STYLES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))
_MARKS = "o^sDvP"


@dataclass(frozen=True)
class Linear:
    """What `linear` found; wanted: how many lags; at_asked: only where cases are asked."""

    measured: Measured
    element: tuple[str, str]
    wanted: int
    at_asked: bool = False

    name = "linear-memory"
    title = "What can be read off its state"

    @property
    def layers(self) -> list[LayerMemory]:
        """From bottom to top."""
        return self.measured.layers

    @property
    def lags(self) -> int:
        """How many lags the data allow, of those asked for."""
        return self.measured.lags

    @property
    def tells(self) -> bool:
        """Whether such data can show it: they vary, and chance does not reach half of what is read.

        Chance reaches far where the data are few, or where all times are much alike, as those of a
        season or a trend are.
        """
        return self.measured.varies and min(layer.chance for layer in self.layers) < 0.5

    @property
    def few(self) -> bool:
        """Whether there are so few steps for so many units that more data would show more."""
        return self.measured.steps[0] < 2 * max(layer.units for layer in self.layers)

    @property
    def method(self) -> str:
        """Equation, settings and source."""
        m = self.measured
        held = (
            "on sequences that were held out"
            if m.whole
            else "on the last third of each sequence, as there are fewer than three"
        )
        return (
            f"R^2 with which {m.what} of tau {self.element[1]} ago can be read off {self._off()}"
            f"{' at the steps asked about' * self.at_asked} by ridge regression (the "
            f"penalty chosen among ten), {held}: {m.steps[0]:,} steps learned from, "
            f"{m.steps[1]:,} held out, of "
            f"{m.sequences:,} sequence{'s' * (m.sequences != 1)}. The capacity is the sum of R^2 "
            "over the lags from 1 (short-term memory capacity, Jaeger 2002). Beside it the same "
            "read off x_t alone, without any memory: elements that hang together tell of each "
            "other. Chance is "
            f"what {DRAWS} targets moved in time reach, their median and six deviations, 1 at "
            f"most, and {STRAYS:g} / (steps held out x root of the numbers told) at least; "
            f"something is what is above chance and {LEAST:g}. {self._scale()}"
        )

    def _off(self) -> str:
        return {
            "state": "all numbers of the state that the module returns",
            "output": "the output of the module",
        }.get(self.layers[0].name, "the outputs h_t of a layer")

    def _scale(self) -> str:
        scale = self.measured.scale
        many = f"{scale.width} numbers" if scale.width > 1 else "one number"
        return (
            "How much stays depends on the scale of the input: at each step the network reads "
            f"{many} of mean {scale.mean:.3g} and deviation {scale.deviation:.3g}."
        )

    def words(self) -> list[str]:
        """How far back half can be read, layer by layer, beside the rival; what limits it."""
        if not self.measured.varies:
            return [f"All {self.element[1]} read are the same: there is nothing to read back."]
        best = max(self.layers, key=lambda layer: layer.capacity)
        lines = [self._answer(best)]
        lines += [self._told(layer) for layer in self.layers]
        if self.measured.unread:
            lines.append(
                "This is off what the network says, not off what it carries: "
                f"{self.measured.unread}."
            )
        if self.wanted > self.lags:
            lines.append(
                f"The sequences are too short for {self.wanted} lags: these are {self.lags}."
            )
        learned = self.measured.steps[0]
        if self.few:
            lines.append(
                f"With {learned:,} steps for {self._units(best)} these are lower bounds: "
                "more data would show more."
            )
        lines.append(self._scale())
        return lines

    def _answer(self, best: LayerMemory) -> str:
        half, ever = best.furthest(0.5), best.furthest()
        if not self.tells:
            least = min(layer.chance for layer in self.layers)
            return (
                "How far back can be read off the state these data cannot show: what was read at "
                f"quite other times can be told as well (R^2 up to {least:.2f}), as they repeat "
                "themselves, drift, or are too few."
            )
        if ever is None:
            line = f"Nothing of what was read can be read off {self._called(best)} by a line"
            if best.chance > LEAST:
                return f"{line} better than by chance, which reaches an R^2 of {best.chance:.2f}."
            return f"{line}."
        line = f"Off {self._called(best) if len(self.layers) > 1 else self._only(best)} "
        if half is None:
            line += f"something of what was read can be read back up to {self._ago(ever)}"
            line += ", but nowhere half of it"
        else:
            line += f"half of what was read (R^2 of 0.5) can be read back up to {self._ago(half)}"
            if half < ever:
                line += f", and something up to {self._ago(ever)}"
            elif ever < self.lags:
                line += ", and nothing beyond"
        alone, (one, many) = best.furthest_alone(), self.element
        if not alone:
            return f"{line}; the current {one} alone tells nothing of those before."
        if best.capacity_alone > best.capacity:
            return (
                f"{line}; but the current {one} alone tells more than that of those before: these "
                "data do not show what the state keeps."
            )
        return f"{line}; the current {one} alone tells something of {many} up to {alone} ago."

    def _called(self, layer: LayerMemory) -> str:
        return f"the {layer.name}" if layer.name in ("state", "output") else layer.name

    def _units(self, layer: LayerMemory) -> str:
        many = "numbers" if layer.name in ("state", "output") else "units"
        return f"{layer.units} {many if layer.units != 1 else many[:-1]}"

    def _only(self, layer: LayerMemory) -> str:
        return "its output" if layer.name == "output" else "the state"

    def _ago(self, lag: int) -> str:
        if lag == 0:
            return f"the current {self.element[0]}"
        return f"{lag} {self.element[lag != 1]} ago{' or more' if lag == self.lags else ''}"

    def _told(self, layer: LayerMemory) -> str:
        open_end = layer.r2[-1] > max(layer.chance, 0.05)
        return (
            f"{layer.name[0].upper()}{layer.name[1:]} ({self._units(layer)}): capacity "
            f"{'at least ' if open_end else ''}{layer.capacity:.3g} {self.element[1]}, "
            f"{layer.capacity_alone:.3g} off the current one alone; R^2 "
            + ", ".join(f"{max(layer.r2[lag], 0.0):.2f} at lag {lag}" for lag in _some(self.lags))
            + f" (chance {layer.chance:.3f})."
        )

    def tables(self) -> list[Table]:
        """R^2 by lag of every layer and of x_t alone; capacities."""
        if not self.measured.varies:
            return []
        alone = [layer for k, layer in enumerate(self.layers) if self._first(k)]
        columns = ["lag", *(layer.name for layer in self.layers)]
        columns += [f"{self._rival(layer)}" for layer in alone]
        curves = [layer.r2 for layer in self.layers] + [layer.alone for layer in alone]
        rows = [[lag, *(float(curve[lag]) for curve in curves)] for lag in range(self.lags + 1)]
        summary = [
            [layer.name, layer.units, layer.capacity, layer.furthest(0.5), layer.furthest(),
             layer.chance, layer.capacity_alone]
            for layer in self.layers
        ]  # fmt: skip
        return [
            Table(
                "Linear memory by layer",
                ["layer", "units", f"capacity, {self.element[1]}", "last lag with half",
                 "last lag with something", "chance", "capacity of x_t alone"],
                summary,
            ),
            Table("R^2 by lag", columns, rows),
        ]  # fmt: skip

    def _first(self, k: int) -> bool:
        """Whether the layer is the first one of its direction: its rival is that of all others."""
        backwards = [layer.backwards for layer in self.layers]
        return backwards.index(backwards[k]) == k

    def _rival(self, layer: LayerMemory) -> str:
        return "x_t alone" + (" backwards" if layer.backwards else "")

    def size(self) -> tuple[float, float]:
        """One picture."""
        return (8.0, 4.5)

    def draw(self, figure: Any) -> None:
        """R^2 against the lag: a line a layer, the rival, chance as a grey floor."""
        axes = figure.subplots()
        axes.set(xlabel=f"lag, {self.element[1]}", ylabel="R² of what was read", ylim=(-0.03, 1.03))
        if not self.measured.varies:
            axes.text(0.5, 0.5, "nothing varies", ha="center", transform=axes.transAxes)
            return
        ends = [layer.furthest() or 0 for layer in self.layers]
        ends += [layer.furthest_alone() or 0 for layer in self.layers]
        # The table has those beyond, too.
        shown = self.lags if self.lags <= 40 else min(self.lags, max(20, 2 * max(ends)))
        lags = np.arange(shown + 1)
        every = max(1, len(lags) // 12)
        for k, layer in enumerate(self.layers):
            axes.plot(
                lags, layer.r2[: shown + 1], color=str(0.0 if k % 2 == 0 else 0.4),
                marker=_MARKS[k % 6], linestyle=_STYLES[k % 4], markersize=4,
                markevery=every, label=layer.name,
            )  # fmt: skip
            if self._first(k):
                axes.plot(
                    lags, layer.alone[: shown + 1], color="0.6", linestyle=":", marker="x",
                    markersize=4, markevery=every, linewidth=1.5,
                    label=self._rival(layer) + ", no memory",
                )  # fmt: skip
        floor = max(layer.chance for layer in self.layers)
        axes.axhspan(-0.03, floor, color="0.92", linewidth=0, zorder=0, label="chance")
        axes.legend(fontsize=8, frameon=False)
        axes.tick_params(labelsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)

    def data(self) -> dict[str, Any]:
        """Curves, capacities, and how they were measured."""
        return {
            "lags": self.lags,
            "lags_wanted": self.wanted,
            "element": self.element[0],
            "told_back": self.measured.what,
            "varies": self.measured.varies,
            "read_off": self._off(),
            "state_unread_because": self.measured.unread or None,
            "steps_learned_from": self.measured.steps[0],
            "steps_held_out": self.measured.steps[1],
            "sequences": self.measured.sequences,
            "input": {
                "width": self.measured.scale.width,
                "mean": self.measured.scale.mean,
                "deviation": self.measured.scale.deviation,
            },
            "layers": [
                {
                    "layer": layer.name,
                    "units": layer.units,
                    "r2": layer.r2.tolist(),
                    "r2_of_current_alone": layer.alone.tolist(),
                    "chance": layer.chance,
                    "chance_of_current_alone": layer.chance_alone,
                    "capacity": layer.capacity,
                    "capacity_of_current_alone": layer.capacity_alone,
                }
                for layer in self.layers
            ],
        }


def linear(
    subject: Subject,
    cases: Sequence[Case],
    *,
    lags: int = LAGS,
    steps: int = STEPS,
    asked: bool = False,
    seed: int = 0,
) -> Linear:
    """R^2 with which x_{t-tau} can be read off h_t by ridge regression, tau = 0 ... lags.

    cases: all their elements are read, as sequences from the state of zeros; as many of them, drawn
    by the seed, as give `steps` steps. asked: look only at the steps that the cases ask about, one
    each, which takes hundreds of cases; else at every step. What is read back are features brought
    to one scale, or which of the most frequent tokens it was. Where sequences are too short for so
    many lags there are as many as leave half of all steps to look at, or 2000. The cost is that of
    some seconds of linear algebra for layers of hundreds of units. Source: Jaeger 2002.

    Raises:
        InputError: fewer than one lag or step; sequences too short for any lag, or too few.
    """
    check_whole("lags", lags)
    check_whole("steps", steps)
    check_whole("seed", seed, 0)
    found = measured(subject, cases, lags, steps, asked, seed)
    return Linear(found, subject.element, lags, asked)


def linear_of(
    subject: Subject,
    cases: Sequence[Case],
    *,
    lags: int = LAGS,
    reach: int = 512,
    steps: int = STEPS,
    seed: int = 0,
) -> Linear:
    """`linear` of a subject's cases, or of others that it draws where those suit it better.

    Of a probe hundreds of cases with up to `reach` elements before the step asked, looked at there
    only; of one series or two up to `steps` elements of each; of short ones more of them. Raises
    InputError as `linear` does.
    """
    check_whole("reach", reach)
    check_whole("steps", steps)
    check_whole("seed", seed, 0)
    some, asked = material(subject, cases, max(reach, lags), steps, seed)
    return linear(subject, some, lags=lags, steps=steps, asked=asked, seed=seed)


def _some(lags: int) -> list[int]:
    """A few lags to name: 1, 2, 5, 10, 20, ..."""
    known = [m * 10**e for e in range(6) for m in (1, 2, 5)]
    return [lag for lag in known if lag <= lags][:7]
