"""Files of ABC cut into tunes, line by line: the lines of each, and defaults for all of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from clew.data.files import decoded, existing, listed, visible
from clew.errors import InputError

Lines = Sequence[tuple[int, str]]  # numbers from 1
FIELD = re.compile(r"([A-Za-z+]):(.*)", re.DOTALL)
_DEFAULTS = "MLKQRCO"  # fields above the first tune that hold for all


def abc_files(path: str | Path) -> list[Path]:
    """The files of ABC that `path` is or, with its folders, holds, sorted by name."""
    source = existing(path)
    if not source.is_dir():
        return [source]
    found: list[Path] = []
    inside = visible(source)
    for item in inside:
        if item.is_dir():
            found += abc_files(item) if any(item.rglob("*.abc*")) else []
        elif item.name.lower().endswith((".abc", ".abc.gz", ".abc.xz")):
            found.append(item)
    if not found:
        raise InputError(
            "the folder holds no .abc file",
            where=str(source),
            expected="*.abc files",
            hint="there is " + (listed([p.name for p in inside]) or "nothing in it"),
        )
    return found


def tunes_of(
    path: Path, observe: Callable[[bytes], Any] | None = None
) -> Iterator[tuple[Lines, Lines, int]]:
    """For each tune of a file the defaults of the file and the tune's own lines, from X: on.

    An empty line ends a tune, as the standard has it. Text between tunes is left out, but music
    there would be lost: behind the lines stands the number of the first line of such, or 0.
    """
    defaults: list[tuple[int, str]] = []
    tune: list[tuple[int, str]] = []
    first, ended, stray = True, False, 0
    for number, line in numbered(decoded(path, observe=observe)):
        if line.startswith("X:"):
            if tune:
                yield defaults, tune, stray
            tune, first, ended, stray = [(number, line)], False, False, 0
        elif first:
            if line[:1] in _DEFAULTS and line[1:2] == ":":
                defaults.append((number, line))
        elif not line.strip():
            ended = True
        elif not ended:
            tune.append((number, line))
        elif "|" in line and not line.startswith("%"):
            stray = stray or number
    if not tune:
        raise InputError(
            "there is no tune in the file",
            where=str(path),
            expected="tunes in ABC, each beginning with a line such as X:1",
            hint="check that this is the file you mean",
        )
    yield defaults, tune, stray


def numbered(parts: Iterator[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, from 1, of a text that comes in parts."""
    number, rest = 0, ""
    for part in parts:
        *whole, rest = (rest + part).split("\n")
        for line in whole:
            number += 1
            yield number, line.rstrip()
    if rest:
        yield number + 1, rest.rstrip()


def uncommented(line: str) -> str:
    r"""A line without its comment, which begins with % (but \% is a sign of percent)."""
    return re.sub(r"(?<!\\)%.*", "", line).rstrip()
