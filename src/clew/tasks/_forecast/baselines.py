"""Forecasts without memory: AR(p), the same season before, drift; each from many origins at once.

An origin is the number of steps that are known: forecast k of origin t, k from 0, is of step t + k.
Each is made of what is known at its origin only.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clew.errors import InputError, need

Array = NDArray[np.float64]

_LEAST = 10  # values that AR is fitted to
_LONGEST = 50_000  # values of the end that AR is fitted to
_MOST_LAGS = 400
_ROWS = 1 << 13  # of the lags, decomposed at once
_ORIGINS = 1000  # of the history, that errors are taken from


class Baseline(Protocol):
    """What forecasts from many origins of a series (T,): (W,) -> (W, horizon)."""

    def forecast(self, y: ArrayLike, origins: ArrayLike, horizon: int) -> Array:
        """Forecasts of the `horizon` steps after each origin, (W, horizon)."""


@dataclass(frozen=True)
class SeasonalNaive:
    """The value of the same season, last seen: y_(t+k-m), y_(t+k-2m), ..., the first that is known.

    Where that is missing, of the season before it; where there is none, the last value.
    """

    season: int

    def forecast(self, y: ArrayLike, origins: ArrayLike, horizon: int) -> Array:
        """Forecasts of the `horizon` steps after each origin, (W, horizon)."""
        given, start = np.asarray(y, dtype=np.float64), np.asarray(origins, dtype=np.int64)
        m = self.season
        rows = -(-max(len(given), 1) // m)
        table = np.full(rows * m, np.nan)
        table[: len(given)] = given
        seen = _carried(table.reshape(rows, m)).reshape(-1)
        steps = start[:, None] + np.arange(horizon)
        source = start[:, None] - m + np.arange(horizon) % m
        found = np.where(source >= 0, seen[np.maximum(source, 0)], np.nan)
        last = np.broadcast_to(_last(given)[start][:, None], steps.shape)
        return np.where(np.isnan(found), last, found)


@dataclass(frozen=True)
class Drift:
    """A random walk with drift: on from the last value along the line from the first to it."""

    def forecast(self, y: ArrayLike, origins: ArrayLike, horizon: int) -> Array:
        """Forecasts of the `horizon` steps after each origin, (W, horizon)."""
        given, start = np.asarray(y, dtype=np.float64), np.asarray(origins, dtype=np.int64)
        known = np.flatnonzero(~np.isnan(given))
        if not len(known):
            return np.full((len(start), horizon), np.nan)
        place = _last_place(given)[start]
        last, first = _last(given)[start], given[known[0]]
        slope = (last - first) / np.maximum(place - known[0], 1)
        steps = start[:, None] + np.arange(horizon)
        return np.asarray(last[:, None] + slope[:, None] * (steps - place[:, None]))


@dataclass(frozen=True)
class AR:
    """y_t = c + a_1 y_(t-1) + ... + a_p y_(t-p), forecast by recursion.

    weights: (1 + p,) c, a_1, ..., a_p. Missing values are interpolated between known ones; after
    the last known one they are taken to be equal to it.
    """

    weights: tuple[float, ...]

    @property
    def order(self) -> int:
        """The number of lags, p."""
        return len(self.weights) - 1

    @classmethod
    def fit(cls, y: ArrayLike, season: int = 1) -> AR:
        """The order with the least AIC, then least squares by statsmodels' AutoReg on y (T,).

        Orders go up to 24 (T/100)^(1/4), or a season and a step where that is more, all compared on
        the same values. Raises InputError for fewer than 10 values, or without statsmodels.
        """
        given = np.asarray(y, dtype=np.float64)
        values = filled(given[-_LONGEST:])
        known = int(np.count_nonzero(~np.isnan(given)))
        if known < _LEAST:
            raise InputError(
                "there is 1 value" if known == 1 else f"there are {known} values",
                where="the baseline AR(p)",
                expected=f"{_LEAST} or more",
            )
        if np.ptp(values) <= 1e-12 * np.abs(values).max():
            return cls((float(values[-1]),))
        order = best_order(values, most_lags(len(values), season))
        models = need("statsmodels.tsa.ar_model", extra="forecast")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = models.AutoReg(values, order, trend="c").fit()
        return cls(tuple(float(weight) for weight in fitted.params))

    def forecast(self, y: ArrayLike, origins: ArrayLike, horizon: int) -> Array:
        """Forecasts of the `horizon` steps after each origin, (W, horizon)."""
        given, start = np.asarray(y, dtype=np.float64), np.asarray(origins, dtype=np.int64)
        p = self.order
        found = np.empty((len(start), p + horizon))
        if p:
            between, last = filled(given), _last(given)[start]
            steps = start[:, None] - p + np.arange(p)
            before = between[np.maximum(steps, 0)]
            # A gap that is open at the origin: what comes after it is not known yet.
            found[:, :p] = np.where(
                steps > _last_place(given)[start][:, None], last[:, None], before
            )
        lags = np.array(self.weights)[:0:-1]
        for k in range(p, p + horizon):
            found[:, k] = self.weights[0] + found[:, k - p : k] @ lags
        return found[:, p:]


def most_lags(count: int, season: int) -> int:
    """The largest order that is tried: so large that AIC chooses, and not the end of the list."""
    usual = int(24.0 * (count / 100.0) ** 0.25)
    return max(1, min(max(usual, season + 1), _MOST_LAGS, count // 3))


def best_order(values: Array, most: int) -> int:
    """The order from 0 to `most` with the least AIC, on the values after the first `most`.

    AIC = n log(RSS / n) + 2 p and a constant. One QR decomposition of all lags gives the sum of
    squares of every order: of R's last column, what stands below the lags used.
    """
    count = len(values) - most
    moved = values - values.mean()  # the constant takes it up; without it the sums lose digits
    windows = np.lib.stride_tricks.sliding_window_view(moved, most + 1)
    triangle = np.zeros((0, most + 2))
    for first in range(0, count, _ROWS):
        rows = windows[first : first + _ROWS]
        every = np.column_stack([np.ones(len(rows)), rows[:, -2::-1], rows[:, -1]])
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, every]), mode="r"))
    tail = np.cumsum(triangle[::-1, -1] ** 2)[::-1]
    squares = np.maximum(tail[1 : most + 2], np.finfo(float).tiny)
    return int(np.argmin(count * np.log(squares / count) + 2.0 * np.arange(most + 1)))


def filled(y: ArrayLike) -> Array:
    """A series (T,) without gaps: lines between known values, the nearest one at both ends."""
    given = np.asarray(y, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(given))
    if len(known) in (0, len(given)):
        return given
    return np.interp(np.arange(len(given)), known, given[known])


def _carried(table: Array) -> Array:
    """Every row (R, m) with what is missing taken from the rows before it."""
    rows = np.where(np.isnan(table), -1, np.arange(len(table))[:, None])
    source = np.maximum.accumulate(rows, axis=0)
    found = np.take_along_axis(table, np.maximum(source, 0), axis=0)
    return np.where(source >= 0, found, np.nan)


def _last_place(y: Array) -> NDArray[np.int64]:
    """(T + 1,) the step of the last known value at each origin, -1 where there is none."""
    steps = np.where(np.isnan(y), -1, np.arange(len(y)))
    return np.concatenate([[-1], np.maximum.accumulate(steps)]).astype(np.int64)


def _last(y: Array) -> Array:
    """(T + 1,) the last known value at each origin, NaN where there is none."""
    place = _last_place(y)
    return np.where(place >= 0, np.append(y, np.nan)[place], np.nan)


def error_quantiles(
    baseline: Baseline, history: ArrayLike, horizon: int, levels: Sequence[float]
) -> Array:
    """Quantiles of truth minus forecast in the history (T,) at each lead, (horizon, Q).

    From at most 1000 origins in its last two thirds. At a lead that none of them reaches they are
    those of the lead before; 0 where nothing is known.
    """
    y = np.asarray(history, dtype=np.float64)
    first, last = max(1, len(y) // 3), len(y) - 1
    found = np.zeros((horizon, len(levels)))
    if last < first:
        return found
    origins = np.unique(np.linspace(first, last, _ORIGINS).astype(np.int64))
    steps = origins[:, None] + np.arange(horizon)
    truth = np.append(y, np.nan)[np.minimum(steps, len(y))]
    away = truth - baseline.forecast(y, origins, horizon)
    for lead in range(horizon):
        known = away[~np.isnan(away[:, lead]), lead]
        if len(known) > 1:
            found[lead] = np.quantile(known, levels)
        elif lead:
            found[lead] = found[lead - 1]
    return found


@dataclass(frozen=True)
class Baselines:
    """The baselines of one series by name, fitted on a history; notes tell what had to be left."""

    models: dict[str, Baseline]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def fit(cls, history: ArrayLike, season: int) -> Baselines:
        """AR(p), the seasonal naive forecast and drift for a history (T,), T >= 1."""
        models: dict[str, Baseline] = {}
        notes: list[str] = []
        try:
            models["AR"] = AR.fit(history, season)
        except InputError as error:
            notes.append(f"no AR(p): {error.what}" + (f" ({error.hint})" if error.hint else ""))
        models["seasonal naive"] = SeasonalNaive(season)
        models["drift"] = Drift()
        return cls(models, notes)
