"""Single files: opened only where they are files, held against size and checksum, flushed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clew.errors import InputError
from clew.tasks._header import refuse_pickle

HINT = "copy the folder again from where it was trained, or train anew"
PICKLES = {".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt", ".joblib"}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[io.BufferedReader, int]]:
    """An open regular file and its size; links, pipes and devices are refused (InputError)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        what = "the file is a link" if path.is_symlink() else f"not readable: {error.strerror}"
        raise InputError(what, where=str(path), expected="a plain file", hint=HINT) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise InputError("not a file", where=str(path), expected="a plain file", hint=HINT)
    with os.fdopen(handle, "rb") as file:
        yield file, status.st_size


def _missing(path: Path) -> InputError:
    pickles = sorted(p.name for p in path.parent.glob("*") if p.suffix in PICKLES)
    beside = f"; {pickles[0]} beside it may be a pickle, which Clew never opens" if pickles else ""
    return InputError(
        f"{path.name} is missing{beside}", where=str(path.parent), expected=path.name, hint=HINT
    )


def checksum(path: Path) -> dict[str, Any]:
    """Size (bytes) and SHA-256 of a file, as config.json keeps them."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def check_claim(file: io.BufferedReader, size: int, claim: dict[str, Any], path: Path) -> None:
    """Hold an open file against the size and checksum claimed of it; raises InputError."""
    refuse_pickle(file.read(8), path)
    if size != claim["bytes"]:
        raise InputError(
            f"the file has {size} bytes",
            where=str(path),
            expected=f"{claim['bytes']} bytes, by config.json",
            hint=HINT,
        )
    file.seek(0)
    if hashlib.file_digest(file, "sha256").hexdigest() != claim["sha256"]:
        raise InputError(
            "the file is damaged or was changed: its checksum is not the one in config.json",
            where=str(path),
            hint=HINT,
        )
    file.seek(0)


def small(path: Path, limit: int, claim: dict[str, Any] | None = None) -> bytes:
    """The bytes of a file of at most `limit` bytes, as `claim` has them; raises InputError."""
    with opened(path) as (file, size):
        if size > limit:
            raise InputError(
                f"the file takes {size} bytes", where=str(path), expected=f"at most {limit}"
            )
        if claim is not None:
            check_claim(file, size, claim, path)
        return file.read(size)


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, has reached the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
