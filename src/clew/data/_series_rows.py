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

VALUES = "--value-columns A,B (values=[...] in Python) tells which columns are read as numbers"

Record: TypeAlias = tuple[int, Sequence[Any]]  # the number of a row, and its cells


@dataclass(frozen=True)
class LongColumns:
    """The names of a long table's columns; None is the usual one, or for values all others."""

    unique_id: str | None = None
    ds: str | None = None
    label: str | None = None
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Wanted:
    """What is read of a table: columns by the names given, else by those `known`, else usual ones.

    labels: what they are is looked at.
    """

    columns: LongColumns = LongColumns()
    known: LongColumns | None = None
    labels: bool = True


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
    wanted: Wanted,
    place: Callable[[int], str],
    table: str,
) -> tuple[list[Series], LongColumns]:
    """The series of a table's rows in the order they begin in, and the columns they were read from.

    Rows of several series may be mixed, those of one must rise in time. `place` names a row,
    `table` the whole. Raises InputError naming row and column.
    """
    columns = _chosen(names, wanted, table)
    assert columns.values is not None
    channels = columns.values
    who, when, *where = (names.index(str(name)) for name in (
        columns.unique_id, columns.ds, *channels))  # fmt: skip
    told = names.index(columns.label) if wanted.labels and columns.label is not None else None
    found: dict[str, _Open] = {}
    for number, cells in records:
        here = place(number)
        if len(cells) != len(names):
            raise InputError(
                f"the row has {len(cells)} field{'s' * (len(cells) != 1)}, the header {len(names)}",
                where=here,
                expected=listed(names),
            )
        name = _name(cells[who], names[who], here)
        label = None if told is None else _label(cells[told], here)
        now = moment(cells[when], f"{here}, column {names[when]!r}")
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

        values = row([cells[k] for k in where], at, VALUES)
        series.values.extend(single(values, at).tolist())
    if not found:
        raise InputError("the table has no rows", where=table, expected="a row for each moment")
    return [_closed(name, series, len(channels)) for name, series in found.items()], columns


def _closed(name: str, series: _Open, width: int) -> Series:
    values = np.frombuffer(series.values, dtype=np.float32).reshape(-1, width)
    return Series(values, series.label, series.where, name)


def _chosen(names: Sequence[str], wanted: Wanted, table: str) -> LongColumns:
    """The columns of a table with these names, all of them named; label is None if there is none.

    Raises InputError for one that is not there, or has two meanings, or no name of its own.
    """
    columns, known = wanted.columns, wanted.known or LongColumns()
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"two columns are called {twice!r}", where=table,
            expected="a name of its own for each column",
        )  # fmt: skip

    def one(given: str | None, before: str | None, usual: str, option: str) -> str:
        name = given or (before if before in names else None) or usual
        if name not in names:
            raise InputError(
                f"there is no column {name!r}",
                where=table,
                expected="one of " + listed(names, 20),
                hint=f"name it: --{option}-column COLUMN, or {usual}=... in Python",
            )
        return name

    unique_id = one(columns.unique_id, known.unique_id, "unique_id", "id")
    ds = one(columns.ds, known.ds, "ds", "time")
    lower = {name.lower(): name for name in reversed(names)}
    label = columns.label or (known.label if known.label in names else None)
    label = label or next((lower[name] for name in LABELS if name in lower), None)
    if columns.values is not None and columns.label is None and label in columns.values:
        label = None
    taken = (unique_id, ds, label)
    chosen = columns.values if columns.values is not None else known.values
    for name in [columns.label, *(chosen or ())]:
        if name is not None and name not in names:
            raise InputError(
                f"there is no column {name!r}", where=table,
                expected="one of " + listed(names, 20),
                hint=None if name in (columns.label, *(columns.values or ())) else
                f"the model was fitted on {listed(known.values or (), 20)}; --value-columns A,B "
                "names what stands for them here, in this order",
            )  # fmt: skip
    values = chosen if chosen is not None else tuple(name for name in names if name not in taken)
    if chosen is None and "" in values:
        raise InputError(
            "a column has no name",
            where=table,
            expected="a name for each column that is read",
            hint="are these the numbers of rows, written along? index=False leaves them out in "
            "pandas. Or: " + VALUES,
        )
    if not values or set(values) & set(taken) or len(set(values)) < len(values):
        raise InputError(
            "there is no column of values" if not values else "a column has two meanings",
            where=table,
            expected="columns for the series, the time, the label, and one or more of numbers",
            hint="there is " + listed(names, 20),
        )
    return LongColumns(unique_id, ds, label, values)


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
    """A label as text: 1 and 1.0 are "1", true is "true"; "" where there is none, or a list."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or isinstance(cell, list | dict) or (isinstance(cell, float) and cell != cell):
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
