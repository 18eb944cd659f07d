"""The integral of dF/dx on the straight way from neutral elements to those that were read.

x: (T, D) what was read; x0: (T, D) neutral elements; F(x) the score of an answer. What each element
gives is sum_D (x - x0) * integral of dF/dx(x0 + s (x - x0)) ds, s from 0 to 1 (Sundararajan et al.
2017). On any stretch of the way these sum to the difference of F at its ends: so it is known where
more points are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Scores = Callable[[Numbers], Numbers]  # F (S,) at places (S,) of the way
Slopes = Callable[[Numbers], Numbers]  # sum_D (x - x0) dF/dx there, (n, S)

MOST_STEPS = 1024
_AT_ONCE = 64  # points of a stretch; more of them are further stretches
_BOTH_SIGNS = 4  # times what the sum may lack: what gaps may come to by their sizes


@dataclass(frozen=True, eq=False)
class _Stretch:
    """From `begin` to `end` of the way, F there, and the integral (n,) between them."""

    begin: float
    end: float
    low: float
    high: float
    integral: Numbers

    @property
    def gap(self) -> float:
        """What the integral has too much."""
        return float(self.integral.sum()) - (self.high - self.low)


@dataclass(frozen=True, eq=False)
class PathIntegral:
    """What each element gives (n,), in how many points, and what their sum has too much."""

    given: Numbers
    steps: int
    gap: float


def path_integral(
    scores: Scores, slopes: Slopes, ends: tuple[float, float], *, steps: int, allowed: float
) -> PathIntegral:
    """The integral with `steps` points, more where it is rough, until it lacks at most `allowed`.

    ends: F at the beginning and the end of the way. Of each stretch whose own sum lacks much, the
    worst first, both halves get as many points again, up to MOST_STEPS in all.
    """
    count = -(-steps // _AT_ONCE)
    steps = min(steps, _AT_ONCE)
    edges = np.linspace(0.0, 1.0, count + 1)
    held = [ends[0], *scores(edges[1:-1]).tolist(), ends[1]] if count > 1 else ends
    way = zip(edges[:-1].tolist(), edges[1:].tolist(), held[:-1], held[1:], strict=True)
    found = _measured(slopes, list(way), steps)
    while True:
        room = MOST_STEPS // steps - len(found)
        gaps = [one.gap for one in found]
        # Gaps of both signs that make up for each other are gaps of single elements all the same.
        whole = abs(sum(gaps)) <= allowed and sum(map(abs, gaps)) <= _BOTH_SIGNS * allowed
        if whole or room < 1 or not np.isfinite(gaps).all():
            break
        least = allowed / (2 * len(found))
        order = sorted(found, key=lambda one: -abs(one.gap))
        rough = [one for one in order[:room] if abs(one.gap) > least]
        middles = np.array([(one.begin + one.end) / 2 for one in rough])
        halves = []
        for one, at, score in zip(rough, middles.tolist(), scores(middles).tolist(), strict=True):
            halves += [(one.begin, at, one.low, score), (at, one.end, score, one.high)]
        found = order[len(rough) :] + _measured(slopes, halves, steps)
    given = np.sum([one.integral for one in found], axis=0)
    return PathIntegral(given, steps * len(found), sum(one.gap for one in found))


def _measured(
    slopes: Slopes, stretches: Sequence[tuple[float, float, float, float]], steps: int
) -> list[_Stretch]:
    """Each of the stretches (begin, end, F there, F there) with its integral."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    begins, ends = (np.array([one[k] for one in stretches])[:, None] for k in (0, 1))
    at = begins + (ends - begins) * (places + 1) / 2  # (stretches, steps)
    found = slopes(at.ravel()).reshape(-1, *at.shape)  # (n, stretches, steps)
    integrals = (found @ weights) * (ends - begins)[:, 0] / 2
    return [_Stretch(*one, integrals[:, k]) for k, one in enumerate(stretches)]
