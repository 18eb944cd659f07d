"""What a module of any make carries: its state after each step, and a recurrent layer inside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory._jacobians import batch_axes, leaves
from clew.nn import Stack

MOST = 2048  # numbers of a state that a line is fitted to


class Held(NamedTuple):
    """A recurrent layer, or a Stack, within a module, and what it reads there, (T, B, D)."""

    layer: nn.Module
    x: Tensor


def carried(module: Any, x: Tensor) -> Tensor | str:
    """All numbers of the state (T, B, S) after each step of x (T, B, D), or why there are none.

    Read from the state of zeros, step by step, without a graph. Of a state that is a tuple, list or
    dict of tensors its leaves stand side by side, each flattened for each sequence.
    """
    with torch.no_grad():
        try:
            axes = batch_axes(module, x)
        except InputError:
            return "its state has no axis for the sequences of a batch"
        if not any(axis is not None for axis in axes):
            return "it carries no numbers from step to step"
        found: list[Tensor] = []
        state: Any = None
        for t in range(len(x)):
            _, state = module(x[t : t + 1], state)
            rows = [
                leaf.movedim(axis, 0).reshape(x.shape[1], -1)
                for leaf, axis in zip(leaves(state), axes, strict=True)
                if axis is not None
            ]
            found.append(torch.cat(rows, 1).to(x.dtype))
            if found[-1].shape[1] > MOST:
                return f"its state has more than {MOST:,} numbers"
            if found[-1].shape != found[0].shape:
                return "its state grows with what is read"
    return torch.stack(found)


def held(module: Any, x: Tensor) -> Held | None:
    """The one recurrent layer or Stack that reads one way in a module, if it is all its memory.

    So it is where it is called once for all steps of x (T, B, D), from the state of zeros, and the
    state that the module returns is its own.
    """
    if not isinstance(module, nn.Module):
        return None
    stacks = [part for part in module.modules() if isinstance(part, Stack)]
    below = {id(part) for stack in stacks for part in stack.modules() if part is not stack}
    parts = [
        part for part in module.modules()
        if isinstance(part, nn.RNNBase | Stack) and id(part) not in below
    ]  # fmt: skip
    if len(parts) != 1 or parts[0].bidirectional:
        return None
    calls: list[tuple[Any, Any, Any]] = []
    hook = parts[0].register_forward_hook(
        lambda _, given, named, found: calls.append((given, named, found)), with_kwargs=True
    )
    try:
        with torch.no_grad():
            said = module(x, None)
    finally:
        hook.remove()
    if len(calls) != 1 or not isinstance(said, tuple) or len(said) != 2:
        return None
    given, named, found = calls[0]
    begun = [one for one in (*leaves(list(given[1:])), *leaves(named)) if one is not None]
    own, ends = leaves(found[1]), leaves(said[1])
    if not given or not isinstance(given[0], Tensor) or given[0].dim() != 3:
        return None
    read = given[0].transpose(0, 1) if getattr(parts[0], "batch_first", False) else given[0]
    alike = len(own) == len(ends) and all(
        isinstance(one, Tensor) and isinstance(other, Tensor) and torch.equal(one, other)
        for one, other in zip(own, ends, strict=True)
    )
    zeros = all(isinstance(one, Tensor) and not bool(one.any()) for one in begun)
    return Held(parts[0], read) if alike and zeros and read.shape[:2] == x.shape[:2] else None
