"""The picture of a comparison: what a score costs, and how far each network looks back."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from clew.memory._lettering import drawable

if TYPE_CHECKING:
    from clew.memory.compare.comparison import Comparison

MARKERS = {"rnn": "o", "gru": "s", "lstm": "D", "window": "^", "transformer": "v"}
LINES = {"rnn": ":", "gru": "--", "lstm": "-", "window": "-.", "transformer": (0, (5, 1))}
HATCHES = {"rnn": "", "gru": "//", "lstm": "xx", "window": "..", "transformer": "||"}


def draw(found: Comparison, figure: Any) -> None:
    """Score against the cost of one more step, ranges over the seeds; bars of horizons beside it.

    What reads both ways is hollow on the left, and grey on the right.
    """
    more = bool(found.rows[0].by_length)
    panels = figure.subplots(1, 3 if more else 2)
    _scores(found, panels[0])
    _horizons(found, panels[1])
    if more:
        _lengths(found, panels[2])
    for axes in panels:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)


def _scores(found: Comparison, axes: Any) -> None:
    from clew.memory.compare.recommendation import yardstick

    hundred = 100 if found.figure.percent else 1
    for row in found.rows:
        mean = hundred * statistics.fmean(row.final)
        low, high = (hundred * end for end in (min(row.final), max(row.final)))
        axes.errorbar(
            [row.served], [mean], yerr=[[max(0.0, mean - low)], [max(0.0, high - mean)]],
            fmt=MARKERS[row.entrant.base], color="black", ecolor="0.5", capsize=3, markersize=7,
            markerfacecolor="white" if row.entrant.both_ways else "black", linestyle="none",
            label=row.title,
        )  # fmt: skip
    score = yardstick(found)
    if found.baseline is not None and score is not None:
        axes.axhline(
            hundred * score, color="0.4", linestyle="--", linewidth=1,
            label=drawable(found.baseline.name, 40),
        )  # fmt: skip
    _scaled(axes, [row.served for row in found.rows])
    unit = " (%)" if found.figure.percent else ""
    way = "less is better" if found.figure.less else "more is better"
    streams = any(row.stream is not None for row in found.rows)
    axes.set_xlabel("one more step" + ", in a stream where there is one" * streams + " (µs)")
    of = "test" if found.tested else "new sequences" if found.task == "probe" else "held out"
    several = f"mean, lowest and highest of {found.seeds} seeds"
    axes.set_ylabel(f"{found.figure.title}{unit}, {of}: {way}")
    axes.set_title("one seed" if found.seeds == 1 else several)
    axes.legend(fontsize=8, frameon=False)


def _scaled(axes: Any, costs: list[float]) -> None:
    """Costs that are close together from 0 on, others by their logarithm."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if max(costs) < 4 * min(costs):
        axes.set_xlim(0, 1.15 * max(costs))
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))


def _lengths(found: Comparison, axes: Any) -> None:
    """Of a probe the score by length, as means over the seeds."""
    hundred = 100 if found.figure.percent else 1
    for row in found.rows:
        lengths = [int(length) for length in row.by_length]
        axes.plot(
            lengths, [hundred * score for score in row.by_length.values()],
            marker=MARKERS[row.entrant.base], linestyle=LINES[row.entrant.base], color="black",
            linewidth=1.2, label=row.title,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(lengths, labels=[str(length) for length in lengths])
    axes.minorticks_off()
    axes.set_xlabel("length")
    axes.set_ylabel(found.figure.title + (" (%)" if found.figure.percent else ""))
    axes.set_title("by length, mean of the seeds")
    axes.legend(fontsize=8, frameon=False)


def _horizons(found: Comparison, axes: Any) -> None:
    rows = [row for row in found.rows if row.horizons][::-1]
    for place, row in enumerate(rows):
        seen = row.horizons
        middle = statistics.median(seen)
        axes.barh(
            [place], [middle], height=0.6, edgecolor="black", hatch=HATCHES[row.entrant.base],
            color="0.85" if row.entrant.both_ways else "white",
            xerr=[[middle - min(seen)], [max(seen) - middle]], ecolor="0.3", capsize=3,
        )  # fmt: skip
        number = f"{middle:g}" + ("+" if row.open_ended else "")
        axes.annotate(
            number, (max(seen), place), xytext=(6, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(rows)), labels=[row.title for row in rows])
    axes.set_xlabel(f"looks back ({found.element[1]})")
    axes.set_xlim(0, 1.15 * max([1, *(max(row.horizons) for row in rows)]))
    axes.set_title("how far each looks back")
