"""Kernels: the one place that chooses how a recurrent layer is computed.

``network`` runs a stack of layers over (T, B, D). What computes a layer:

- torch's fused layer (``fused``; oneDNN or cuDNN beneath) where no option and no reset is on,
- the formula in torch operations (``formula``) for every option, for traces, inside ``torch.func``
  transforms and for forward-mode derivatives,
- one operator of ours (``compiled``) inside ``torch.compile`` and ``torch.export``.

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
