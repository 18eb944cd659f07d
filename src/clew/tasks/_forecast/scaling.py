"""What a series was up to now, by running sums: level, scale, season, and what follows naively.

Everything is causal: what is known at a step is made of this step and those before it alone, so
that reading on, in pieces or one observation at a time, says what reading the whole series says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Base = Literal["mean", "last", "season", "trend", "ar", "ari", "arc"]

BASES: tuple[Base, ...] = ("mean", "last", "season", "trend", "ar", "ari", "arc")
LINES: tuple[Base, ...] = ("ar", "ari", "arc")  # autoregressions
INPUTS = 5  # of the network, at a step, made of the values themselves
LEADS = 2  # of the network, at a step ahead
LIMIT = 12.0  # of an input, in scales
READY = 2  # differences seen before a forecast is learned from
FINEST = 1e-6  # of the magnitude of a series: its scale is no smaller


class Track(NamedTuple):
    """What is carried of B series: sums, and the values of the last two seasons.

    seen: (B,) values so far. total, size: their sum, and that of their magnitudes. moves, moved:
    differences that the scale is made of, and the sum of their magnitudes. last: the last value,
    NaN before the first. recent: (R, B) the values of the last R steps, at least two seasons, a
    missing one replaced by that of the season before it, NaN where there was none.
    """

    seen: Array
    total: Array
    size: Array
    moves: Array
    moved: Array
    last: Array
    recent: Array

    def rows(self, chosen: Any) -> Track:
        """The same of some of the series."""
        return Track(*(part[..., chosen] for part in self))


class Reading(NamedTuple):
    """What is known at T steps of B series: each (T, B), but ``values`` (R + T, B).

    values: as ``recent``, then those of the steps read. inputs: (T, B, 5) for the network.
    """

    level: Array
    scale: Array
    last: Array
    local: Array
    slope: Array
    ready: NDArray[np.bool_]
    values: Array
    inputs: NDArray[np.float32]


class Ahead(NamedTuple):
    """What is known of K steps ahead of n origins of B series.

    base: (n, B, K) the naive forecast. leads: (n, B, K, 2) for the network, in scales: how the
    season will stand above the mean of the last one, and how far the drift will have gone.
    """

    base: Array
    leads: NDArray[np.float32]


@dataclass(frozen=True)
class Scaling:
    """How series are brought to one measure.

    season: m, steps of a season, 1 for none. base: the forecast that the network corrects: "mean"
    of all so far, "last" value, that of the same "season" last seen, the season and the "trend"
    from the last season but one to the last, or an autoregression about the mean of all so far
    ("ar"), about that of the last season ("ari", which follows a series wherever it goes) or about
    0 ("arc"). line: its constant, in scales, and its p coefficients, the newest value first. log:
    values are logarithms (made before they come here). prior: the scale of a series of which
    nothing is known yet, as a share of its magnitude; of logarithms the scale itself. usual: the
    logarithm of scale by magnitude, of most series. least: no scale is smaller, in the units of
    the data: of a series that has not moved yet.
    """

    season: int
    base: Base
    log: bool = False
    prior: float = 0.0
    usual: float = 0.0
    line: tuple[float, ...] = ()
    least: float = 1e-9

    @property
    def width(self) -> int:
        """R, how many values are carried."""
        return max(2 * self.season, len(self.line) - 1)

    def begin(self, rows: int = 1) -> Track:
        """Nothing read yet."""
        zeros = np.zeros((5, rows))
        nothing = np.full((self.width, rows), np.nan)
        return Track(*[*zeros, np.full(rows, np.nan), nothing])

    def read(self, y: Array, track: Track) -> tuple[Reading, Track]:
        """Read y (T, B), NaN where missing, from `track`; and the track to go on from."""
        m, back, steps = self.season, self.width, len(y)
        there = ~np.isnan(y)
        known = np.where(there, y, 0.0)
        seen = _running(track.seen, there.astype(np.float64))
        total = _running(track.total, known)
        size = _running(track.size, np.abs(known))
        last = _filled(y, track.last[np.newaxis])
        values = np.concatenate([track.recent, _filled(y, track.recent[back - m :])])
        level = total / np.maximum(seen, 1.0)
        before = _shifted(last, track.last)
        same = values[back - m : back - m + steps]  # a season ago
        if self.base == "mean":
            first = np.where(track.seen > 0, track.total / np.maximum(track.seen, 1.0), np.nan)
            expected = np.where(_shifted(seen, track.seen) > 0, _shifted(level, first), np.nan)
        else:
            expected = before if self.base in ("last", *LINES) else same
        off = np.abs(y - expected)
        counted = ~np.isnan(off)
        moves = _running(track.moves, counted.astype(np.float64))
        moved = _running(track.moved, np.where(counted, off, 0.0))
        magnitude, scale = self._scale(seen, size, moves, moved)
        local, slope = self._seasons(values, steps, level)
        inputs = np.stack(
            [
                y - (level if self.base in ("mean", "ar") else local), y - before, y - same,
            ], axis=-1,
        ) / scale[..., np.newaxis]  # fmt: skip
        inputs = np.clip(np.nan_to_num(inputs), -LIMIT, LIMIT)
        width = np.log(scale / np.maximum(magnitude, 1e-300)) - self.usual
        more = np.stack([~there, np.clip(width, -3.0, 3.0)], axis=-1)
        reading = Reading(
            level, scale, last, local, slope, self._ready(moves, moved), values,
            np.concatenate([inputs, more], axis=-1).astype(np.float32),
        )  # fmt: skip
        end = Track(
            seen[-1], total[-1], size[-1], moves[-1], moved[-1], last[-1], values[steps:]
        ) if steps else track  # fmt: skip
        return reading, end

    def standing(self, track: Track) -> Reading:
        """What is known at the last step of B series, of what is carried alone: T is 1.

        There are no inputs in it.
        """
        level = (track.total / np.maximum(track.seen, 1.0))[np.newaxis]
        _, scale = self._scale(track.seen, track.size, track.moves, track.moved)
        values = np.concatenate([np.full_like(track.recent[:1], np.nan), track.recent])
        local, slope = self._seasons(values, 1, level)
        ready = self._ready(track.moves, track.moved)
        none = np.zeros((1, len(track.seen), INPUTS), dtype=np.float32)
        return Reading(
            level, scale[np.newaxis], track.last[np.newaxis], local, slope, ready[np.newaxis],
            values, none,
        )  # fmt: skip

    def _ready(self, moves: Array, moved: Array) -> NDArray[np.bool_]:
        """Whether a forecast can be learned from: of a series that never moved none has a scale."""
        return np.asarray((moves >= self._moves) & (moved > 0))

    @property
    def _moves(self) -> int:
        return max(READY, len(self.line) - 1)

    @property
    def enough(self) -> int:
        """Values, without a gap, from which on a forecast can be learned from: see `_ready`."""
        return self._moves + (self.season if self.base in ("season", "trend") else 1)

    def _scale(self, seen: Array, size: Array, moves: Array, moved: Array) -> tuple[Array, Array]:
        """The magnitude of values so far, and their scale."""
        magnitude = np.ones_like(seen) if self.log else size / np.maximum(seen, 1.0)
        scale = (moved + self.prior * magnitude) / (moves + 1.0)
        return magnitude, np.maximum(scale, np.maximum(FINEST * magnitude, self.least))

    def _seasons(self, values: Array, steps: int, level: Array) -> tuple[Array, Array]:
        """The mean of the last m values at each step, and how it differs from the m before."""
        m = self.season
        gaps = np.isnan(values)
        sums = _running(np.zeros(values.shape[1]), np.where(gaps, 0.0, values))
        counts = _running(np.zeros(values.shape[1]), (~gaps).astype(np.float64))
        sums, counts = (np.concatenate([np.zeros_like(p[:1]), p]) for p in (sums, counts))
        at = self.width + np.arange(steps)
        last, number = (p[at + 1] - p[at + 1 - m] for p in (sums, counts))
        earlier, others = (p[at + 1 - m] - p[at + 1 - 2 * m] for p in (sums, counts))
        local = np.where(number > 0, last / np.maximum(number, 1.0), level)
        slope = np.where((number == m) & (others == m), (last - earlier) / m, 0.0)
        return local, slope

    def ahead(self, reading: Reading, steps: Any, horizon: int) -> Ahead:
        """What is known, at the steps numbered `steps` (n,) of a reading, of `horizon` ahead."""
        m = self.season
        steps = np.asarray(steps, dtype=np.int64)
        lead = np.arange(1, horizon + 1)
        cycles = -(-lead // m)
        at = self.width + steps[:, np.newaxis] + (lead - m * cycles)  # (n, K)
        level, scale, last, local, slope = (part[steps][..., np.newaxis] for part in reading[:5])
        same = np.moveaxis(reading.values[at], 1, -1)  # (n, B, K)
        same = np.where(np.isnan(same), level, same)
        drift = slope * cycles
        if self.base == "mean":
            base = np.broadcast_to(level, same.shape)
        elif self.base == "last":
            base = np.broadcast_to(np.nan_to_num(last), same.shape)
        elif self.line:
            weights, more = followed(self.line, self.base == "ari", m, horizon)
            back = self.width + steps[:, np.newaxis] - np.arange(len(weights))
            lags = np.moveaxis(reading.values[back], 1, -1)  # (n, B, L)
            lags = np.where(np.isnan(lags), level, lags)
            about = level if self.base != "arc" else 0.0
            base = about + (lags - about) @ weights + scale * more
        else:
            base = same + drift if self.base == "trend" else same
        leads = np.stack([same - local, drift], axis=-1) / scale[..., np.newaxis]
        return Ahead(base, np.clip(leads, -LIMIT, LIMIT).astype(np.float32))


@lru_cache(maxsize=64)
def followed(
    line: tuple[float, ...], local: bool, season: int, horizon: int
) -> tuple[Array, Array]:
    """What an autoregression says of `horizon` steps ahead, as weights (L, K) of the last values.

    The weights are those of the values above the level; more: (K,) what is added, in scales.
    local: the line is about the mean of the last season, not about the level.
    """
    constant, phi = line[0], np.array(line[1:])
    size = max(len(phi), season if local else 1)
    first = np.zeros(size)
    first[: len(phi)] = phi
    if local:
        first[:season] += (1.0 - phi.sum()) / season
    step = np.eye(size, k=-1)  # the newest value first
    step[0] = first
    weights, more = np.zeros((size, horizon)), np.zeros(horizon)
    row, sums = np.eye(size), np.zeros(size)
    for k in range(horizon):
        row, sums = step @ row, step @ sums
        sums[0] += constant
        weights[:, k], more[k] = row[0], sums[0]
    return weights, more


def _running(first: Array, parts: Array) -> Array:
    """Sums so far along the first axis, from `first`: one addition after the other."""
    return np.cumsum(np.concatenate([first[np.newaxis], parts]), axis=0)[1:]


def _shifted(parts: Array, first: Array) -> Array:
    """What was there a step before."""
    return np.concatenate([first[np.newaxis], parts[:-1]]) if len(parts) else parts


def _filled(y: Array, before: Array) -> Array:
    """y (T, B) with each NaN replaced by what stood m steps before it; `before` is (m, B)."""
    m, (steps, rows) = len(before), y.shape
    cycles = -(-steps // m)
    padded = np.full((cycles * m, rows), np.nan)
    padded[:steps] = y
    stacked = np.concatenate([before[np.newaxis], padded.reshape(cycles, m, rows)])
    at = np.where(np.isnan(stacked), 0, np.arange(cycles + 1)[:, np.newaxis, np.newaxis])
    at = np.maximum.accumulate(at, axis=0)
    return np.take_along_axis(stacked, at, axis=0)[1:].reshape(-1, rows)[:steps]
