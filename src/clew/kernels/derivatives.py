"""Derivatives of what a fast kernel differentiates once: the formula is differentiated instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from clew.kernels.transforms import transformed

# Tensors in, tensors out, no other inputs that need gradients.
Run = Callable[..., tuple[Tensor, ...]]


def wants_formula(grads: Sequence[Tensor | None]) -> bool:
    """Whether a backward that runs now, of these gradients, has to be by the formula.

    It is being recorded itself (``create_graph=True``), or each of the gradients is many at once
    (``vmap``, ``is_grads_batched=True``).
    """
    return (
        torch.is_grad_enabled()
        or transformed()
        or any(g is not None and torch._C._functorch.is_legacy_batchedtensor(g) for g in grads)
    )


def by_formula(
    exact: Run,
    tensors: Sequence[Tensor],
    needed: Sequence[bool],
    grads: Sequence[Tensor | None],
) -> tuple[Tensor | None, ...]:
    """The gradients of ``exact(*tensors)`` where they are needed, None elsewhere."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # A view is a node of its own: derivatives stop there, and go on to the input later.
        views = [t.view_as(t) if again else t.detach().requires_grad_() for t in tensors]
        outputs = exact(*views)
    sources = [t for t, n in zip(views, needed, strict=True) if n]
    return spread(gradients(outputs, sources, grads, create_graph=again), needed)


def gradients(
    outputs: Sequence[Tensor],
    sources: Sequence[Tensor],
    grads: Sequence[Tensor | None],
    **how: bool,
) -> tuple[Tensor | None, ...]:
    """``torch.autograd.grad`` where the gradient of an output may be missing."""
    # An output that depends on none of the sources (the state of sequences all empty) adds nothing.
    pairs = [
        (y, g) for y, g in zip(outputs, grads, strict=True) if g is not None and y.requires_grad
    ]
    if not pairs or not sources:
        return (None,) * len(sources)
    ys, gs = zip(*pairs, strict=True)
    return torch.autograd.grad(ys, sources, gs, allow_unused=True, **how)


def spread(found: Sequence[Tensor | None], needed: Sequence[bool]) -> tuple[Tensor | None, ...]:
    """One for each input: those found, None where none was needed."""
    rest = iter(found)
    return tuple(next(rest) if n else None for n in needed)
