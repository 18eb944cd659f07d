"""What a kernel is told: the arithmetic of one recurrent layer, its weights and its random masks.

Shapes everywhere: B sequences, T steps, D features in, H hidden units, G gates' rows (4H for the
LSTM, 3H for the GRU, H for the RNN), P the width of h (H, or ``proj_size``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

Mode = Literal["LSTM", "GRU", "RNN_TANH", "RNN_RELU"]
State = tuple[Tensor, ...]  # (h,) or, for the LSTM, (h, c)

EPSILON = 1e-5  # added to the variance in layer normalisation, as torch does


@dataclass(frozen=True)
class Cell:
    """The arithmetic of one recurrent layer (of one or both directions).

    ``zoneout`` is (z_h, z_c): what is used in evaluation, and the chance of a unit to be kept in
    training.
    """

    mode: Mode
    bidirectional: bool = False
    layer_norm: bool = False
    recurrent_dropout: float = 0.0
    zoneout: tuple[float, float] = (0.0, 0.0)

    @property
    def directions(self) -> int:
        """1, or 2 for a layer that reads both ways."""
        return 2 if self.bidirectional else 1

    @property
    def states(self) -> int:
        """How many tensors a state has: (h, c) for the LSTM, h for the others."""
        return 2 if self.mode == "LSTM" else 1


class Weights(NamedTuple):
    """The parameters of one layer in one direction, by torch's names; None where there is none."""

    w_ih: Tensor  # (G, D)
    w_hh: Tensor  # (G, P)
    b_ih: Tensor | None = None  # (G,)
    b_hh: Tensor | None = None  # (G,)
    w_hr: Tensor | None = None  # (P, H) projection of the LSTM's h
    ln_ih: Tensor | None = None  # (G,) gain of the normalised input part; RNN: of the sum
    ln_hh: Tensor | None = None  # (G,) gain of the normalised recurrent part
    ln_c_weight: Tensor | None = None  # (H,) gain of the normalised LSTM cell
    ln_c_bias: Tensor | None = None  # (H,)


class Masks(NamedTuple):
    """The random masks of one layer in one direction during one call; None where nothing is random.

    ``recurrent`` multiplies h before W_hh: 0 or 1 / (1 - p), one value a unit for the whole
    sequence.
    ``zone_h`` and ``zone_c`` are 1 where a unit keeps its former value at a step, else 0; step t is
    the step of the input, in both directions.
    """

    recurrent: Tensor | None = None  # (B, P)
    zone_h: Tensor | None = None  # (T, B, P)
    zone_c: Tensor | None = None  # (T, B, H)


NO_MASKS = Masks()
