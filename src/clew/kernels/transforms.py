"""Whether torch is transforming what is being computed, or changing its precision."""

from __future__ import annotations

import torch


def autocast(kind: str) -> bool:
    """Whether autocast is on for a kind of device; those that know no autocast have it off."""
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def traced() -> bool:
    """Whether torch.jit.trace is recording: what runs now serves other shapes and modes later."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def observed() -> bool:
    """Whether every operation is being handed to somebody else: fake tensors, recorded graphs."""
    return torch._C._len_torch_dispatch_stack() > 0


def transformed() -> bool:
    """Whether a ``torch.func`` transform or a forward-mode derivative is going on."""
    return (
        torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
    )


# What torch.compiler.assume_constant_result sets, without importing the compiler for it: the answer
# holds for the whole of a traced call.
transformed._dynamo_marked_constant = True  # type: ignore[attr-defined]
