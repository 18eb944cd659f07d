"""Taking away in blocks, of changes that add up: nothing is lost, and the cost is bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.memory._occlusion import occlude


class Weights:
    """The change is the sum of the weights taken away; counts what was tried."""

    def __init__(self, weights):
        self.weights, self.tried = np.asarray(weights, dtype=float), 0

    def __call__(self, stretches):
        self.tried += len(stretches)
        return np.array([self.weights[stretch].sum() for stretch in stretches])


@given(
    st.integers(1, 3000), st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1),
    st.booleans(),
)  # fmt: skip
def test_every_element_is_taken_away_once_alone_or_in_one_block(n, seed, where, begin, scarce):
    random = np.random.default_rng(seed)
    weights = Weights(random.normal(size=n) * (random.random(n) < 0.01 if scarce else 1))
    at, start = int(where * (n - 1)), int(begin * where * (n - 1))
    found, blocks = occlude(weights, slice(start, n), at, 1e-12)
    assert weights.tried <= 2 * 32 + 96 + 2 * 34
    inside = np.zeros(n, dtype=int)
    for block in blocks:
        assert block.change == pytest.approx(weights.weights[block.first : block.last + 1].sum())
        inside[block.first : block.last + 1] += 1
    np.testing.assert_array_equal(inside[start:] == 1, np.isnan(found))
    assert inside.max() <= 1
    np.testing.assert_array_equal(
        found[inside[start:] == 0], weights.weights[start:][inside[start:] == 0]
    )
    assert not inside[max(start, at - 31) : at + 32].any()  # those near are taken away alone
    if n - start <= 128:
        assert blocks == []


@pytest.mark.parametrize("place", [0, 1, 137, 490, 967, 968, 999])
def test_the_one_element_that_matters_is_found_wherever_it_stands(place):
    weights = np.full(1000, 1e-5)
    weights[place] = 1.0
    found, blocks = occlude(Weights(weights), slice(0, 1000), 999, 0.0)
    assert found[place] == 1.0
    assert all(block.change < 1e-3 for block in blocks)
