"""A list of recordings, and what tells one such list from another."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from clew.errors import InputError

SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".w64")
_BEGINNING = 4096  # bytes of each sound file that the fingerprint looks at

Span: TypeAlias = tuple[float, float | None]
Row: TypeAlias = tuple[Path, str, str, Span]


@dataclass(frozen=True)
class Recordings:
    """Sound files, what is said in each, where that stands, and which part of the file it is.

    parts: (start, duration) in seconds; a duration of None is to the end. fingerprint: sha-256 of
    the texts, and of the name, size and first 4 KiB of every file.
    """

    paths: list[Path]
    texts: list[str]
    where: list[str]
    parts: list[Span]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.paths)


def tidy(text: str) -> str:
    """A transcript with single spaces between its words and none around them."""
    return " ".join(text.split())


def recordings(rows: Sequence[Row], root: Path) -> Recordings:
    """Recordings of rows (path, text, place, part); the texts are made tidy."""
    digest = hashlib.sha256()
    seen: set[Path] = set()
    for file, text, where, span in rows:
        name = os.path.relpath(file, root)  # so that a folder moved elsewhere is the same data
        digest.update(f"{name}\0{tidy(text)}\0{span}\0".encode("utf-8", "surrogatepass"))
        if file not in seen:
            seen.add(file)
            digest.update(_mark(file, where))
    return Recordings(
        paths=[file for file, _, _, _ in rows],
        texts=[tidy(text) for _, text, _, _ in rows],
        where=[where for _, _, where, _ in rows],
        parts=[span for _, _, _, span in rows],
        fingerprint=digest.hexdigest(),
    )


def _mark(file: Path, where: str) -> bytes:
    """What tells one sound file from another without reading all of it."""
    try:
        with file.open("rb") as sound:
            return f"{os.fstat(sound.fileno()).st_size}\0".encode() + sound.read(_BEGINNING)
    except OSError as error:
        raise InputError(
            f"the sound file cannot be read: {error.strerror}", where=f"{where} ({file})"
        ) from error
