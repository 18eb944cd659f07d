"""Kernels: the one place that chooses how a recurrent layer is computed.

``network`` runs a stack of layers over (T, B, D). What computes a layer:

- torch's fused layer (``fused``; oneDNN or cuDNN beneath) where no option and no reset is on,
- the formula in torch operations (``formula``) for every option, inside ``torch.func`` transforms and
  for forward-mode derivatives,
- one operator of ours (``compiled``) inside ``torch.compile`` and ``torch.export``.

They agree; which one ran is never visible but in the time it took.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from clew.kernels import formula, fused
from clew.kernels.masks import draw_masks
from clew.kernels.schedule import Schedule, plan
from clew.kernels.settings import NO_MASKS, Cell, Masks, Mode, State, Weights

__all__ = [
    "NO_MASKS",
    "Cell",
    "Masks",
    "Mode",
    "Schedule",
    "State",
    "Weights",
    "draw_masks",
    "formula",
    "fused",
    "network",
    "packed_network",
    "plan",
    "plain",
    "transformed",
]


def network(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Sequence[Sequence[Weights]],
    *,
    dropout: float = 0.0,
    training: bool = False,
    lengths: Tensor | None = None,
    reset: Tensor | None = None,
    masks: Sequence[Sequence[Masks]] | None = None,
    traces: list[dict[str, Tensor]] | None = None,
) -> tuple[Tensor, State]:
    """Runs layers one above the other and returns ((T, B, P * directions), final state).

    Args:
        x: (T, B, D).
        state: h as (layers * directions, B, P), for the LSTM also c as (layers * directions, B, H).
        weights: for each layer one ``Weights`` a direction.
        dropout: chance of a zero between layers, in training.
        lengths: (B,) whole numbers 0..T.
        reset: (T, B) bool.
        masks: for each layer one ``Masks`` a direction; drawn here in training where not given.
        traces: a list to which one dict a layer and direction is appended, every gate and state.

    Raises:
        InputError: a length outside 0..T.
    """
    look = not transformed()
    schedule = plan(x.shape[0], lengths, reset, x.device, look)
    finals = []
    for k, layer_weights in enumerate(weights):
        if k > 0:
            x = torch.dropout(x, dropout, training)
        own = tuple(part[k * cell.directions : (k + 1) * cell.directions] for part in state)
        layer_masks = None if masks is None else masks[k]
        if layer_masks is None and training:
            width, hidden = own[0].shape[-1], own[-1].shape[-1]
            layer_masks = draw_masks(cell, x.shape[0], x.shape[1], width, hidden, x)
        if traces is None and look and plain(cell, layer_masks) and schedule.forget is None and len(x):
            if schedule.alive is None:
                x, final = fused.layer(cell, x, own, layer_weights)
            else:
                assert lengths is not None
                x, final = fused.packed_layer(cell, x, own, layer_weights, lengths)
        else:
            x, final = formula.layer(cell, x, own, layer_weights, schedule, layer_masks, traces)
        finals.append(final)
    if len(finals) == 1:
        return x, finals[0]
    return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def packed_network(
    cell: Cell,
    data: Tensor,
    batch_sizes: Tensor,
    state: State,
    weights: Sequence[Sequence[Weights]],
    *,
    dropout: float = 0.0,
    training: bool = False,
) -> tuple[Tensor, State]:
    """``network`` over the data (N, D) of a PackedSequence; the state is in the order of the packing."""
    random = training and (cell.recurrent_dropout > 0 or cell.zoneout != (0.0, 0.0))
    if random or not plain(cell, None) or transformed():
        x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
        y, final = network(
            cell, x, state, weights, dropout=dropout, training=training, lengths=lengths
        )
        return pack_padded_sequence(y, lengths).data, final
    finals = []
    for k, layer_weights in enumerate(weights):
        if k > 0:
            data = torch.dropout(data, dropout, training)
        own = tuple(part[k * cell.directions : (k + 1) * cell.directions] for part in state)
        data, final = fused.on_packed(cell, data, batch_sizes, own, layer_weights)
        finals.append(final)
    return data, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def plain(cell: Cell, masks: Sequence[Masks] | None) -> bool:
    """Whether a layer computes just what torch's own computes."""
    quiet = masks is None or all(part is None for mask in masks for part in mask)
    return not cell.layer_norm and cell.zoneout == (0.0, 0.0) and quiet


def transformed() -> bool:
    """Whether a ``torch.func`` transform or a forward-mode derivative is going on."""
    return (
        torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
    )
