"""One layer outside of torch.compile and torch.func: fused where it can be, else the formula."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clew.kernels import formula, fused
from clew.kernels.schedule import Schedule
from clew.kernels.settings import Cell, Masks, State, Weights
from clew.kernels.transforms import autocast, traced


def layer(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Sequence[Weights],
    lengths: Tensor | None,
    schedule: Schedule,
    masks: Sequence[Masks] | None,
    fresh: bool,
) -> tuple[Tensor, State]:
    """Runs one layer over (T, B, D); ``schedule`` has been made of ``lengths`` and resets.

    ``fresh`` says that the initial state is known to be zero.
    """
    onednn = _onednn(cell, x, weights)
    # oneDNN packs the weights anew in each call, which one or two steps do not repay; but a graph
    # being traced shall serve any number of steps, and autocast gives torch's layers their type.
    brief = onednn and not traced() and not autocast(x.device.type)
    worth = len(x) > (2 if brief else 0)
    if worth and plain(cell, masks) and schedule.forget is None:
        if schedule.alive is None:
            return fused.layer(cell, x, state, weights)
        if lengths is not None and onednn and (fresh or not cell.bidirectional):
            return fused.ragged_lstm(cell, x, state, weights, lengths, schedule)
        if lengths is not None and x.is_cuda:
            return fused.packed_layer(cell, x, state, weights, lengths)
    return formula.layer(cell, x, state, weights, schedule, masks)


def _onednn(cell: Cell, x: Tensor, weights: Sequence[Weights]) -> bool:
    """Whether torch hands the layer to oneDNN, which is fast with an LSTM without projection."""
    single = x.device.type == "cpu" and x.dtype == torch.float32
    return single and cell.mode == "LSTM" and weights[0].w_hr is None


def plain(cell: Cell, masks: Sequence[Masks] | None) -> bool:
    """Whether a layer computes just what torch's own computes."""
    quiet = masks is None or all(part is None for mask in masks for part in mask)
    return not cell.layer_norm and cell.zoneout == (0.0, 0.0) and quiet
