"""What a composer is given: which notation it is in, and its tunes one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from clew.data.abc import Tune, iter_tunes
from clew.data.files import existing, visible
from clew.errors import InputError
from clew.tasks._compose import abc_tokens
from clew.tasks._compose.store import Written

ENDINGS = {".abc": "abc", ".mid": "midi", ".midi": "midi", ".json": "roll"}
WANTED = "a file or folder of .abc or .mid files, a .json of piano rolls, or a list of tunes"


def notation_of(data: Any, wanted: str, name: str) -> str:
    """The notation of what is given; raises InputError where it is not `wanted`, or is none."""
    found = _notation(data, name, wanted)
    if wanted not in ("auto", found):
        raise InputError(
            f"these are tunes in {found}", where=name, expected=f"tunes in {wanted}",
            hint=f"notation={found!r}, or 'auto'",
        )  # fmt: skip
    return found


def _notation(data: Any, name: str, wanted: str) -> str:
    if isinstance(data, str | Path):
        path = existing(data)
        if path.is_dir():
            there = sorted(_kinds(path))
            if wanted in there:
                return wanted
            if len(there) != 1:
                raise InputError(
                    "there are tunes in " + " and in ".join(there) + " here" if there else
                    "there are no tunes here", where=str(path),
                    expected="files that end in .abc, or in .mid",
                    hint="say which: notation=" + " or ".join(map(repr, there)) if there else
                    "piano rolls are one .json file",
                )  # fmt: skip
            return there[0]
        found = _ending(path)
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


def _ending(path: Path) -> str | None:
    """The notation of a file by its name, which may be packed."""
    name = path.name.lower()
    packed = name.endswith((".gz", ".xz"))
    found = ENDINGS.get(Path(name[:-3] if packed else name).suffix)
    return None if packed and found == "midi" else found


def _kinds(folder: Path) -> set[str]:
    """The notations of a folder's files of tunes; one .json holds all its piano rolls."""
    found: set[str] = set()
    for path in visible(folder):
        kind = _kinds(path) if path.is_dir() else {_ending(path)} & {"abc", "midi"}
        found |= {each for each in kind if each}
    return found


def written(
    data: Any, notation: str, common: bool, failed: list[InputError] | None = None
) -> Iterator[Written]:
    """The tunes as they are learned, one by one; `common`: those in ABC in one key for all.

    failed: what cannot be read is left out, and its error put here. Where all of it fails, the
    first of them is raised.
    """
    found, before = 0, len(failed or ())
    for tune in _each(data, notation, common, None if failed is None else failed.append):
        found += 1
        yield tune
    if failed and len(failed) > before and not found:
        raise failed[before]


def _each(
    data: Any, notation: str, common: bool, failed: Callable[[InputError], None] | None
) -> Iterator[Written]:
    if notation == "midi":
        from clew.tasks._compose import midi_tokens

        yield from midi_tokens.pieces(data, failed)
        return
    tunes = iter_tunes(data, failed=failed) if isinstance(data, str | Path) else data
    for tune in tunes:
        yield abc_tokens.written(tune, common)
