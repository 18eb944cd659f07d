"""The same as scaling, of one series and one observation at a time, in microseconds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from clew.tasks._forecast.scaling import (
    FINEST,
    INPUTS,
    LEADS,
    LIMIT,
    LINES,
    Scaling,
    Track,
    followed,
)

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

SPARE = 4096  # values that are appended before the last ones are moved to the front


class Walk:
    """Where one series stands; ``push`` reads a value, NaN for a missing one.

    inputs (5,), base (K,), leads (2, K), scale: of the last step, as Scaling has them; inputs are
    written where they are wanted, if that is given.
    """

    def __init__(self, scaling: Scaling, horizon: int, inputs: Floats | None = None) -> None:
        self.scaling, self.horizon = scaling, horizon
        m = self._season = scaling.season
        lead = np.arange(1, horizon + 1)
        cycles = -(-lead // m)
        self._cycles = cycles.astype(np.float64)
        self._longest = float(cycles[-1])
        self._same = lead - m * cycles + m - 1  # in the values of the last season
        self._about_level = scaling.base in ("mean", "ar")
        self._by_mean = scaling.base == "mean"
        self._by_last = scaling.base in ("last", *LINES)
        if scaling.line:
            weights, more = followed(scaling.line, scaling.base == "ari", m, horizon)
            # Of the last values, the oldest first, of the level, and of the scale.
            rest = 1.0 - weights.sum(axis=0) if scaling.base != "arc" else np.zeros(horizon)
            self._weights = np.concatenate([weights[::-1], [rest, more]])
            self._lags = np.zeros(len(weights) + 2)
        self._values = np.full(scaling.width + SPARE, np.nan)
        self._sums: tuple[float, float] | None = None  # of the last season and of the one before
        self._high = np.full(horizon, LIMIT)
        self._low = -self._high
        self.scale = 1.0
        self.inputs: Floats = np.zeros(INPUTS, dtype=np.float32) if inputs is None else inputs
        self.base: Array = np.zeros(horizon)
        self.leads: Array = np.zeros((LEADS, horizon))
        self._ahead, self._drift = self.leads
        self.track = scaling.begin()

    @property
    def track(self) -> Track:
        """What is carried, of one series."""
        recent = self._values[self._end - self.scaling.width : self._end, np.newaxis]
        single = (self._seen, self._total, self._size, self._moves, self._moved, self._last)
        return Track(*[*(np.array([part]) for part in single), recent.copy()])

    @track.setter
    def track(self, track: Track) -> None:
        self._seen, self._total, self._size, self._moves, self._moved, self._last = (
            float(part[0]) for part in track[:6]
        )
        self._end = self.scaling.width
        self._values[: self._end] = track.recent[:, 0]
        self._level = self._total / max(self._seen, 1.0)
        gone = np.flatnonzero(np.isnan(track.recent[:, 0]))
        self._whole = self._end - 1 - int(gone[-1]) if len(gone) else self._end
        self._sums = None

    def push(self, y: float) -> None:
        """Read a value; what is known is of this step then."""
        scaling, m = self.scaling, self._season
        values, end = self._values, self._end
        if end == len(values):
            values[: scaling.width] = values[-scaling.width :]
            end = scaling.width
            self._sums = None  # taken anew, lest rounding adds up
        same, before = values.item(end - m), self._last
        if self._by_mean:
            expected = self._level if self._seen > 0 else math.nan
        else:
            expected = before if self._by_last else same
        there = not math.isnan(y)
        kept = y if there else same
        values[end] = kept
        self._end = end = end + 1
        self._whole = 0 if math.isnan(kept) else self._whole + 1
        if there:
            self._seen += 1.0
            self._total += y
            self._size += abs(y)
            self._last = y
            if not math.isnan(expected):
                self._moves += 1.0
                self._moved += abs(y - expected)
        count = max(self._seen, 1.0)
        self._level = level = self._total / count
        magnitude = 1.0 if scaling.log else self._size / count
        scale = (self._moved + scaling.prior * magnitude) / (self._moves + 1.0)
        self.scale = scale = max(scale, FINEST * magnitude, scaling.least)
        local, slope = self._seasons(values, end, level)
        inputs = self.inputs
        if there:
            inputs[0] = _bounded((y - (level if self._about_level else local)) / scale)
            inputs[1] = _bounded((y - before) / scale)
            inputs[2] = _bounded((y - same) / scale)
            inputs[3] = 0.0
        else:
            inputs[:4] = 0.0, 0.0, 0.0, 1.0
        width = math.log(scale / max(magnitude, 1e-300)) - scaling.usual
        inputs[4] = min(max(width, -3.0), 3.0)
        self._look(values, end, level, local, slope, scale)

    def _seasons(self, values: Array, end: int, level: float) -> tuple[float, float]:
        """The mean of the last season, and how far it stands from that of the one before."""
        m = self._season
        if self._whole >= 2 * m:
            if self._sums is None or self._whole == 2 * m:
                last = float(np.add.reduce(values[end - m : end]))
                earlier = float(np.add.reduce(values[end - 2 * m : end - m]))
            else:
                last, earlier = self._sums
                between = values.item(end - 1 - m)
                last += values.item(end - 1) - between
                earlier += between - values.item(end - 1 - 2 * m)
            self._sums = last, earlier
            return last / m, (last - earlier) / m
        some = values[end - m : end]
        known = some[~np.isnan(some)]
        return (float(known.sum()) / len(known) if len(known) else level), 0.0

    def _look(
        self, values: Array, end: int, level: float, local: float, slope: float, scale: float
    ) -> None:
        """The naive forecast, and what the head reads of the steps ahead."""
        same = values[end - self._season : end].take(self._same)
        if self._whole < self._season:
            same = np.where(np.isnan(same), level, same)
        base = self.scaling.base
        if self.scaling.line:
            read, size = self._lags, len(self._lags) - 2
            lags = values[end - size : end]
            read[:size] = lags if self._whole >= size else np.where(np.isnan(lags), level, lags)
            read[size] = level
            read[size + 1] = scale
            self.base = read.dot(self._weights)
        elif base == "season":
            self.base = same
        elif base == "trend":
            self.base = same + slope * self._cycles
        else:
            last = 0.0 if math.isnan(self._last) else self._last
            self.base = np.full(self.horizon, level if base == "mean" else last)
        ahead, drift = self._ahead, self._drift
        np.subtract(same, local, out=ahead)
        ahead /= scale
        if self._longest == 1.0:
            drift.fill(slope / scale)
        else:
            np.multiply(self._cycles, slope / scale, out=drift)
        for part in (ahead, drift) if abs(slope) * self._longest > LIMIT * scale else (ahead,):
            np.minimum(part, self._high, out=part)
            np.maximum(part, self._low, out=part)


def _bounded(value: float) -> float:
    """Within the limits; 0 for NaN."""
    if -LIMIT <= value <= LIMIT:
        return value
    return 0.0 if math.isnan(value) else math.copysign(LIMIT, value)
