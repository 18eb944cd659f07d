"""Folders of sound files with their texts beside them."""

from __future__ import annotations

import os
from pathlib import Path

from clew.data._recordings import SOUNDS, Recordings, Row, recordings
from clew.data.files import listed, text_of, unreadable, visible
from clew.data.rows import place
from clew.errors import InputError

_MANIFESTS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".pq")
_NOTES = ("readme", "license", "licence", "copying", "source", "speakers", "chapters", "books")
_LINES = ".trans.txt"


def manifests(folder: Path) -> list[Path]:
    """The tables that lie in `folder` itself."""
    return [p for p in visible(folder) if p.suffix.lower() in _MANIFESTS and p.is_file()]


def read_folder(folder: Path) -> Recordings:
    """Every sound file in `folder`, at any depth, with the text beside it; raises InputError."""
    sounds: dict[Path, Path] = {}  # by their paths without the ending
    texts: dict[Path, tuple[str, str]] = {}  # a text and its place, likewise
    for path in _files(folder):
        ending = path.suffix.lower()
        if ending in SOUNDS:
            twin = sounds.setdefault(path.with_suffix(""), path)
            if twin != path:
                raise InputError(
                    f"{twin.name} and {path.name} share one text",
                    where=str(path.parent),
                    hint="remove one of them, or write a manifest",
                )
        elif path.name.lower().endswith(_LINES):
            texts.update(_lines(path))
        elif ending == ".txt" and path.stem.lower() not in _NOTES:
            texts[path.with_suffix("")] = (_text(path), str(path))
    _all_there(folder, sounds, texts)
    rows: list[Row] = [
        (sounds[stem], *texts[stem], (0.0, None)) for stem in sorted(sounds, key=str)
    ]
    return recordings(rows, folder)


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        found += [Path(root, name) for name in sorted(names) if name[0] != "."]
    return found


def _refuse(error: OSError) -> None:
    raise unreadable(Path(error.filename), error)


def _all_there(folder: Path, sounds: dict[Path, Path], texts: dict[Path, tuple[str, str]]) -> None:
    """Every sound has a text and every text a sound."""
    if not sounds:
        inside = [path.name for path in visible(folder)]
        raise InputError(
            "there is no sound file in the folder",
            where=str(folder),
            expected="X.wav beside X.txt, X.flac beside *.trans.txt, or one manifest",
            hint="there is " + listed(inside) if inside else None,
        )
    for stem, path in sounds.items():
        if stem not in texts:
            missing = sum(other not in texts for other in sounds)
            raise InputError(
                "there is no text for this recording"
                + (f", nor for {missing - 1} more" if missing > 1 else ""),
                where=str(path),
                expected=f"a file {stem.name}.txt beside it, empty where nothing is said",
            )
    for stem, (_, where) in texts.items():
        if stem not in sounds:
            raise InputError(
                f"there is no recording {stem.name!r} for this text",
                where=where,
                expected=f"{stem.name}.wav or .flac beside it",
            )


def _lines(path: Path) -> dict[Path, tuple[str, str]]:
    """The texts of a file of lines `name what is said`."""
    found: dict[Path, tuple[str, str]] = {}
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        name, *rest = line.split(maxsplit=1)
        stem = path.parent / name
        if stem in found:
            raise InputError(
                f"{name!r} has a text already",
                where=place(path, number),
                expected=f"one line for each recording; the other is {found[stem][1]}",
            )
        found[stem] = ("".join(rest), place(path, number))
    return found


def _text(path: Path) -> str:
    try:
        return text_of(path, path.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from error
