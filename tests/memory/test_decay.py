"""Rates of decay, against curves whose rate is known."""

import json
import math
import re

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


def test_of_a_few_lags_no_more_is_said_than_they_show():
    for count in (2, 3, 8):
        assert decay(LAGS[:count], 0.95 ** LAGS[:count]).kind == "holds"
        assert decay(LAGS[:count], 0.4 ** LAGS[:count]).kind == "vanishes"
        assert decay(LAGS[:count], 2.5 ** LAGS[:count]).kind == "explodes"
    for base, says in ((0.7, "halve every 1.9 steps"), (1.4, "double every 2.1 steps")):
        found = decay(LAGS[:2], base ** LAGS[:2])
        assert (found.kind, found.words()) == (
            "brief", f"changes by less than a factor of 2 over 1 step, but would {says} "
            "(lags 1 to 2)",
        )  # fmt: skip


def test_zeros():
    found = decay(LAGS, np.zeros(64))
    assert (found.kind, found.first, found.zero_from) == ("none", None, 1)
    assert found.words() == "there is none: it is zero at every lag"
    found = decay(LAGS, np.where(LAGS == 5, 2.0, 0.0))
    assert (found.kind, found.first, found.last, found.zero_from) == ("single", 5, 5, 6)
    assert found.words() == "there is some at lag 5 only"
    found = decay(LAGS, np.where(LAGS < 9, 0.5**LAGS, 0.0))
    assert (found.kind, found.last, found.zero_from) == ("vanishes", 8, 9)
    assert found.words().endswith("; exactly zero from lag 9 on")
    found = decay(LAGS, np.where(LAGS % 3 == 1, 2.0, 0.0))
    assert found.kind == "varies"
    assert found.words() == "there is some at lag 1; then none, and some again at 21 lags"


@pytest.mark.filterwarnings("error")
def test_overflow():
    with np.errstate(over="ignore"):
        norms = 1e20 ** LAGS.astype(float)
    found = decay(LAGS, norms)
    assert (found.kind, found.last, found.overflow) == ("explodes", 15, True)
    assert found.words().endswith("then the numbers overflow")
    assert decay(LAGS, np.full(64, np.inf)).kind == "explodes"
    sudden = decay(LAGS, np.where(LAGS < 9, 0.9**LAGS, np.inf))
    assert (sudden.kind, sudden.last) == ("explodes", 8)
    assert sudden.words().startswith("explodes beyond lag 8")
    json.dumps(decay(LAGS, np.full(64, np.inf)).data(), allow_nan=False)
    json.dumps(found.data(), allow_nan=False)


def test_two_rates_are_told():
    norms = 0.5 ** LAGS.astype(float) + 0.01 * 0.98 ** LAGS.astype(float)
    assert "faster at first (every 1" in decay(LAGS, norms).words()
    norms = 1 / (1 + 0.7 ** (30.0 - LAGS))  # a plateau, then a fall
    assert "slower at first" in decay(LAGS, norms).words()


@pytest.mark.parametrize(
    ("norms", "here", "kind", "words"),
    [
        # Layer 1 of a classifier of reviews: it falls, and then rises a little.
        ([0.268, 0.16, 0.098, 0.065, 0.05, 0.047, 0.048, 0.05, 0.054, 0.06, 0.066, 0.072, 0.076,
          0.08], 1.0, "falls", "falls to 6.5 % within 4 steps, then holds (100 % is that at lag 0; "
         "lags 0 to 14)"),
        # One that is watched: most of it is gone after one step.
        ([0.07, *[0.061, 0.058, 0.0575, 0.057, 0.0568] * 3], 1.0, "falls",
         "falls to 7 % within 1 step, then holds (100 % is that at lag 0; lags 0 to 16)"),
        # A table of one row: what grows had fallen before.
        ([0.6, 0.62, 0.68, 0.75, 0.84, 0.93, 1.04, 1.16, 1.27, 1.4], 1.0, "varies",
         "rises from 60 % at lag 1 to 140 % at lag 10 (100 % is that at lag 0; lags 0 to 10)"),
        ([0.3, 0.1, 0.03, 0.01, 0.01, 0.03, 0.1, 0.3], 1.0, "varies",
         "falls to 1 % at lag 4, then rises to 30 % at lag 8 (100 % is that at lag 0; "
         "lags 0 to 8)"),
        ([1.0] * 20 + [0.1] * 4, 1.0, "varies",
         "holds up to lag 20, then falls to 10 % at lag 21 (100 % is that at lag 0; "
         "lags 0 to 24)"),
        ([1.0, 4.0] * 8, None, "varies",
         "goes up and down between 100 % at lag 1 and 4 times at lag 2 (100 % is that at lag 1; "
         "lags 1 to 16)"),
        ([0.5] * 16, 1e-3, "rises", "rises to 500 times within 1 step, then holds (100 % is "
         "that at lag 0; lags 0 to 16)"),
        (list(0.8 ** np.arange(16)), 1e-3, "vanishes",
         "vanishes from lag 1 on: halves every 3.1 steps (95 %: 3.1 to 3.1; lags 1 to 16)"),
    ],
)  # fmt: skip
def test_the_shape_is_said(norms, here, kind, words):
    found = decay(np.arange(1, 1 + len(norms)), np.array(norms), here=here)
    assert (found.kind, found.words()) == (kind, words)


def falls(draw, count):
    return draw(st.floats(0.02, 1.2)) ** np.arange(count)


def flat(_, count):
    return np.ones(count)


def bowl(draw, count):
    return draw(st.floats(0.05, 2.0)) ** np.minimum(np.arange(count), np.arange(count)[::-1])


def step(draw, count):
    place, size = draw(st.integers(0, count)), draw(st.sampled_from([1e-4, 0.05, 0.4, 3.0, 40.0]))
    return np.where(np.arange(count) < place, 1.0, size)


def settles(draw, count):
    return draw(st.floats(0.1, 0.9)) ** np.arange(count) + draw(st.floats(1e-3, 0.5))


def size_of(text):
    number = float(re.match(r"[\d.e+-]+", text)[0])
    return number / 100 if "%" in text else number


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([falls, flat, bowl, step, settles]), st.integers(2, 40))
def test_what_the_words_say_is_true_of_the_numbers(data, form, count):
    sizes = form(data.draw, count)
    random = np.random.default_rng(data.draw(st.integers(0, 9)))
    sizes = sizes * np.exp(data.draw(st.sampled_from([0.0, 0.05, 0.4])) * random.normal(size=count))
    with_here = data.draw(st.booleans()) and count > 2
    if with_here:
        found = decay(np.arange(1, count), sizes[1:], here=sizes[0])
    else:
        found = decay(np.arange(count), sizes)
    kept = np.arange(count)[: found.last + 1]
    told, words = sizes[kept] / sizes[0], found.words()
    own = told[1:] if with_here else told

    def factor(some):
        return some.max() / some.min()

    if found.kind in ("holds", "brief"):
        assert factor(told) < 2
    elif found.kind == "vanishes":
        assert own[-1] <= 0.5001 * own[0]
        assert found.rate * (len(own) - 1) >= 0.693
        assert own[-1] <= 1.001 * np.sqrt(own.min() * own[0])
        if "from lag 1 on" not in words:
            assert told[-1] <= 0.5001
    elif found.kind == "explodes":
        assert told[-1] >= 1.999
        assert own[-1] >= 1.999 * own[0]
        assert found.rate < 0
    else:
        assert factor(told) >= 1.999
    assert ("less than a factor of 2" in words) == (factor(told) < 1.999999 or found.first is None)
    if ", then holds" in words:
        size, lag = re.search(r"(?:falls|rises) to (.*?) within (?:(\d+) )?step", words).groups()
        lag = int(lag or 1)
        assert size_of(size) == pytest.approx(told[lag], rel=0.1)
        assert factor(told[lag:]) < 2
        assert not 0.5 < told[lag] < 2
        assert len(told) - 1 - lag >= (len(told) - 1) / 4
    if (until := re.match(r"holds up to lag (\d+)", words)) is not None:
        assert factor(told[: int(until[1]) + 1]) < 2
    points = re.findall(r"([^ ]+ (?:%|times)) at lag (\d+)", words)  # "is that at" is none of them
    for size, lag in points:
        assert size_of(size) == pytest.approx(told[int(lag)], rel=0.1)
    for kept in re.finditer(
        r"(falls|rises)(?: from [^ ]+ [^ ]+ at lag \d+)? to ([^ ]+ (?:%|times)) at lag (\d+)", words
    ):
        end = told[int(kept[3])]
        assert end <= 0.501 * told.max() if kept[1] == "falls" else end >= 1.999 * told.min()


@pytest.mark.parametrize(
    ("lags", "norms"), [([], []), ([1, 2], [1.0]), ([2, 1], [1.0, 1.0]), ([1], [[[1.0]]])]
)
def test_lags_that_do_not_fit(lags, norms):
    with pytest.raises(InputError, match="ascending lags"):
        decay(lags, np.array(norms))
