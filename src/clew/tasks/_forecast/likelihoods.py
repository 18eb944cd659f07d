"""What the outputs of the network mean: quantiles, a Student-t, a negative binomial.

All are said of z = (y - base) / unit, where `base` is the naive forecast of a step ahead and `unit`
how far it is usually off there; an output of zeros is the naive forecast with its usual errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Array = NDArray[Any]

LIKELIHOODS = ("quantiles", "student-t", "negative-binomial")
LEAST_FREEDOM = 2.05  # degrees of a Student-t: its variance exists
USUAL_FREEDOM = 5.0


def _unsoftplus(value: float) -> float:
    """The number whose softplus is `value`."""
    return value + math.log(-math.expm1(-value))


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of z at `levels` (Q,), in order, the median among them: no two ever cross.

    The first output is the median; each other one, through softplus, the way to the next level
    outwards. usual: (Q,) the quantiles of the naive errors, which zeros stand for. Learned by the
    pinball loss (Koenker & Bassett 1978; Wen et al. 2017).
    """

    levels: tuple[float, ...]
    usual: tuple[float, ...]

    @property
    def outputs(self) -> int:
        """Outputs of the network at a step ahead."""
        return len(self.levels)

    @property
    def middle(self) -> int:
        """Where the median stands."""
        return self.levels.index(0.5)

    def steps(self) -> list[float]:
        """What is added to each output but the first: the usual ways, below and above."""
        ways = np.maximum(np.diff(self.usual), 1e-3)
        below = ways[: self.middle][::-1]
        return [_unsoftplus(float(way)) for way in (*below, *ways[self.middle :])]

    def z(self, out: Tensor) -> Tensor:
        """Quantiles (..., Q) of outputs (..., Q)."""
        ways = F.softplus(out[..., 1:] + out.new_tensor(self.steps()))
        median = out[..., :1]
        below = median - ways[..., : self.middle].cumsum(-1).flip(-1)
        return torch.cat([below, median, median + ways[..., self.middle :].cumsum(-1)], dim=-1)

    def loss(self, out: Tensor, z: Tensor, base: Tensor, unit: Tensor) -> Tensor:
        """Twice the mean pinball loss of outputs (..., Q) at z (...): of the median, |error|."""
        return 2 * pinball(self.z(out), z, self.levels).mean(-1)


@dataclass(frozen=True)
class StudentT:
    """z is Student-t distributed: location, scale and degrees of freedom are the outputs."""

    outputs = 3

    def parts(self, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Location, scale, degrees of freedom, each (...)."""
        scale = F.softplus(out[..., 1] + _unsoftplus(1.0)) + 1e-4
        freedom = LEAST_FREEDOM + F.softplus(
            out[..., 2] + _unsoftplus(USUAL_FREEDOM - LEAST_FREEDOM)
        )
        return out[..., 0], scale, freedom

    def loss(self, out: Tensor, z: Tensor, base: Tensor, unit: Tensor) -> Tensor:
        """-log p(z)."""
        place, scale, freedom = self.parts(out)
        half = (freedom + 1) / 2
        off = ((z - place) / scale) ** 2
        norm = torch.lgamma(half) - torch.lgamma(freedom / 2) - 0.5 * torch.log(math.pi * freedom)
        return half * torch.log1p(off / freedom) - norm + torch.log(scale)


@dataclass(frozen=True)
class NegativeBinomial:
    """y itself is a count: mean mu and variance mu + alpha mu^2 (Salinas et al. 2020)."""

    outputs = 2

    def parts(self, out: Tensor, base: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """mu and alpha, each (...), both positive."""
        place = base + unit * out[..., 0]
        soft = 0.5 * unit + 1e-3  # a mean near or below zero is bent to above it
        mu = soft * F.softplus(place / soft) + 1e-4
        return mu, F.softplus(out[..., 1] + _unsoftplus(0.1)) + 1e-4

    def loss(self, out: Tensor, z: Tensor, base: Tensor, unit: Tensor) -> Tensor:
        """-log p(y)."""
        mu, alpha = self.parts(out, base, unit)
        y = torch.round(base + unit * z).clamp(min=0.0)
        size = 1 / alpha
        known = torch.lgamma(y + size) - torch.lgamma(size) - torch.lgamma(y + 1)
        return -(
            known - size * torch.log1p(alpha * mu)
            + y * (torch.log(alpha * mu) - torch.log1p(alpha * mu))
        )  # fmt: skip


Likelihood = Quantiles | StudentT | NegativeBinomial


def pinball(found: Tensor, z: Tensor, levels: Sequence[float]) -> Tensor:
    """Pinball loss (..., Q) of quantiles (..., Q) at z (...)."""
    off = z.unsqueeze(-1) - found
    level = found.new_tensor(levels)
    return torch.maximum(level * off, (level - 1) * off)


def interpolated(found: Array, levels: Sequence[float], wanted: Array) -> Array:
    """Quantiles at `wanted` (..., W) of quantiles (..., Q) at `levels`: (..., W).

    Straight lines between them; beyond the outermost, tails of an exponential distribution that
    leave with the slope of the outermost line.
    """
    known = np.asarray(levels, dtype=np.float64)
    shape = (*found.shape[:-1], np.shape(wanted)[-1])
    wanted = np.broadcast_to(np.asarray(wanted, dtype=np.float64), shape)
    if len(known) == 1:
        return np.broadcast_to(found, shape).copy()
    upper = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1)
    lower = upper - 1
    low, high = (np.take_along_axis(found, at, axis=-1) for at in (lower, upper))
    steep = (high - low) / (known[upper] - known[lower])
    first, last = known[0], known[-1]
    under, over = np.minimum(wanted, first), np.maximum(wanted, last)
    tails = first * np.log(under / first) - (1 - last) * np.log((1 - over) / (1 - last))
    result: Array = low + (np.clip(wanted, first, last) - known[lower] + tails) * steep
    return result
