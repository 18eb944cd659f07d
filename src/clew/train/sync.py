"""Several processes that train as one, started by torchrun; alone, every function is trivial."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from clew.errors import InputError

T = TypeVar("T")


class PeerError(RuntimeError):
    """Another process of this run failed or is gone; a user's mistake is an InputError instead."""


def rank() -> int:
    """This process's number, from 0."""
    if _joined():
        return dist.get_rank()
    return int(os.environ["RANK"]) if world() > 1 else 0


def world() -> int:
    """How many processes train together."""
    if _joined():
        return dist.get_world_size()
    if all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR")):
        return int(os.environ["WORLD_SIZE"])
    return 1


def is_main() -> bool:
    """Whether this is the process that evaluates, decides, writes and talks."""
    return rank() == 0


def join() -> None:
    """Meet the other processes, once; the group lives as long as the process."""
    if world() > 1 and not _joined():
        # Waiting may be long: rank 0 evaluates while the others wait. A process that ends closes
        # its connections, which its peers notice at once.
        dist.init_process_group("gloo", timeout=timedelta(minutes=30))
        atexit.register(_leave)


def on_main(work: Callable[[], T]) -> T:
    """What `work` returns on rank 0, everywhere; where it raises there, PeerError elsewhere."""
    if world() == 1:
        return work()
    if not is_main():
        failure, result = _broadcast(None)
        if failure is not None:
            raise _abroad(0, failure)
        return result  # type: ignore[no-any-return]
    try:
        result = work()
    except BaseException as error:
        _broadcast((_told(error), None))
        raise
    _broadcast((None, result))
    return result


def everywhere(work: Callable[[], T]) -> T:
    """What `work` returns here, once it has returned on every rank."""
    if world() == 1:
        return work()
    error: Exception | None = None
    try:
        result = work()
    except Exception as failure:
        error = failure
    if total(torch.tensor([float(error is not None)])).item():
        fail(error)
    return result


def fail(error: Exception | None) -> NoReturn:
    """End on every rank, known to have failed somewhere: `error` is this rank's own, if any."""
    told: list[Any] = [None] * world()
    with _others():
        dist.all_gather_object(told, None if error is None else _told(error))
    if error is not None:
        raise error
    raise next(_abroad(number, each) for number, each in enumerate(told) if each is not None)


def _told(error: BaseException) -> InputError | str:
    return error if type(error) is InputError else f"{type(error).__name__}: {error}"


def _abroad(number: int, told: InputError | str) -> Exception:
    """Another rank's error, as it is raised here."""
    if isinstance(told, InputError):
        return told
    return PeerError(f"process {number} of this run failed: {told}")


def alike(number: int) -> bool:
    """Whether every rank gave the same number."""
    sums = total(torch.tensor([number, number * number], dtype=torch.float64))
    return float(sums[1]) * world() == float(sums[0]) ** 2


def gather(value: T) -> list[T]:
    """Every rank's value, by rank, on rank 0; elsewhere an empty list."""
    if world() == 1:
        return [value]
    values: list[Any] | None = [None] * world() if is_main() else None
    with _others():
        dist.gather_object(value, values)
    return values or []


def total(tensor: Tensor) -> Tensor:
    """The sum over all ranks, in place (a CPU tensor)."""
    if world() > 1:
        with _others():
            dist.all_reduce(tensor)
    return tensor


def spread(tensors: Iterable[Tensor]) -> None:
    """Overwrite each tensor with rank 0's."""
    if world() == 1:
        return
    with torch.no_grad():
        for tensor in tensors:
            copy = tensor.detach().cpu().contiguous()
            with _others():
                dist.broadcast(copy, 0)
            tensor.copy_(copy)


@contextmanager
def _others() -> Iterator[None]:
    """An exchange with the other processes, which fails when one of them has ended."""
    try:
        yield
    except RuntimeError as error:
        raise PeerError("lost the other processes of this run") from error


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


def _broadcast(value: Any) -> Any:
    box = [value]
    with _others():
        dist.broadcast_object_list(box, 0)
    return box[0]


def _leave() -> None:
    if _joined():
        dist.destroy_process_group()
