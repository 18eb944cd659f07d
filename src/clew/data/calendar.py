"""What a date says by itself: the month, the day of the week, the hour, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clew.data._panel_freq import DAY, Freq, Times
from clew.errors import InputError

_HOUR = DAY // 24
_PAIRS = {"month": 2, "year_day": 2, "week_day": 3, "hour": 3, "minute": 1}  # Fourier pairs of each
FEATURES = (*_PAIRS, "month_day")
_BLOCK = 1024  # rows computed at once


def suited(freq: Freq) -> tuple[str, ...]:
    """The features that tell steps of this size apart; none for whole numbers.

    Of months and quarters the month, of weeks the day of the year; of days that and the day of the
    week; below a day the hour too; below a minute the minute too.
    """
    if freq.numbered:
        return ()
    if freq.months is not None:
        return ("month",) if freq.months % 12 else ()
    size = freq.size or DAY
    if size % (7 * DAY) == 0:
        return ("year_day",)
    below = ["hour"] if size % DAY else []
    below += ["minute"] if size < 60_000_000 else []
    return ("year_day", "week_day", *below)


def chosen(calendar: bool | str | Sequence[str], freq: Freq) -> tuple[str, ...]:
    """The features that "auto" or True, False, or names ask for; raises InputError."""
    if calendar is True or calendar == "auto":
        return suited(freq)
    names = () if calendar is False else (calendar,) if isinstance(calendar, str) else calendar
    for name in names:
        if name not in FEATURES:
            raise InputError(
                f"there is no feature of the calendar called {name!r}",
                where="calendar",
                expected='"auto", True, False, or names among ' + ", ".join(FEATURES),
            )
    if names and freq.numbered:
        raise InputError(
            "the dates are whole numbers, which have no calendar",
            where="calendar",
            expected='"auto" or False',
        )
    return tuple(names)


def columns(names: Sequence[str]) -> list[str]:
    """The names of the columns of `table`: "month sin 1", "month cos 1", ..."""
    return [
        column
        for name in names
        for column in (
            [f"{name} {wave} {k}" for k in range(1, _PAIRS[name] + 1) for wave in ("sin", "cos")]
            if name in _PAIRS
            else [name]
        )
    ]


def table(times: ArrayLike, names: Sequence[str]) -> NDArray[np.float32]:
    """Features of T times (microseconds since 1970), (T, C), all between -1 and 1.

    A feature of period one, x in [0, 1), is given as Fourier pairs sin 2πkx, cos 2πkx, k = 1, ...:
    month (January 0, February 1/12), year_day (of the year's own length, time of day included),
    week_day (Monday 0, Tuesday 1/7; three pairs tell all days apart), hour (of the day, minutes
    included), minute (of the hour). month_day is -1 on the first and 1 on the last of a month.
    """
    given = np.asarray(times, dtype=np.int64)
    found = [part for name in names for part in _feature(name, given)]
    return np.stack(found, axis=-1) if found else np.zeros((*given.shape, 0), dtype=np.float32)


def _feature(name: str, times: Times) -> list[NDArray[np.float32]]:
    days = np.floor_divide(times, DAY)
    if name == "month_day":
        month = days.astype("M8[D]").astype("M8[M]")
        first = month.astype("M8[D]").astype(np.int64)
        length = (month + 1).astype("M8[D]").astype(np.int64) - first
        return [(2 * (days - first) / (length - 1) - 1).astype(np.float32)]
    turn = _turn(name, times, days)
    waves = []
    for k in range(1, _PAIRS[name] + 1):
        angle = 2 * np.pi * np.remainder(k * turn, 1.0)
        waves += [np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)]
    return waves


def _turn(name: str, times: Times, days: Times) -> NDArray[np.float64]:
    """Where in its period a time is, from 0 to below 1."""
    if name == "hour":
        return np.asarray(times % DAY / DAY)
    if name == "minute":
        return np.asarray(times % _HOUR / _HOUR)
    if name == "week_day":
        return np.asarray((days + 3) % 7 / 7)  # 1970-01-01 was a Thursday
    dates = days.astype("M8[D]")
    if name == "month":
        return np.asarray(dates.astype("M8[M]").astype(np.int64) % 12 / 12)
    year = dates.astype("M8[Y]")
    first = year.astype("M8[D]").astype(np.int64)
    length = (year + 1).astype("M8[D]").astype(np.int64) - first
    return np.asarray((times - first * DAY) / (length * DAY))


class Run:
    """The rows of `table` for step after step of one series, computed in blocks.

    However far the steps go, it holds one block.
    """

    def __init__(self, freq: Freq, start: int, names: Sequence[str]) -> None:
        self._freq, self._start, self._names = freq, start, tuple(names)
        self._first = 0
        self._block: NDArray[Any] = np.zeros((0, len(columns(names))), dtype=np.float32)

    def rows(self, first: int, count: int) -> NDArray[np.float32]:
        """Rows of the steps from `first` on, (count, C), a view."""
        begin = first - self._first
        if begin < 0 or begin + count > len(self._block):
            steps = np.arange(first, first + max(_BLOCK, 2 * count))
            self._block = table(self._freq.times(self._start, steps), self._names)
            self._first, begin = first, 0
        return self._block[begin : begin + count]
