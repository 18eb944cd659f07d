"""Cases drawn and cut: which steps are asked, and what is taken around them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from clew.errors import InputError
from clew.memory.subjects import parts

RISING = st.lists(st.lists(st.integers(0, 30), unique=True).map(sorted), max_size=6)


@settings(max_examples=25)
@given(RISING, st.integers(1, 40), st.integers(0, 20), st.integers(0, 3))
def test_spots_are_as_many_as_can_be_and_long_ones_first(steps, count, reach, seed):
    found = parts.spots(steps, count, reach, seed)
    every = [(k, step) for k, some in enumerate(steps) for step in some]
    long = [(k, step) for k, step in every if step >= reach]
    others = [(k, step) for k, step in every if not steps[k] or steps[k][-1] < reach]
    assert set(found) <= set(long) | set(others)
    assert len(set(found)) == len(found) == min(count, len(long) + len(others))
    assert len(set(found) & set(long)) == min(count, len(long))
    assert found == parts.spots(steps, count, reach, seed) == sorted(found)
    # From different sequences as far as there are any.
    able = {k for k, _ in long}
    assert len({k for k, _ in found if k in able}) == min(len(able), count)


def test_spots_of_one_sequence_come_from_everywhere():
    found = [step for _, step in parts.spots([range(10, 110)], 10, 20, 0)]
    assert [(step - 20) // 9 for step in found] == list(range(10))
    assert found != [step for _, step in parts.spots([range(10, 110)], 10, 20, 1)]


def test_spots_of_settings_that_mean_nothing():
    for count, reach, seed, told in (
        (0, 3, 0, "0 cases"),
        (3, -1, 0, "-1 elem"),
        (3, 3, -1, "seed"),
    ):
        with pytest.raises(InputError, match=told):
            parts.spots([range(9)], count, reach, seed)


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(0, 30), st.booleans(), st.data())
def test_stretches_hold_the_step_and_what_is_near(length, reach, both, data):
    at = data.draw(st.integers(0, length - 1))
    piece, place = parts.stretch(length, at, reach, both)
    some = list(range(length))[piece]
    assert some[place] == at
    assert some == [t for t in range(length) if at - reach <= t <= at + (reach if both else 0)]


def test_evenly_chosen_places():
    for count, most in product(range(51), range(1, 21)):
        found = parts.evenly(count, most)
        assert len(found) == min(count, most)
        assert found == sorted(set(found))
        assert set(found) <= set(range(count))


WORDS = ("word", "words")


def test_unknown_ids_are_told_of():
    text = np.array([5] * 90 + [1] * 10)
    assert parts.known([text], 1, WORDS) == " (10 % of the words are unknown to it)"
    assert parts.known([text[:93]], 1, WORDS) == ""
    assert parts.known([], 1, WORDS) == ""
    with pytest.raises(InputError, match="knows none of the 10 words"):
        parts.known([text[90:]], 1, WORDS)
    with pytest.raises(InputError, match="does not know the only word"):
        parts.known([text[99:]], 1, WORDS)


def test_made_anew_is_what_the_seed_makes_and_draws_nothing_else():
    torch.manual_seed(5)
    truth = nn.Linear(3, 3)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    like = torch.zeros(1, dtype=torch.float64)
    made = parts.made_anew(lambda: nn.Linear(3, 3), np.int64(5), like)
    assert made.weight.equal(truth.weight.double())
    assert torch.get_rng_state().equal(before)
    assert not made.training
