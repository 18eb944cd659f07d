"""Likelihoods against torch's distributions, scipy's quantiles and numerical integration."""

import numpy as np
import pytest
import torch
from scipy import stats

from clew.tasks._forecast.decoding import drawn, linked, values
from clew.tasks._forecast.likelihoods import (
    NegativeBinomial,
    Quantiles,
    StudentT,
    interpolated,
    pinball,
)
from clew.tasks._forecast.net import ForecastNetwork

LEVELS = (0.1, 0.25, 0.5, 0.9)
USUAL = (-1.3, -0.7, 0.0, 1.5)


def network(likelihood):
    torch.manual_seed(0)
    return ForecastNetwork(
        5, 0, 3, likelihood, members=1, hidden_size=3, num_layers=1, cell="gru", dropout=0.0
    )


def outputs(likelihood, rows=40):
    return torch.randn(rows, likelihood.outputs, generator=torch.Generator().manual_seed(1))


def test_outputs_of_zeros_are_the_usual_quantiles_and_no_two_ever_cross():
    said = Quantiles(LEVELS, USUAL)
    assert torch.allclose(said.z(torch.zeros(4)), torch.tensor(USUAL), atol=1e-6)
    z = said.z(8 * outputs(said))
    assert (z.diff(dim=-1) >= 0).all()
    assert torch.equal(z[:, 2], 8 * outputs(said)[:, 0])


def test_one_level_is_the_median():
    said = Quantiles((0.5,), (0.0,))
    assert torch.equal(said.z(torch.ones(2, 1)), torch.ones(2, 1))
    loss = said.loss(torch.zeros(2, 1), torch.tensor([3.0, -1.0]), None, None)
    assert torch.equal(loss, torch.tensor([3.0, 1.0]))


def test_pinball_is_least_at_the_quantile():
    sample = torch.from_numpy(np.random.default_rng(0).gamma(2.0, size=4000))
    grid = torch.linspace(0.0, 6.0, 601, dtype=torch.float64)
    for level in (0.1, 0.5, 0.9):
        losses = [float(pinball(g.expand(len(sample), 1), sample, (level,)).mean()) for g in grid]
        best = float(grid[int(np.argmin(losses))])
        assert abs(best - float(torch.quantile(sample, level))) < 0.02


def test_student_t_is_torchs():
    said, z = StudentT(), torch.linspace(-4, 4, 40)
    place, scale, freedom = said.parts(outputs(said))
    theirs = -torch.distributions.StudentT(freedom, place, scale).log_prob(z)
    assert torch.allclose(said.loss(outputs(said), z, None, None), theirs, atol=1e-5)
    assert (freedom > 2).all()


def test_negative_binomial_is_scipys():
    said, out = NegativeBinomial(), outputs(NegativeBinomial())
    base, unit = torch.full((40,), 4.0), torch.full((40,), 2.0)
    y = torch.arange(40.0)
    mu, alpha = said.parts(out, base, unit)
    theirs = -stats.nbinom.logpmf(y, 1 / alpha, 1 / (1 + alpha * mu))
    ours = said.loss(out, (y - base) / unit, base, unit)
    assert np.allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    assert (said.parts(outputs(said), base - 400, unit)[0] > 0).all()


@pytest.mark.parametrize("likelihood", [Quantiles(LEVELS, USUAL), StudentT(), NegativeBinomial()])
def test_what_is_drawn_has_the_quantiles_that_are_said(likelihood):
    net, out = network(likelihood), outputs(likelihood, 1)
    base, unit = np.full(1, 6.0), np.full(1, 2.0)
    at = np.array([0.1, 0.25, 0.5, 0.9])
    found = values(net, out, base, unit, at)[0]
    assert (np.diff(found) >= 0).all()
    many = drawn(net, out.expand(20_000, -1), base, unit, np.random.default_rng(0))
    shares = [(many <= value).mean() for value in found]
    if isinstance(likelihood, NegativeBinomial):  # steps of one: at least the share
        assert all(share >= level - 0.02 for share, level in zip(shares, at, strict=True))
        assert all(
            (many < value).mean() <= level + 0.02 for value, level in zip(found, at, strict=False)
        )
    else:
        assert np.allclose(shares, at, atol=0.02)
    if isinstance(likelihood, StudentT):
        place, scale, freedom = (float(part) for part in likelihood.parts(out))
        theirs = stats.t.ppf(at, freedom, place, scale)
        assert np.allclose(found, 6 + 2 * theirs, rtol=1e-5)


def test_the_factor_stretches_each_side_of_the_median():
    net, out = network(Quantiles(LEVELS, USUAL)), torch.zeros(1, 4)
    net.factor.copy_(torch.tensor([2.0, 0.5]))
    found = values(net, out, np.zeros(1), np.ones(1), LEVELS)[0]
    assert np.allclose(found, [-2.6, -1.4, 0.0, 0.75], atol=1e-5)


def test_between_levels_are_lines_and_beyond_them_exponential_tails():
    found = np.array([[0.0, 1.0, 3.0]])
    levels = (0.2, 0.5, 0.9)
    at = np.array([0.02, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99])
    said = interpolated(found, levels, at)[0]
    assert np.allclose(said[1:6], [0.0, 0.5, 1.0, 2.0, 3.0])
    assert np.isclose(said[0], 0.2 * np.log(0.1) / 0.3)
    assert np.isclose(said[6], 3.0 + 0.1 * np.log(10) * 5.0)
    each = interpolated(found, levels, at[None, :])[0]
    assert np.array_equal(each, said)


def test_linked_steps_are_uniform_each_and_hang_together():
    at = linked(20_000, 3, 0.8, np.random.default_rng(0))
    assert np.allclose(np.quantile(at, [0.1, 0.5, 0.9], axis=0).T, [0.1, 0.5, 0.9], atol=0.02)
    normal = stats.norm.ppf(at)
    assert abs(np.corrcoef(normal[:, 0], normal[:, 2])[0, 1] - 0.64) < 0.02
