"""One layer outside of torch.compile and torch.func: native, fused, or else by the formula."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from clew.kernels import formula, fused, native
from clew.kernels.schedule import Sequences
from clew.kernels.settings import Cell, Masks, State, Weights
from clew.kernels.transforms import traced


def layer(
    cell: Cell,
    x: Tensor,
    state: State | None,
    weights: Sequence[Weights],
    sequences: Sequences,
    masks: Sequence[Masks] | None,
    traces: list[dict[str, Tensor]] | None = None,
) -> tuple[Tensor, State]:
    """Runs one layer over (T, B, D); a ``state`` of None is zeros."""
    # A graph that is being traced knows torch's own operations only.
    if not traced() and native.fits(cell, x, state, weights):
        return native.layer(cell, x, state, weights, sequences, masks, traces)
    if state is None:
        state = native.zeros(cell, weights, x)
    schedule = sequences.schedule(x.device)
    usual = native.plain(cell, masks) and traces is None and schedule.forget is None
    if len(x) > 0 and usual and schedule.alive is None:
        return fused.layer(cell, x, state, weights)
    if len(x) > 0 and usual and x.is_cuda and sequences.lengths is not None:
        return fused.packed_layer(cell, x, state, weights, sequences.lengths)
    return formula.layer(cell, x, state, weights, schedule, masks, traces)
