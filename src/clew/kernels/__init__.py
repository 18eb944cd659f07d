"""Kernels: the one place that chooses how a recurrent layer is computed.

``network`` runs a stack of layers over (T, B, D). What computes a layer:

- the native kernels (``native``) on the CPU, in single and double precision,
- torch's fused layer (``fused``; cuDNN beneath) on other devices and in other precisions, where no
  option and no reset is on, and in graphs that torch.jit.trace records,
- the formula in torch operations (``formula``) for what is left, inside ``torch.func`` transforms
  and for derivatives of derivatives,
- one operator of ours (``compiled``) inside ``torch.compile`` and ``torch.export``, and wherever
  every operation is handed to somebody else; it chooses again among the others.

They agree; which one ran is never visible but in the time it took.
"""

from clew.kernels.masks import draw_masks
from clew.kernels.network import network, packed_network
from clew.kernels.settings import Cell, Masks, Mode, State, Weights

__all__ = [
    "Cell",
    "Masks",
    "Mode",
    "State",
    "Weights",
    "draw_masks",
    "network",
    "packed_network",
]
