"""A backtest in words: how far off, how honest the intervals, and where it loses to whom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clew.data.files import listed

if TYPE_CHECKING:
    from clew.tasks._forecast.backtest import Backtest

COLUMNS = {"mase": "MASE", "smape": "sMAPE", "rmse": "RMSE", "mae": "MAE", "crps": "CRPS"}
COVERAGES = (50, 80, 90)
NAMED = 5  # series that are named, at most
CLEAR = 2.0  # standard errors
ENOUGH = 10  # windows from which on single steps ahead are compared


def told(result: Backtest) -> list[str]:
    """The lines of a report: scores, coverage, a verdict, where it loses, and notes."""
    count = len(result.series)
    title = f"{count:,} series" if count > 1 else f"series {result.series[0].id!r}"
    windows = result.windows
    many = f"{windows:,} windows" if windows > 1 else "1 window"
    ahead = "1 step" if result.horizon == 1 else f"{result.horizon} steps"
    lines = [f"{title}, {many} of {ahead} ahead", ""]
    lines += table(result)
    lines += ["", *coverage(result), *verdict(result), *losses(result)]
    lines += [f"note: {note}" for note in result.notes[:NAMED]]
    if len(result.notes) > NAMED:
        lines.append(f"... and {len(result.notes) - NAMED:,} notes more")
    return lines


def table(result: Backtest) -> list[str]:
    """The scores, a row for the model and for each baseline."""
    rows = [("less is better", list(COLUMNS.values()))]
    for name, of in result.scores.items():
        cells = [number(of.get(key, math.nan)) for key in COLUMNS]
        rows.append((result.names.get(name, name), cells))
    first = max(len(name) for name, _ in rows)
    width = max(8, *(len(cell) for _, cells in rows for cell in cells))
    return [f"{name:{first}}" + "".join(f"  {c:>{width}}" for c in cells) for name, cells in rows]


def coverage(result: Backtest) -> list[str]:
    """How much of what came lay in the intervals of the model."""
    found = next(iter(result.scores.values()))
    known = [n for n in COVERAGES if not math.isnan(found.get(f"coverage_{n}", math.nan))]
    if not known:
        return []
    parts = [f"{100 * found[f'coverage_{n}']:.0f} % in those of {n} %" for n in known]
    return [f"Of what came, the intervals hold {listed(parts)}."]


def verdict(result: Backtest) -> list[str]:
    """Whether the model is ahead of the best baseline, behind, or nobody can tell."""
    best = best_baseline(result)
    if best is None:
        return []
    gain, noise = advantage(result, best)
    name = result.names.get(best, best)
    if math.isnan(noise):
        more = "one window tells little: more of them (windows=...) tell more"
        side = "ahead of" if gain > 0 else "behind"
        return [f"Here it is {abs(gain):.2g} MASE {side} {name}; {more}."]
    if gain > CLEAR * noise:
        return [f"It is {gain:.2g} MASE ahead of {name}, the best of the others."]
    if gain < -CLEAR * noise:
        return [f"It loses: {-gain:.2g} MASE behind {name}, which is the better choice here."]
    return [f"Between it and {name} there is too little to tell them apart."]


def losses(result: Backtest) -> list[str]:
    """The series and the steps ahead at which some baseline is less far off than the model."""
    lines = []
    for name in list(result.scores)[1:]:
        full = result.names.get(name, name)
        means = np.array([_mean(one.gains(name)) for one in result.series])
        behind = np.flatnonzero(means < 0)
        if len(result.series) > 1 and len(behind):
            worst = behind[np.argsort(means[behind], kind="stable")][:NAMED]
            ids = listed([repr(result.series[int(place)].id) for place in worst])
            more = " ..." if len(behind) > NAMED else ""
            lines.append(
                f"{full} is better in {len(behind):,} of {len(means):,} series: {ids}{more}"
            )
        behind = np.flatnonzero(_mean_by_step(result, name) < 0)
        if len(behind) and result.horizon > 1 and result.windows >= ENOUGH:
            steps = "step" if len(behind) == 1 else "steps"
            lines.append(f"{full} is better at {steps} {spans(behind + 1)} ahead")
    return lines


def best_baseline(result: Backtest) -> str | None:
    """The baseline with the least MASE; None where none has one."""
    known = {
        name: of["mase"]
        for name, of in list(result.scores.items())[1:]
        if not math.isnan(of.get("mase", math.nan))
    }
    return min(known, key=lambda name: known[name]) if known else None


def advantage(result: Backtest, name: str) -> tuple[float, float]:
    """By how much MASE the model is ahead of a baseline, and the standard error of that.

    Windows count as one each, those that overlap as much as is new in them. The error is NaN of
    one window.
    """
    means = np.array([_mean(row) for one in result.series for row in one.gains(name)])
    means = means[~np.isnan(means)]
    gain = result.scores[name]["mase"] - next(iter(result.scores.values()))["mase"]
    count = len(means) * min(1.0, result.step / result.horizon)
    if count < 2:
        return gain, math.nan
    return gain, float(means.std(ddof=1)) / math.sqrt(count)


def spans(steps: NDArray[np.int64]) -> str:
    """Whole numbers, ascending, those in a row as "3 to 7"."""
    cuts = np.flatnonzero(np.diff(steps) > 1) + 1
    parts = [(int(run[0]), int(run[-1])) for run in np.split(steps, cuts)]
    return listed([f"{a}" if a == b else f"{a} to {b}" for a, b in parts], NAMED)


def number(value: float) -> str:
    """A score with four digits that count."""
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _mean_by_step(result: Backtest, name: str) -> NDArray[np.float64]:
    """The mean gain of the model over a baseline at each step ahead, (K,)."""
    gains = np.concatenate([one.gains(name) for one in result.series])
    known = ~np.isnan(gains)
    count = known.sum(axis=0)
    sums = np.where(known, gains, 0.0).sum(axis=0)
    return np.where(count > 0, sums / np.maximum(count, 1), math.nan)
