"""The step from one date of a series to the next: a month, a weekday, 15 minutes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

SECOND = 1_000_000  # times are microseconds since 1970, or whole numbers as they were given
DAY = 86_400 * SECOND

_SIZES = {"week": 7 * DAY, "day": DAY, "hour": 3600 * SECOND, "minute": 60 * SECOND,
          "second": SECOND, "millisecond": 1000, "microsecond": 1}  # fmt: skip
_MONTHS = {"year": 12, "quarter": 3, "month": 1}
_WORDS = {"yearly": "year", "annual": "year", "quarterly": "quarter", "monthly": "month",
          "weekly": "week", "daily": "day", "business day": "weekday", "business days": "weekday",
          "hourly": "hour", "integer": "step"}  # fmt: skip
_LETTERS = {
    "year": ("Y", "A", "YS", "AS", "YE"), "quarter": ("Q", "QS", "QE"),
    "month": ("M", "MS", "ME"), "week": ("W",), "day": ("D",), "weekday": ("B",),
    "hour": ("H", "h"), "minute": ("T", "min"), "second": ("S", "s"), "millisecond": ("L", "ms"),
    "microsecond": ("U", "us"),
}  # fmt: skip
UNITS = (*_MONTHS, "week", "day", "weekday", *list(_SIZES)[2:], "step")
_TOLD = '"month", "hour", "15 minutes", or a letter such as "MS", "h", "15min"'
_MOST = 1 << 16  # differences that are told apart

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Freq:
    """A step of `count` units; "step" is that of whole numbers, "weekday" leaves out weekends.

    day: of years, quarters and months, the day of the month a date falls on; 31 is its last.
    """

    unit: str
    count: int = 1
    day: int = 1

    def __post_init__(self) -> None:
        if self.unit not in UNITS or self.count < 1 or not 1 <= self.day <= 31:
            said = f"{self.count} {self.unit}"
            raise InputError(f"there is no step {said!r}", where="freq", expected=_TOLD)

    def __str__(self) -> str:
        if self.count == 1:
            return self.unit
        return f"{self.count} {self.unit}s"

    @property
    def named(self) -> str:
        """The step within a sentence: "a month", "an hour", "15 minutes"."""
        article = ("an " if self.unit == "hour" else "a ") if self.count == 1 else ""
        return f"{article}{self}"

    @property
    def numbered(self) -> bool:
        """Whether the dates are whole numbers."""
        return self.unit == "step"

    @property
    def size(self) -> int | None:
        """The step in microseconds (or as a whole number); None where its length varies."""
        if self.unit in _MONTHS or self.unit == "weekday":
            return None
        return self.count * _SIZES.get(self.unit, 1)

    @property
    def months(self) -> int | None:
        """The step in months, where it is one of months, quarters or years."""
        return self.count * _MONTHS[self.unit] if self.unit in _MONTHS else None

    def times(self, start: Any, steps: Any) -> Times:
        """The time so many steps after `start`; both may be arrays."""
        start, steps = np.asarray(start, dtype=np.int64), np.asarray(steps, dtype=np.int64)
        if self.size is not None:
            return np.asarray(start + steps * self.size)
        within = start % DAY
        if self.months is None:
            days = np.busday_offset(_days(start), steps, roll="forward")
        else:
            month = _days(start).astype("M8[M]") + steps * self.months
            first = month.astype("M8[D]")
            length = (month + 1).astype("M8[D]") - first
            days = first + np.minimum(self.day, length.astype(np.int64)) - 1
        return np.asarray(days.astype(np.int64) * DAY + within)

    def steps(self, start: Any, times: Any) -> tuple[Times, NDArray[np.bool_]]:
        """How many steps each time is from `start`, and whether it is a whole number of them."""
        start, times = np.asarray(start, dtype=np.int64), np.asarray(times, dtype=np.int64)
        if self.size is not None:
            away, rest = np.divmod(times - start, self.size)
            return away, rest == 0
        same = times % DAY == start % DAY
        days = _days(times)
        if self.months is None:
            away = np.busday_count(_days(start), days)
            return np.asarray(away, dtype=np.int64), same & np.is_busday(days)
        month = days.astype("M8[M]")
        apart = (month - _days(start).astype("M8[M]")).astype(np.int64)
        away, rest = np.divmod(apart, self.months)
        day, length = _day_of_month(days)
        return away, same & (rest == 0) & (day == np.minimum(self.day, length))


def _days(times: Any) -> Any:
    return np.floor_divide(times, DAY).astype("M8[D]")


def _day_of_month(days: Any) -> tuple[Times, Times]:
    """The day of the month, from 1, and how many days that month has."""
    month = days.astype("M8[M]")
    first = month.astype("M8[D]")
    length = ((month + 1).astype("M8[D]") - first).astype(np.int64)
    return (days - first).astype(np.int64) + 1, length


def read_freq(given: str | Freq) -> Freq:
    """The step that a word ("month", "15 minutes", "hourly") or letters ("MS", "15min") name."""
    if isinstance(given, Freq):
        return given
    if isinstance(given, str):
        found = re.fullmatch(r"\s*(\d*)\s*([A-Za-z][A-Za-z ]*?)(?:-[A-Z]{3})?\s*", given)
        if found is not None:
            count, name = int(found[1] or 1), found[2]
            unit = _unit(name)
            if unit is not None and count > 0 and (unit != "weekday" or count == 1):
                return Freq(unit, count)
    raise InputError(f"there is no step {given!r}", where="freq", expected=_TOLD)


def _unit(name: str) -> str | None:
    for unit, letters in _LETTERS.items():
        if name in letters:
            return unit
    word = name.lower()
    word = _WORDS.get(word, word)
    word = word.removesuffix("s") if word not in UNITS else word
    return word if word in UNITS else None


@dataclass
class Survey:
    """What the dates of a table have in common, gathered some rows at a time."""

    numbered: bool
    apart: Counter[int] = field(default_factory=Counter)  # differences of neighbours
    months: Counter[int] = field(default_factory=Counter)
    weekend: bool = False
    within: int | None = None  # the time of day of the first
    steady: bool = True  # all have it
    seen: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((32, 32), dtype=bool))

    def add(self, times: Times, earlier: Times, later: Times) -> None:
        """Some dates, and pairs of neighbours of one series."""
        if len(self.apart) < _MOST:
            self.apart.update(_counted(later - earlier))
        if self.numbered or not len(times):
            return
        days = _days(times)
        self.within = int(times[0] % DAY) if self.within is None else self.within
        self.steady = self.steady and bool((times % DAY == self.within).all())
        self.weekend = self.weekend or not bool(np.is_busday(days).all())
        self.seen[_day_of_month(days)] = True
        month = [_days(side).astype("M8[M]").astype(np.int64) for side in (earlier, later)]
        self.months.update(_counted(month[1] - month[0]))

    @property
    def day(self) -> int | None:
        """The day of the month that all dates fall on, 31 for the last; None if there is none."""
        day, length = np.nonzero(self.seen)
        if not len(day):
            return None
        if (day == length).all():
            return 31
        return int(day.max()) if (day == np.minimum(day.max(), length)).all() else None

    def freq(self) -> Freq | None:
        """The commonest step; None where no series has two dates."""
        if not self.apart:
            return Freq("step") if self.numbered else None
        most = _commonest(self.apart)
        if self.numbered:
            return Freq("step", most)
        if most >= 28 * DAY and self.steady and self.day is not None:
            months = _commonest(self.months)
            unit, size = next(item for item in _MONTHS.items() if months % item[1] == 0)
            return Freq(unit, months // size, self.day)
        if most == DAY and self.steady and not self.weekend and self.apart.get(3 * DAY, 0) > 0:
            return Freq("weekday")
        unit, size = next(item for item in _SIZES.items() if most % item[1] == 0)
        return Freq(unit, most // size)

    def anchored(self, freq: Freq) -> Freq:
        """`freq`, with the day of the month that the dates have where its own is another."""
        day, length = np.nonzero(self.seen)
        fits = bool((day == np.minimum(freq.day, length)).all())
        if freq.months is None or fits or self.day is None:
            return freq
        return Freq(freq.unit, freq.count, self.day)


def _counted(values: Times) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _commonest(counts: Counter[int]) -> int:
    """The value seen most often, of equals the smallest."""
    return min(counts, key=lambda value: (-counts[value], value))
