"""Cells of a table of series: dates, numbers and names, each with its place where it is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from clew.data._panel_freq import DAY, SECOND, Times
from clew.errors import InputError

Where = Callable[[int], str]  # the place of a cell, by its row

_EMPTY = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "<na>"})  # a missing value
_YES = {"true": 1.0, "false": 0.0}
_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2})"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r" ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?)?"
)
_QUARTER = re.compile(r"(\d{4})[- ]?[Qq]([1-4])")
_COMPACT = re.compile(r"(1[6-9]|2[0-2])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_CACHE = 1 << 18  # dates that are remembered: many series share them
_MOST = 10**18  # the largest whole number that is a date: differences must fit into 64 bits
_LARGEST = float(np.finfo(np.float32).max)

_DATE = "year-month-day, with or without a time, or a whole number"


def is_missing(value: Any) -> bool:
    """Whether a cell says that there is no value."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip().lower() in _EMPTY
    try:
        return bool(value != value)  # NaN, NaT
    except (TypeError, ValueError):
        return True  # pandas' NA


def numbers(values: Any, column: str, where: Where, *, single: bool = False) -> NDArray[np.float64]:
    """Cells as numbers, NaN where missing; raises InputError naming row and column.

    single: they must fit into 32 bits.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        found = values.astype(np.float64)
    else:
        cells = values.tolist() if isinstance(values, np.ndarray) else values
        try:
            found = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
            plain = "_" not in "".join(cells)  # which float() reads over
        except (TypeError, ValueError, OverflowError):
            plain = False
        if not plain:
            found = np.array([_number(cells[i], column, where, i) for i in range(len(cells))])
            found = found.astype(np.float64)
    large = ~np.isnan(found) & ~(np.abs(found) <= (_LARGEST if single else math.inf))
    large |= np.isinf(found)
    if large.any():
        row = int(large.argmax())
        raise InputError(
            f"the value of {column!r} is {_said(values[row])}: "
            + ("infinite" if np.isinf(found[row]) else "too large"),
            where=f"{where(row)}, column {column!r}",
            expected="a finite number, or nothing where the value is missing",
        )
    return found


def _number(cell: Any, column: str, where: Where, row: int) -> float:
    if is_missing(cell):
        return math.nan
    if isinstance(cell, str):
        text = cell.strip()
        if text.lower() in _YES:
            return _YES[text.lower()]
        try:
            if "_" not in text:
                return float(text)
        except ValueError:
            pass
        hint = None
        if re.fullmatch(r"[+-]?[\d.,]*,\d+(\.\d*)?", text):
            hint = "write a decimal point, and nothing between thousands: 1234.5"
        elif re.search(r"[^\W\d_]", text):
            hint = f"if {column!r} holds names, make a column of 0 and 1 for each of them"
        raise InputError(
            f"{_said(cell)} is not a number",
            where=f"{where(row)}, column {column!r}",
            expected="a number, or an empty cell or NA where the value is missing",
            hint=hint,
        )
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{_said(cell)} is not a number",
            where=f"{where(row)}, column {column!r}",
            expected="a number, or nothing where the value is missing",
        ) from None


def _said(value: Any) -> str:
    return f"{str(value) if isinstance(value, float | np.floating) else repr(value):.60}"


def names(values: Any, column: str, where: Where) -> list[str]:
    """Cells as names of series: whole numbers become text; raises InputError for an empty one."""
    cells = values.tolist() if isinstance(values, np.ndarray) else values
    found = [cell.strip() if isinstance(cell, str) else _name(cell) for cell in cells]
    if "" in found:
        raise InputError(
            "the series has no name",
            where=f"{where(found.index(''))}, column {column!r}",
            expected="a text or a whole number on each row",
        )
    return found


def _name(cell: Any) -> str:
    if is_missing(cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


class Dates:
    """Cells of one column as times; what the first is, all must be.

    numbered: whole numbers. clock: whether any has a time of day. zone: "UTC" for texts that name
    an offset, whose times are those of UTC; or the zone of the column; None without one. wall:
    times are those of clocks in the zone.
    """

    def __init__(self, column: str) -> None:
        self.column = column
        self.numbered = self.clock = self.compact = self.wall = False
        self.zone: str | None = None
        self._cache: dict[str, int] = {}
        self._begun = False

    def read(self, values: Any, where: Where) -> Times:
        """Times of some rows, (n,): microseconds since 1970, or the numbers; raises InputError."""
        if isinstance(values, Stamps):
            self._kind(False, values.zone, where, 0, values.times[:1])
            if values.missing is not None:
                self._refused(None, where, values.missing)
            self.clock, self.wall = self.clock or values.clock, values.wall
            return values.times
        if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
            large = (values > _MOST) | (values < -_MOST if values.dtype.kind == "i" else False)
            if large.any():
                row = int(large.argmax())
                self._refused(int(values[row]), where, row)
            self._kind(True, None, where, 0, values[:1])
            return values.astype(np.int64)
        cells = values.tolist() if isinstance(values, np.ndarray) else values
        found = np.empty(len(cells), dtype=np.int64)
        known = self._cache
        for row, cell in enumerate(cells):
            time = known.get(cell) if isinstance(cell, str) else None
            if time is None:
                time = self._one(cell, where, row)
                if isinstance(cell, str) and len(known) < _CACHE:
                    known[cell] = time
            found[row] = time
        return found

    def _one(self, cell: Any, where: Where, row: int) -> int:
        if isinstance(cell, datetime | date):
            return self._calendar(cell, where, row)
        if isinstance(cell, float | np.floating) and float(cell).is_integer():
            cell = int(cell)
        if isinstance(cell, int | np.integer) and not isinstance(cell, bool):
            whole = int(cell)
            if abs(whole) > _MOST:
                self._refused(cell, where, row)
            self._kind(True, None, where, row, cell)
            return whole
        if is_missing(cell) or not isinstance(cell, str):
            self._refused(cell, where, row)
        text = cell.strip()
        if _WHOLE.fullmatch(text):
            if _COMPACT.fullmatch(text) and (self.compact or not self._begun):
                self.compact = True
                return self._text(f"{text[:4]}-{text[4:6]}-{text[6:]}", cell, where, row)
            self._kind(True, None, where, row, cell)
            return int(text)
        return self._text(text, cell, where, row)

    def _text(self, text: str, cell: str, where: Where, row: int) -> int:
        found = _ISO.fullmatch(text)
        if found is None:
            quarter = _QUARTER.fullmatch(text) or self._refused(cell, where, row)
            parts: Sequence[Any] = (quarter[1], 3 * int(quarter[2]) - 2, *[None] * 6)
        else:
            parts = found.groups()
        year, month, day, hour, minute, second = (int(part or 0) for part in parts[:6])
        try:
            moment = datetime(year, month, day or 1, hour, minute, second, tzinfo=UTC)
        except ValueError:
            self._refused(cell, where, row)
        self._kind(False, None if parts[7] is None else "UTC", where, row, cell)
        self.clock = self.clock or parts[3] is not None
        micro = int((parts[6] or "0").ljust(6, "0")[:6])
        return _micro(moment) + micro - _offset(parts[7])

    def _calendar(self, cell: date, where: Where, row: int) -> int:
        if not isinstance(cell, datetime):
            cell = datetime(cell.year, cell.month, cell.day)
        elif cell.tzinfo is None:
            self.clock = True
        away = cell.utcoffset()
        self._kind(False, None if away is None else "UTC", where, row, cell)
        if away is not None:
            self.clock = True
            return _micro(cell.astimezone(UTC))
        return _micro(cell.replace(tzinfo=UTC))

    def _kind(self, numbered: bool, zone: str | None, where: Where, row: int, cell: Any) -> None:
        """The first cell says whether numbers or dates are meant, and whether they have a zone."""
        if not self._begun:
            self.numbered, self.zone, self._begun = numbered, zone, True
        if self.numbered != numbered:
            self._refused(cell, where, row)
        if self.zone != zone:
            raise InputError(
                "some dates have a time zone, others have none"
                if None in (self.zone, zone)
                else f"the zone is {zone}, above it is {self.zone}",
                where=f"{where(row)}, column {self.column!r}",
                expected="the same for all",
            )

    def _refused(self, cell: Any, where: Where, row: int) -> NoReturn:
        hint = None
        expected = _DATE
        if self._begun:
            kinds = {True: "a whole number", False: "a date"}
            expected = kinds[self.numbered] + ", as the first row has"
        if isinstance(cell, str) and re.fullmatch(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*", cell):
            hint = "write the year first: 2010-01-31, so that day and month cannot be confused"
        elif isinstance(cell, float) or (isinstance(cell, str) and re.fullmatch(r"\d+\.\d+", cell)):
            hint = "years with a fraction are no dates: write year and month"
        raise InputError(
            "there is no date" if is_missing(cell) else f"{_said(cell)} is not a date",
            where=f"{where(row)}, column {self.column!r}",
            expected=expected,
            hint=hint,
        )


class Stamps:
    """A column that holds dates already: times (n,), whether any has a time of day, its zone.

    missing: the first row without a date, if there is one. wall: times are of clocks in the zone.
    """

    def __init__(
        self, times: Times, clock: bool, zone: str | None = None, missing: int | None = None,
        wall: bool = False,
    ) -> None:  # fmt: skip
        self.times, self.clock, self.zone, self.missing = times, clock, zone, missing
        self.wall = wall

    def __getitem__(self, rows: slice) -> Stamps:
        first = rows.start or 0
        missing = None
        if self.missing is not None and first <= self.missing < rows.stop:
            missing = self.missing - first
        return Stamps(self.times[rows], self.clock, self.zone, missing, self.wall)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micro(moment: datetime) -> int:
    away = moment - _EPOCH
    return away.days * DAY + away.seconds * SECOND + away.microseconds


def _offset(zone: str | None) -> int:
    if zone in (None, "Z", "UTC"):
        return 0
    assert zone is not None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = 3600 * int(digits[:2]) + 60 * int(digits[2:])
    return (-seconds if zone[0] == "-" else seconds) * SECOND
