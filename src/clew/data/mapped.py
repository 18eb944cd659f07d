"""Arrays mapped from files: read as they are needed, and given back."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def mapped(path: Path, kind: str) -> NDArray[Any]:
    """The numbers of one kind in a file, (n,); an empty file, which cannot be mapped, has none."""
    if path.stat().st_size == 0:
        return np.zeros(0, kind)
    found: NDArray[Any] = np.memmap(path, dtype=kind, mode="r")
    return found


def release(arrays: Iterable[Any]) -> None:
    """Give the memory of mapped pages back to the system; they are read again when needed.

    Arrays that are not mapped, and None, are passed over.
    """
    for array in arrays:
        base = array
        while base is not None and not isinstance(base, mmap.mmap):
            base = getattr(base, "base", None)
        if base is not None and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)
