"""Pairs of texts out of JSON, and of Parquet by way of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from clew.data._pairs_columns import Columns, by_name, conversation_missing
from clew.data.files import unreadable
from clew.data.rows import place
from clew.errors import InputError

Observe: TypeAlias = Callable[[bytes], Any]
Item: TypeAlias = tuple[int, Any, str]  # its number, what it is, where it stands


class Row(NamedTuple):
    """One pair: the number of its line (or row), both texts, and the conversation it is of."""

    number: int
    source: str
    target: str
    conversation: str | None = None


def lines(texts: Iterator[str]) -> Iterator[tuple[int, str]]:
    """The lines of a text that comes in pieces, numbered from 1; only a newline ends one."""
    number, parts = 0, list[str]()
    for text in texts:
        *whole, rest = text.split("\n")
        for line in whole:
            number += 1
            yield number, "".join([*parts, line]) if parts else line
            parts = []
        if rest:
            parts.append(rest)
    if parts:
        yield number + 1, "".join(parts)


def objects(path: Path, items: Iterator[Item], columns: Columns) -> Iterator[Row]:
    """Rows of JSON objects: (number, object, where it stands)."""
    names: tuple[str, str, str | None] | None = None
    for number, item, where in items:
        if not isinstance(item, dict):
            raise InputError(
                "this is no object", where=where, expected='{"source": "...", "target": "..."}'
            )
        flat = _flat(item)
        if names is None:
            names = by_name(path, list(flat), columns)
        source, target = (_text(flat, name, where) for name in names[:2])
        whose = None if names[2] is None else flat.get(names[2])
        if names[2] is not None:
            if isinstance(whose, bool) or not isinstance(whose, str | int) or whose == "":
                raise conversation_missing(where)
            whose = str(whose)
        yield Row(number, source, target, whose)
    if names is None:
        raise InputError("the file is empty", where=str(path), expected="an object for each pair")


def _flat(item: dict[str, Any]) -> dict[str, Any]:
    """{"translation": {"en": ...}} as {"translation.en": ...}, the layout of many public sets."""
    found: dict[str, Any] = {}
    for name, value in item.items():
        inner = value if isinstance(value, dict) else None
        found.update({name: value} if inner is None else {f"{name}.{k}": inner[k] for k in inner})
    return found


def _text(item: dict[str, Any], name: str, where: str) -> str:
    value = item.get(name)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{name!r} holds half of a surrogate pair, which no text can",
                where=where,
                expected="both halves, or the character itself",
            ) from None
        return value
    said = "it is null" if value is None else f"it is {value!r:.60}"
    raise InputError(
        f"there is no text under {name!r}: " + (said if name in item else "the key is missing"),
        where=where,
        expected='a text; "" for an empty one',
    )


def json_lines(
    path: Path, texts: Iterator[str], example: str = '{"source": "...", "target": "..."}'
) -> Iterator[Item]:
    """The objects of a file that has one a line; `example` is what errors show as expected."""
    for number, line in lines(texts):
        if not line.strip():
            continue
        where = place(path, number)
        try:
            yield number, json.loads(line), where
        except (ValueError, RecursionError) as error:  # ValueError: a number of 5,000 digits
            said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise InputError(
                f"the line is not JSON: {said}",
                where=where,
                expected=f"one object a line, such as {example}",
            ) from error


def items(path: Path, texts: Iterator[str]) -> Iterator[Item]:
    """The items of one JSON list, which is read whole."""
    try:
        found = json.loads("".join(texts))
    except (ValueError, RecursionError) as error:
        number = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise InputError(
            f"the file is not JSON: {error}",
            where=place(path, number),
            expected="a list of objects",
            hint="one object a line goes into a .jsonl file, which is not read whole",
        ) from error
    for number, item in enumerate(found, 1):
        yield number, item, place(path, number, "item")


# Run in a process of its own: a damaged file can make the reader end its process at once.
_READER = """
import sys
import polars
rows = 0
frame = polars.scan_parquet(sys.argv[1])
while True:
    some = frame.slice(rows, 50_000).collect()
    if not some.height:
        break
    some.write_ndjson(sys.stdout.buffer)
    rows += some.height
"""


def parquet(path: Path, observe: Observe | None) -> Iterator[Item]:
    """The rows of a Parquet file, some at a time, as JSON through a pipe."""
    if observe is not None:
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    observe(block)
        except OSError as error:
            raise unreadable(path, error) from error
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-P", "-c", _READER, str(path.resolve())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as reader:
            assert reader.stdout is not None
            try:
                for number, line in enumerate(reader.stdout, 1):
                    yield number, json.loads(line), place(path, number, "row")
            finally:
                reader.stdout.close()
                reader.kill()
        if reader.returncode > 0:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:]
            raise InputError(
                "the Parquet file cannot be read" + "".join(f": {line}" for line in last),
                where=str(path),
                hint="it may be cut short: compare its size with the original",
            )
