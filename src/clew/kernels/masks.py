"""Random masks of recurrent dropout and zoneout, drawn outside the kernels.

The kernels take masks as plain tensors, so that one draw can be given to two implementations and
compared, and so that a compiled graph keeps its random numbers where the compiler sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from clew.kernels import native, simd, threads
from clew.kernels.settings import Cell, Masks
from clew.kernels.transforms import transformed


def draw_masks(
    cell: Cell, steps: int, batch: int, width: int, hidden: int, like: Tensor
) -> list[Masks]:
    """Draws the training masks of one layer, one ``Masks`` a direction.

    ``width`` is the size of h, ``hidden`` that of c. For each direction in turn the order of
    drawing is recurrent dropout, then zoneout of h, then zoneout of c; an option that is off draws
    nothing. The values are 0 and 1 / (1 - p) for recurrent dropout (Gal & Ghahramani 2016) and 1
    (kept) or 0 for zoneout (Krueger et al. 2017).
    """
    drawn = []
    p = cell.recurrent_dropout
    zone_h, zone_c = cell.zoneout
    for _ in range(cell.directions):
        recurrent = _bernoulli(1.0 - p, (batch, width), like) / (1.0 - p) if p > 0 else None
        kept_h = _bernoulli(zone_h, (steps, batch, width), like) if zone_h > 0 else None
        kept_c = None
        if cell.mode == "LSTM" and zone_c > 0:
            kept_c = _bernoulli(zone_c, (steps, batch, hidden), like)
        drawn.append(Masks(recurrent, kept_h, kept_c))
    return drawn


def _bernoulli(chance: float, shape: tuple[int, ...], like: Tensor) -> Tensor:
    if like.device.type == "cpu" and like.dtype in native.TYPES and not transformed():
        # Numbers of torch's own generator come one after the other; a seed from it is enough.
        seed = torch.randint(1 << 62, (), device=like.device)
        plain = type(like) in native.KINDS and not torch.compiler.is_compiling()
        draw = _draw if plain else _operator
        return cast(Tensor, draw(seed, chance, shape, like.dtype))
    # torch.rand rather than an in-place bernoulli_: it also works inside torch.func.vmap.
    return (torch.rand(shape, dtype=like.dtype, device=like.device) < chance).to(like.dtype)


def _draw(seed: Tensor, chance: float, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """1 with this chance and 0 otherwise: native/draw.h."""
    mask = torch.empty(shape, dtype=dtype)
    double = dtype == torch.float64
    count = threads.count()
    simd.native().draw(double, int(seed), chance, mask.data_ptr(), mask.numel(), count)
    return mask


_operator = torch.library.custom_op(
    "clew::draw",
    _draw,
    mutates_args=(),
    schema="(Tensor seed, float chance, SymInt[] shape, ScalarType dtype) -> Tensor",
)


@_operator.register_fake
def _(seed: Tensor, chance: float, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    return seed.new_empty(shape, dtype=dtype)
