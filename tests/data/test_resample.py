"""Samples at another rate: sines stay sines, whatever the chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.resample import Resampler, Samples, check_rate
from clew.errors import InputError

RATES = [(8000, 16000), (48000, 16000), (44100, 8000), (11025, 16000), (8000, 8000), (16000, 8000)]


def _whole(resampler: Resampler, samples: Samples) -> Samples:
    return np.concatenate([resampler.push(samples), resampler.finish()])


def _noise(count: int) -> Samples:
    return np.random.default_rng(0).standard_normal(count).astype(np.float32)


@pytest.mark.parametrize(("rate_in", "rate"), RATES)
@pytest.mark.parametrize("pitch", [0, 100, 1000, 3000])
def test_a_tone_stays_the_same_tone(rate_in: int, rate: int, pitch: int) -> None:
    tone = np.cos(2 * np.pi * pitch * np.arange(rate_in // 4) / rate_in).astype(np.float32)
    found = _whole(Resampler(rate_in, rate), tone)
    expected = np.cos(2 * np.pi * pitch * np.arange(rate // 4) / rate)
    middle = slice(rate // 50, -rate // 50)  # at the ends the silence beyond them is heard too
    np.testing.assert_allclose(found[middle], expected[middle], atol=1e-4)


@pytest.mark.parametrize(("rate_in", "rate"), [(48000, 16000), (44100, 8000), (16000, 8000)])
def test_what_the_lower_rate_cannot_hold_is_gone(rate_in: int, rate: int) -> None:
    tone = np.sin(2 * np.pi * 0.55 * rate * np.arange(rate_in // 4) / rate_in).astype(np.float32)
    found = _whole(Resampler(rate_in, rate), tone)
    assert np.abs(found[rate // 50 : -rate // 50]).max() < 1e-4  # 80 dB


@pytest.mark.parametrize(("rate_in", "rate"), RATES)
@settings(max_examples=12, deadline=None)
@given(
    chunks=st.lists(st.integers(0, 700), max_size=12), left=st.integers(0, 200), save=st.booleans()
)
def test_chunks_give_the_bits_of_the_whole(
    rate_in: int, rate: int, chunks: list[int], left: int, save: bool
) -> None:
    samples = _noise(sum(chunks) + left)
    resampler = Resampler(rate_in, rate)
    expected = _whole(resampler, samples)
    assert len(expected) == -(-len(samples) * rate // rate_in)
    parts, begin = [], 0
    for size in [*chunks, left]:
        parts.append(resampler.push(samples[begin : begin + size]))
        begin += size
        if save:
            state, resampler = resampler.state, Resampler(rate_in, rate)
            resampler.state = state
    assert np.array_equal(np.concatenate([*parts, resampler.finish()]), expected)


def test_samples_come_soon() -> None:
    resampler = Resampler(8000, 16000)
    assert len(resampler.push(_noise(640))) == 2 * (640 - 32)


def test_a_state_is_a_copy() -> None:
    resampler = Resampler(8000, 16000)
    resampler.push(_noise(100))
    state = resampler.state
    state[0][:] = 7.0
    assert not (resampler.state[0] == 7.0).any()


@pytest.mark.parametrize(
    "state",
    [(np.zeros(3, np.float32), 0), (np.full(31, np.nan), 0), (np.zeros((31, 2)), 0),
     (np.zeros(31), -1)],
)  # fmt: skip
def test_a_state_of_something_else(state: tuple[Samples, int]) -> None:
    with pytest.raises(InputError, match="not the state"):
        Resampler(8000, 16000).state = state


@pytest.mark.parametrize("rate", [0, -1, 999, 384_001, 16000.0, True, "16000", None])
def test_rates_that_are_none(rate: object) -> None:
    with pytest.raises(InputError, match="samples a second") as caught:
        check_rate(rate, "sample_rate")
    assert caught.value.where == "sample_rate"
