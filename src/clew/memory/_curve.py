"""What less costs: a curve over n, the n from which on it costs nothing, and how sure both are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.memory._windows import Numbers, Places

Measure = Callable[[int, Places], Numbers]  # losses of these cases where n is left to them

_RESAMPLES = 1000
_FEW = 5  # sources: fewer cannot be resampled


@dataclass(frozen=True)
class Curve:
    """Mean losses by n, what they exceed the loss with all by, and the n that is needed.

    n: (N,) ascending, the last with all there is; loss, excess, low, high: (N,) in the unit of
    the loss, low and high the 95 % interval of the excess. needed: the smallest n from which on the
    excess stays within epsilon; at_least, at_most: its 95 % interval.
    """

    n: NDArray[np.int64]
    loss: Numbers
    excess: Numbers
    low: Numbers
    high: Numbers
    needed: int
    at_least: int
    at_most: int

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "n": self.n.tolist(),
            "loss": self.loss.tolist(),
            "excess": self.excess.tolist(),
            "excess_low": self.low.tolist(),
            "excess_high": self.high.tolist(),
            "needed": self.needed,
            "needed_low": self.at_least,
            "needed_high": self.at_most,
        }


def grid(most: int, coarse: bool = False) -> list[int]:
    """0, 1, 2, 3, 4, 6, 8, 12, 16, 24 ... and `most`; coarse: 0, 1, 2, 4, 8, 16 ..."""
    sizes, size = [0], 1
    while size < most:
        sizes += [size] if coarse or size == 1 else [size, size * 3 // 2]
        size *= 2
    return sorted({n for n in sizes if n < most} | {most})


def curve(
    measure: Measure,
    full: Numbers,
    past: Places,
    epsilon: float,
    sources: Sequence[int],
    sizes: Sequence[int],
    seed: int,
) -> Curve:
    """Measure the curve at `sizes`, then between two of them until the n that is needed is known.

    full: (N,) losses with all. past: (N,) the n at which a case has all. sizes: ascending from 0;
    at the last of them every case has all.
    """
    excess: dict[int, Numbers] = {}

    def look(n: int) -> None:
        if n in excess:
            return
        excess[n] = np.zeros_like(full)
        of = np.flatnonzero(past > n)  # the others see all, as before
        if len(of):
            excess[n][of] = measure(n, of) - full[of]

    for n in sizes:
        look(n)
    while True:
        tried = sorted(excess)
        over = [k for k, n in enumerate(tried) if excess[n].mean() > epsilon]
        if not over or tried[over[-1]] + 1 == tried[over[-1] + 1]:
            break
        look((tried[over[-1]] + tried[over[-1] + 1]) // 2)
    points = np.array(tried, dtype=np.int64)
    drawn = _resampled(np.stack([excess[k] for k in tried], 1), sources, seed)  # (R, N)
    ends = np.quantile(_needed(points, drawn, epsilon), (0.025, 0.975), method="inverted_cdf")
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    mean = np.array([excess[k].mean() for k in tried])
    needed = int(_needed(points, mean[None], epsilon)[0])
    return Curve(
        points, full.mean() + mean, mean, low, high, needed,
        min(int(ends[0]), needed), max(int(ends[1]), needed),
    )  # fmt: skip


def grouped(sources: Sequence[int]) -> bool:
    """Whether there are sequences enough to be resampled, and not only their cases."""
    return len(set(sources)) >= _FEW


def _resampled(values: Numbers, sources: Sequence[int], seed: int) -> Numbers:
    """Means (R, N) of values (cases, N) whose sources were drawn anew with replacement."""
    ids = np.unique(sources, return_inverse=True)[1] if grouped(sources) else None
    if ids is None:
        ids = np.arange(len(values))
    count = int(ids.max()) + 1
    sums, sizes = np.zeros((count, values.shape[1])), np.bincount(ids, minlength=count)
    np.add.at(sums, ids, values)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), _RESAMPLES)
    found: Numbers = (times @ sums) / (times @ sizes)[:, None]
    return found


def _needed(n: NDArray[np.int64], excess: Numbers, epsilon: float) -> Numbers:
    """(R,) the n from which on each of the curves (R, N) stays within epsilon.

    Between two n that were measured the curve is taken as straight.
    """
    rows = np.arange(len(excess))
    over = excess > epsilon
    any_over = over.any(1)
    last = np.where(any_over, over.shape[1] - 1 - over[:, ::-1].argmax(1), 0)
    after = np.minimum(last + 1, len(n) - 1)
    up, down = excess[rows, last], excess[rows, after]
    share = np.divide(up - epsilon, up - down, out=np.ones(len(rows)), where=up > down)
    between = np.ceil(n[last] + share * (n[after] - n[last]) - 1e-9)
    # At the very place where it meets epsilon it is within; the one before is not.
    return np.where(any_over, np.maximum(between, n[last] + 1), 0)
