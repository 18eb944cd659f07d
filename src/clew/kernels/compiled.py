"""One layer as one operator, ``clew::layer``, for torch.compile and torch.export.

A compiler that looked inside would unroll the loop through time: slow to compile, and for one T
only. Seen as an operator a layer compiles at once and serves any T and B. Its backward is an
operator too; it runs the layer again with gradients on, so that only the inputs are kept between
the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from clew.kernels import eager
from clew.kernels.schedule import plan, without_padding
from clew.kernels.settings import Cell, Masks, State, Weights

# masks may be None because AOTInductor takes an empty list for None.
_ARGUMENTS = (
    "Tensor x, Tensor[] state, Tensor[] weights, Tensor? lengths, Tensor? reset, "
    "Tensor[]? masks, str mode, bool bidirectional, bool layer_norm, float[] zoneout, "
    "bool[] weight_fields, bool[] mask_fields, bool fresh"
)


def layer(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Sequence[Weights],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: Sequence[Masks] | None,
    fresh: bool,
) -> tuple[Tensor, State]:
    """Runs one layer over (T, B, D) through the operator; arguments as of ``eager.layer``."""
    dtype = weights[0].w_ih.dtype  # x may have another under autocast, which operators do not see
    flat_masks = [part for mask in masks or () for part in mask if part is not None]
    output, h, c = _layer(
        x.to(dtype),
        [part.to(dtype) for part in state],
        [part for w in weights for part in w if part is not None],
        lengths,
        reset,
        flat_masks or None,
        cell.mode,
        cell.bidirectional,
        cell.layer_norm,
        list(cell.zoneout),
        [part is not None for part in weights[0]],
        [part is not None for part in masks[0]] if masks else [False, False, False],
        fresh,
    )
    return output, (h, c)[: cell.states]


@torch.library.custom_op(
    "clew::layer", mutates_args=(), schema=f"({_ARGUMENTS}) -> (Tensor, Tensor, Tensor)"
)
def _layer(
    x: Tensor,
    state: list[Tensor],
    weights: list[Tensor],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: list[Tensor] | None,
    mode: str,
    bidirectional: bool,
    layer_norm: bool,
    zoneout: list[float],
    weight_fields: list[bool],
    mask_fields: list[bool],
    fresh: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    settings = (mode, bidirectional, layer_norm, zoneout, weight_fields, mask_fields, fresh)
    output, final = _run(x, state, weights, lengths, reset, masks, settings)
    h, c = final[0], (final[1] if len(final) == 2 else x.new_empty(0))
    # An operator may not return its inputs, and its results are promised to be contiguous.
    h, c = (torch.clone(part, memory_format=torch.contiguous_format) for part in (h, c))
    return output.contiguous(), h, c


@_layer.register_fake
def _(
    x: Tensor,
    state: list[Tensor],
    weights: list[Tensor],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: list[Tensor] | None,
    mode: str,
    bidirectional: bool,
    *rest: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    steps, batch, _ = x.shape
    output = x.new_empty((steps, batch, state[0].shape[2] * (2 if bidirectional else 1)))
    c = state[1].new_empty(state[1].shape) if mode == "LSTM" else x.new_empty(0)
    return output, state[0].new_empty(state[0].shape), c


torch.library.define("clew::layer_backward", f"(Tensor[] grads, {_ARGUMENTS}) -> Tensor[]")


# Not a custom_op: that one would turn autograd off for everything below it.
@torch.library.impl("clew::layer_backward", "CompositeExplicitAutograd")
def _layer_backward(
    grads: Sequence[Tensor],
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: Sequence[Tensor] | None,
    *settings: Any,
) -> list[Tensor]:
    inputs = [tensor.detach().requires_grad_() for tensor in (x, *state, *weights)]
    count = 1 + len(state)
    with torch.enable_grad():
        output, final = _run(
            inputs[0], inputs[1:count], inputs[count:], lengths, reset, masks, settings
        )
    outputs = (output, *final)
    found = torch.autograd.grad(outputs, inputs, grads[: len(outputs)], allow_unused=True)
    return [
        torch.zeros_like(tensor) if grad is None else grad.contiguous()
        for tensor, grad in zip(inputs, found, strict=True)
    ]


@torch.library.register_fake("clew::layer_backward")  # type: ignore[untyped-decorator]
def _(
    grads: Sequence[Tensor],
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    *rest: Any,
) -> list[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor in (x, *state, *weights)]


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, state, weights, lengths, reset, masks, *settings = inputs
    ctx.settings = settings
    ctx.counts = (len(state), len(weights))
    ctx.save_for_backward(x, *state, *weights, lengths, reset, *(masks or ()))


def _backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
    states, weights = ctx.counts
    saved = list(ctx.saved_tensors)
    x, rest = saved[0], saved[1:]
    state, rest = rest[:states], rest[states:]
    flat, rest = rest[:weights], rest[weights:]
    lengths, reset, *masks = rest
    found = torch.ops.clew.layer_backward(
        list(grads[: 1 + states]), x, state, flat, lengths, reset, masks or None, *ctx.settings
    )
    no_masks = [None] * len(masks) if masks else None
    nothing = (None,) * len(ctx.settings)
    return found[0], found[1 : 1 + states], found[1 + states :], None, None, no_masks, *nothing


_layer.register_autograd(_backward, setup_context=_remember)


def _run(
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: Sequence[Tensor] | None,
    settings: Sequence[Any],
) -> tuple[Tensor, State]:
    mode, bidirectional, layer_norm, zoneout, weight_fields, mask_fields, fresh = settings
    cell = Cell(mode, bidirectional, layer_norm, 0.0, (zoneout[0], zoneout[1]))
    whole: list[Any] = _groups(weights, weight_fields, cell.directions)
    drawn: list[Any] = _groups(masks or (), mask_fields, cell.directions)
    schedule = plan(x.shape[0], lengths, reset, x.device, look=True)
    return eager.layer(
        cell,
        without_padding(x, schedule),
        tuple(state),
        [Weights(*group) for group in whole],
        lengths,
        schedule,
        [Masks(*group) for group in drawn],
        fresh,
    )


def _groups(flat: Sequence[Tensor], there: Sequence[bool], count: int) -> list[list[Tensor | None]]:
    """The tensors given back to their fields, None where a field is not there."""
    rest = iter(flat)
    return [[next(rest) if field else None for field in there] for _ in range(count)]
