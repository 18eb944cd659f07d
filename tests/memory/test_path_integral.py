"""Integrals along a way, beside closed forms: where points go, and what is said of a gap."""

import numpy as np
import pytest

from clew.memory._path_integral import MOST_STEPS, path_integral


def logistic(z):
    return 0.5 + 0.5 * np.tanh(z / 2)


class Way:
    """F(s) = sum_i logistic(k_i (s - m_i)): what element i gives is the change of its own term."""

    def __init__(self, sharp, middles):
        self.sharp, self.middles = np.array(sharp, float)[:, None], np.array(middles)[:, None]
        self.asked = []

    def terms(self, places):
        return logistic(self.sharp * (places - self.middles))

    def scores(self, places):
        return self.terms(places).sum(0)

    def slopes(self, places):
        self.asked += places.tolist()
        held = self.terms(places)
        return self.sharp * held * (1 - held)

    def integral(self, steps=16, allowed=1e-6):
        ends = tuple(self.scores(np.array([0.0, 1.0])).tolist())
        return path_integral(self.scores, self.slopes, ends, steps=steps, allowed=allowed)

    @property
    def given(self):
        return np.ptp(self.terms(np.array([0.0, 1.0])), axis=1)


def test_a_gentle_way_takes_no_more_than_the_points_it_begins_with():
    way = Way([1, -2], [0.2, 0.7])
    found = way.integral()
    assert found.steps == len(way.asked) == 16
    np.testing.assert_allclose(found.given, np.diff(way.terms(np.array([0.0, 1.0])))[:, 0])
    assert found.gap == pytest.approx(0, abs=1e-12)


def test_points_go_where_the_way_is_steep():
    way = Way([3000, 2], [0.3137, 0.6])  # 1024 even points would stand three in the step
    found = way.integral()
    np.testing.assert_allclose(found.given, way.given, atol=1e-5)
    assert abs(found.gap) <= 1e-6
    assert found.steps < 400
    near = np.abs(np.array(way.asked) - 0.3137) < 0.05
    assert near.mean() > 0.4


def test_gaps_that_make_up_for_each_other_are_found():
    way = Way([400, -400, 4], [0.25, 0.75, 0.5])  # single points of both halves are in a step
    found = way.integral(steps=1, allowed=0.01)
    rise = np.ptp(way.terms(np.array([0.0, 1.0]))[2])
    np.testing.assert_allclose(found.given, [1, -1, rise], atol=0.02)


def test_what_never_becomes_whole_ends_and_is_told():
    way = Way([1], [0.5])
    for steps in (8, 16, 1024, 64 * 30):
        found = path_integral(way.scores, way.slopes, (0.0, 9.0), steps=steps, allowed=1e-3)
        assert found.steps == max(steps, MOST_STEPS)
        assert found.gap == pytest.approx(float(way.given.sum()) - 9, abs=1e-4)
    found = path_integral(way.scores, lambda at: np.full((1, len(at)), np.nan), (0.0, 1.0),
                          steps=16, allowed=1e-3)  # fmt: skip
    assert np.isnan(found.gap)
