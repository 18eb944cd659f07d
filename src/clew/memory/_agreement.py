"""Whether gradients and occlusion name the same elements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AGREE = 0.6  # a share from which on two curves name the same elements


def shared(
    one: NDArray[np.float64], other: NDArray[np.float64], noise: float = 0.0
) -> float | None:
    """sum_i min(|a_i| / sum |a|, |b_i| / sum |b|), 1 of curves that put all at the same elements.

    None where there is one element only, or nothing in either but `noise`.
    """
    sizes = [np.abs(curve) for curve in (one, other)]
    if len(one) < 2 or min(float(size.max()) for size in sizes) <= noise:
        return None
    return float(np.minimum(*(size / size.sum() for size in sizes)).sum())


def agree(share: float | None, aligned: float | None) -> bool | None:
    """Whether gradients and occlusion tell the same; None where that cannot be said."""
    if share is None:
        return None
    return share >= AGREE and (aligned is None or aligned >= AGREE)


def verdict(share: float | None, aligned: float | None) -> str:
    """In words whether they agree, and which to trust where they do not."""
    if share is None:
        return "Too little changes for gradients and occlusion to be compared."
    figures = f"{100 * share:.0f} % of what they change lies at the same elements"
    if aligned is not None:
        figures += f", {100 * aligned:.0f} % has the same sign"
    if agree(share, aligned):
        return f"Gradients and occlusion agree ({figures})."
    return f"Gradients and occlusion disagree ({figures}): trust occlusion (Ismail et al. 2020)."
