"""Sequences of unequal length brought together: checked, padded, and grouped by length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.errors import InputError

_POOL = 50  # batches sorted by length together: like lengths meet, yet every epoch mixes anew


def pad(sequences: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Put B sequences side by side, time first, zeros after each one's end.

    Lists or 1-D arrays of ids give (T, B) int64; arrays (T, D) of numbers give (T, B, D) float32.
    Also returned: lengths (B,) int64. A length of 0 is allowed, T is the longest length.
    Raises InputError for no sequences at all, or arrays of different D.
    """
    if len(sequences) == 0:
        raise InputError("there is nothing to pad", expected="at least one sequence")
    arrays = [np.asarray(s) for s in sequences]
    lengths = torch.tensor([len(a) for a in arrays], dtype=torch.long)
    longest = int(lengths.max())
    if all(a.ndim == 1 for a in arrays):
        ids = np.zeros((longest, len(arrays)), dtype=np.int64)  # (T, B)
        for b, a in enumerate(arrays):
            if len(a) and a.dtype.kind not in "iu":
                raise InputError(f"sequence {b} holds {a.dtype}", expected="ids (integers)")
            ids[: len(a), b] = a
        return torch.from_numpy(ids), lengths
    width = check_width(arrays)
    values = np.zeros((longest, len(arrays), width), dtype=np.float32)  # (T, B, D)
    for b, a in enumerate(arrays):
        values[: len(a), b] = a
    return torch.from_numpy(values), lengths


def bucketed(
    lengths: Sequence[int] | NDArray[Any], batch_size: int, *, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """The batches of one epoch: every index once, like lengths together, in shuffled order.

    Depends on its arguments alone, so a resumed or distributed run sees the same batches.
    Raises InputError for a batch size below 1.
    """
    if batch_size < 1:
        raise InputError(f"the batch size is {batch_size}", expected="at least 1")
    sizes = np.asarray(lengths, dtype=np.int64)
    rng = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, epoch])
    order = rng.permutation(len(sizes))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), batch_size * _POOL):
        pool = order[start : start + batch_size * _POOL]
        pool = pool[np.argsort(sizes[pool], kind="stable")]
        batches.extend(pool[i : i + batch_size] for i in range(0, len(pool), batch_size))
    return [batches[i] for i in rng.permutation(len(batches))]


def check_arrays(X: Sequence[Any], *, gaps: bool = False) -> int:
    """Check sequences of numbers, each (T, D), and return D.

    Raises InputError naming the sequence (and step) for: none at all, other dimensions than two,
    something that is no number, different D, infinity, and NaN, unless `gaps` are allowed.
    """
    if len(X) == 0:
        raise InputError("there are no sequences", expected="a list of arrays (T, D)")
    arrays = []
    for i, x in enumerate(X):
        try:
            a = np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"sequence {i} is no array: {error}", where=f"X[{i}]", expected="numbers (T, D)"
            ) from error
        if a.dtype.kind not in "fiub":
            raise InputError(f"sequence {i} holds {a.dtype}, not numbers", where=f"X[{i}]")
        arrays.append(a)
    width = check_width(arrays)
    for i, a in enumerate(arrays):
        with np.errstate(over="ignore"):  # what float32 cannot hold is as wrong as infinity
            single = a.astype(np.float32)
        wrong = np.isinf(single) if gaps else ~np.isfinite(single)
        if wrong.any():
            step, column = (int(n) for n in np.argwhere(wrong)[0])
            raise InputError(
                f"sequence {i} holds {a[step, column]} at step {step}, column {column}",
                where=f"X[{i}][{step}, {column}]",
                expected="finite numbers",
                hint="fill gaps before training, leave those steps out, or, to classify, set "
                "missing to 'mask'"
                if np.isnan(a[step, column])
                else "leave that step out, or scale the numbers down",
            )
    return width


def check_width(arrays: Sequence[NDArray[Any]]) -> int:
    """D of arrays (T, D); raises InputError naming the first that is not (T, D) with the same D."""
    for i, a in enumerate(arrays):
        if a.ndim != 2:
            raise InputError(
                f"sequence {i} has shape {a.shape}",
                where=f"X[{i}]",
                expected="(T, D): steps, then features",
                hint=(
                    None
                    if a.ndim != 1
                    else "x[:, None] makes one feature of a plain series"
                    if len(a)
                    else "a sequence of no steps is an array of shape (0, D)"
                ),
            )
        if a.shape[1] != arrays[0].shape[1]:
            raise InputError(
                f"sequence {i} has {a.shape[1]} features a step, sequence 0 has "
                f"{arrays[0].shape[1]}",
                where=f"X[{i}]",
                expected="the same number of features everywhere",
            )
    if arrays[0].shape[1] == 0:
        raise InputError("the sequences have no features", expected="(T, D) with D of at least 1")
    return int(arrays[0].shape[1])
