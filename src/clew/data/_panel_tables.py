"""Tables of series some rows at a time: CSV, JSON lines, Parquet, and frames in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from clew.data import _panel_frames as frames
from clew.data._pairs_json import Item, items, json_lines
from clew.data._pairs_rows import counted, ending_of
from clew.data._pairs_rows import csv_records as records
from clew.data._pairs_rows import text_lines as sound
from clew.data._panel_frames import ROWS, Rows
from clew.data.files import existing, listed
from clew.data.rows import place
from clew.errors import InputError

ID, DS, Y = "unique_id", "ds", "y"  # what the columns are called where nothing else is said

Column: TypeAlias = str | int


@dataclass(frozen=True)
class Columns:
    """Which columns are read: by name, or by number from 1. y: None where it is not read."""

    unique_id: Column | None = ID
    ds: Column = DS
    y: Column | None = Y
    past: tuple[Column, ...] = ()
    future: tuple[Column, ...] = ()

    @property
    def wanted(self) -> list[str]:
        """All of them, by name."""
        every = (self.unique_id, self.ds, self.y, *self.past, *self.future)
        return [str(column) for column in every if column is not None]

    @property
    def numbers(self) -> list[int]:
        """Those given by number."""
        every = (self.unique_id, self.ds, self.y, *self.past, *self.future)
        return [int(c) for c in every if isinstance(c, int) or (c is not None and c.isdecimal())]

    def among(self, names: list[str], label: str) -> Columns:
        """These columns of a table; raises InputError for one that is not there.

        Without a column `unique_id` all rows are one series. Where neither `ds` nor `y` is there,
        the only two columns are these.
        """
        found = self
        if self.unique_id == ID and ID not in names:
            found = replace(found, unique_id=None)
        rest = [name for name in names if name != found.unique_id]
        usual = (found.ds, found.y, found.past, found.future) == (DS, Y, (), ())
        if usual and len(rest) == 2 and not {DS, Y} & set(rest):
            found = replace(found, ds=rest[0], y=rest[1])
        roles = {"unique_id": found.unique_id, "ds": found.ds, "y": found.y}
        for role, name in [*roles.items(), *(("past", n) for n in found.past),
                           *(("future", n) for n in found.future)]:  # fmt: skip
            if name is not None and name not in names:
                said = f"{role}=..." if role in roles else f"{role}=(...)"
                option = f"--{role.replace('_', '-')}"
                raise InputError(
                    f"there is no column {name!r}",
                    where=label,
                    expected="one of " + listed(names, 20) if names else "columns with names",
                    hint=f"say which it is: {said} in Python, {option} at the command line"
                    + ("" if role in roles else "; a fitted model needs those it learned from"),
                )
        twice = [name for name in found.wanted if found.wanted.count(name) > 1]
        if twice:
            raise InputError(
                f"the column {twice[0]!r} is named twice",
                where=label,
                expected="unique_id, ds, y, past and future to be different columns",
            )
        return found


@dataclass(frozen=True)
class Table:
    """An open table: what it is called, its columns, and its rows, which can be read once.

    kind: "file", or the package of the frame.
    """

    label: str
    name: str
    columns: Columns
    rows: Iterator[Rows]
    place: Callable[[int], str]
    kind: str = "file"


def open_table(source: Any, columns: Columns) -> Table:
    """The table in a file or a frame of polars or pandas, whose rows come some at a time.

    Raises InputError for what is no table, and for columns that are not there.
    """
    if isinstance(source, str | Path):
        return _file(source, columns)
    module = type(source).__module__.partition(".")[0]
    if module == "polars" and hasattr(source, "collect"):
        source = source.collect()
    if module not in ("polars", "pandas") or not hasattr(source, "columns"):
        raise InputError(
            f"this is no table but {_named(source)}",
            where="the data",
            expected="a file (CSV, TSV, JSON lines, Parquet), a polars or pandas DataFrame, "
            "or a Panel",
        )
    found = columns.among(frames.names_of(source, module), "the table")
    rows = frames.rows(source, module, found.wanted)
    return Table("the table", "series", found, rows, lambda n: f"the table, row {n}", module)


def _named(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def _file(source: str | Path, columns: Columns) -> Table:
    path = existing(source)
    if path.is_dir():
        raise InputError(
            "this is a folder", where=str(path), expected="a table: CSV, TSV, JSON lines, Parquet"
        )
    unit = counted(path)
    name = path.name.partition(".")[0] or "series"
    ending = ending_of(path)
    if ending in (".parquet", ".pq"):
        found = columns.among(frames.parquet_names(path), str(path))
        rows = frames.parquet_rows(path, found.wanted)
        return Table(str(path), name, found, rows, lambda number: place(path, number, unit))
    texts = sound(path, None)
    first = next(texts, "")
    while not first.strip() and (more := next(texts, None)) is not None:
        first += more
    if not first.strip():
        raise InputError("the file is empty", where=str(path), expected="a table of series")
    texts = chain([first], texts)
    if ending in (".jsonl", ".ndjson", ".json"):
        array = ending == ".json" and first.lstrip()[0] == "["
        unit = "item" if array else unit
        objects = items(path, texts) if array else json_lines(path, texts, _OBJECT)
        found, rows = _objects(path, objects, columns)
    else:
        found, rows = _records(path, records(path, texts), columns)
    return Table(str(path), name, found, rows, lambda number: place(path, number, unit))


_OBJECT = '{"unique_id": "a", "ds": "2010-01-31", "y": 1.5}'


def _objects(path: Path, every: Iterator[Item], columns: Columns) -> tuple[Columns, Iterator[Rows]]:
    def checked() -> Iterator[Item]:
        for number, item, where in every:
            if not isinstance(item, dict):
                raise InputError("this is no object", where=where, expected=_OBJECT)
            yield number, item, where

    objects = checked()
    first = next(objects, None)
    if first is None:
        raise InputError("the file is empty", where=str(path), expected=_OBJECT)
    found = columns.among(list(first[1]), str(path))

    def rows() -> Iterator[Rows]:
        rest = chain([first], objects)
        while some := list(islice(rest, ROWS)):
            numbers = np.array([number for number, _, _ in some], dtype=np.int64)
            yield numbers, {name: [item.get(name) for _, item, _ in some] for name in found.wanted}

    return found, rows()


def _records(
    path: Path, every: Iterator[tuple[int, list[str]]], columns: Columns
) -> tuple[Columns, Iterator[Rows]]:
    """Columns and rows of separated values; the first record names the columns."""
    line, first = next(every)
    names = [name.strip() for name in first]
    least = max(columns.numbers, default=0)
    by_number = least > 0 and not {str(n) for n in columns.numbers} <= set(names)
    if by_number:
        found, places = _by_number(path, line, first, columns)
        if first[places[found.wanted.index(str(found.ds))]].strip()[:1].isdigit():
            every = chain([(line, first)], every)  # no header: it has a date
    else:
        twice = [name for name in names if names.count(name) > 1]
        found = columns.among(names, str(path))
        if set(twice) & set(found.wanted):
            raise InputError(
                f"two columns are called {twice[0]!r}",
                where=place(path, line),
                expected="a name of its own for each column",
                hint="rename one of them",
            )
        places = [names.index(name) for name in found.wanted]

    def rows() -> Iterator[Rows]:
        count = len(first)
        while some := list(islice(every, ROWS)):
            for number, fields in some:
                if len(fields) < least if by_number else len(fields) != count:
                    raise InputError(
                        f"the row has {len(fields)} field{'s' if len(fields) != 1 else ''}, "
                        f"the header names {count}",
                        where=place(path, number),
                        expected=f"{least} or more" if by_number else listed(names),
                        hint="a field that holds the separator must be in double quotes; columns "
                        "of a table with a wrong header can be named by number: ds=1, y=3",
                    )
            numbers = np.array([number for number, _ in some], dtype=np.int64)
            cells = [fields for _, fields in some]
            yield (
                numbers,
                {
                    name: [fields[i] for fields in cells]
                    for name, i in zip(found.wanted, places, strict=True)
                },
            )

    return found, rows()


def _by_number(
    path: Path, line: int, first: list[str], columns: Columns
) -> tuple[Columns, list[int]]:
    """The columns by number, and their places."""
    found = replace(columns, unique_id=None) if columns.unique_id == ID else columns
    for name in found.wanted:
        if not name.isdecimal() or not 1 <= int(name) <= len(first):
            raise InputError(
                f"there is no column {name!r}",
                where=place(path, line),
                expected=f"numbers from 1 to {len(first)} for all columns, or names for all",
            )
    return found, [int(name) - 1 for name in found.wanted]
