"""Labelled series out of long tables: a row for each moment of each series."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from clew.data._panel_cells import Stamps
from clew.data._series_parts import Moment, Series, after, moment, row, single
from clew.data.files import listed
from clew.errors import InputError

LABELS = ("label", "class", "category", "target")  # names of a column that tell what it holds

Record: TypeAlias = tuple[int, Sequence[Any]]  # the number of a row, and its cells


@dataclass(frozen=True)
class LongColumns:
    """The names of a long table's columns; None is the usual one, or for values all others."""

    unique_id: str | None = None
    ds: str | None = None
    label: str | None = None
    values: tuple[str, ...] | None = None


@dataclass
class _Places:
    """Where in a row of cells what stands."""

    unique_id: int
    ds: int
    label: int | None
    values: list[int]


@dataclass
class _Open:
    """A series of which some rows have been read."""

    label: str | None
    where: str
    values: array[float] = field(default_factory=lambda: array("f"))
    last: Moment = 0.0
    at: str = ""


def long_series(
    names: Sequence[str],
    records: Iterable[Record],
    columns: LongColumns,
    place: Callable[[int], str],
    table: str,
) -> tuple[list[Series], list[str]]:
    """The series of a table's rows in the order they begin in, and the names of their channels.

    Rows of several series may be mixed, those of one must rise in time. `place` names a row,
    `table` the whole. Raises InputError naming row and column.
    """
    where = _places(names, columns, table)
    channels = [names[k] for k in where.values]
    found: dict[str, _Open] = {}
    for number, cells in records:
        here = place(number)
        if len(cells) != len(names):
            raise InputError(
                f"the row has {len(cells)} field{'s' * (len(cells) != 1)}, the header {len(names)}",
                where=here,
                expected=listed(names),
            )
        name = _name(cells[where.unique_id], names[where.unique_id], here)
        label = None if where.label is None else _label(cells[where.label], here)
        now = moment(cells[where.ds], f"{here}, column {names[where.ds]!r}")
        series = found.get(name)
        if series is None:
            series = found[name] = _Open(label, here)
        else:
            after(series.last, now, here, series.at)
            if label != series.label:
                raise InputError(
                    f"the label of series {name!r} is {label!r}, and was {series.label!r}",
                    where=f"{here}, and {series.where}",
                    expected="one label for all rows of a series",
                )
        series.last, series.at = now, here

        def at(k: int, here: str = here) -> str:
            return f"{here}, column {channels[k]!r}"

        values = row([cells[k] for k in where.values], at)
        series.values.extend(single(values, at).tolist())
    if not found:
        raise InputError("the table has no rows", where=table, expected="a row for each moment")
    return [_closed(name, series, len(channels)) for name, series in found.items()], channels


def _closed(name: str, series: _Open, width: int) -> Series:
    values = np.frombuffer(series.values, dtype=np.float32).reshape(-1, width)
    return Series(values, series.label, series.where, name)


def _places(names: Sequence[str], columns: LongColumns, table: str) -> _Places:
    named = (("unique_id", columns.unique_id, "id"), ("ds", columns.ds, "time"))
    for usual, name, option in named:
        if (name or usual) not in names:
            raise InputError(
                f"there is no column {name or usual!r}",
                where=table,
                expected="one of " + listed(names, 20),
                hint=f"name it: --{option}-column COLUMN, or {usual}=... in Python",
            )
    for name in [columns.label, *(columns.values or ())]:
        if name is not None and name not in names:
            raise InputError(
                f"there is no column {name!r}", where=table, expected="one of " + listed(names, 20)
            )
    unique_id, ds = columns.unique_id or "unique_id", columns.ds or "ds"
    lower = {name.lower(): name for name in reversed(names)}
    label = columns.label or next((lower[name] for name in LABELS if name in lower), None)
    if columns.values is not None and columns.label is None and label in columns.values:
        label = None
    taken = (unique_id, ds, label)
    values = columns.values or tuple(name for name in names if name not in taken)
    if not values or set(values) & set(taken):
        raise InputError(
            "there is no column of values" if not values else "a column has two meanings",
            where=table,
            expected="columns for the series, the time, the label, and one or more of numbers",
            hint="there is " + listed(names, 20),
        )
    place = {name: k for k, name in enumerate(names)}
    return _Places(
        place[unique_id], place[ds], None if label is None else place[label],
        [place[name] for name in values],
    )  # fmt: skip


def _name(cell: Any, column: str, where: str) -> str:
    name = cell.strip() if isinstance(cell, str) else str(whole(cell))
    if cell is None or not name or name == "nan":
        raise InputError(f"{column!r} is empty", where=where, expected="the name of the series")
    return name


def _label(cell: Any, where: str) -> str:
    label = label_of(cell)
    if not label:
        raise InputError(
            "the label is missing", where=where, expected="the label of the series on every row"
        )
    return label


def label_of(cell: Any) -> str:
    """A label as text: 1 and 1.0 are "1", true is "true"; "" where there is none."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    return str(whole(cell))


def whole(cell: Any) -> Any:
    """1.0 as 1, anything else as it is."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def by_rows(some: Iterable[tuple[Any, dict[str, Any]]]) -> Iterator[Record]:
    """Rows of the columns that a frame or a Parquet file gives some at a time."""
    for numbers, columns in some:
        cells = zip(*map(_cells, columns.values()), strict=True)
        yield from zip(numbers.tolist(), cells, strict=True)


def _cells(column: Any) -> list[Any]:
    if isinstance(column, Stamps):
        times: list[Any] = column.times.tolist()
        if column.missing is not None:
            times[column.missing] = None
        return times
    return column.tolist() if isinstance(column, np.ndarray) else list(column)
