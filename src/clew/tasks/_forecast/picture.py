"""Forecasts drawn: the end of the history, the truth where it is known, bands, baselines."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.tasks._picture import drawn as written

_MOST = 12  # small pictures on one page
_DASHES = ("--", ":", "-.", (0, (1, 3)))
_GREYS = {90: "0.93", 80: "0.86", 50: "0.70"}  # printed without colour they still differ


@dataclass(frozen=True)
class Drawn:
    """One series: its history, and what was forecast of the H steps after it.

    dates: (T + H,) of datetime64 or numbers. history: (T,), truth: (H,) where it is known, NaN
    where a value is missing. median: (H,). bands: {80: (lower, upper)}, each (H,), in percent.
    baselines: {name: (H,)}.
    """

    title: str
    dates: NDArray[Any]
    history: NDArray[np.float64]
    median: NDArray[np.float64]
    bands: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(
        default_factory=dict
    )
    truth: NDArray[np.float64] | None = None
    baselines: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def picture(drawn: Sequence[Drawn], path: str | Path | None = None, *, value: str = "y") -> bytes:
    """A picture of up to 12 series, PNG or what `path` ends in; written there if one is given.

    The history is a thin line, the truth a line with dots, the median a thick line, bands are grey
    and baselines broken lines; value names the axis. Raises InputError where it cannot be written.
    """
    return written(path, lambda kind: _page(drawn[:_MOST], value, kind))


def _page(drawn: Sequence[Drawn], value: str, kind: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = 1 if len(drawn) < 2 else 2 if len(drawn) < 7 else 3
    down = -(-max(len(drawn), 1) // across)
    wide = 9.0 if across == 1 else 5.5 * across
    page = Figure(figsize=(wide, 4.0 if across == 1 else 2.6 * down + 0.5), layout="constrained")
    FigureCanvasAgg(page)
    every = page.subplots(down, across, squeeze=False).reshape(-1)
    labels: dict[str, Any] = {}
    for axes, one in zip(every, _alike(drawn), strict=False):
        _draw(axes, one)
        axes.set_title(_plain(one.title), fontsize=10, loc="left", parse_math=False)
        axes.set_ylabel(_plain(value), fontsize=9, parse_math=False)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            labels.setdefault(label, handle)
    for axes in every[len(drawn) :]:
        axes.set_visible(False)
    if labels:
        beside = -(-len(labels) // 2) if len(labels) > 7 else len(labels)
        page.legend(
            labels.values(), labels.keys(), loc="outside lower center", ncols=beside,
            fontsize=9, frameon=False,
        )  # fmt: skip
    buffer = io.BytesIO()
    page.savefig(buffer, format=kind, dpi=150)
    return buffer.getvalue()


def _alike(drawn: Sequence[Drawn]) -> list[Drawn]:
    """The same with one name for autoregressions of several orders, which are drawn alike."""
    orders = {name for one in drawn for name in one.baselines if name.startswith("AR(")}
    if len(orders) < 2:
        return list(drawn)
    return [
        dataclasses.replace(
            one, baselines={"AR(p)" if k in orders else k: v for k, v in one.baselines.items()}
        )
        for one in drawn
    ]


def _draw(axes: Any, one: Drawn) -> None:
    known = len(one.history)
    before, ahead = one.dates[:known], one.dates[known:]
    for percent in sorted(one.bands, reverse=True):
        lower, upper = one.bands[percent]
        grey = _GREYS.get(percent, "0.8")
        label = f"{percent} % interval"
        if len(ahead) == 1:  # an area without width
            axes.vlines(ahead, lower, upper, colors=grey, linewidth=10, label=label)
        else:
            axes.fill_between(ahead, lower, upper, color=grey, linewidth=0, label=label)
    gaps = np.isnan(one.history).any() and known <= 150  # a value between two would not be seen
    alone: dict[str, Any] = {"marker": ".", "markersize": 2} if gaps else {}
    axes.plot(before, one.history, color="0.35", linewidth=1.0, label="history", **alone)
    for (name, values), dash in zip(one.baselines.items(), _DASHES, strict=False):
        axes.plot(ahead, values, color="0.3", linewidth=1.2, linestyle=dash, label=name)
    marks: dict[str, Any] = {"marker": "o", "markersize": 2.5} if len(ahead) <= 100 else {}
    if one.truth is not None:
        axes.plot(ahead, one.truth, color="tab:red", linewidth=0.9, label="truth", **marks)
    lone: dict[str, Any] = {"marker": "_", "markersize": 12} if len(ahead) == 1 else {}
    axes.plot(ahead, one.median, color="tab:blue", linewidth=2.0, label="forecast", **lone)
    if known and len(ahead):
        axes.axvline(before[-1], color="0.8", linewidth=0.8, zorder=0)
    axes.margins(x=0.02)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if np.issubdtype(one.dates.dtype, np.datetime64):
        from matplotlib import dates

        place = dates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        shape = dates.ConciseDateFormatter(place)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(place)
        axes.xaxis.set_major_formatter(shape)


def _plain(text: str, most: int = 60) -> str:
    """A text that every font can write, on one line."""
    shown = "".join(c if c.isprintable() and ord(c) < 0x2500 else "?" for c in text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"
