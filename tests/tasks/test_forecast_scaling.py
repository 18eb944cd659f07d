"""Scaling of series: against plain loops; in pieces and by single values; nothing of the future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.tasks._forecast.scaling import BASES, LIMIT, LINES, Scaling, followed
from clew.tasks._forecast.walking import SPARE, Walk

LINE = (0.1, 0.6, 0.2, -0.1)


def scaling(base, season=3, **changes):
    line = LINE if base in LINES else ()
    return Scaling(season, base, prior=0.05, usual=-1.0, line=line, **changes)


def series(steps=30, seed=0, gaps=0.2):
    draw = np.random.default_rng(seed)
    y = 5 + np.arange(steps) * 0.3 + draw.standard_normal(steps)
    y[draw.random(steps) < gaps] = np.nan
    return y


def plainly(y, how, horizon):
    """Level, scale and naive forecast after all of y, by loops over its definition."""
    m, filled, off, last = how.season, [], [], np.nan
    seen = []
    for value in y:
        same = filled[-m] if len(filled) >= m else np.nan
        level = np.mean(seen) if seen else np.nan
        expected = last if how.base in ("last", *LINES) else same
        expected = level if how.base == "mean" else expected
        if not np.isnan(value):
            if not np.isnan(expected):
                off.append(abs(value - expected))
            seen.append(value)
            last = value
        filled.append(same if np.isnan(value) else value)
    level = np.mean(seen)
    magnitude = np.mean(np.abs(seen))
    scale = (sum(off) + how.prior * magnitude) / (len(off) + 1)
    scale = max(scale, 1e-6 * magnitude, how.least)
    recent, before = filled[-m:], filled[-2 * m : -m]
    known = [v for v in recent if not np.isnan(v)]
    local = np.mean(known) if known else level
    slope = np.mean(recent) - np.mean(before) if len(before) == m else np.nan
    slope = 0.0 if np.isnan(slope) else slope
    found = []
    ahead = [level if np.isnan(v) else v for v in filled]
    for k in range(1, horizon + 1):
        cycles = -(-k // m)
        place = len(y) - 1 + k - m * cycles
        same = ahead[place] if place >= 0 else level
        if how.base in LINES:
            near = np.mean(([level] * m + ahead)[-m:])
            about = {"ar": level, "ari": near}.get(how.base, 0.0)
            lags = ([level] * 9 + ahead)[::-1]
            value = about + how.line[0] * scale
            value += sum(w * (lag - about) for w, lag in zip(how.line[1:], lags, strict=False))
            ahead.append(value)
            found.append(value)
        else:
            found.append({"mean": level, "last": last, "season": same}.get(
                how.base, same + cycles * slope))  # fmt: skip
    return level, scale, local, slope, found


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("steps", [4, 7, 30])
def test_it_is_what_its_definition_says(base, steps):
    how, y = scaling(base), series(steps)
    y[0] = 4.0
    reading, track = how.read(y[:, None], how.begin())
    level, scale, local, slope, found = plainly(y, how, 7)
    assert np.allclose([reading.level[-1, 0], reading.scale[-1, 0]], [level, scale])
    assert np.allclose([reading.local[-1, 0], reading.slope[-1, 0]], [local, slope])
    ahead = how.ahead(reading, [steps - 1], 7)
    assert np.allclose(ahead.base[0, 0], found)
    again = how.ahead(how.standing(track), [0], 7)
    assert np.allclose(again.base[0, 0], found)
    assert np.array_equal(again.leads, ahead.leads)


@pytest.mark.parametrize("base", BASES)
@settings(max_examples=15, deadline=None)
@given(cut=st.integers(0, 25), seed=st.integers(0, 99), season=st.integers(1, 9))
def test_in_two_pieces_it_is_the_same(base, cut, seed, season):
    how, y = scaling(base, season), series(25, seed)[:, None]
    whole, end = how.read(y, how.begin())
    _, track = how.read(y[:cut], how.begin())
    rest, other = how.read(y[cut:], track)
    for name in ("level", "scale", "last", "local", "slope", "ready", "inputs"):
        ours, theirs = getattr(rest, name), getattr(whole, name)[cut:]
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12, equal_nan=True), name
    for ours, theirs in zip(other, end, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("base", BASES)
def test_value_by_value_it_is_the_same_and_a_track_goes_on_elsewhere(base):
    how, y = scaling(base), series(40)
    reading, _ = how.read(y[:, None], how.begin())
    ahead = how.ahead(reading, np.arange(40), 5)
    walk = Walk(how, 5)
    for t, value in enumerate(y):
        if t == 20:
            other = Walk(how, 5)
            other.track = walk.track
            walk = other
        walk.push(float(value))
        assert np.allclose(walk.inputs, reading.inputs[t, 0], atol=1e-6)
        assert np.allclose(walk.base, ahead.base[t, 0], rtol=1e-12)
        assert np.allclose(walk.leads.T, ahead.leads[t, 0], atol=1e-6)
        assert np.isclose(walk.scale, reading.scale[t, 0], rtol=1e-12)


def test_a_walk_that_never_ends_keeps_its_values():
    how = scaling("trend")
    y = np.sin(np.arange(SPARE + 50.0))
    walk = Walk(how, 4)
    for value in y:
        walk.push(float(value))
    reading, _ = how.read(y[:, None], how.begin())
    assert np.allclose(walk.base, how.ahead(reading, [len(y) - 1], 4).base[0, 0])


@pytest.mark.parametrize("base", BASES)
def test_nothing_of_what_comes_later_is_in_it(base):
    how, y = scaling(base), series(30)
    reading, _ = how.read(y[:, None], how.begin())
    y[20:] += 1000.0
    other, _ = how.read(y[:, None], how.begin())
    assert np.array_equal(reading.inputs[:20], other.inputs[:20])
    assert np.array_equal(
        how.ahead(reading, range(20), 9).base, how.ahead(other, range(20), 9).base
    )


@pytest.mark.parametrize("base", BASES)
def test_series_side_by_side_are_read_alone(base):
    how = scaling(base)
    both = np.stack([series(20, 1), series(20, 2)], axis=1)
    together, _ = how.read(both, how.begin(2))
    for b in range(2):
        alone, _ = how.read(both[:, b : b + 1], how.begin())
        assert np.array_equal(alone.inputs[:, 0], together.inputs[:, b])
        assert np.array_equal(alone.scale[:, 0], together.scale[:, b])


@pytest.mark.parametrize("base", BASES)
def test_a_measure_of_another_size_changes_no_input(base):
    how, y = scaling(base), series(30)
    ours, _ = how.read(y[:, None], how.begin())
    theirs, _ = how.read(1000 * y[:, None], how.begin())
    assert np.allclose(ours.inputs, theirs.inputs, atol=1e-5)


def test_nothing_known_and_constants_and_leaps_stay_finite():
    for base in BASES:
        how = scaling(base)
        for y in (
            np.full(9, np.nan),
            np.full(9, 5.0),
            np.zeros(9),
            np.array([1e-300, 1e300, -1e300]),
        ):
            reading, track = how.read(y[:, None], how.begin())
            ahead = how.ahead(reading, range(len(y)), 4)
            assert np.isfinite(reading.inputs).all()
            assert np.isfinite(ahead.base).all()
            assert np.abs(reading.inputs).max() <= LIMIT
            assert np.isfinite(ahead.leads).all()
            if y[0] == 5.0 and base not in LINES:
                assert np.array_equal(ahead.base[-1, 0], np.full(4, 5.0))
        assert np.isnan(how.begin().last).all()
        assert track.seen[0] >= 0


def test_an_autoregression_followed_is_its_recursion():
    weights, more = followed((0.5, 0.7, -0.2), False, 4, 6)
    values, ahead = [2.0, -1.0], []  # the newest first
    for _ in range(6):
        ahead.append(0.5 * 3.0 + 0.7 * values[0] - 0.2 * values[1])
        values = [ahead[-1], values[0]]
    assert np.allclose(np.array([2.0, -1.0]) @ weights + 3.0 * more, ahead)
    level, _ = followed((0.0, 0.7, -0.2), True, 4, 6)
    assert np.allclose(level.sum(axis=0), 1.0)  # about the last season: a level is kept
