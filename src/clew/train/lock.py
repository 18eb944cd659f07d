"""One fit at a time in a folder."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clew.errors import InputError

# Folder -> (thread, times entered): a task locks the folder and the loop it calls locks it again.
_held: dict[str, tuple[int, int]] = {}
_guard = threading.Lock()


@contextmanager
def lock_folder(out: Path) -> Iterator[Path]:
    """Hold `out` (made if missing) for this process while the block runs.

    The lock is the kernel's (flock on `out/.lock`), so it is gone with the process, however that
    ends. The same thread may enter again. Raises InputError naming the folder and the process
    that holds it, or where the folder cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(out, error) from error
    key = os.path.realpath(out)
    me = threading.get_ident()
    with _guard:
        thread, times = _held.get(key, (me, 0))
        if thread != me:
            raise _taken(out, str(os.getpid()))
        if times == 0:
            descriptor = _take(out)
        _held[key] = (me, times + 1)
    try:
        yield out
    finally:
        with _guard:
            if times:
                _held[key] = (me, times)
            else:
                del _held[key]
                # Unlinked before it is released: see the check in _take.
                (out / ".lock").unlink(missing_ok=True)
                os.close(descriptor)


def _take(out: Path) -> int:
    path = out / ".lock"
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot(out, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The former holder may have removed the file between our open and our lock; a lock on
            # a removed file keeps nobody out.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                return descriptor
            os.close(descriptor)
        except FileNotFoundError:
            os.close(descriptor)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise _taken(out, holder or "unknown") from None
            raise _cannot(out, error) from error


def _taken(out: Path, holder: str) -> InputError:
    return InputError(
        f"another fit is writing into this folder (process {holder})",
        where=str(out),
        expected="one fit a folder at a time",
        hint="wait for it to end, or choose another folder",
    )


def _cannot(out: Path, error: OSError) -> InputError:
    return InputError(
        f"this folder cannot be written: {error.strerror}",
        where=str(out),
        expected="a folder that exists or can be made, and may be written to",
        hint="choose another folder",
    )
