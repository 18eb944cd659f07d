"""What all files of labelled series share: one series, its numbers, its moments in time."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

MISSING = ("", "?", "na", "n/a", "nan", "null", "none")  # how files write that a value is not there
Moment: TypeAlias = float | datetime


class Series(NamedTuple):
    """One series: its values (T, D), NaN where one is missing, its label, and where it begins."""

    values: NDArray[np.float32]
    label: str | None
    where: str
    name: str | None = None


def number(cell: Any) -> float:
    """The number in a cell, NaN for a missing one; raises ValueError for anything else."""
    if isinstance(cell, str):
        text = cell.strip()
        if text.lower() in MISSING:
            return math.nan
        if "_" in text:  # Python would read 1_000
            raise ValueError(text)
        return float(text)
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):  # of pandas, not imported
        return math.nan
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, numbers.Real):
        raise ValueError(cell)
    return float(cell)


def row(cells: Sequence[Any], where: Callable[[int], str], hint: str | None = None) -> list[float]:
    """The numbers in cells; InputError, with `where` of its place, for the first that is none."""
    found = []
    for place, cell in enumerate(cells):
        try:
            found.append(number(cell))
        except (ValueError, OverflowError):
            raise InputError(
                f"{_short(cell)} is no number",
                where=where(place),
                expected="a number, or nothing where the value is missing",
                hint=hint,
            ) from None
    return found


def single(values: Iterable[float], where: Callable[[int], str]) -> NDArray[np.float32]:
    """The numbers as float32; InputError for one that is infinite, or too large for it."""
    wide = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        found: NDArray[np.float32] = wide.astype(np.float32)
    wrong = np.isinf(found)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        value = wide.flat[place]
        said = "infinite" if math.isinf(value) else "too large for 32 bits"
        raise InputError(
            f"{value:g} is {said}",
            where=where(place),
            expected="a finite number",
            hint="leave the cell empty if the value is not known",
        )
    return found


def moment(cell: Any, where: str) -> Moment:
    """When a value was taken: a number, or a date with or without time; InputError for neither."""
    try:
        if isinstance(cell, datetime):
            return cell
        if isinstance(cell, date):
            return datetime(cell.year, cell.month, cell.day)
        if isinstance(cell, timedelta):  # since the series began
            return cell.total_seconds()
        if isinstance(cell, np.datetime64):
            return _read(str(cell.astype("datetime64[us]")))
        if isinstance(cell, str):
            try:
                found = number(cell)
            except ValueError:
                return _read(cell.strip())
        else:
            found = number(cell)
        if math.isfinite(found):
            return found
    except (ValueError, OverflowError):
        pass
    raise InputError(
        f"{_short(cell)} is no moment in time",
        where=where,
        expected="a number, or a date such as 2024-05-31 or 2024-05-31 18:30",
    )


def _read(text: str) -> datetime:
    text = text.replace("/", "-")
    if len(text) == 7:  # a month
        text += "-01"
    return datetime.fromisoformat(text)


def after(earlier: Moment, later: Moment, where: str, before: str) -> None:
    """Raise InputError unless `later`, at `where`, comes after `earlier`, at `before`."""
    try:
        rises = later > earlier  # type: ignore[operator]
    except TypeError:
        raise InputError(
            f"{later} and {earlier} cannot be put in order",
            where=f"{where}, and {before}",
            expected="times of one sort: numbers, or dates all with a zone or all without",
        ) from None
    if not rises:
        twice = later == earlier
        first, second = (f"{t:g}" if isinstance(t, float) else str(t) for t in (earlier, later))
        raise InputError(
            f"{second} stands there twice" if twice else f"{second} comes after {first}",
            where=f"{where}, and {before}",
            expected="each time of a series once, the earliest first",
            hint="leave one of the rows out, or give the series names of their own"
            if twice
            else "sort the table by series and time",
        )


def _short(cell: Any) -> str:
    shown = repr(cell)
    return shown if len(shown) <= 60 else shown[:59] + "…"
