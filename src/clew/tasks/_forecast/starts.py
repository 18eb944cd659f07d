"""What is decided by looking at the data before the network learns: base, logarithms, spread."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clew.tasks._forecast.blocks import Blocks, Histories
from clew.tasks._forecast.problem import Part, truth_of
from clew.tasks._forecast.scaling import FINEST, LINES, Base, Scaling

Array = NDArray[np.float64]

LOOKED = 256  # series that are looked at, at most
ALL = 500_000  # steps of all these, at most
ORIGINS = 2000  # origins of all those series, at most
STEEPEST = 1.03  # growth of an autoregression a step: steeper ones run away
STEPS = 20_000  # of each series that are looked at, at most: its last ones


class _Values:
    """Histories without columns and calendar, which naive forecasts do not read."""

    def __init__(self, histories: Histories) -> None:
        self.lengths, self.y = histories.lengths, histories.y

    def known(self, series: int, start: int, stop: int) -> NDArray[np.float32]:
        """Nothing is known ahead."""
        return np.zeros((stop - start, 0), dtype=np.float32)

    past = known


def grows(series: Sequence[Array], season: int) -> bool:
    """Whether all values are positive and their ups and downs grow with their level.

    Of each series, in stretches of at least 12 steps and one season, the spread and the mean are
    compared: a line through their logarithms that rises by more than 0.5 says so, where it explains
    enough (a correlation above 0.6).
    """
    size = max(12, season)
    places, spreads = [], []
    for y in series:
        if np.nanmin(y, initial=np.inf) <= 0:
            return False
        count = len(y) // size
        parts = y[len(y) - count * size :].reshape(count, size)
        parts = parts[(~np.isnan(parts)).sum(1) > size // 2]
        if len(parts) < 3:
            continue
        mean, spread = np.nanmean(parts, 1), np.nanstd(parts, 1)
        good = spread > 0
        places.append(np.log(mean[good]) - np.log(mean[good]).mean() if good.any() else [])
        spreads.append(np.log(spread[good]) - np.log(spread[good]).mean() if good.any() else [])
    if not places:
        return False
    x, y = np.concatenate(places), np.concatenate(spreads)
    if len(x) < 4 or np.std(x) < 0.1:
        return False
    slope = float((x * y).sum() / (x * x).sum())
    return slope > 0.5 and bool(slope * np.std(x) > 0.6 * np.std(y))


def with_prior(scaling: Scaling, series: Sequence[Array]) -> Scaling:
    """The same scaling with what is usual for these series.

    A series that has not moved yet may move as the stillest of these does: a tenth of its scale is
    the least one. Without a bound, one that begins with zeros would count for all the others.
    """
    found, scales = [], []
    plain = dataclasses.replace(scaling, prior=0.0, usual=0.0, least=1e-300)
    for y in series:
        reading, end = plain.read(y[:, np.newaxis], plain.begin())
        magnitude = 1.0 if scaling.log else float(end.size[0] / max(end.seen[0], 1.0))
        if end.seen[0] == 0 or magnitude == 0:
            continue
        scale = float(reading.scale[-1, 0])
        found.append(scale / magnitude)
        scales.append(scale if scale > 2 * FINEST * magnitude else np.inf)
    if not found:
        return scaling
    least = 0.1 * min(scales) if np.isfinite(min(scales)) else scaling.least
    return dataclasses.replace(
        scaling, prior=float(np.median(found)), usual=float(np.median(np.log(found))), least=least
    )


def naive_errors(
    histories: Histories, scaling: Scaling, learned: Part, horizon: int
) -> tuple[Array, Array]:
    """Errors (n, K) of the naive forecast at evenly chosen origins, and their scales (n,)."""
    blocks = Blocks(_Values(histories), scaling, horizon, kept=2 * STEPS)
    some = chosen(learned)
    most = max(1, ORIGINS // max(len(some), 1))
    errors, scales = [np.empty((0, horizon))], [np.empty(0)]
    for series in some.tolist():
        stop = int(learned.stop[series])
        first = max(0, int(learned.start[series]) - 1, stop - STEPS)
        ready = first + np.flatnonzero(blocks.ready(series, first, stop))
        ready = ready[: max(0, len(ready) - 1)]
        if len(ready) == 0:
            continue
        at = np.unique(np.linspace(0, len(ready) - 1, min(most, len(ready))).round().astype(int))
        span = blocks.span(series, first, stop, ready[at])
        y = truth_of(blocks, series, ready[at], 0, stop)
        errors.append(y - span.base)
        scales.append(span.scale[:, 0])
    return np.concatenate(errors), np.concatenate(scales)


def chosen(part: Part) -> NDArray[np.int64]:
    """Evenly chosen numbers of series with steps of this part: at most LOOKED, or ALL steps."""
    there = np.flatnonzero(part.stop > part.start)
    steps = int(np.minimum(part.stop, STEPS)[there].sum())
    many = min(LOOKED, len(there), max(1, ALL * len(there) // max(steps, 1)))
    at = np.linspace(0, len(there) - 1, many).round().astype(np.int64)
    return there[np.unique(at)] if len(there) else there


def best_base(
    histories: Histories, bases: Sequence[Base], scaling: Scaling, learned: Part, horizon: int
) -> dict[Base, float]:
    """How far each forecast is off in the last quarter of what is learned, in shares of the least.

    An autoregression is fitted to the three quarters before.
    """
    early = Part(learned.start, learned.start + (learned.stop - learned.start) * 3 // 4)
    late = Part(early.stop, learned.stop)
    found: dict[Base, float] = {}
    for base in bases:
        fitted = fit_line(histories, dataclasses.replace(scaling, base=base), early)
        errors, _ = naive_errors(histories, fitted, late, horizon)
        sizes = np.abs(errors)
        there = ~np.isnan(sizes)
        found[base] = float(sizes[there].mean()) if there.any() else np.inf
    return found


def fit_line(histories: Histories, scaling: Scaling, learned: Part) -> Scaling:
    """The scaling with an autoregression, where its base is one.

    Least squares over all series, in their scales; the order has the least AIC, corrected for
    few values (Hurvich & Tsai 1989), of those that do not explode. If all do, the last value.
    """
    series = sample(histories, learned)
    if scaling.base not in LINES:
        return with_prior(dataclasses.replace(scaling, line=()), series)
    m = scaling.season
    steps = sum(int((~np.isnan(y)).sum()) for y in series)
    longest = max((len(y) for y in series), default=0)
    most = min(max(3 * m if m <= 24 else 48, 48), longest // 3, steps // 3)
    if most < 1:
        return with_prior(dataclasses.replace(scaling, base="last", line=()), series)
    plain = with_prior(dataclasses.replace(scaling, line=()), series)
    wide = dataclasses.replace(plain, line=(0.0,) * (most + 1))
    gram, right, square, rows = _products(series, wide, most)
    lines: list[tuple[float, tuple[float, ...]]] = []
    for order in range(1, most + 1):
        size = order + 1
        if rows <= size + 1:
            break
        part = gram[:size, :size] + 1e-12 * np.trace(gram) / len(gram) * np.eye(size)
        weights = np.linalg.solve(part, right[:size])
        rest = max(square - float(weights @ right[:size]), 1e-12 * square + 1e-300)
        aic = rows * (np.log(rest / rows) + 2 * size / (rows - size - 1))
        lines.append((aic, tuple(float(w) for w in weights)))
    for _, line in sorted(lines):
        if _growth(line) <= STEEPEST:
            return dataclasses.replace(plain, line=line)
    return dataclasses.replace(plain, base="last", line=())


def _growth(line: tuple[float, ...]) -> float:
    """By how much what an autoregression says grows in the long run, a step: its largest root."""
    step = np.eye(len(line) - 1, k=-1)
    step[0] = line[1:]
    return float(np.abs(np.linalg.eigvals(step)).max())


def _products(
    series: Sequence[Array], scaling: Scaling, order: int
) -> tuple[Array, Array, float, float]:
    """X'X, X'y, y'y and the rows of the regression of values on those before and a constant."""
    size = order + 1
    gram, right, square, rows = np.zeros((size, size)), np.zeros(size), 0.0, 0.0
    for y in series:
        reading, _ = scaling.read(y[:, np.newaxis], scaling.begin())
        about = {"ar": reading.level, "ari": reading.local}.get(scaling.base, 0 * reading.level)[
            :, 0
        ]
        scale = reading.scale[:, 0]
        values = reading.values[:, 0]
        usable = reading.ready[:-1, 0] & ~np.isnan(y[1:])
        seen = np.cumsum(np.concatenate([np.zeros(order), ~np.isnan(y)]))
        whole = usable & (seen[order:-1] - np.append(0, seen)[: len(y) - 1] == order)
        # What stands in for missing values spoils the fit: such rows are left out where others do.
        at = np.flatnonzero(whole if 2 * whole.sum() > usable.sum() else usable)
        for some in np.array_split(at, max(1, len(at) // 4096)):
            lags = values[scaling.width + some[:, np.newaxis] - np.arange(order)]
            lags = (lags - about[some, np.newaxis]) / scale[some, np.newaxis]
            x = np.concatenate([np.ones((len(some), 1)), lags], axis=1)
            target = (y[some + 1] - about[some]) / scale[some]
            good = np.isfinite(x).all(1)
            x, target = x[good], target[good]
            gram += x.T @ x
            right += x.T @ target
            square += float(target @ target)
            rows += len(target)
    return gram, right, square, max(rows, 1.0)


def sample(histories: Histories, learned: Part) -> list[Array]:
    """The values of some series that are to be learned, as far as they are looked at."""
    return [
        histories.y(series, max(int(learned.start[series]), int(learned.stop[series]) - STEPS),
                    int(learned.stop[series]))
        for series in chosen(learned).tolist()
    ]  # fmt: skip


def spread_of(errors: Array, scales: Array) -> tuple[Array, Array]:
    """How far the naive forecast is off at each step ahead (K,), in scales; and errors by that.

    Smoothed over neighbouring steps, since far ones are seen seldom.
    """
    by = np.abs(errors) / np.maximum(scales, 1e-300)[:, np.newaxis]
    there = ~np.isnan(by)
    sums, counts = np.where(there, by, 0.0).sum(0), there.sum(0).astype(np.float64)
    horizon = errors.shape[1]
    width = max(1, horizon // 12)
    kernel = np.ones(2 * width + 1)
    sums, counts = (np.convolve(part, kernel, "full")[width:-width] for part in (sums, counts))
    spread = np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan)
    spread = np.where(np.isnan(spread), np.nanmax(spread, initial=1.0), spread)
    spread = np.maximum(spread, 1e-3)
    return spread, (errors / np.maximum(scales, 1e-300)[:, np.newaxis]) / spread
