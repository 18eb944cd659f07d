"""Cross-entropy of an output layer whose scores are never stored all at once (native/loss.h).

Plain torch keeps N x V scores, their softmax and its gradient, which for a large vocabulary is most
of the memory and much of the time of a training step. The kernel makes the scores a block at a
time, and gradients in the same pass. Higher derivatives, transforms, compiled graphs and other
devices get the formula, torch's own operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from clew.errors import InputError
from clew.kernels import simd, threads
from clew.kernels.derivatives import by_formula, wants_formula
from clew.kernels.native import in_memory
from clew.kernels.transforms import autocast, observed, traced, transformed

Reduction = Literal["none", "mean", "sum"]

_TYPES = (torch.float32, torch.float64)
_KINDS = (Tensor, torch.nn.Parameter, torch.nn.Buffer)  # others may have no memory of their own


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """``F.cross_entropy(F.linear(hidden, weight, bias), targets)`` in little memory.

    For each row, ``log(sum(exp(s))) - s[target]`` of the scores ``s = hidden @ weight.T + bias``.

    hidden: (..., H). weight: (V, H). bias: (V,) or None. targets: (...) int64, from 0 to V - 1.
    ignore_index: a target whose row counts for nothing. label_smoothing: the share of the target
    that is spread evenly over all V (Szegedy et al. 2016). reduction: the "mean" over the rows that
    count (NaN where none does), their "sum", or "none": (...) with zeros where ignored.

    float32 and float64 on the CPU never hold more than a few MB of scores; others as torch. Raises
    InputError for shapes that do not match, a target that is no word, or settings that make no
    sense.
    """
    _check(hidden, weight, bias, targets, label_smoothing, reduction)
    rows, flat = hidden.reshape(-1, hidden.shape[-1]), targets.reshape(-1)
    call = _Call(ignore_index, label_smoothing, reduction)
    tensors = (rows, weight) if bias is None else (rows, weight, bias)
    if not _fits(tensors, flat):
        loss = call.formula(tensors, flat)
    elif torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        loss = cast(Tensor, _Differentiable.apply(call, flat.contiguous(), *tensors))  # type: ignore[no-untyped-call]
    else:
        loss, _ = call.run(tensors, flat, [False] * len(tensors))
    return loss.reshape(targets.shape) if reduction == "none" else loss


def _check(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    label_smoothing: float,
    reduction: str,
) -> None:
    if weight.dim() != 2:
        raise InputError(f"weight has {weight.dim()} dimensions", where="weight", expected="(V, H)")
    size, width = weight.shape
    if hidden.dim() == 0 or hidden.shape[-1] != width:
        raise InputError(
            f"hidden is {tuple(hidden.shape)}", where="hidden", expected=f"(..., {width})"
        )
    if bias is not None and bias.shape != (size,):
        raise InputError(f"bias is {tuple(bias.shape)}", where="bias", expected=f"({size},)")
    if targets.shape != hidden.shape[:-1]:
        raise InputError(
            f"targets are {tuple(targets.shape)}",
            where="targets",
            expected=f"{tuple(hidden.shape[:-1])}, as hidden without its last dimension",
        )
    if not 0 <= label_smoothing <= 1:
        raise InputError(
            f"label_smoothing is {label_smoothing}", where="label_smoothing", expected="0 to 1"
        )
    if reduction not in ("none", "mean", "sum"):
        raise InputError(
            f"reduction is {reduction!r}", where="reduction", expected='"none", "mean" or "sum"'
        )


def _fits(tensors: Sequence[Tensor], targets: Tensor) -> bool:
    """Whether the kernel can read these very tensors, and nobody wants to see inside."""
    # Within torch.compile the formula is one graph with what stands around it.
    if torch.compiler.is_compiling() or transformed() or traced() or observed():
        return False
    if autocast("cpu") or targets.dtype != torch.int64:
        return False
    dtype = tensors[0].dtype
    return (
        dtype in _TYPES
        and all(_readable(tensor) for tensor in (*tensors, targets))
        and all(tensor.dtype == dtype for tensor in tensors)
        and all(tensor.numel() > 0 for tensor in (*tensors, targets))
    )


def _readable(tensor: Tensor) -> bool:
    return type(tensor) in _KINDS and tensor.is_cpu and tensor.layout is torch.strided


class _Call:
    """The settings of one call, for tensors (hidden (N, H), weight (V, H)[, bias (V,)])."""

    def __init__(self, ignore: int, smoothing: float, reduction: Reduction) -> None:
        self.ignore, self.smoothing, self.reduction = ignore, smoothing, reduction

    def formula(self, tensors: Sequence[Tensor], targets: Tensor) -> Tensor:
        """The same in torch's operations."""
        return F.cross_entropy(
            F.linear(*tensors),
            targets,
            ignore_index=self.ignore,
            label_smoothing=self.smoothing,
            reduction=self.reduction,
        )

    def run(
        self,
        tensors: Sequence[Tensor],
        targets: Tensor,
        needed: Sequence[bool],
        scale: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor | None]]:
        """The loss, and the gradients needed: of the loss, or of the rows' losses times a scale."""
        hidden, weight, *bias = (in_memory(tensor.detach()) for tensor in tensors)
        given = (hidden, weight, *bias)
        rows, width = hidden.shape
        losses = hidden.new_empty(rows)
        grads = [torch.empty_like(t) if n else None for t, n in zip(given, needed, strict=True)]
        total, _ = simd.checked(
            simd.native().cross_entropy,
            hidden.dtype == torch.float64,
            rows,
            width,
            len(weight),
            hidden.data_ptr(),
            weight.data_ptr(),
            _address(bias[0] if bias else None),
            targets.contiguous().data_ptr(),
            self.ignore,
            self.smoothing,
            self.reduction == "mean",
            _address(scale),
            losses.data_ptr(),
            _address(grads[0]),
            _address(grads[1]),
            _address(grads[2] if bias else None),
            threads.count(),
            where="targets",
        )
        return losses if self.reduction == "none" else hidden.new_tensor(total), grads


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


class _Differentiable(torch.autograd.Function):
    """A loss that knows where it came from.

    Gradients of a sum or a mean are made with it; backward only scales them. Those of single losses
    are made in backward, from the gradient of each.
    """

    @staticmethod
    def forward(ctx: Any, call: _Call, targets: Tensor, *tensors: Tensor) -> Tensor:
        at_once = call.reduction != "none"
        needed = ctx.needs_input_grad[2:]
        loss, found = call.run(tensors, targets, [at_once and need for need in needed])
        ctx.call, ctx.found = call, found if at_once else None
        ctx.save_for_backward(targets, *tensors)
        return loss

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        call, needed = ctx.call, ctx.needs_input_grad[2:]
        targets, *tensors = ctx.saved_tensors  # raises torch's own error after the graph was freed
        if wants_formula([grad]):

            def exact(*views: Tensor) -> tuple[Tensor, ...]:
                return (call.formula(views, targets),)

            return None, None, *by_formula(exact, tensors, needed, [grad])
        if call.reduction == "none":
            _, found = call.run(tensors, targets, needed, in_memory(grad))
            return None, None, *found
        if torch._C._autograd._get_current_graph_task_keep_graph():
            return None, None, *(None if part is None else part * grad for part in ctx.found)
        found, ctx.found = ctx.found, None
        if float(grad) != 1.0:
            for part in found:
                if part is not None:
                    part.mul_(grad)
        return None, None, *found
