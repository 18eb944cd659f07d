"""Elements taken away one by one, those far away in blocks first: the cost is bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
Change = Callable[[Sequence[slice]], Curve]  # of the score, by the stretch that is taken away

NEAR = 32  # elements up to the step asked that are always taken away one by one
ALONE = 96  # of those further away, at most
_BLOCKS, _LEAST = 32, 8  # stretches that the others are cut into, and elements in one
_MATTERS = 0.01  # of the largest change: a block that changes less is not looked into


@dataclass(frozen=True)
class Block:
    """Elements from `first` to `last` that were not all taken away alone.

    change: of the score without all of them. middle: without the one in their middle alone.
    """

    first: int
    last: int
    change: float
    middle: float

    def __len__(self) -> int:
        return self.last - self.first + 1

    @property
    def each(self) -> float:
        """What one of them changes, about: of changes of both signs the sum tells too little."""
        share = self.change / len(self)
        return share if abs(share) > abs(self.middle) else self.middle


def occlude(change: Change, around: slice, at: int, noise: float) -> tuple[Curve, list[Block]]:
    """Changes (n,) of each element alone, NaN of those in the blocks that are not looked into.

    around: the elements in question; at: the step asked. The NEAR nearest of each side are taken
    away one by one; so are all others where these are at most ALONE. Else they are taken away in
    blocks, and of each block the one in its middle; then one by one in those blocks in which either
    changes most, up to ALONE elements.
    """
    begin, end = max(around.start, at + 1 - NEAR), min(around.stop, at + NEAR)
    far = begin - around.start + around.stop - end
    found = np.full(around.stop - around.start, np.nan)

    def singly(stretch: slice) -> None:
        places = range(stretch.start, stretch.stop)
        alone = change([slice(k, k + 1) for k in places])
        found[stretch.start - around.start : stretch.stop - around.start] = alone

    if far <= ALONE:
        singly(around)
        return found, []
    singly(slice(begin, end))
    size = max(_LEAST, -(-far // _BLOCKS))
    blocks = [
        *(slice(max(around.start, k - size), k) for k in range(begin, around.start, -size)),
        *(slice(k, min(k + size, around.stop)) for k in range(end, around.stop, size)),
    ]
    changes = change(blocks)
    places = [(one.start + one.stop) // 2 for one in blocks]
    middles = change([slice(k, k + 1) for k in places])
    sizes = np.maximum(np.abs(changes), np.abs(middles))
    largest = max(np.nanmax(np.abs(found)), sizes.max())
    order = np.argsort(-sizes, kind="stable")[: ALONE // size]
    opened = {int(k) for k in order if sizes[k] > max(noise, _MATTERS * largest)}
    for k in opened:
        singly(blocks[k])
    left = [
        Block(one.start, one.stop - 1, float(changes[k]), float(middles[k]))
        for k, one in enumerate(blocks)
        if k not in opened
    ]
    return found, sorted(left, key=lambda block: block.first)
