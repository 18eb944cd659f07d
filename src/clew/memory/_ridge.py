"""Ridge regression of many targets on the same rows, judged on rows that were held out.

Letters: N rows, H regressors, K numbers of a target. Everything is in double precision.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HELD_OUT = 2  # the part that is only judged on; parts 0 and 1 are learned from
# Penalties that are tried, as shares of the mean eigenvalue; the last leaves hardly anything.
_PENALTIES = (1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 1e3)


class Ridge:
    """y = W^T h + b with the least |y - W^T h - b|^2 + penalty |W|^2 on parts 0 and 1 of the rows.

    The penalty is the one of ten that does best when part 1 is predicted from part 0 and part 0
    from part 1. h: (N, H), part: (N,) of 0, 1 and 2, none empty.
    """

    def __init__(self, h: Tensor, part: Tensor) -> None:
        self._part = part
        self._places = [(part == k).nonzero().squeeze(1) for k in range(3)]
        h = h.double()
        h = h - h[part != HELD_OUT].mean(0)
        self._rows = [h[places] for places in self._places]
        grams = [rows.T @ rows for rows in self._rows]
        self._both = _Half(grams[0] + grams[1], grams[HELD_OUT])
        self._halves = [_Half(grams[0], grams[1]), _Half(grams[1], grams[0])]

    def r2(self, y: Tensor) -> float | None:
        """R^2 = 1 - |y - prediction|^2 / |y - mean|^2 of targets y (N, K) on what was held out.

        The mean is that of what was learned from; sums go over all K numbers. None where the
        targets do not vary there.
        """
        y = y.double()
        y = y - y[self._part != HELD_OUT].mean(0)
        parts = [y[places] for places in self._places]
        square = [float(some.square().sum()) for some in parts]
        if square[HELD_OUT] <= 1e-20 * len(y):
            return None
        cross = [rows.T @ some for rows, some in zip(self._rows, parts, strict=True)]  # (H, K)
        first, second = self._halves
        lost = np.array(first.losses(cross[0], cross[1], square[1]))
        lost += np.array(second.losses(cross[1], cross[0], square[0]))
        best = int(lost.argmin())
        found = self._both.losses(cross[0] + cross[1], cross[2], square[2], only=best)
        return 1.0 - found[0] / square[HELD_OUT]


class _Half:
    """Predicting one part from another: W of the eigenvectors of the one, losses on the other."""

    def __init__(self, own: Tensor, other: Tensor) -> None:
        values, self.vectors = torch.linalg.eigh(own)
        self.values = values.clamp(min=0.0)
        scale = float(self.values.mean())
        self.penalties = [share * scale if scale > 0 else 1.0 for share in _PENALTIES]
        self.other = self.vectors.T @ other @ self.vectors

    def losses(
        self, own: Tensor, other: Tensor, square: float, only: int | None = None
    ) -> list[float]:
        """|y - W^T h|^2 on the other part for each penalty; own, other: (H, K), h^T y of both."""
        own, other = self.vectors.T @ own, self.vectors.T @ other
        some = self.penalties if only is None else [self.penalties[only]]
        penalties = torch.tensor(some, dtype=own.dtype, device=own.device)
        # (H, P, K), so that all penalties go into one product
        weights = own.unsqueeze(1) / (self.values.unsqueeze(1) + penalties).unsqueeze(2)
        said = (self.other @ weights.flatten(1)).reshape(weights.shape)
        fitted = (weights * (said - 2 * other.unsqueeze(1))).sum((0, 2))
        found: list[float] = (square + fitted).clamp(min=0.0).tolist()
        return found


def chance(ridge: Ridge, targets: Tensor, part: Tensor, draws: int, seed: int) -> float:
    """R^2 that targets (N, K) of other times than the rows stay below, from 0 to 1.

    In each part they are moved by a random stretch, at the least a quarter of it, so that what
    hangs together within them still does. The median of so many draws and 6 deviations upwards,
    those below 0 taken as 0: of a state that keeps nothing some 5 in 100 curves rise above that.
    """
    random = np.random.default_rng(seed)
    parts = [(part == k).nonzero().squeeze(1) for k in range(3)]
    found = []
    for _ in range(draws):
        moved = targets.clone()
        for places in parts:
            least = len(places) // 4
            shift = int(random.integers(least, max(len(places) - least, least + 1)))
            moved[places] = targets[places].roll(shift, 0)
        found.append(ridge.r2(moved))
    known = [one for one in found if one is not None]
    if not known:
        return 0.0
    reached = np.maximum(known, 0.0)
    middle = float(np.median(reached))
    upwards = np.maximum(reached - middle, 0.0)
    return min(1.0, middle + 6 * float(np.sqrt(2 * np.square(upwards).mean())))


def split(sources: NDArray[np.int64], steps: NDArray[np.int64], gap: int, seed: int) -> Tensor:
    """A part (N,) for each row, 0, 1 or 2, and -1 for rows that belong to none.

    sources: (N,) the sequence of each row, steps: (N,) its step. Whole sequences go to one part. Of
    fewer than three each is cut in three, with `gap` steps between that belong to none.
    """
    names = np.unique(sources)
    part = np.full(len(sources), -1, dtype=np.int64)
    if len(names) >= 3:
        order = np.random.default_rng(seed).permutation(names)
        for k in range(3):
            part[np.isin(sources, order[k::3])] = k
        return torch.from_numpy(part)
    for name in names:
        rows = sources == name
        first, last = int(steps[rows].min()), int(steps[rows].max()) + 1
        room = (last - first - 2 * gap) / 3
        for k in range(3):
            begin = first + k * (room + gap)
            part[rows & (steps >= begin) & (steps < begin + room)] = k
    return torch.from_numpy(part)
