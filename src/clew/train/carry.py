"""What is carried between batches, as a tree: cut from its past, taken apart, put together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clew.train.problem import State


def detach(state: State) -> State:
    """The state cut from the graph that made it.

    Copied, too: a state read back from a checkpoint then lies in memory exactly as this one does,
    and matrix products may round differently for memory that is strided or aligned otherwise.
    """
    if isinstance(state, Tensor):
        return state.detach().clone(memory_format=torch.contiguous_format)
    if isinstance(state, (tuple, list)):
        return tuple(detach(part) for part in state)
    if state is None:
        return None
    raise TypeError(f"a carried state is made of tensors and tuples, not {type(state).__name__}")


def apart(state: State) -> tuple[Any, list[Tensor]]:
    """A JSON description of the tree (None, an index, or a list) and its tensors by index."""
    tensors: list[Tensor] = []

    def walk(part: State) -> Any:
        if part is None:
            return None
        if isinstance(part, Tensor):
            tensors.append(part)
            return len(tensors) - 1
        return [walk(each) for each in part]

    return walk(state), tensors


def together(shape: Any, tensors: list[Tensor]) -> State:
    """The tree that `apart` took apart."""
    if shape is None:
        return None
    if isinstance(shape, int):
        return tensors[shape]
    return tuple(together(each, tensors) for each in shape)


def to(state: State, device: torch.device) -> State:
    """The same tree on another device."""
    shape, tensors = apart(state)
    return together(shape, [tensor.to(device) for tensor in tensors])
