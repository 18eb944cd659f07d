"""Labelled series that stand whole: a JSON object each, or arrays in a file of NumPy's."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from clew.data._pairs_json import Item
from clew.data._series_parts import Series, row, single
from clew.data._series_rows import LABELS, label_of
from clew.data.files import listed
from clew.errors import InputError

EXAMPLE = '{"series": [[0.1, 2.0], [0.3, 2.5]], "label": "a"}'


def object_series(
    items: Iterator[Item], label: str | None, *, labels: bool = True
) -> Iterator[Series]:
    """The series of JSON objects {"series": [[...], ...], "label": ...}, a list a step.

    A list of plain numbers is one channel; null is a missing value. `labels`: what they are is
    looked at. Raises InputError.
    """
    width: int | None = None
    for number, item, where in items:
        if not isinstance(item, dict) or not isinstance(item.get("series"), list):
            raise InputError(
                "there is no list under 'series'", where=where, expected=f"objects like {EXAMPLE}"
            )
        steps = item["series"]
        rows = [step if isinstance(step, list) else [step] for step in steps]
        width = width or (len(rows[0]) if rows else None)
        for t, cells in enumerate(rows):
            if len(cells) != width or not cells:
                raise InputError(
                    f"the step has {len(cells)} value{'s' * (len(cells) != 1)}",
                    where=f"{where}, step {t + 1}",
                    expected=f"{width}, as before" if width else "one or more",
                )

        def at(place: int, where: str = where, width: int = width or 1) -> str:
            return f"{where}, step {place // width + 1}, value {place % width + 1}"

        values = single(row([cell for cells in rows for cell in cells], at), at)
        named = item.get("unique_id")
        yield Series(
            values.reshape(-1, width or 1), _label(item, label, where) if labels else None, where,
            str(number) if named is None else str(named),
        )  # fmt: skip


def _label(item: dict[str, Any], name: str | None, where: str) -> str | None:
    key = name or next((known for known in LABELS if known in item), None)
    if key is None:
        return None
    if not (found := label_of(item.get(key))):
        raise InputError(f"there is no label under {key!r}", where=where, expected=EXAMPLE)
    return found


def array_series(path: Path, *, labels: bool = True) -> Iterator[Series]:
    """The series of an .npz file: X (N, T, D) or (N, T), y (N,), and perhaps lengths (N,).

    `labels`: what they are is looked at. Raises InputError for anything else.
    """
    X, y, lengths = _arrays(path)
    y = y if labels else None
    for n in range(len(X)):
        where = f"{path}, X[{n}]"

        def at(place: int, where: str = where) -> str:
            return f"{where}, step {place // X.shape[2]}, channel {place % X.shape[2]}"

        values = X[n] if lengths is None else X[n, : int(lengths[n])]
        label = None if y is None else label_of(y[n].item())
        yield Series(single(values, at), label, where, str(n))


def _arrays(path: Path) -> tuple[Any, Any, Any]:
    try:
        with path.open("rb") as stored, np.load(stored, allow_pickle=False) as file:
            if isinstance(file, np.ndarray) or "X" not in file:
                inside = "one array" if isinstance(file, np.ndarray) else listed(file.files)
                raise InputError(
                    "there is no array X in the file",
                    where=str(path),
                    expected="X (N, T, D), y (N,), and lengths (N,) where they differ",
                    hint=f"there is {inside or 'nothing'}",
                )
            X = file["X"]
            y, lengths = file.get("y"), file.get("lengths")
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"the file cannot be read as arrays: {error}",
            where=str(path),
            expected="a file of numpy.savez, without objects",
        ) from error
    if X.ndim == 2:
        X = X[:, :, None]
    if X.ndim != 3 or X.dtype.kind not in "fiub" or X.shape[2] == 0:
        raise InputError(
            f"X is of shape {X.shape} and holds {X.dtype}",
            where=str(path),
            expected="numbers (N, T, D): series, steps, channels",
        )
    for name, array in (("y", y), ("lengths", lengths)):
        if array is not None and array.shape != (len(X),):
            raise InputError(
                f"{name} is of shape {array.shape}", where=str(path), expected=f"({len(X)},)"
            )
    if lengths is not None and (
        lengths.dtype.kind not in "iu" or (lengths < 0).any() or (lengths > X.shape[1]).any()
    ):
        raise InputError(
            "lengths are not numbers of steps", where=str(path), expected=f"0 to {X.shape[1]}"
        )
    return X, y, lengths
