"""Elements with their weights, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def marked(names: Sequence[str], weights: NDArray[np.float64], noise: float, width: int) -> str:
    """Names in order with their weights (n,), 9 the largest; all 0 where none is above `noise`.

    Of single characters the weights stand below, a minus below those that are negative, 0 is a dot;
    other names carry theirs: word[7].
    """
    most = float(np.abs(weights).max())
    scaled = np.zeros(len(weights), dtype=int)
    if most > noise:
        scaled = np.round(9 * weights / most).astype(int)
    if all(len(name) == 1 for name in names):
        return _below(names, scaled, width)
    words = [f"{name}[{n}]" if n else name for name, n in zip(names, scaled, strict=True)]
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += " " * bool(lines[-1]) + word
    return "\n".join(lines)


def _below(names: Sequence[str], scaled: NDArray[np.int_], width: int) -> str:
    """Rows of characters, below each its weight, and a minus below those that are negative."""
    lines = []
    for begin in range(0, len(names), width):
        part = scaled[begin : begin + width]
        lines.append("".join(names[begin : begin + width]))
        lines.append("".join("." if n == 0 else str(abs(n)) for n in part))
        if (part < 0).any():
            lines.append("".join("-" if n < 0 else " " for n in part).rstrip())
    return "\n".join(lines)
