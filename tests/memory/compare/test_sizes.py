"""Sizes for a budget, against every size tried one after the other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew import InputError
from clew.memory.compare import entrants
from clew.memory.compare.contest import Size
from clew.memory.compare.sizes import sized


class Polynomial:
    """A contest whose networks have a + b H + c H^2 parameters, and d H for each of feedforward."""

    smaller = ", or fewer letters"

    def __init__(self, a, b, c, d=2):
        self.a, self.b, self.c, self.d = a, b, c, d

    def parameters(self, entrant, size):
        wide = size.feedforward or 0
        return self.a + self.b * size.hidden + self.c * size.hidden**2 + self.d * size.hidden * wide


@settings(max_examples=20)
@given(
    a=st.integers(0, 500),
    b=st.integers(1, 60),
    c=st.integers(0, 9),
    budget=st.integers(600, 40_000),
)
def test_no_other_size_is_nearer(a, b, c, budget):
    contest = Polynomial(a, b, c)
    (one,) = entrants(["lstm"], both=False)
    size, count = sized(contest, one, budget)
    assert count == contest.parameters(one, size)
    near = min(abs(contest.parameters(one, Size(h)) - budget) for h in range(1, 41_000, 1)[:2000])
    if size.hidden < 2000:
        assert abs(count - budget) == near


@pytest.mark.parametrize(("name", "unit"), [("transformer", 4), ("bitransformer", 2)])
@pytest.mark.parametrize("budget", [3000, 20_000, 77_777])
def test_a_transformer_comes_within_two_per_cent(name, unit, budget):
    (one,) = entrants([name], both=True)
    size, count = sized(Polynomial(200, 40, 4), one, budget)
    assert size.hidden % unit == 0
    assert count == pytest.approx(budget, rel=0.02)


def test_a_budget_that_is_too_small():
    (one,) = entrants(["lstm"], both=False)
    with pytest.raises(InputError, match="the smallest network of LSTM has 1,005 parameters") as it:
        sized(Polynomial(1000, 4, 1), one, 500)
    assert it.value.hint == "a larger --budget, or fewer letters"
