"""What held-out values say of a trained forecaster: how far to trust it, how wide intervals are."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from clew.tasks._forecast.likelihoods import NegativeBinomial, Quantiles, pinball
from clew.tasks._forecast.net import Member
from clew.tasks._forecast.problem import ForecastProblem

# Held-out horizons after which a factor of intervals is half believed.
SURE_WIDER, SURE_NARROWER, SURE_OF_SIDES = 0.1, 3.0, 6.0
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
FACTORS = np.geomspace(1 / 3, 3.0, 61)
CALIBRATED = 20_000  # held-out values that intervals are fitted to, at most


def temper(problem: ForecastProblem) -> float:
    """Take only so much of what the network adds to the naive forecast as held-out values confirm.

    The outputs are multiplied by the share with the least held-out loss, 0 is the naive forecast.
    """
    network = problem.network
    losses = np.zeros(len(SHARES))
    for seen, y in problem.judgements():
        z = torch.from_numpy((y - seen.base) / seen.unit).float().to(seen.out.device)
        there = ~torch.isnan(z)
        base, unit = (torch.from_numpy(np.array(part)).to(z) for part in (seen.base, seen.unit))
        known = torch.where(there, z, 0.0)
        for place, share in enumerate(SHARES):
            loss = network.likelihood.loss(share * seen.out, known, base, unit)
            losses[place] += float((loss * there).sum())
    share = SHARES[int(np.argmin(losses))]
    with torch.no_grad():
        for member in network.members:
            assert isinstance(member, Member)
            for part in (member.out, member.line, member.straight):
                part.weight.mul_(share)
    return share


def calibrate(problem: ForecastProblem) -> None:
    """Stretch the intervals as held-out values ask for, and see how errors hang together.

    The factor with the least pinball loss is taken, then that of each side of the median; of few
    held-out horizons only a part of it, since such a few say little.
    """
    network = problem.network
    offs, zs, links = [], [], [np.zeros(2)]
    likelihood = network.likelihood
    horizons = 0.0
    for seen, y in problem.judgements():
        if isinstance(likelihood, NegativeBinomial):
            return
        z = (y - seen.base) / seen.unit
        if isinstance(likelihood, Quantiles):
            found = likelihood.z(seen.out).cpu().numpy().astype(np.float64)
            off = found - found[..., likelihood.middle, np.newaxis]
            z = z - found[..., likelihood.middle]
        else:
            middle, scale = (p.double().cpu().numpy() for p in likelihood.parts(seen.out)[:2])
            off = scale[..., np.newaxis] * np.array([-1.0, 0.0, 1.0])
            z = z - middle
        pairs = z[:, 1:] * z[:, :-1]
        squares = np.where(np.isnan(pairs), np.nan, z[:, 1:] ** 2)
        links.append(np.array([np.nansum(pairs), np.nansum(squares)]))
        there = ~np.isnan(z)
        offs.append(off[there])
        zs.append(z[there])
        horizons += there.sum() / z.shape[1] ** 2
    if not zs or not sum(map(len, zs)):
        return
    both, single = np.sum(links, axis=0)
    network.linkage.fill_(float(np.clip(both / max(single, 1e-300), 0.0, 0.999)))
    every = max(1, sum(map(len, zs)) // CALIBRATED)
    ways = torch.from_numpy(np.concatenate(offs)[::every])
    place = torch.from_numpy(np.concatenate(zs)[::every])
    if isinstance(likelihood, Quantiles):
        levels, centre = likelihood.levels, likelihood.middle
        below, above = range(centre), range(centre + 1, len(levels))
        factor = _factor(ways, place, levels, [*below, *above])
        network.factor.fill_(_trusted(factor, horizons))
        for number, some in enumerate((below, above)):
            apart = math.log(_factor(ways, place, levels, list(some)) / factor)
            network.factor[number] *= math.exp(apart * horizons / (horizons + SURE_OF_SIDES))
        return
    ratio = float(torch.quantile(place.abs() / ways[:, 2].clamp(min=1e-9), 0.8)) / 1.48
    network.factor.fill_(_trusted(float(np.clip(ratio, FACTORS[0], FACTORS[-1])), horizons))


def _factor(ways: Tensor, place: Tensor, levels: tuple[float, ...], some: list[int]) -> float:
    """The factor of `ways` (n, Q) to some of the levels with the least pinball loss at `place`."""
    if not some:
        return 1.0
    chosen = [levels[i] for i in some]
    losses = [float(pinball(f * ways[:, some], place, chosen).mean()) for f in FACTORS]
    return float(FACTORS[int(np.argmin(losses))])


def _trusted(factor: float, horizons: float) -> float:
    """A part of the factor found on so many horizons.

    What was fitted is too sure of itself: that intervals are too narrow is believed earlier than
    that they are too wide.
    """
    sure = SURE_WIDER if factor > 1 else SURE_NARROWER
    return math.exp(math.log(factor) * horizons / (horizons + sure))
