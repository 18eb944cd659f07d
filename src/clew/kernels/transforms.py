"""Whether torch is transforming what is being computed."""

from __future__ import annotations

import torch


def transformed() -> bool:
    """Whether a ``torch.func`` transform or a forward-mode derivative is going on."""
    return (
        torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
    )


# What torch.compiler.assume_constant_result sets, without importing the compiler for it: the answer
# holds for the whole of a traced call.
transformed._dynamo_marked_constant = True  # type: ignore[attr-defined]
