"""What a composer is given: which notation it is in, and its tunes one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clew.data.abc import Tune, iter_tunes, read_tunes
from clew.data.files import existing, visible
from clew.errors import InputError
from clew.tasks._compose import abc_tokens
from clew.tasks._compose.store import Written

ENDINGS = {".abc": "abc", ".mid": "midi", ".midi": "midi", ".json": "roll"}
WANTED = "a file or folder of .abc or .mid files, a .json of piano rolls, or a list of tunes"


def notation_of(data: Any, wanted: str, name: str) -> str:
    """The notation of what is given; raises InputError where it is not `wanted`, or is none."""
    found = _notation(data, name)
    if wanted not in ("auto", found):
        raise InputError(
            f"these are tunes in {found}", where=name, expected=f"tunes in {wanted}",
            hint=f"notation={found!r}, or 'auto'",
        )  # fmt: skip
    return found


def _notation(data: Any, name: str) -> str:
    if isinstance(data, str | Path):
        path = existing(data)
        if path.is_dir():
            kinds = {ENDINGS[p.suffix.lower()] for p in _files(path)}
            if len(kinds) != 1:
                raise InputError(
                    f"there are files of {len(kinds)} notations here" if kinds else
                    "there are no tunes here", where=str(path), expected="one: .abc, .mid or .json",
                )  # fmt: skip
            return kinds.pop()
        found = ENDINGS.get(path.suffix.lower())
        if found is None:
            raise InputError("no notation ends so", where=str(path), expected=WANTED)
        return found
    items = data if isinstance(data, list | tuple) else []
    if items and all(isinstance(item, Tune) for item in items):
        return "abc"
    kinds = {type(item).__name__ for item in items}
    for kind, notation in (("Notes", "midi"), ("Roll", "roll")):
        if kinds == {kind}:
            return notation
    raise InputError(
        "an empty list" if isinstance(data, list | tuple) and not items else
        f"this is no list of tunes but {type(data).__name__} {str(data)[:60]!r}",
        where=name, expected=WANTED,
    )  # fmt: skip


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in visible(folder):
        if path.is_dir():
            found += _files(path)
        elif path.suffix.lower() in ENDINGS:
            found.append(path)
    return found


def written(data: Any, notation: str, errors: str, common: bool) -> Iterator[Written]:
    """The tunes as they are learned, one by one; `common`: those in ABC in one key for all."""
    if notation == "abc":
        for tune in _tunes(data, errors):
            yield abc_tokens.written(tune, common)
    else:
        from clew.tasks._compose import midi_tokens

        yield from midi_tokens.pieces(data, errors)


def _tunes(data: Any, errors: str) -> Iterator[Tune]:
    if not isinstance(data, str | Path):
        yield from data
    elif errors == "skip":
        yield from read_tunes(data, errors="skip")
    else:
        yield from iter_tunes(data)
