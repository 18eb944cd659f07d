"""Rates of decay, against curves whose rate is known."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew import InputError
from clew.memory.decay import decay

LAGS = np.arange(1, 65)


@settings(max_examples=30)
@given(st.floats(0.3, 1.5), st.floats(1e-3, 1e3), st.integers(2, 64))
def test_the_rate_of_a_power_is_its_logarithm(base, scale, count):
    norms = scale * base ** LAGS[:count].astype(float)
    found = decay(LAGS[:count], norms)
    used = count if (norms > 1e-30).all() else int((norms > 1e-30).argmin())
    assert (found.first, found.last) == (1, used)
    for rate in (found.rate, found.low, found.high):
        assert rate == pytest.approx(-math.log(base), abs=1e-9)
    assert found.change == pytest.approx(base ** (used - 1), rel=1e-6)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (2 ** (-1 / 6), "vanishes: halves every 6 steps (95 %: 6 to 6; lags 1 to 64)"),
        (2 ** (1 / 3), "explodes: doubles every 3 steps (95 %: 3 to 3; lags 1 to 64)"),
        (0.5, "vanishes: halves every step (95 %: 1 to 1; lags 1 to 64)"),
        (2 ** (-1 / 70), "holds: changes by less than a factor of 2 over 63 steps (lags 1 to 64)"),
        (2 ** (1 / 70), "holds: changes by less than a factor of 2 over 63 steps (lags 1 to 64)"),
    ],
)
def test_words(base, words):
    assert decay(LAGS, base ** LAGS.astype(float)).words() == words


def test_some_lags_far_off_do_not_matter():
    norms = 0.8 ** LAGS.astype(float)
    norms[[3, 17, 40, 41, 60]] *= [1e4, 1e-4, 1e3, 1e3, 1e-5]
    assert decay(LAGS, norms).rate == pytest.approx(-math.log(0.8), rel=1e-3)


def test_the_interval_covers_the_truth_and_narrows():
    random = np.random.default_rng(3)

    def cases(count):  # that differ in what they hold
        return np.exp(-random.normal(0.1, 0.02, (count, 1)) * LAGS[:20])

    truth = decay(LAGS[:20], cases(20_000).mean(0)).rate
    covered, widths = 0, {15: [], 120: []}
    for trial in range(40):
        for count, found in widths.items():
            one = decay(LAGS[:20], cases(count), seed=trial)
            found.append(one.high - one.low)
            assert one.low <= one.rate <= one.high
            covered += one.low <= truth <= one.high
    assert 68 <= covered <= 80  # of 80
    assert np.mean(widths[120]) < 0.5 * np.mean(widths[15])


def test_cases_of_one_source_are_drawn_together():
    random = np.random.default_rng(0)
    sources = np.repeat(np.arange(10), 20)
    slopes = random.normal(0.1, 0.02, 10)[sources]
    norms = np.exp(-slopes[:, None] * LAGS[:20])
    together, apart = decay(LAGS[:20], norms, sources), decay(LAGS[:20], norms)
    assert together.rate == apart.rate
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_missing_lags_of_some_cases():
    norms = np.tile(0.9 ** LAGS.astype(float), (5, 1))
    norms[0, 30:] = np.nan
    assert decay(LAGS, norms).rate == pytest.approx(-math.log(0.9), abs=1e-9)
    norms[:, 40:] = np.nan
    found = decay(LAGS, norms)
    assert (found.last, found.overflow, found.zero_from) == (40, False, None)


def test_of_a_few_lags_only_what_is_slow_holds():
    for count in (2, 3, 8):
        assert decay(LAGS[:count], 0.7 ** LAGS[:count]).kind == "vanishes"
        assert decay(LAGS[:count], 1.4 ** LAGS[:count]).kind == "explodes"
        assert decay(LAGS[:count], 0.95 ** LAGS[:count]).kind == "holds"


def test_zeros():
    found = decay(LAGS, np.zeros(64))
    assert (found.kind, found.first, found.zero_from) == ("none", None, 1)
    assert "zero at every lag" in found.words()
    found = decay(LAGS, np.where(LAGS == 5, 2.0, 0.0))
    assert (found.kind, found.first, found.last, found.zero_from) == ("single", 5, 5, 6)
    assert found.words() == "there is some at lag 5 only"
    found = decay(LAGS, np.where(LAGS < 9, 0.5**LAGS, 0.0))
    assert (found.kind, found.last, found.zero_from) == ("vanishes", 8, 9)
    assert found.words().endswith("; exactly zero from lag 9 on")


@pytest.mark.filterwarnings("error")
def test_overflow():
    with np.errstate(over="ignore"):
        norms = 1e20 ** LAGS.astype(float)
    found = decay(LAGS, norms)
    assert (found.kind, found.last, found.overflow) == ("explodes", 15, True)
    assert found.words().endswith("then the numbers overflow")
    assert decay(LAGS, np.full(64, np.inf)).kind == "explodes"
    json.dumps(decay(LAGS, np.full(64, np.inf)).data(), allow_nan=False)
    json.dumps(found.data(), allow_nan=False)


def test_two_rates_are_told():
    norms = 0.5 ** LAGS.astype(float) + 0.01 * 0.98 ** LAGS.astype(float)
    assert "faster at first (every 1" in decay(LAGS, norms).words()
    norms = 1 / (1 + 0.7 ** (30.0 - LAGS))  # a plateau, then a fall
    assert "slower at first" in decay(LAGS, norms).words()


@pytest.mark.parametrize(
    ("lags", "norms"), [([], []), ([1, 2], [1.0]), ([2, 1], [1.0, 1.0]), ([1], [[[1.0]]])]
)
def test_lags_that_do_not_fit(lags, norms):
    with pytest.raises(InputError, match="ascending lags"):
        decay(lags, np.array(norms))
