"""The loop through time in torch operations: every cell, every option, both directions.

This is the path that can do everything: derivatives of any order, forward mode, ``torch.func``
transforms, gates for a trace. The fused kernels must agree with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clew.kernels.cells import CELLS, GATES
from clew.kernels.schedule import Schedule, without_padding
from clew.kernels.settings import NO_MASKS, Cell, Masks, State, Weights
from clew.kernels.transforms import autocast


def layer(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Sequence[Weights],
    schedule: Schedule,
    masks: Sequence[Masks] | None = None,
    traces: list[dict[str, Tensor]] | None = None,
) -> tuple[Tensor, State]:
    """Runs one layer over (T, B, D) and returns ((T, B, P * directions), final state).

    ``state`` holds (directions, B, P) and for the LSTM (directions, B, H). Where ``traces`` is a
    list, one dict of (T, B, H) tensors a direction is appended to it: each gate, c and h.
    """
    kind, dtype = x.device.type, weights[0].w_ih.dtype
    if autocast(kind):
        # Step by step autocast would mix precisions within a state; the weights' own is used.
        with torch.autocast(kind, enabled=False):
            state = tuple(part.to(dtype) for part in state)
            return layer(cell, x.to(dtype), state, weights, schedule, masks, traces)
    x = without_padding(x, schedule)
    outputs, finals = [], []
    for d in range(cell.directions):
        y, final, shown = _direction(
            cell,
            x,
            tuple(part[d] for part in state),
            weights[d],
            schedule,
            NO_MASKS if masks is None else masks[d],
            reverse=d == 1,
            traced=traces is not None,
        )
        outputs.append(y)
        finals.append(final)
        if traces is not None:
            traces.append({**shown, "h": y})
    output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 2)
    return output, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))


def _direction(
    cell: Cell,
    x: Tensor,
    state: State,
    w: Weights,
    schedule: Schedule,
    masks: Masks,
    *,
    reverse: bool,
    traced: bool,
) -> tuple[Tensor, State, dict[str, Tensor]]:
    steps = x.shape[0]
    h = state[0]  # (B, P)
    c = state[-1]  # (B, H); for cells without c the same tensor as h, and never looked at
    has_c = cell.states == 2
    part, step = CELLS[cell.mode](w, x)
    parts = part.unbind(0)
    alive = None if schedule.alive is None else schedule.alive.unbind(0)
    forget = None if schedule.forget is None else schedule.forget.unbind(0)
    zone_h = _zones(masks.zone_h, cell.zoneout[0])
    zone_c = _zones(masks.zone_c, cell.zoneout[1]) if has_c else None
    last = steps if alive is None else schedule.longest
    outputs: list[Tensor] = [h] * last
    seen: list[tuple[Tensor, ...]] = [()] * last
    for t in range(last - 1, -1, -1) if reverse else range(last):
        # The border between two segments lies before a reset step: the forward direction crosses it
        # on entering step t, the reverse direction on its way from step t + 1 to step t.
        border = t + 1 if reverse else t
        if forget is not None and border < steps and schedule.forgets[border]:
            h = h.masked_fill(forget[border], 0.0)
            c = c.masked_fill(forget[border], 0.0) if has_c else h
        h_in = h if masks.recurrent is None else h * masks.recurrent
        new_h, new_c, gates = step(parts[t], h_in, h, c)
        if zone_h is not None:
            new_h = torch.lerp(new_h, h, zone_h if isinstance(zone_h, float) else zone_h[t])
        if zone_c is not None:
            new_c = torch.lerp(new_c, c, zone_c if isinstance(zone_c, float) else zone_c[t])
        if alive is not None and t >= schedule.shortest:
            new_h = torch.where(alive[t], new_h, h)
            new_c = torch.where(alive[t], new_c, c) if has_c else new_h
        h, c = new_h, new_c
        outputs[t] = h
        if traced:
            seen[t] = (*gates, c) if has_c else gates
    y = _stack(outputs, schedule, steps, h)
    shown = {}
    if traced:
        names = (*GATES[cell.mode], "c") if has_c else GATES[cell.mode]
        for k, name in enumerate(names):
            shown[name] = _stack([values[k] for values in seen], schedule, steps, c)
    return y, ((h, c) if has_c else (h,)), shown


def _zones(drawn: Tensor | None, expected: float) -> tuple[Tensor, ...] | float | None:
    """What zoneout blends new and old with: drawn masks in training, the expectation otherwise."""
    if drawn is not None:
        return drawn.unbind(0)
    return expected if expected > 0 else None


def _stack(values: list[Tensor], schedule: Schedule, steps: int, like: Tensor) -> Tensor:
    """(T, B, H) of the values of the steps run, zeros beyond each length; ``like`` is (B, H)."""
    if not values:
        return like.new_zeros((steps, *like.shape))
    stacked = torch.stack(values)
    if len(values) < steps:
        rest = stacked.new_zeros((steps - len(values), *stacked.shape[1:]))
        stacked = torch.cat((stacked, rest))
    # Filled, not multiplied: what is carried into the padding may be infinite or NaN.
    return stacked if schedule.alive is None else stacked.masked_fill(~schedule.alive, 0.0)
