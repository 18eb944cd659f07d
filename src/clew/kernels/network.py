"""Layers one above the other, each computed by what suits the moment."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from clew.kernels import compiled, eager, formula, fused, native
from clew.kernels.masks import draw_masks
from clew.kernels.schedule import Sequences
from clew.kernels.settings import Cell, Masks, State, Weights
from clew.kernels.transforms import observed, traced, transformed


def network(
    cell: Cell,
    x: Tensor,
    state: State | None,
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
        state: h as (layers * directions, B, P), for the LSTM also c as (layers * directions, B, H);
            zeros where None.
        weights: for each layer one ``Weights`` a direction.
        dropout: chance of a zero between layers, in training.
        lengths: (B,) whole numbers 0..T.
        reset: (T, B) bool.
        masks: for each layer one ``Masks`` a direction; drawn here in training where not given.
        traces: a list to which one dict a layer and direction is appended, every gate and state.

    Raises:
        InputError: a length outside 0..T.
    """
    compiler, transform = torch.compiler.is_compiling() or observed(), transformed()
    compiling = compiler and not transform and traces is None
    look = not compiler and not transform and not x.is_meta
    sequences = Sequences(x.shape[0], x.shape[1], lengths, reset, look)
    random = training and (cell.recurrent_dropout > 0 or cell.zoneout != (0.0, 0.0))
    if x.is_cuda and len(x) > 0 and look and traces is None and masks is None and not random:
        schedule = sequences.schedule(x.device)
        if schedule.alive is None and schedule.forget is None and native.plain(cell, None):
            if state is None:
                state = native.zeros(cell, weights[0], x, len(weights))
            return fused.layers(cell, x, state, weights, dropout if training else 0.0)
    finals = []
    for k, layer_weights in enumerate(weights):
        if k > 0:
            x = torch.dropout(x, dropout, training)
        own = state
        if state is not None and len(weights) > 1:
            own = tuple(part[k * cell.directions : (k + 1) * cell.directions] for part in state)
        drawn = None if masks is None else masks[k]
        if drawn is None and training:
            w_hh = layer_weights[0].w_hh
            hidden = native.hidden_size(cell, w_hh)
            drawn = draw_masks(cell, x.shape[0], x.shape[1], w_hh.shape[1], hidden, w_hh)
        if not compiling and look:
            x, final = eager.layer(cell, x, own, layer_weights, sequences, drawn, traces)
        else:
            if own is None:
                own = native.zeros(cell, layer_weights, x)
            if compiling:
                x, final = compiled.layer(cell, x, own, layer_weights, lengths, reset, drawn)
            else:
                schedule = sequences.schedule(x.device)
                x, final = formula.layer(cell, x, own, layer_weights, schedule, drawn, traces)
        finals.append(final)
    if len(finals) == 1:
        return x, finals[0]
    return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))


def packed_network(
    cell: Cell,
    data: Tensor,
    batch_sizes: Tensor,
    state: State | None,
    weights: Sequence[Sequence[Weights]],
    *,
    dropout: float = 0.0,
    training: bool = False,
) -> tuple[Tensor, State]:
    """``network`` over the data (N, D) of a PackedSequence, states in the order of the packing."""
    random = training and (cell.recurrent_dropout > 0 or cell.zoneout != (0.0, 0.0))
    options = random or not native.plain(cell, None)
    # torch's own packed layers are for what has no kernel of ours, and for graphs being traced.
    if options or transformed() or (not traced() and native.fits(cell, data, state, weights[0])):
        x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
        y, final = network(
            cell, x, state, weights, dropout=dropout, training=training, lengths=lengths
        )
        return pack_padded_sequence(y, lengths).data, final
    if state is None:
        batch = data.new_empty((0, int(batch_sizes[0]), 0))
        state = native.zeros(cell, weights[0], batch, len(weights))
    finals = []
    for k, layer_weights in enumerate(weights):
        if k > 0:
            data = torch.dropout(data, dropout, training)
        own = tuple(part[k * cell.directions : (k + 1) * cell.directions] for part in state)
        data, final = fused.on_packed(cell, data, batch_sizes, own, layer_weights)
        finals.append(final)
    return data, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))
