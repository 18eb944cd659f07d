"""What may come next in a tune: all that is allowed parses, holds its metre, and ends."""

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.abc import check, parse, tune_of, write
from clew.data.bar_keeper import BarKeeper
from clew.errors import InputError

F = Fraction
NOTES = [n + x for n in ("C", "D", "^f", "f", "g") for x in ("", "2", "3", "/2", "3/2", "4")]
SIGNS = [
    "|", "||", "|]", ":|", "|:", "::", "[1", "[2", '"G"', '"Am"', "(3", "-", "(", ")", "{", "}",
    "~", ".", ">", "<", "<<", "[", "]", "[K:D]", "z", "z2",
]  # fmt: skip
VOCABULARY = ["<end>", "<pad>", "M:6/8", "9", *NOTES, *SIGNS]
PLAIN = ["<end>", "C", "C2", "|", "||"]


def walk(keeper: BarKeeper, vocabulary: list[str], rng: random.Random, signs: float):
    """Tokens chosen by lot, and the last state; `signs`: how often rather a sign than a note."""
    state, tokens = keeper.start(), []
    while not state.done:
        may = np.flatnonzero(keeper.allowed(state))
        assert len(may), tokens
        rather = [i for i in may if vocabulary[i] in SIGNS and vocabulary[i] != "|"]
        token = int(rng.choice(rather if rather and rng.random() < signs else list(may)))
        if rng.random() < 0.1 and keeper.allowed(state)[0]:
            token = 0
        state = keeper.step(state, token)
        tokens.append(vocabulary[token])
        if len(tokens) > 3000:
            return None, state
    return tokens[:-1], state


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    metre=st.sampled_from(["6/8", "4/4", "3/4", "2/4", "9/8", "3/2", "5/4", "2/2"]),
    unit=st.sampled_from([F(1, 8), F(1, 4), F(1, 16)]),
    bars=st.sampled_from([None, 1, 2, 3, 4, 8]),
    signs=st.sampled_from([0.0, 0.2, 0.6]),
    left_out=st.sets(st.sampled_from([s for s in SIGNS if s != "|"]), max_size=8),
)
def test_what_is_allowed_parses_and_holds_its_metre(
    seed, metre, unit, bars, signs, left_out
) -> None:
    vocabulary = [token for token in VOCABULARY if token not in left_out]
    keeper = BarKeeper(vocabulary, metre=metre, unit=unit, end=0, bars=bars)
    tokens, state = walk(keeper, vocabulary, random.Random(seed), signs)
    if tokens is None:
        return
    tune = tune_of(tokens, metre=metre, unit=unit, key="G")
    assert check(tune) == []
    assert tune.music == tuple(tokens)
    assert [t.text for t in parse(write(tune)).tokens] == tokens
    assert bars is None or state.bars == bars


def test_a_bar_line_comes_exactly_when_the_bar_is_full() -> None:
    keeper = BarKeeper(PLAIN, metre="3/8", unit=F(1, 8), end=0, bars=2, pickups=[])
    state = keeper.start()
    seen = []
    for token in (1, 2, 3, 2, 1, 4):
        seen.append([PLAIN[i] for i in np.flatnonzero(keeper.allowed(state))])
        state = keeper.step(state, token)
    assert seen == [["C", "C2"], ["C", "C2"], ["|"], ["C", "C2"], ["C"], ["||"]]
    assert list(keeper.allowed(state)) == [True, False, False, False, False]
    done = keeper.step(state, 0)
    assert done.done
    assert not keeper.allowed(done).any()
    assert state.bars == 2


def test_pickups() -> None:
    keeper = BarKeeper(PLAIN, metre="3/8", unit=F(1, 8), end=0, bars=2, pickups=[F(1, 8)])
    state = keeper.start()
    assert keeper.room(state) == F(3, 8)
    for token in (1, 3, 1, 2, 3):
        assert keeper.allowed(state)[token]
        state = keeper.step(state, token)
    assert keeper.room(state) == F(1, 4)  # the last bar leaves room for the pickup
    state = keeper.step(state, 2)
    assert keeper.due(state)
    assert keeper.allowed(state)[4]
    state = keeper.step(keeper.start(), 2)
    assert not keeper.allowed(state)[3]  # a pickup of 1/4 was not among them


def test_a_prompt_that_does_not_fit_is_named() -> None:
    keeper = BarKeeper(PLAIN, metre="3/8", unit=F(1, 8), end=0)
    state = keeper.step(keeper.step(keeper.start(), 2), 1)
    with pytest.raises(InputError, match="'C2' is too long for bar 1"):
        keeper.step(state, 2)
    with pytest.raises(InputError, match=r"'\|\|' cannot come here"):
        keeper.step(keeper.start(), 4)
    with pytest.raises(InputError, match="no token 99"):
        keeper.step(state, 99)


def test_states_are_values() -> None:
    keeper = BarKeeper(VOCABULARY, metre="6/8", unit=F(1, 8), end=0)
    state = keeper.start()
    first = keeper.allowed(state)
    keeper.step(state, VOCABULARY.index("C2"))
    assert keeper.allowed(state) is first
    assert state == keeper.start()
    with pytest.raises(ValueError, match="read-only"):
        first[0] = True


@pytest.mark.parametrize(
    ("vocabulary", "how", "what"),
    [
        (PLAIN, {"metre": "none"}, "no bars to keep"),
        (PLAIN, {"metre": "x"}, "no bars to keep"),
        (PLAIN, {"bars": 0}, "bars=0"),
        (PLAIN, {"bars": True}, "bars=True"),
        (PLAIN, {"end": 5}, "end=5"),
        (["<end>", "C2", "|"], {"metre": "3/8"}, "cannot fill a bar of 3/8"),
        (["<end>", "z", "|"], {}, "cannot fill a bar"),
        (["<end>", "C"], {}, "no bar line"),
    ],
)
def test_what_cannot_be_kept(vocabulary: list[str], how: dict, what: str) -> None:
    with pytest.raises(InputError, match=what):
        BarKeeper(vocabulary, **{"metre": "4/4", "unit": F(1, 8), "end": 0, **how})
