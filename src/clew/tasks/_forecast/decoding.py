"""From outputs of the network to forecasts: quantiles, sample paths, from any origins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special, stats

from clew.tasks._forecast.blocks import Blocks
from clew.tasks._forecast.likelihoods import NegativeBinomial, Quantiles, interpolated
from clew.tasks._forecast.net import ForecastNetwork, State
from clew.tasks._forecast.problem import READ, survey
from clew.tasks._forecast.scaling import Scaling, Track

Array = NDArray[np.float64]
Steps = NDArray[np.int64]

PATHS = 400  # of which quantiles are made, where decoding is recursive
EDGE = 1e-9  # no quantile is asked for nearer to 0 or 1


class Origin(NamedTuple):
    """Where B series stand: what the heads need of their last step, states, and their values.

    now: of each member (B, H + 5). state: of each member what its stack carries.
    """

    now: list[torch.Tensor]
    state: State
    track: Track


def values(network: ForecastNetwork, out: torch.Tensor, base: Array, unit: Array, at: Any) -> Array:
    """Quantiles (..., W) at probabilities `at` (W,) or (..., W), of outputs (..., P).

    base, unit: (...), see likelihoods. In the measure in which the network reads values.
    """
    likelihood = network.likelihood
    below, above = network.factor.tolist()
    wanted = np.clip(np.asarray(at, dtype=np.float64), EDGE, 1 - EDGE)
    if isinstance(likelihood, Quantiles):
        known = likelihood.z(out).cpu().numpy().astype(np.float64)
        middle = known[..., likelihood.middle, np.newaxis]
        z = interpolated(known, likelihood.levels, wanted)
    elif isinstance(likelihood, NegativeBinomial):
        base32, unit32 = (torch.from_numpy(np.array(part)).to(out) for part in (base, unit))
        mu, alpha = (_wide(part) for part in likelihood.parts(out, base32, unit32))
        counts: Array = stats.nbinom.ppf(wanted, 1 / alpha, 1 / (1 + alpha * mu))
        return counts
    else:
        middle, scale, freedom = (_wide(part) for part in likelihood.parts(out))
        z = middle + scale * special.stdtrit(freedom, wanted)
    off = z - middle
    z = middle + np.where(off < 0, below, above) * off
    found: Array = base[..., np.newaxis] + unit[..., np.newaxis] * z
    return found


def drawn(
    network: ForecastNetwork, out: torch.Tensor, base: Array, unit: Array, draw: Any
) -> Array:
    """One value (...) drawn at random for each of the outputs (..., P)."""
    likelihood = network.likelihood
    if isinstance(likelihood, NegativeBinomial):  # whose quantiles would take long
        base32, unit32 = (torch.from_numpy(np.array(part)).to(out) for part in (base, unit))
        mu, alpha = (_wide(part)[..., 0] for part in likelihood.parts(out, base32, unit32))
        counts: Array = draw.poisson(draw.gamma(1 / alpha, alpha * mu)).astype(np.float64)
        return counts
    at = draw.random((*out.shape[:-1], 1))
    return values(network, out, base, unit, at)[..., 0]


def _wide(part: torch.Tensor) -> Array:
    """(...) as float64 (..., 1)."""
    found: Array = part.cpu().numpy().astype(np.float64)[..., np.newaxis]
    return found


def unit_of(network: ForecastNetwork, scale: Array) -> Array:
    """How far forecasts are usually off (..., K), of scales (..., 1)."""
    return scale * network.spread.cpu().numpy().astype(np.float64)


def direct(
    network: ForecastNetwork, blocks: Blocks, origins: dict[int, Steps], levels: Sequence[float]
) -> Iterator[tuple[int, Array]]:
    """Of each series the quantiles (n, K, W) of what follows its origins: the last steps known."""
    found: list[Array] = []
    for seen in survey(network, blocks, origins):
        series = int(seen.series[0])
        found.append(values(network, seen.out, seen.base, seen.unit, levels))
        if int(seen.origin[-1]) == int(origins[series][-1]):
            yield series, np.concatenate(found)
            found = []


@torch.no_grad()
def from_origin(
    network: ForecastNetwork, scaling: Scaling, origin: Origin, known: NDArray[np.float32],
    levels: Any,
) -> Array:  # fmt: skip
    """Quantiles (B, K, W) of what follows where B series stand; known: (B, K, F)."""
    horizon = known.shape[1]
    reading = scaling.standing(origin.track)
    ahead = scaling.ahead(reading, np.array([0]), horizon)
    device = network.device
    out = network.head(
        [part.to(device) for part in origin.now], torch.from_numpy(known).to(device),
        torch.from_numpy(ahead.leads[0]).to(device),
    ).mean(0)  # fmt: skip
    unit = unit_of(network, reading.scale[0][:, np.newaxis])[:, :horizon]
    return values(network, out, ahead.base[0], unit, levels)


@torch.no_grad()
def standing(
    network: ForecastNetwork, blocks: Blocks, origins: dict[int, Steps]
) -> Iterator[tuple[int, int, Origin]]:
    """Series, last step known, and where the series then stands; each is read once."""
    for series, wanted in origins.items():
        state: State = None
        begun = 0
        for step in wanted.tolist():
            for start in range(begun, step + 1, READ):
                x = blocks.span(series, start, min(start + READ, step + 1)).x
                now, state = network(torch.from_numpy(x).unsqueeze(1).to(network.device), state)
            begun = step + 1
            track = blocks.track(series, step + 1)
            yield series, step, Origin([part[-1] for part in now], state, track)


@torch.no_grad()
def recursive(
    network: ForecastNetwork, scaling: Scaling, origin: Origin, known: NDArray[np.float32],
    count: int, draw: np.random.Generator,
) -> Array:  # fmt: skip
    """Paths (count, H) of what may follow where one series stands; known: (H, F).

    Each step is drawn from what is said of it, and read before the next (Salinas et al. 2020).
    """
    device, horizon = network.device, len(known)
    track = Track(*(np.repeat(part, count, axis=-1) for part in origin.track))
    now = [part.to(device).expand(count, -1) for part in origin.now]
    state = _repeated(origin.state, count, device)
    reading = scaling.standing(track)
    paths = np.empty((count, horizon))
    for k in range(horizon):
        ahead = scaling.ahead(reading, np.array([0]), 1)
        row = torch.from_numpy(known[k]).to(device).expand(count, 1, -1)
        leads = torch.from_numpy(ahead.leads[0]).to(device)
        out = network.head(now, row, leads).mean(0)  # (count, 1, P)
        unit = unit_of(network, reading.scale[0][:, np.newaxis])[:, :1]
        paths[:, k] = drawn(network, out, ahead.base[0], unit, draw)[:, 0]
        if k + 1 < horizon:
            reading, track = scaling.read(paths[np.newaxis, :, k], track)
            after = np.broadcast_to(known[k], (1, count, known.shape[1]))
            x = np.concatenate([reading.inputs, after], axis=-1)
            features, state = network(torch.from_numpy(x).to(device), state)
            now = [part[0] for part in features]
    return paths


def _repeated(state: State, count: int, device: torch.device) -> State:
    """The state of one series, for so many."""
    if isinstance(state, torch.Tensor):
        return state.to(device).expand(*state.shape[:-2], count, -1).contiguous()
    return tuple(_repeated(part, count, device) for part in state)


def linked(count: int, horizon: int, linkage: float, draw: np.random.Generator) -> Array:
    """Probabilities (count, H), uniform each, of steps that hang together as errors do.

    A Gaussian copula: normal numbers of which each is `linkage` times the one before and new noise.
    """
    normal = draw.standard_normal((count, horizon))
    for k in range(1, horizon):
        normal[:, k] = linkage * normal[:, k - 1] + np.sqrt(1 - linkage**2) * normal[:, k]
    found: Array = special.ndtr(normal)
    return found
