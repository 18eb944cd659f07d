"""What is decided before a forecaster learns: logarithms, base, autoregression, spread."""

import numpy as np
import pytest

from clew.tasks._forecast import starts
from clew.tasks._forecast.blocks import Listed
from clew.tasks._forecast.problem import Part
from clew.tasks._forecast.scaling import BASES, Scaling
from clew.tasks._forecast.starts import best_base, fit_line, grows, naive_errors, spread_of


def held(series):
    none = [np.zeros((len(y) + 30, 0), np.float32) for y in series]
    return Listed(series, none, [part[: len(y)] for part, y in zip(none, series, strict=True)])


def everything(series):
    return Part(np.zeros(len(series), int), np.array([len(y) for y in series]))


def chosen(y, season, horizon):
    found = best_base(held([y]), BASES, Scaling(season, "mean"), everything([y]), horizon)
    return min(found, key=found.get)


def test_logarithms_where_ups_and_downs_grow_with_the_level():
    t, draw = np.arange(144), np.random.default_rng(0)
    grown = np.exp(0.01 * t) * (5 + np.sin(t / 2)) * np.exp(0.02 * draw.standard_normal(144))
    assert grows([grown], 12)
    assert grows([1e6 * grown, grown], 12)
    assert not grows([10 + 0.1 * t + np.sin(np.pi * t / 6) + 0.1 * draw.standard_normal(144)], 12)
    assert not grows([grown - 5.0], 12)  # some are below 0
    assert not grows([np.full(60, 3.0)], 12)
    assert not grows([np.full(60, np.nan)], 12)


@pytest.mark.parametrize(
    ("make", "base"),
    [
        (lambda t, e: 5 + e, "mean"),
        (lambda t, e: e.cumsum(), "last"),
        (lambda t, e: 10 * np.tile(np.cos(7.0 * np.arange(10) ** 2), 20) + 0.1 * e, "season"),
        (lambda t, e: t + 10 * np.tile(np.cos(7.0 * np.arange(10) ** 2), 20) + 0.01 * e, "trend"),
    ],
)
def test_the_base_is_the_forecast_that_was_least_off(make, base):
    t, noise = np.arange(200.0), np.random.default_rng(1).standard_normal(200)
    found = best_base(held([make(t, noise)]), BASES[:4], Scaling(10, "mean"),
                      everything([t]), 10)  # fmt: skip
    assert min(found, key=found.get) == base


def test_an_autoregression_is_found_again_in_series_of_any_measure():
    draw = np.random.default_rng(2)
    series = []
    for size in (1.0, 1000.0):
        y = np.zeros(3000)
        for t in range(2, 3000):
            y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2] + draw.standard_normal()
        series.append(size * (y + 4))
    line = fit_line(held(series), Scaling(1, "ar"), everything(series)).line
    assert np.allclose(line[1:3], [1.2, -0.5], atol=0.05)
    assert abs(sum(line[3:])) < 0.1
    assert len(line) < 12  # the order is not the largest that is tried


def test_of_one_series_it_is_least_squares():
    draw = np.random.default_rng(3)
    y = 10 + draw.standard_normal(300).cumsum()
    scaling = fit_line(held([y]), Scaling(1, "arc"), everything([y]))
    order = len(scaling.line) - 1
    reading, _ = scaling.read(y[:, None], scaling.begin())
    scale = reading.scale[:, 0]
    at = np.flatnonzero(reading.ready[:-1, 0])
    at = at[at >= 48]  # where the longest order that is tried has all its lags
    x = np.stack([np.ones(len(at)), *[y[at - i] / scale[at] for i in range(order)]], axis=1)
    theirs = np.linalg.lstsq(x, y[at + 1] / scale[at], rcond=None)[0]
    assert np.allclose(scaling.line, theirs, rtol=1e-4, atol=1e-4)


def test_too_little_for_an_autoregression_is_the_last_value():
    y = np.array([1.0, 2.0])
    assert fit_line(held([y]), Scaling(1, "ar"), everything([y])).base == "last"


def test_errors_are_those_of_the_forecast_and_the_spread_their_mean():
    y = np.random.default_rng(4).standard_normal(400).cumsum()
    scaling = Scaling(1, "last", prior=0.0)
    errors, scales = naive_errors(held([y]), scaling, everything([y]), 3)
    assert np.allclose(errors[0], y[3:6] - y[2])  # two differences are seen before the third
    assert len(errors) == len(scales) == 397
    spread, relative = spread_of(errors, scales)
    far = np.abs(errors / scales[:, None])
    by = [np.nanmean(far[:, :2]), np.nanmean(far), np.nanmean(far[:, 1:])]
    assert np.allclose(spread, by, rtol=0.01)
    assert np.allclose(relative, errors / scales[:, None] / spread, equal_nan=True)


def test_series_that_begin_with_zeros_do_not_count_for_all_others():
    draw = np.random.default_rng(5)
    sold = draw.poisson(5.0, (8, 90)).astype(float)
    waited = sold.copy()
    waited[:, :30] = 0  # not on sale yet
    found = []
    for table in (sold, waited):
        series = list(table)
        scaling = fit_line(held(series), Scaling(1, "mean"), everything(series))
        found.append(spread_of(*naive_errors(held(series), scaling, everything(series), 3))[0])
    assert (found[1] < 3 * found[0]).all()  # 1e7 of it with scales of nearly 0


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_the_measure_is_that_of_the_data(size):
    y = size * (5 + np.sin(np.arange(60.0)))
    scaling = fit_line(held([y]), Scaling(1, "last"), everything([y]))
    reading, _ = scaling.read(y[:, None], scaling.begin())
    assert np.allclose(reading.scale[5:, 0] / size, 0.6, atol=0.4)
    assert 0.01 * size < scaling.least < 0.2 * size


def test_an_autoregression_that_explodes_is_not_taken():
    t = np.arange(60.0)
    y = 10 + 3 * np.sin(t * 2 * np.pi / 7) + t % 5  # nothing to err in: any order fits
    y[50] = np.nan
    for base in ("ar", "ari", "arc"):
        scaling = fit_line(held([y]), Scaling(24, base), everything([y]))
        reading, _ = scaling.read(y[:, None], scaling.begin())
        assert (abs(scaling.ahead(reading, [59], 60).base) < 100).all(), base
    grown = 2.0 ** np.arange(40)
    assert fit_line(held([grown]), Scaling(1, "arc"), everything([grown])).base == "last"


def test_of_many_long_series_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(starts, "ALL", 300)
    lengths = np.array([100, 100, 0, 100, 100, 100, 100])
    part = Part(np.zeros(7, int), lengths)
    assert starts.chosen(part).tolist() == [0, 3, 6]
    assert starts.chosen(Part(lengths * 0, lengths * 100)).tolist() == [0]


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_constants_have_no_autoregression(value):
    y = np.full(40, value)
    assert fit_line(held([y]), Scaling(7, "ar"), everything([y])).base == "last"
