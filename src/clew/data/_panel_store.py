"""Rows of a table as they come, then series on a grid: in memory, or mapped from a folder.

A folder holds plain little-endian arrays; N series, M steps of all of them one after the other:

- `y.bin`: (M,) float64; `past.bin`: (M, P) float32; `future.bin`: (M, F) float32; NaN is missing
- `starts.bin`, `begins.bin`, `lengths.bin`: (N,) int64: the time of a series' first step, where it
  begins in the arrays above, how many steps it has
- `facts.json`: {"format": 1, "ids": [...], "freq": [...], ...}; written last
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data._panel_freq import Freq, Times
from clew.data.mapped import mapped
from clew.errors import InputError

FORMAT = 1
_SOME = 1 << 18  # rows worked on at once
_KINDS = {"y": "<f8", "past": "<f4", "future": "<f4",
          "starts": "<i8", "begins": "<i8", "lengths": "<i8"}  # fmt: skip

Arrays = dict[str, NDArray[Any]]


class Spool:
    """Rows that are added some at a time and read again in order; on disk where there is a folder.

    Each row: the number of its series, its time, the values of its P + F + 1 columns, its line.
    """

    def __init__(self, folder: Path | None, width: int) -> None:
        self._width = width
        self._parts: list[tuple[NDArray[Any], ...]] = []
        self._path = None if folder is None else folder / "rows.part"
        self._file = None if self._path is None else self._path.open("wb")
        self.rows = 0

    def add(self, codes: Times, times: Times, values: NDArray[np.float64], lines: Times) -> None:
        """Some rows: codes, times, lines (n,), values (n, W)."""
        self.rows += len(codes)
        if self._file is None:
            self._parts.append((codes, times, lines, values))
            return
        for part in (codes, times, lines, values):
            self._file.write(np.ascontiguousarray(part).tobytes())
        self._parts.append((np.array(len(codes)),))

    def read(self) -> Iterator[tuple[Times, Times, Times, NDArray[np.float64]]]:
        """The rows, some at a time: codes, times, lines, values."""
        if self._file is None or self._path is None:
            yield from self._parts  # type: ignore[misc]
            return
        self._file.flush()
        with self._path.open("rb") as file:
            for (size,) in self._parts:
                n = int(size)
                whole = np.frombuffer(file.read(24 * n), dtype=np.int64).reshape(3, n)
                values = np.frombuffer(file.read(8 * n * self._width)).reshape(n, self._width)
                yield whole[0], whole[1], whole[2], values

    def close(self) -> None:
        """Remove what was kept on disk."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def place_on_grid(
    spool: Spool, freq: Freq, starts: Times, lengths: Times, folder: Path | None,
    widths: tuple[int, int],
) -> Arrays:  # fmt: skip
    """The dense arrays of all series: every row at its step, NaN where there is no row."""
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    total = int(lengths.sum())
    past, future = widths
    shapes = {"y": (total,), "past": (total, past), "future": (total, future)}
    found: Arrays = {name: _missing(folder, name, shape) for name, shape in shapes.items()}
    for codes, times, _, values in spool.read():
        steps, _ = freq.steps(starts[codes], times)
        rows = begins[codes] + steps
        found["y"][rows] = values[:, 0]
        found["past"][rows] = values[:, 1 : 1 + past]
        found["future"][rows] = values[:, 1 + past :]
    return {**found, "starts": starts, "begins": begins, "lengths": lengths}


def _missing(folder: Path | None, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    kind = np.dtype(_KINDS[name])
    if folder is None or 0 in shape:
        return np.full(shape, np.nan, dtype=kind)
    path, width = folder / f"{name}.bin", int(np.prod(shape[1:], dtype=np.int64))
    with path.open("wb") as file:
        for first in range(0, shape[0], _SOME):
            count = min(_SOME, shape[0] - first) * width
            file.write(np.full(count, np.nan, dtype=kind).tobytes())
    return np.memmap(path, dtype=kind, mode="r+", shape=shape)


def fingerprint(ids: list[str], freq: Freq, arrays: Arrays) -> str:
    """The sha-256 of everything in a table of series, however it was stored."""
    digest = hashlib.sha256(json.dumps([ids, str(freq), freq.day]).encode())
    for name, kind in _KINDS.items():
        array = arrays[name]
        for first in range(0, len(array), _SOME):
            digest.update(np.ascontiguousarray(array[first : first + _SOME], dtype=kind).tobytes())
    return digest.hexdigest()


def save(folder: Path, arrays: Arrays, facts: dict[str, Any]) -> None:
    """Write what is not on disk yet, then the facts."""
    for name, kind in _KINDS.items():
        array = arrays[name]
        if isinstance(array, np.memmap):
            array.flush()
        else:
            (folder / f"{name}.bin").write_bytes(array.astype(kind).tobytes())
    beside = folder / "facts.part"
    with beside.open("wb") as file:
        file.write(json.dumps({"format": FORMAT, **facts}).encode())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / "facts.json")


def load(folder: Path, signature: list[Any]) -> tuple[Arrays, dict[str, Any]] | None:
    """The arrays, mapped, and facts of a folder; None where it holds none of this signature."""
    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or facts["signature"] != signature:
            return None
        found = {name: mapped(folder / f"{name}.bin", kind) for name, kind in _KINDS.items()}
        total = len(found["y"])
        for name in ("past", "future"):
            found[name] = found[name].reshape(total, len(facts[name]))
        if not len(found["starts"]) == len(found["begins"]) == len(facts["ids"]):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found, facts


def fresh(folder: Path) -> None:
    """An empty folder to write into; raises InputError where there cannot be one."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise unwritten(folder, error) from error


def unwritten(folder: Path, error: OSError) -> InputError:
    """What to tell when the disk does not take the series."""
    return InputError(
        f"the series cannot be written: {error.strerror}",
        where=str(folder),
        hint="is there room on the disk, and leave to write there?",
    )
