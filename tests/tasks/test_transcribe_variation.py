"""Sound that is varied: nothing by default, spans no wider than said, speed by interpolation."""

import numpy as np
import pytest

from clew.errors import InputError
from clew.tasks._transcribe.variation import Variation

RAMP = np.arange(50, dtype=np.float32)[:, None] * np.ones(8, np.float32)


def test_nothing_is_varied_by_nothing():
    draw = np.random.default_rng(0)
    assert np.array_equal(Variation().stretched(RAMP, 1, 0.0, draw), RAMP)
    assert np.array_equal(Variation().masked(RAMP, draw), RAMP)


def test_speed_stretches_a_ramp_to_a_ramp():
    sizes = set()
    for seed in range(200):
        found = Variation(speed=0.25).stretched(RAMP, 1, 0.0, np.random.default_rng(seed))
        sizes.add(len(found))
        np.testing.assert_allclose(found[:, 0], np.linspace(0, 49, len(found)), atol=1e-4)
    assert 40 <= min(sizes) <= 42
    assert 60 <= max(sizes) <= 63
    for size in (0, 1, 2):
        found = Variation(speed=0.9).stretched(RAMP[:size], 5, 0.0, np.random.default_rng(1))
        assert size <= len(found) <= 2 * size


def test_never_shorter_than_what_is_said_needs():
    for seed in range(50):
        found = Variation(speed=0.9).stretched(RAMP, 48, 0.0, np.random.default_rng(seed))
        assert len(found) >= 48


def test_volume_adds_decibels_and_the_floor_stays():
    shifts = []
    for seed in range(200):
        found = Variation(volume=10.0).stretched(RAMP, 1, 5.0, np.random.default_rng(seed))
        assert found.min() >= 5.0
        shifts.append(found[-1, 0] - 49)
    assert -np.log(10) - 1e-5 < min(shifts) < -2
    assert 2 < max(shifts) < np.log(10) + 1e-5


def test_masks_hide_spans_and_no_more():
    frames = np.ones((50, 8), np.float32)
    rows, columns = set(), set()
    for seed in range(300):
        draw = np.random.default_rng(seed)
        hidden = Variation(time_masks=1, time_span=6).masked(frames, draw) == 0
        rows.add(int(hidden.all(1).sum()))
        assert hidden.any(1).sum() == hidden.all(1).sum()
        hidden = Variation(frequency_masks=1, frequency_span=3).masked(frames, draw) == 0
        columns.add(int(hidden.all(0).sum()))
    assert rows == set(range(7))
    assert columns == set(range(4))
    assert (frames == 1).all()  # a copy was hidden
    short = Variation(time_masks=1, time_span=10, frequency_masks=1, frequency_span=99)
    for size in (0, 1, 4):
        assert short.masked(frames[:size], np.random.default_rng(0)).shape == (size, 8)


@pytest.mark.parametrize(
    "wrong", [{"time_masks": -1}, {"time_span": 0.5}, {"volume": -1.0}, {"volume": None}]
)
def test_what_cannot_be(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Variation(**wrong).check()
