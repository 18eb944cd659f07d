"""Pairs of texts row by row out of files of any size: each with the line it stands on."""

from __future__ import annotations

import csv
import lzma
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from clew.data._pairs_columns import Columns, by_name, by_number, conversation_missing, is_header
from clew.data._pairs_json import Observe, Row, items, json_lines, lines, objects, parquet
from clew.data.files import decoded, unpacked
from clew.data.rows import CSV_LIMIT, place
from clew.errors import InputError

_PACKED = (".gz", ".xz")
_LONGEST = 1 << 26  # characters of one field: a quote left open must not swallow a large file
_RECORDS = 1000  # rows of a CSV parsed at once


def counted(path: Path) -> str:
    """What the rows of a file are counted in: lines, or rows where there are none."""
    return "row" if ending_of(path) in (".parquet", ".pq") else "line"


def ending_of(path: Path) -> str:
    """What a name ends in, in lowercase, before what says how the file is packed."""
    name = path.name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return Path(name).suffix


def rows(path: Path, columns: Columns, observe: Observe | None = None) -> Iterator[Row]:
    """The rows of a table or of lines with a tab; `observe` gets the bytes they are made of.

    Raises InputError naming the line for whatever is broken.
    """
    ending = ending_of(path)
    if ending in (".parquet", ".pq"):
        yield from objects(path, parquet(path, observe), columns)
        return
    texts = text_lines(path, observe)
    first = next(texts, "")
    while not first.strip() and (more := next(texts, None)) is not None:
        first += more
    if not first.strip():
        raise InputError("the file is empty", where=str(path), expected="pairs of texts")
    texts = chain([first], texts)
    if ending in (".jsonl", ".ndjson", ".json"):
        array = ending == ".json" and first.lstrip()[0] == "["
        yield from objects(path, (items if array else json_lines)(path, texts), columns)
    elif ending == ".csv":
        yield from _fields(path, csv_records(path, texts), columns, names=True)
    else:
        if "\t" not in first and ending not in (".tsv", ".tab"):
            raise InputError(
                "there is no tab between two texts in the first lines",
                where=str(path),
                expected="lines of source, tab, target; or CSV, JSON lines, Parquet",
                hint="of two files whose lines belong together name both: (SOURCES, TARGETS) in "
                "Python, or SOURCES --target TARGETS",
            )
        records = ((number, line.split("\t")) for number, line in lines(texts) if line)
        yield from _fields(path, records, columns, names=False)


def text_lines(path: Path, observe: Observe | None) -> Iterator[str]:
    """What `decoded` gives, with the line in the errors about bytes that are no text."""
    try:
        yield from decoded(path, observe=observe)
    except InputError as error:
        line = _unsound_line(path)
        if line is None:
            raise
        where = f"{place(path, line)}{str(error.where).removeprefix(str(path))}"
        raise InputError(
            error.what, where=where, expected=error.expected, hint=error.hint
        ) from error


def _unsound_line(path: Path) -> int | None:
    """The first line with a NUL byte or without UTF-8; None where the file cannot be read."""
    try:
        with path.open("rb") as stored:
            for number, line in enumerate(unpacked(stored), 1):
                if b"\0" in line:
                    return number
                line.decode()
    except UnicodeDecodeError:
        return number
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return None
    return None


def aligned(source: Path, target: Path, observe: Observe | None = None) -> Iterator[Row]:
    """The lines of two files that belong together; raises InputError where one has more."""
    first, second = (lines(text_lines(path, observe)) for path in (source, target))
    number = 0
    for number, text in first:
        other = next(second, None)
        if other is None:
            raise _unequal(source, target, sum(1 for _ in first) + number, number - 1)
        yield Row(number, text, other[1])
    if next(second, None) is not None:
        raise _unequal(source, target, number, sum(1 for _ in second) + number + 1)


def _unequal(source: Path, target: Path, one: int, other: int) -> InputError:
    return InputError(
        f"the files have different numbers of lines: {one} and {other}",
        where=f"{source} and {target}",
        expected="line n of one belongs to line n of the other",
        hint=f"line {min(one, other) + 1} is the first without a counterpart",
    )


def csv_records(path: Path, texts: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Records by RFC 4180, the separator being the one that the first line has most of."""
    source = lines(texts)
    first = next(line for line in source if line[1].strip())
    delimiter = max(",;\t|", key=lambda d: (first[1].count(d), d == ","))
    every = (line + "\n" for _, line in chain([first], source))
    reader = csv.reader(every, delimiter=delimiter, strict=True)
    begin = first[0]
    while True:
        records, failure = [], None
        with CSV_LIMIT:
            limit = csv.field_size_limit(_LONGEST)
            try:
                for fields in islice(reader, _RECORDS):
                    records.append((begin, fields))
                    begin = first[0] + reader.line_num
            except csv.Error as error:
                failure = error
            finally:
                csv.field_size_limit(limit)
        yield from ((number, fields) for number, fields in records if fields)
        if failure is not None:
            raise InputError(
                f"the row is broken: {failure}",
                where=place(path, begin),
                hint='look for a double quote that is not closed; inside quotes, write "" for "',
            ) from failure
        if not records:
            return


def _fields(
    path: Path, records: Iterator[tuple[int, list[str]]], columns: Columns, *, names: bool
) -> Iterator[Row]:
    """Rows of records, of which the first may hold names; `names`: it does, if it may well."""
    number, first = next(records)
    labels = [field.strip() for field in first]
    if is_header(labels, columns, names):
        places = [
            None if name is None else labels.index(name) for name in by_name(path, labels, columns)
        ]
    else:
        places = by_number(path, number, len(first), columns)
        records = chain([(number, first)], records)
    source, target, conversation = places
    assert source is not None
    assert target is not None
    for number, fields in records:
        if len(fields) != len(first):
            raise InputError(
                f"the row has {len(fields)} field{'s' if len(fields) != 1 else ''}, "
                f"the first has {len(first)}",
                where=place(path, number),
                expected="as many in every row",
                hint="is there a separator or a newline inside a text?",
            )
        whose = None if conversation is None else fields[conversation].strip()
        if whose == "":
            raise conversation_missing(place(path, number))
        yield Row(number, fields[source], fields[target], whose)
