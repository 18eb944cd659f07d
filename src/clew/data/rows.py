"""Tables of any format as columns, each row with the place it stands at."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.data.files import listed, text_of
from clew.errors import InputError

CSV_LIMIT = threading.Lock()  # the csv module keeps its limit on the length of a field globally


@dataclass(frozen=True)
class Table:
    """Named columns of equal length, and the number of the line (or row) of each row."""

    path: Path
    columns: dict[str, list[Any]]
    numbers: list[int]
    counted: str = "line"  # what the numbers count: "line", or "row" where there are no lines
    header: int | None = None  # the line of the column names, where the file has such a line

    def place(self, row: int) -> str:
        """Where row `row` stands, as messages name it."""
        return place(self.path, self.numbers[row], self.counted)


def place(path: Path, number: int, counted: str = "line") -> str:
    """`file:line`, or `file, row n` in a file without lines."""
    return f"{path}:{number}" if counted == "line" else f"{path}, {counted} {number}"


EXAMPLE = '{"text": "...", "label": "..."}'


def read_table(path: Path, data: bytes, example: str = EXAMPLE) -> Table | None:
    """The table in `data`, all of file `path`; None if neither name nor content speak of a table.

    example: an object, as messages show it. Raises InputError for a broken table, naming the line.
    """
    ending = path.suffix.lower()
    if data[:4] == b"PAR1" or ending in (".parquet", ".pq"):
        return _parquet(path, data)
    if data[:4] == b"PK\x03\x04":
        raise InputError(
            "this is a zip archive or a spreadsheet",
            where=str(path),
            expected="CSV, TSV, JSON lines or Parquet",
            hint="save the sheet as CSV, or unpack the archive",
        )
    if data[:2] == b"\x1f\x8b":
        raise InputError(
            "the file is compressed",
            where=str(path),
            hint=f"unpack it first: gunzip -k {path.name}",
        )
    if ending in (".csv", ".tsv", ".tab"):
        return separated(path, text_of(path, data), None if ending == ".csv" else "\t")
    if ending in (".jsonl", ".ndjson", ".json"):
        text = text_of(path, data)
        if ending == ".json" and text.lstrip()[:1] == "[":
            return _json_array(path, text, example)
        return _json_lines(path, text, example)
    return None


def separated(path: Path, text: str, delimiter: str | None) -> Table:
    """CSV and TSV: the first record names the columns; every other must have as many fields.

    Without a `delimiter` it is the one of `,;<tab>|` that gives the most columns.
    Raises InputError naming the line.
    """
    first = text.lstrip("\n").partition("\n")[0]
    if not first.strip():
        raise InputError("the file is empty", where=str(path), expected="a row of column names")
    if delimiter is None:
        delimiter = max(",;\t|", key=lambda d: (first.count(d), d == ","))
    records = _plain_tabs(text) if delimiter == "\t" else None
    if records is None:
        records = _quoted(path, text, delimiter)
    (line, header), *rows = records
    names = [name.strip() for name in header]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(
            f"two columns are called {twice!r}",
            where=place(path, line),
            expected="a name of its own for each column",
            hint="rename one of them",
        )
    for number, fields in rows:
        if len(fields) != len(names):
            raise InputError(
                f"the row has {len(fields)} field{'s' if len(fields) != 1 else ''}, "
                f"the header names {len(names)}",
                where=place(path, number),
                expected=listed(names),
                hint="a field that holds the separator or a newline must be in double quotes",
            )
    columns = {name: [fields[i] for _, fields in rows] for i, name in enumerate(names)}
    return Table(path, columns, [number for number, _ in rows], header=line)


def _quoted(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Records by RFC 4180, each with the number of the line it begins at; empty lines are none."""
    found: list[tuple[int, list[str]]] = []
    begin = 1
    one_column = delimiter not in text.lstrip("\n").partition("\n")[0]
    with CSV_LIMIT:
        limit = csv.field_size_limit(len(text) + 1)
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            for fields in reader:
                if fields:
                    found.append((begin, fields))
                elif one_column and found:  # there an empty line is a row, with an empty field
                    found.append((begin, [""]))
                begin = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                f"the row is broken: {error}",
                where=place(path, begin),
                hint='look for a double quote that is not closed; inside quotes, write "" for "',
            ) from error
        finally:
            csv.field_size_limit(limit)
    return found


def _plain_tabs(text: str) -> list[tuple[int, list[str]]] | None:
    """Records of a TSV whose every line is one (quotes then mean themselves); None if not so.

    Public sets write `"quoted` words freely in TSV; a strict reader would swallow lines after it.
    """
    lines = text.split("\n")
    while lines and not lines[-1]:
        lines.pop()
    tabs = lines[0].count("\t")
    if any(line.count("\t") != tabs for line in lines):
        return None
    return [
        (number, [_unquoted(field) for field in line.split("\t")])
        for number, line in enumerate(lines, 1)
    ]


def _unquoted(field: str) -> str:
    inner = field[1:-1]
    if len(field) < 2 or field[0] != '"' or field[-1] != '"' or '"' in inner.replace('""', ""):
        return field
    return inner.replace('""', '"')


def _json_lines(path: Path, text: str, example: str) -> Table:
    rows: list[tuple[int, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append((number, json.loads(line)))
        except (json.JSONDecodeError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            column = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise InputError(
                f"the line is not JSON: {said}",
                where=place(path, number) + column,
                expected=f"one object a line, such as {example}",
            ) from error
    return _objects(path, rows, "line", example)


def _json_array(path: Path, text: str, example: str) -> Table:
    try:
        items = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        number = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise InputError(
            f"the file is not JSON: {error}",
            where=place(path, number),
            expected="a list of objects",
            hint="one object a line goes into a .jsonl file",
        ) from error
    return _objects(path, list(enumerate(items, 1)), "item", example)


def _objects(path: Path, rows: list[tuple[int, Any]], counted: str, example: str) -> Table:
    if not rows:
        raise InputError("the file is empty", where=str(path), expected="one object a line")
    names: list[str] = list(rows[0][1]) if isinstance(rows[0][1], dict) else []
    for number, row in rows:
        if not isinstance(row, dict):
            raise InputError(
                f"this is {_named(row)}, not an object",
                where=place(path, number, counted),
                expected=example,
            )
        for name in row:
            if name not in names:
                names.append(name)
    columns = {name: [row.get(name, MISSING) for _, row in rows] for name in names}
    return Table(path, columns, [number for number, _ in rows], counted)


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()  # stands for a key an object does not have; null is None


def _named(value: Any) -> str:
    kinds = {str: "a string", list: "a list", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


# Run in a process of its own: a damaged file can make the reader end its process at once.
_READER = """
import sys
from io import BytesIO
import polars
frame = polars.read_parquet(BytesIO(sys.stdin.buffer.read()))
sys.stdout.buffer.write(frame.write_ipc(None, compat_level=polars.CompatLevel.oldest()).getvalue())
"""


def _parquet(path: Path, data: bytes) -> Table:
    run = subprocess.run([sys.executable, "-P", "-c", _READER], input=data, capture_output=True)
    if run.returncode != 0:
        said = run.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(
            "the Parquet file cannot be read" + (f": {said[-1]}" if said else ""),
            where=str(path),
            hint="it may be cut short: compare its size with the original",
        )
    import polars

    frame = polars.read_ipc(io.BytesIO(run.stdout))
    columns = {name: frame[name].to_list() for name in frame.columns}
    return Table(path, columns, list(range(1, frame.height + 1)), "row")
