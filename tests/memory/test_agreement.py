"""Whether two curves name the same elements."""

import numpy as np
import pytest

from clew.memory._agreement import agree, shared, verdict


def test_what_two_curves_share():
    assert shared(np.array([1.0, -3.0]), np.array([-2.0, 6.0])) == pytest.approx(1.0)
    assert shared(np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0])) == 0
    assert shared(np.array([3.0, 1.0]), np.array([1.0, 1.0])) == pytest.approx(0.5 + 0.25)


def test_many_elements_that_hardly_matter_decide_nothing():
    random = np.random.default_rng(0)
    one, other = random.normal(scale=1e-3, size=(2, 100))
    one[40], other[40] = 10.0, 8.0
    assert shared(one, other) > 0.95


def test_of_flat_curves_and_of_one_element_it_cannot_be_said():
    assert shared(np.zeros(5), np.arange(5.0)) is None
    assert shared(np.full(5, 1e-9), np.arange(5.0), 1e-6) is None
    assert shared(np.ones(1), np.ones(1)) is None
    assert agree(None, 1.0) is None


def test_disagreement_is_told_with_what_to_trust():
    assert "trust occlusion (Ismail et al. 2020)" in verdict(0.1, 0.9)
    assert "trust occlusion" in verdict(0.9, 0.2)
    assert verdict(0.9, 0.8) == (
        "Gradients and occlusion agree (90 % of what they change lies at the same elements, 80 % "
        "has the same sign)."
    )
    assert "Too little" in verdict(None, None)
