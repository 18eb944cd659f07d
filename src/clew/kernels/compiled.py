"""One layer as one operator, ``clew::layer``, for torch.compile and torch.export.

A compiler that looked inside would unroll the loop through time: slow to compile, and for one T
only. Seen as an operator a layer compiles at once and serves any T and B. Its backward is an
operator too. What that needs is one more result of the layer, the record of the native kernels;
where there is none (on other devices, or where nobody seemed to want gradients) backward runs the
layer again, with gradients on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from clew.kernels import eager, native
from clew.kernels.derivatives import gradients
from clew.kernels.schedule import Sequences
from clew.kernels.settings import Cell, Masks, State, Weights

# masks may be None because AOTInductor takes an empty list for None.
_ARGUMENTS = (
    "Tensor x, Tensor[] state, Tensor[] weights, Tensor? lengths, Tensor? reset, "
    "Tensor[]? masks, str mode, bool bidirectional, bool layer_norm, float[] zoneout, "
    "bool[] weight_fields, bool[] mask_fields, bool keep"
)


def layer(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Sequence[Weights],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: Sequence[Masks] | None,
) -> tuple[Tensor, State]:
    """Runs one layer over (T, B, D) through the operator; arguments as of ``kernels.network``."""
    dtype = weights[0].w_ih.dtype  # x may have another under autocast, which operators do not see
    flat_masks = [part for mask in masks or () for part in mask if part is not None]
    flat = [part for w in weights for part in w if part is not None]
    # An exported program is there to be run, as a rule: what only backward needs is not kept.
    wanted = torch.is_grad_enabled() and not torch.compiler.is_exporting()
    output, h, c, _ = _layer(
        x.to(dtype),
        [part.to(dtype) for part in state],
        flat,
        lengths,
        reset,
        flat_masks or None,
        cell.mode,
        cell.bidirectional,
        cell.layer_norm,
        list(cell.zoneout),
        [part is not None for part in weights[0]],
        [part is not None for part in masks[0]] if masks else [False, False, False],
        wanted and any(part.requires_grad for part in (x, *state, *flat)),
    )
    return output, (h, c)[: cell.states]


@torch.library.custom_op(
    "clew::layer", mutates_args=(), schema=f"({_ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)"
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
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    settings = (mode, bidirectional, layer_norm, zoneout, weight_fields, mask_fields, keep)
    record = _record(x, weights, settings)
    if record.numel():
        reading, tensors = _reading(x, state, weights, lengths, reset, masks, settings)
        assert reading.record_size() <= record.numel(), "the bound of a record is no bound"
        outputs = reading.forward(tensors, record)
        output, final = outputs[0], outputs[1:]
    else:
        output, final = _run(x, state, weights, lengths, reset, masks, settings)
    h, c = final[0], (final[1] if len(final) == 2 else x.new_empty(0))
    # An operator may not return its inputs, and its results are promised to be contiguous.
    h, c = (torch.clone(part, memory_format=torch.contiguous_format) for part in (h, c))
    return output.contiguous(), h, c, record


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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    steps, batch, _ = x.shape
    output = x.new_empty((steps, batch, state[0].shape[2] * (2 if bidirectional else 1)))
    c = state[1].new_empty(state[1].shape) if mode == "LSTM" else x.new_empty(0)
    record = _record(x, weights, (mode, bidirectional, *rest))
    return output, state[0].new_empty(state[0].shape), c, record


def _record(x: Tensor, weights: Sequence[Tensor], settings: Sequence[Any]) -> Tensor:
    """Room for the record, none where it is not kept; as large whatever the lengths are."""
    cell, keep = _cell(settings), settings[-1]
    if not keep or not native.can(cell, x.device, x.dtype):
        return x.new_empty(0)
    each = native.record_bound(cell, native.hidden_size(cell, weights[1]), x.dtype.itemsize)
    return x.new_empty(x.shape[0] * x.shape[1] * each)


torch.library.define(
    "clew::layer_backward",
    f"(Tensor?[] grads, Tensor output, Tensor record, {_ARGUMENTS}) -> Tensor[]",
)


# Not a custom_op: that one would turn autograd off for everything below it.
@torch.library.impl("clew::layer_backward", "CompositeExplicitAutograd")
def _layer_backward(
    grads: Sequence[Tensor | None],
    output: Tensor,
    record: Tensor,
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: Sequence[Tensor] | None,
    *settings: Any,
) -> list[Tensor]:
    given = (x, *state, *weights)
    if record.numel():
        reading, tensors = _reading(x, state, weights, lengths, reset, masks, settings)
        # An operator leaves its inputs as they are, and a graph may be run backward twice.
        found = reading.backward(tensors, output, record.clone(), grads, [True] * len(tensors))
        return [grad for grad in found if grad is not None]
    inputs = [tensor.detach().requires_grad_() for tensor in given]
    count = 1 + len(state)
    with torch.enable_grad():
        again, final = _run(
            inputs[0], inputs[1:count], inputs[count:], lengths, reset, masks, settings
        )
    gained = gradients((again, *final), inputs, grads)
    return [
        torch.zeros_like(tensor) if grad is None else grad.contiguous()
        for tensor, grad in zip(inputs, gained, strict=True)
    ]


@torch.library.register_fake("clew::layer_backward")  # type: ignore[untyped-decorator]
def _(
    grads: Sequence[Tensor | None],
    output: Tensor,
    record: Tensor,
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
    y, _, _, record = output
    ctx.mark_non_differentiable(record)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(y, record, x, *state, *weights, lengths, reset, *(masks or ()))


def _backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
    states, weights = ctx.counts
    y, record, x, *rest = ctx.saved_tensors
    state, rest = rest[:states], rest[states:]
    flat, rest = rest[:weights], rest[weights:]
    lengths, reset, *masks = rest
    found = torch.ops.clew.layer_backward(
        list(grads[: 1 + states]),
        y,
        record,
        x,
        state,
        flat,
        lengths,
        reset,
        masks or None,
        *ctx.settings,
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
    cell, weight_fields, mask_fields = _cell(settings), *settings[4:6]
    whole: list[Any] = _groups(weights, weight_fields, cell.directions)
    return eager.layer(
        cell,
        x,
        tuple(state),
        [Weights(*group) for group in whole],
        Sequences(x.shape[0], x.shape[1], lengths, reset),
        _masks(masks, mask_fields, cell),
    )


def _reading(
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    reset: Tensor | None,
    masks: Sequence[Tensor] | None,
    settings: Sequence[Any],
) -> tuple[native.Reading, list[Tensor]]:
    cell, weight_fields, mask_fields = _cell(settings), *settings[4:6]
    tensors = [native.in_memory(tensor) for tensor in (x, *state, *weights)]
    sequences = Sequences(x.shape[0], x.shape[1], lengths, reset)
    drawn = _masks(masks, mask_fields, cell)
    return native.Reading(cell, x, weights[1], tuple(weight_fields), sequences, drawn), tensors


def _cell(settings: Sequence[Any]) -> Cell:
    mode, bidirectional, layer_norm, zoneout = settings[:4]
    return Cell(mode, bidirectional, layer_norm, 0.0, (zoneout[0], zoneout[1]))


def _masks(
    masks: Sequence[Tensor] | None, fields: Sequence[bool], cell: Cell
) -> list[Masks] | None:
    drawn: list[Any] = _groups(masks or (), fields, cell.directions)
    return [Masks(*group) for group in drawn] if masks else None


def _groups(flat: Sequence[Tensor], there: Sequence[bool], count: int) -> list[list[Tensor | None]]:
    """The tensors given back to their fields, None where a field is not there."""
    rest = iter(flat)
    return [[next(rest) if field else None for field in there] for _ in range(count)]
