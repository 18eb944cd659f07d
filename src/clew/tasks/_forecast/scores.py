"""How good forecasts are: scaled and plain errors, quantile scores, coverage of intervals.

A truth that is missing (NaN) is passed over. Every known value counts the same, whatever series it
is of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

BANDS = (50, 80, 90)  # percent of the intervals whose coverage is told


def naive_error(history: ArrayLike, season: int) -> float:
    """Mean of |y_t - y_(t-m)| in the history (T,), m = season: what MASE divides by.

    Where the history has no two values a season apart, of neighbours; NaN where there are none.
    Hyndman & Koehler 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001
    """
    y = np.asarray(history, dtype=np.float64)
    for lag in (season, 1):
        moves = np.abs(y[lag:] - y[:-lag]) if 0 < lag < len(y) else y[:0]
        moves = moves[~np.isnan(moves)]
        if len(moves):
            return float(moves.mean())
    return float("nan")


def pinball(truth: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> Array:
    """max(q (y - f), (q - 1) (y - f)) of truth (...) and forecast quantiles (..., Q): (..., Q)."""
    away = np.asarray(truth, dtype=np.float64)[..., None] - np.asarray(quantiles, dtype=np.float64)
    level = np.asarray(levels, dtype=np.float64)
    return np.maximum(level * away, (level - 1.0) * away)


def crps_of_quantiles(truth: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> Array:
    """Twice the integral of the pinball loss over levels from 0 to 1, (...), by the levels known.

    Each of the Q levels, ascending, stands for those nearer to it than to its neighbours. Exact in
    the limit of many levels: Gneiting & Raftery 2007, https://doi.org/10.1198/016214506000001437
    """
    level = np.asarray(levels, dtype=np.float64)
    borders = np.concatenate([[0.0], (level[1:] + level[:-1]) / 2, [1.0]])
    return np.asarray(2.0 * pinball(truth, quantiles, levels) @ np.diff(borders))


def crps_of_samples(truth: ArrayLike, samples: ArrayLike) -> Array:
    """E|X - y| - E|X - X'| / 2, exactly, X and X' drawn from the n samples (..., n): (...)."""
    drawn = np.sort(np.asarray(samples, dtype=np.float64), axis=-1)
    n = drawn.shape[-1]
    away = np.abs(drawn - np.asarray(truth, dtype=np.float64)[..., None]).mean(axis=-1)
    # Of the sorted, sum over i, j of |x_i - x_j| = 2 sum over i of (2 i - n + 1) x_i.
    weights = 2.0 * np.arange(n) - n + 1.0
    return np.asarray(away - drawn @ weights / n**2)


def interval(levels: Sequence[float], percent: float) -> tuple[int, int] | None:
    """Which of the levels bound the central interval of so many percent; None if they do not."""
    tail = (100.0 - percent) / 200.0
    found = [np.flatnonzero(np.isclose(levels, edge, atol=1e-6)) for edge in (tail, 1.0 - tail)]
    return (int(found[0][0]), int(found[1][0])) if len(found[0]) and len(found[1]) else None


def errors(
    truth: ArrayLike, forecast: ArrayLike, scale: ArrayLike = float("nan"),
    quantiles: ArrayLike | None = None, levels: Sequence[float] = (),
) -> dict[str, Array]:  # fmt: skip
    """What each known value adds to every figure, each (n,); the figures are their means.

    truth, forecast: (...); scale: what MASE divides by, (...) or a number, NaN where there is none
    (it is then not counted there); quantiles: (..., Q) at the Q levels. RMSE is the root of the
    mean. sMAPE is in percent, from 0 to 200.
    """
    y = np.asarray(truth, dtype=np.float64)
    known = ~np.isnan(y)
    f = np.asarray(forecast, dtype=np.float64)[known]
    divisor = np.broadcast_to(np.asarray(scale, dtype=np.float64), y.shape)[known]
    y = y[known]
    away = np.abs(y - f)
    size = np.abs(y) + np.abs(f)
    scaled = divisor > 0
    found = {
        "mase": away[scaled] / divisor[scaled],
        "smape": np.where(size > 0, 200.0 * away / np.where(size > 0, size, 1.0), 0.0),
        "rmse": away**2,
        "mae": away,
    }
    if quantiles is None:
        return found
    q = np.asarray(quantiles, dtype=np.float64)[known]
    found["crps"] = crps_of_quantiles(y, q, levels)
    found["pinball"] = pinball(y, q, levels).mean(axis=-1)
    for percent in BANDS:
        edges = interval(levels, percent)
        if edges is not None:
            inside = (q[..., edges[0]] <= y) & (y <= q[..., edges[1]])
            found[f"coverage_{percent}"] = inside.astype(np.float64)
    return found


class Scores:
    """The figures of many forecasts, added some at a time."""

    def __init__(self, levels: Sequence[float] = ()) -> None:
        self._levels = tuple(levels)
        self._sums: dict[str, tuple[float, int]] = {}

    def add(
        self, truth: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike = float("nan"),
        quantiles: ArrayLike | None = None,
    ) -> dict[str, float]:  # fmt: skip
        """Count some forecasts, arrays as in `errors`; gives the figures of these alone."""
        here: dict[str, tuple[float, int]] = {}
        for name, values in errors(truth, forecast, scale, quantiles, self._levels).items():
            here[name] = (float(values.sum()), len(values))
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + here[name][0], count + len(values))
        return _figures(here)

    def figures(self) -> dict[str, float]:
        """The figures of all: mase, smape (percent), rmse, mae, and where quantiles were given
        crps, pinball, coverage_50, coverage_80, coverage_90 (shares); NaN where nothing is known.
        """
        return _figures(self._sums)


def _figures(sums: dict[str, tuple[float, int]]) -> dict[str, float]:
    found = {
        name: total / count if count else float("nan") for name, (total, count) in sums.items()
    }
    if "rmse" in found:
        found["rmse"] = float(np.sqrt(found["rmse"]))
    return found
