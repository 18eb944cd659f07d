"""Scores of forecasts, against closed forms and plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from clew.tasks._forecast import scores
from clew.tasks._forecast.scores import Scores

NUMBERS = st.floats(-1e6, 1e6)


def test_the_naive_error_of_a_season() -> None:
    assert scores.naive_error([1, 5, 2, 9, 4], 2) == pytest.approx((1 + 4 + 2) / 3)
    assert scores.naive_error([1, 5, np.nan, 9, 4], 2) == pytest.approx(4.0)
    assert scores.naive_error([1, 5, 2], 12) == pytest.approx(3.5)  # of neighbours: it is short
    assert scores.naive_error([4, 4, 4, 4], 2) == 0.0
    assert math.isnan(scores.naive_error([7], 1))
    assert math.isnan(scores.naive_error([], 3))


@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=6))
def test_crps_of_samples_is_the_double_sum(truth: float, drawn: list[float]) -> None:
    n = len(drawn)
    away = sum(abs(x - truth) for x in drawn) / n
    apart = sum(abs(a - b) for a in drawn for b in drawn) / n**2
    found = scores.crps_of_samples(truth, drawn)
    assert float(found) == pytest.approx(away - apart / 2, abs=1e-6)


def normal_crps(y: float) -> float:
    """Of a standard normal forecast: Gneiting & Raftery 2007, equation 21."""
    return float(y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / math.sqrt(math.pi))


@pytest.mark.parametrize("y", [-2.5, 0.0, 0.7])
def test_crps_nears_its_closed_form(y: float) -> None:
    levels = (np.arange(2000) + 0.5) / 2000
    assert float(scores.crps_of_quantiles(y, norm.ppf(levels), levels)) == pytest.approx(
        normal_crps(y), abs=1e-3
    )
    assert float(scores.crps_of_samples(y, norm.ppf(levels))) == pytest.approx(
        normal_crps(y), abs=1e-3
    )


def test_pinball_is_least_at_the_quantile() -> None:
    drawn = np.random.default_rng(0).gamma(2.0, size=4001)
    guesses = np.linspace(0, 8, 801)
    for level in (0.1, 0.5, 0.9):
        losses = [scores.pinball(drawn, np.full((4001, 1), g), [level]).mean() for g in guesses]
        assert guesses[int(np.argmin(losses))] == pytest.approx(np.quantile(drawn, level), abs=0.01)
    assert scores.pinball(3.0, [1.0, 5.0], [0.2, 0.2]).tolist() == pytest.approx([0.4, 1.6])


def test_intervals_are_found_by_their_levels() -> None:
    levels = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    assert [scores.interval(levels, p) for p in (50, 80, 90)] == [(2, 4), (1, 5), (0, 6)]
    assert scores.interval((0.1, 0.5), 80) is None
    assert scores.interval((), 50) is None


def plain(truth: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> dict[str, float]:
    known = [(y, f, s) for y, f, s in zip(truth.flat, forecast.flat, scale.flat, strict=True)
             if not math.isnan(y)]  # fmt: skip
    away = [abs(y - f) for y, f, _ in known]
    scaled = [abs(y - f) / s for y, f, s in known if s > 0]
    ratios = [200 * abs(y - f) / (abs(y) + abs(f)) if y or f else 0.0 for y, f, _ in known]
    return {
        "mase": sum(scaled) / len(scaled), "smape": sum(ratios) / len(ratios),
        "rmse": math.sqrt(sum(a * a for a in away) / len(away)), "mae": sum(away) / len(away),
    }  # fmt: skip


def test_figures_of_parts_are_those_of_the_whole() -> None:
    draw = np.random.default_rng(1)
    truth, forecast = draw.normal(size=(7, 3, 4)), draw.normal(size=(7, 3, 4))
    truth[draw.random(truth.shape) < 0.2] = np.nan
    truth[2] = np.nan
    truth[3, 0, 0] = forecast[3, 0, 0] = 0.0
    scale = np.broadcast_to(np.array([1.0, 2, 3, 0, np.nan, 4, 5])[:, None, None], truth.shape)
    levels = (0.1, 0.25, 0.5, 0.75, 0.9)
    quantiles = forecast[..., None] + np.array([-1.3, -0.6, 0.0, 0.7, 1.4])
    found = Scores(levels)
    for i in range(7):
        alone = found.add(truth[i], forecast[i], scale=scale[i, 0, 0], quantiles=quantiles[i])
        if i == 2:
            assert all(math.isnan(value) for value in alone.values())
    expected = plain(truth, forecast, scale)
    known = ~np.isnan(truth)
    y, q = truth[known], quantiles[known]
    expected["coverage_80"] = float(np.mean((q[:, 0] <= y) & (y <= q[:, 4])))
    expected["coverage_50"] = float(np.mean((q[:, 1] <= y) & (y <= q[:, 3])))
    expected["pinball"] = float(scores.pinball(y, q, levels).mean())
    expected["crps"] = float(scores.crps_of_quantiles(y, q, levels).mean())
    assert found.figures() == pytest.approx(expected)
    assert "crps" not in Scores().add(truth, forecast)
    assert Scores().figures() == {}
