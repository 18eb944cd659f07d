"""What a torch module reads, and what would be right: arrays of whatever form, made alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import check_arrays
from clew.errors import InputError

Array: TypeAlias = NDArray[Any]

NOISE = (64, 600)  # sequences and steps of noise, where there are no data
_STEPS, _ROWS = 7, 3  # of an example


def noise(width: int) -> list[Array]:
    """Sequences (T, D) of independent numbers of mean 0 and deviation 1."""
    count, steps = NOISE
    drawn = np.random.default_rng(0).standard_normal((count, steps, width), dtype=np.float32)
    return list(drawn)


def arrays(data: Any, batch_first: bool, width: int | None) -> list[Array]:
    """A list of sequences, each (T, D) numbers or ids (T,).

    data: such a list; one such array; an array or tensor (T, B, D), or (B, T, D) with batch_first;
    or the path of what clew.data.labelled_series reads. Plain series (T,) of decimals are (T, 1).
    """
    if isinstance(data, str | Path):
        from clew.data.labelled_series import read_series

        data = read_series(Path(data)).sequences
    if isinstance(data, Tensor):
        data = data.detach().cpu().numpy()
    if isinstance(data, np.ndarray) and data.dtype != object:
        many = data if batch_first else data.swapaxes(0, 1) if data.ndim == 3 else data
        data = list(many) if data.ndim == 3 else [data]
    if not isinstance(data, list | tuple):
        raise InputError(
            f"data of type {type(data).__name__}", where="data",
            expected="a list of arrays (T, D), or of ids (T,)",
        )  # fmt: skip
    found = _listed(data, "data")
    if found and all(x.ndim == 1 and x.dtype.kind in "iu" for x in found) and width != 1:
        if any(len(x) and x.min() < 0 for x in found):
            raise InputError("an id is below 0", where="data", expected="0 or more")
        return [x.astype(np.int64) for x in found]
    found = [x[:, None] if x.ndim == 1 else x for x in found]
    features = check_arrays(found)
    if width is not None and features != width:
        raise InputError(
            f"the data have {features} features a step", where="data",
            expected=f"{width}, the module's input_size",
        )  # fmt: skip
    return [x.astype(np.float32) for x in found]


def _listed(given: Any, name: str) -> list[Array]:
    found = []
    for k, one in enumerate(given):
        try:
            found.append(np.asarray(one.detach().cpu() if isinstance(one, Tensor) else one))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"what stands at place {k} is no array: {error}", where=f"{name}[{k}]",
                expected="numbers",
            ) from error  # fmt: skip
    return found


def filled(read: list[Array], truth: list[Array] | None) -> tuple[list[Array], list[Array] | None]:
    """The sequences that have a step, and their targets."""
    some = [k for k, x in enumerate(read) if len(x)]
    if not some:
        raise InputError("there is no sequence with a step", where="data", expected="one or more")
    return [read[k] for k in some], None if truth is None else [truth[k] for k in some]


def example(read: list[Array], weight: Tensor) -> Tensor:
    """(7, 3, D) or (7, 3): the beginnings of sequences, gone through again where they are short."""
    shape = (_STEPS, *read[0].shape[1:])
    rows = [np.resize(np.roll(read[k % len(read)], -k, 0), shape) for k in range(_ROWS)]
    found = torch.from_numpy(np.stack(rows, 1))
    return found.to(weight.device) if found.dim() == 2 else found.to(weight)


def truths(targets: Any, read: list[Array]) -> list[Array]:
    """A target for each sequence, or for each of its steps; "next" is the id that follows.

    Whole numbers (N,) or (N, ...) in 64 bits, others as float64. The last id of a sequence is not
    read where the next one is asked for.
    """
    if isinstance(targets, str):
        if targets != "next" or read[0].ndim != 1:
            raise InputError(
                f"targets are {targets!r}", where="targets",
                expected="arrays; of ids also 'next', the id that follows",
            )  # fmt: skip
        found = [x[1:] for x in read]
        read[:] = [x[:-1] for x in read]
        return found
    if isinstance(targets, Tensor):
        targets = targets.detach().cpu().numpy()
    try:
        found = _listed(list(targets), "targets")
    except TypeError:
        raise InputError(
            f"targets of type {type(targets).__name__}", where="targets",
            expected="a list, one for each sequence",
        ) from None  # fmt: skip
    if len(found) != len(read):
        raise InputError(
            f"{len(read)} sequences and {len(found)} targets", where="targets", expected="as many"
        )
    asked = [k for k, x in enumerate(read) if len(x)]
    whole = bool(asked) and found[asked[0]].dtype.kind in "iu"
    for k in asked:
        y = found[k]
        if y.dtype.kind not in ("iu" if whole else "fb") or y.size == 0:
            raise InputError(
                f"target {k} holds {y.dtype}" if y.size else f"target {k} is empty",
                where=f"targets[{k}]",
                expected="numbers, all whole or all decimal",
            )
    steps = by_step(found, read)
    shapes = {found[k].shape[steps:] for k in asked}
    if len(shapes) > 1:
        raise InputError(
            "targets have different shapes: " + ", ".join(map(str, sorted(shapes))),
            where="targets",
            expected="as many numbers for each sequence, or for each of its steps",
        )
    kind = np.int64 if whole else np.float64
    return [y.astype(kind) if len(x) else np.zeros(0) for x, y in zip(read, found, strict=True)]


def by_step(truth: list[Array], read: list[Array]) -> bool:
    """Whether there is a target for each step, not one for each sequence."""
    pairs = [(y, x) for y, x in zip(truth, read, strict=True) if len(x)]
    return all(y.ndim > 0 and len(y) == len(x) for y, x in pairs)
