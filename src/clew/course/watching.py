"""Wait for a file to be saved: by looking, which works on every disk and with every editor."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

LOOK = 0.2  # seconds between two looks
AWAY = 5  # looks at which a file was not there, until it is gone: editors have it away a moment


def wait_for_save(
    path: Path, before: bytes | None, *, between: Callable[[float], str] | None = None
) -> str:
    """Return "saved" when the content of `path` is whole and no longer `before`, "gone" if it goes.

    between: called with the seconds to wait between two looks, in place of sleeping; a word that it
    returns (a key was pressed) ends the waiting and is returned. An editor that writes a new file
    and renames it, saves without a change, or has the file away for a moment is waited for.
    before: None if the file was not there; then it is waited for.
    """
    last = _state(path)
    seen = content(path)
    away = 0
    while True:
        # Two looks must agree: an editor may be in the middle of writing.
        if seen is not None and seen != before and _state(path) == last and content(path) == seen:
            return "saved"
        away = away + 1 if seen is None else 0
        if away > AWAY and before is not None:
            return "gone"
        if between is None:
            time.sleep(LOOK)
        elif word := between(LOOK):
            return word
        state = _state(path)
        if state != last:
            last, seen = state, content(path)
            time.sleep(LOOK / 4)


def content(path: Path) -> bytes | None:
    """What is in a file, or None while it is not there or is none: a pipe would be waited for."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
