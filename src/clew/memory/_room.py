"""Memory that runs out while a model is examined, told in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clew.errors import InputError, lacks_memory

LESS = "fewer cases, less reach or fewer lags; or a smaller part of the data"


@contextmanager
def enough_memory(doing: str) -> Iterator[None]:
    """Raise InputError, with what takes less, where there is not enough memory for `doing`."""
    try:
        yield
    except Exception as problem:
        if not lacks_memory(problem):
            raise
        raise InputError(f"there is not enough memory for {doing}", hint=LESS) from problem
