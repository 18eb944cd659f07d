"""Series of numbers with a label each: .ts files, long tables, JSON lines, NumPy's .npz."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data import _panel_frames as frames
from clew.data import folders, ts
from clew.data._pairs_json import Item, items, json_lines, lines
from clew.data._pairs_rows import csv_records as records
from clew.data._pairs_rows import ending_of
from clew.data._pairs_rows import text_lines as texts
from clew.data._series_items import EXAMPLE, array_series, object_series
from clew.data._series_parts import Series
from clew.data._series_rows import LongColumns, Wanted, by_rows, long_series
from clew.data.files import existing, listed, visible
from clew.data.folders import Part
from clew.data.rows import place
from clew.errors import InputError

__all__ = ["LabelledSeries", "LongColumns", "holds_series", "read_series"]

_SEPARATED = (".csv", ".tsv", ".tab")
_OBJECTS = (".jsonl", ".ndjson", ".json")
_BEGINNING = 1 << 16  # characters in which the names of columns are looked for


@dataclass(frozen=True, eq=False)
class LabelledSeries:
    """Series (T, D), T of their own, float32, NaN where a value is missing; the label of each.

    labels: None where there are none. where: the place each begins at. names: what each is called,
    where it is. columns: of the table they were read from, where it was one.
    """

    sequences: list[NDArray[np.float32]]
    labels: list[str] | None
    where: list[str]
    names: list[str] | None
    columns: LongColumns | None

    @property
    def channels(self) -> list[str] | None:
        """The D names of the channels, where they have some."""
        values = None if self.columns is None else self.columns.values
        return None if values is None else list(values)

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def gap(self) -> str | None:
        """Where the first missing value is; None where nothing is missing."""
        for values, where in zip(self.sequences, self.where, strict=True):
            missing = np.isnan(values)
            if missing.any():
                t, d = (int(k) for k in np.argwhere(missing)[0])
                name = self.channels[d] if self.channels else d + 1
                return f"{where}: step {t + 1} of channel {name}"
        return None


def read_series(
    source: Any,
    *,
    unique_id: str | None = None,
    ds: str | None = None,
    label: str | None = None,
    values: Sequence[str] | None = None,
    split: Part | None = None,
    known: LongColumns | None = None,
    labels: bool = True,
) -> LabelledSeries:
    """Series with a label each, from any of the layouts below; a file may be packed by gzip or xz.

    - `.ts`, as the UCR/UEA archive has them (see `clew.data.ts`)
    - a long table, a row for each moment of each series: `.csv`, `.tsv`, `.jsonl`, `.parquet`, or a
      DataFrame of polars or pandas. Columns `unique_id`, `ds` and `label` (or class, category,
      target), or those that are named; `values` names the channels, or they are all others. The
      label is the same in all rows of a series; `ds` are numbers or dates that rise within it.
    - JSON lines {"series": [[...], ...], "label": ...}, a list for each step
    - `.npz` with X (N, T, D) or (N, T), y (N,) and, where they differ, lengths (N,)
    - a folder with parts named train, dev and test, of which `split` picks one (train if None)

    A value that is missing (an empty cell, ?, NaN, null) is NaN. Labels may be missing in all.
    `known`: columns of another table, or of a model (its `columns_`), by whose names a table is
    read where none are given. `labels`: False leaves them unread. Raises InputError naming file and
    line, or row and column, for whatever is broken.
    """
    if isinstance(values, str):
        values = [values]
    columns = LongColumns(unique_id, ds, label, None if values is None else tuple(values))
    wanted = Wanted(columns, known, labels)
    package = type(source).__module__.partition(".")[0]
    if package in ("polars", "pandas") and type(source).__name__ == "DataFrame":
        names = frames.names_of(source, package)
        rows = by_rows(frames.rows(source, package, names, words=True))
        return _of_rows(
            *long_series(names, rows, wanted, lambda n: f"the table, row {n}", "the table")
        )
    if not isinstance(source, str | Path):
        raise InputError(
            f"the data are of type {type(source).__name__}",
            where="source",
            expected="the name of a file, or a DataFrame of polars or pandas",
            hint="arrays and their labels go to Classifier.fit as they are",
        )
    path = existing(source)
    if path.is_dir():
        path = folders.part(path, split)
        if path.is_dir():
            raise InputError(
                "this is a folder",
                where=str(path),
                expected="a file of series, or a folder with files named train and test",
                hint="there is " + (listed([p.name for p in visible(path)]) or "nothing in it"),
            )
    elif split not in (None, "train"):
        raise InputError(
            f"a single file has no part {split!r}", where=str(path), hint="give the folder"
        )
    return _of_file(path, wanted)


def holds_series(path: Path) -> bool:
    """Whether a file, or a part of a folder, holds series by its name or the names in it.

    A table does if its columns are called unique_id and ds, JSON lines if there is a list under
    series.
    """
    if path.is_dir():
        inside = folders.parts(path)
        return bool(inside) and all(p.is_file() and holds_series(p) for p in inside.values())
    ending = ending_of(path)
    if ending in (".ts", ".npz"):
        return True
    try:
        if ending in (".parquet", ".pq"):
            first = dict.fromkeys(frames.parquet_names(path))
        elif ending in _SEPARATED + _OBJECTS:
            begin = _beginning(path)
            if ending in _SEPARATED:
                names = {name.strip(' "') for name in _split(begin)}
                return {"unique_id", "ds"} <= names
            if begin.lstrip()[:1] == "[":
                return '"series"' in begin or '"unique_id"' in begin
            if len(begin) >= _BEGINNING:  # a long line is hardly anything else
                return '"series"' in begin[:1000]
            first = json.loads(begin)
        else:
            return False
    except (InputError, ValueError, RecursionError):
        return False  # who reads it will say what is wrong
    return isinstance(first, dict) and ("series" in first or {"unique_id", "ds"} <= set(first))


def _split(line: str) -> list[str]:
    return line.split(max(",;\t|", key=line.count))


def _beginning(path: Path) -> str:
    """The first line that holds something, as far as is needed."""
    found = ""
    for text in texts(path, None):
        found = (found + text).lstrip("\n")
        if "\n" in found or len(found) >= _BEGINNING:
            break
    return found.partition("\n")[0]


def _of_file(path: Path, wanted: Wanted) -> LabelledSeries:
    ending = ending_of(path)
    if ending == ".ts":
        _no_columns(path, wanted.columns)
        found = ts.series(path, lines(texts(path, None)), labels=wanted.labels)
        return _of_rows(list(found), None)
    if ending == ".npz":
        _no_columns(path, wanted.columns)
        return _of_rows(list(array_series(path, labels=wanted.labels)), None)
    if ending in _SEPARATED:
        table = records(path, _filled(path))
        _, first = next(table)
        names = [name.strip() for name in first]
        return _long(path, names, table, wanted, "line")
    if ending in _OBJECTS:
        text = _filled(path)
        head = next(text)
        array = ending == ".json" and head.lstrip()[:1] == "["
        return _of_objects(path, _objects(path, chain([head], text), array),
                           wanted, "item" if array else "line")  # fmt: skip
    if ending in (".parquet", ".pq"):
        names = frames.parquet_names(path)
        rows = by_rows(frames.parquet_rows(path, names, words=True))
        if "series" not in names:
            return _long(path, names, rows, wanted, "row")
        whole = ((n, dict(zip(names, cells, strict=True)), place(path, n, "row"))
                 for n, cells in rows)  # fmt: skip
        return _of_objects(path, whole, wanted, "row")
    raise InputError(
        f"the ending {ending or 'of the name'} tells of no series",
        where=str(path),
        expected=".ts, .csv, .tsv, .jsonl, .parquet or .npz",
    )


def _objects(path: Path, text: Iterator[str], array: bool) -> Iterator[Item]:
    return items(path, text) if array else json_lines(path, text, EXAMPLE)


def _filled(path: Path) -> Iterator[str]:
    """The text of a file that holds some."""
    text = texts(path, None)
    first = ""
    while not first.strip():
        more = next(text, None)
        if more is None:
            raise InputError("the file is empty", where=str(path), expected="series")
        first += more
    return chain([first], text)


def _of_objects(path: Path, every: Iterator[Item], wanted: Wanted, counted: str) -> LabelledSeries:
    """Objects that are a series each, or a row each of a long table."""
    first = next(every, None)
    if first is None:
        raise InputError("the file is empty", where=str(path), expected="series")
    if not isinstance(first[1], dict):
        raise InputError("this is no object", where=first[2], expected=f"such as {EXAMPLE}")
    names = list(first[1])
    every = chain([first], every)
    if "series" in names:
        label = wanted.columns.label
        _no_columns(path, replace(wanted.columns, label=None))
        return _of_rows(list(object_series(every, label, labels=wanted.labels)), None)

    def cells() -> Iterator[tuple[int, list[Any]]]:
        for number, item, where in every:
            if not isinstance(item, dict) or not set(item) <= set(names):
                raise InputError(
                    "this is no row like the first",
                    where=where,
                    expected="an object with " + listed(names, 20),
                )
            yield number, [item.get(name) for name in names]

    return _long(path, names, cells(), wanted, counted)


def _long(
    path: Path, names: list[str], rows: Iterable[tuple[int, Sequence[Any]]], wanted: Wanted,
    counted: str,
) -> LabelledSeries:  # fmt: skip
    return _of_rows(
        *long_series(names, rows, wanted, lambda number: place(path, number, counted), str(path))
    )


def _no_columns(path: Path, columns: LongColumns) -> None:
    if columns != LongColumns():
        raise InputError(
            "there are no columns to choose from: this is no table",
            where=str(path),
            hint="leave out the names of the columns",
        )


def _of_rows(found: list[Series], columns: LongColumns | None) -> LabelledSeries:
    if not found:
        raise InputError("there is no series in the file", expected="one or more")
    without = next((each for each in found if each.label is None), None)
    labels = None if without is not None else [str(each.label) for each in found]
    if without is not None and any(each.label is not None for each in found):
        raise InputError(
            "the series has no label, and others have", where=without.where, expected="a label"
        )
    width = next((each.values for each in found if len(each.values)), found[0].values).shape[1]
    for each in found:
        if each.values.shape[1] != width and len(each.values):
            raise InputError(
                f"the series has {each.values.shape[1]} channels",
                where=each.where,
                expected=f"{width}, as before",
            )
    named = [each.name for each in found if each.name is not None]
    return LabelledSeries(
        [each.values.reshape(-1, width) for each in found], labels,
        [each.where for each in found], named if len(named) == len(found) else None, columns,
    )  # fmt: skip
