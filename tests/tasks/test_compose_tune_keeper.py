"""Any walk through what a composer may write is a tune that parses and holds its metre."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.abc import check, tune_of
from clew.errors import InputError
from clew.tasks._compose.tune_keeper import TuneKeeper

UNIT = Fraction(1, 8)
TOKENS = ["", "<end>", "M:6/8", "A", "B2", "c3", "d6", "e/2", "z", '"G"', "[", "]", "(3", "-",
          "[K:D]", "|", "||", "|:", ":|", "::", "|]", "[1", "[2"]  # fmt: skip
SIGNS = st.sets(st.sampled_from([*TOKENS[9:15], *TOKENS[16:]]))


def walk(keeper: TuneKeeper, tokens: list[str], draw) -> list[str]:
    state, found = keeper.start(), []
    while not state.done:
        allowed = np.flatnonzero(keeper.allowed(state)).tolist()
        assert allowed
        token = draw(allowed)
        state = keeper.step(state, token)
        found.append(tokens[token])
    return found[:-1]


@settings(max_examples=60)
@given(
    metre=st.sampled_from(["6/8", "4/4", "3/4"]), bars=st.integers(1, 9), without=SIGNS,
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_any_walk_holds_its_metre(metre, bars, without, seed):
    tokens = [token for token in TOKENS if token not in without]
    keeper = TuneKeeper(tokens, metre=metre, unit=UNIT, bars=bars, end=1)
    choice = np.random.default_rng(seed)
    found = walk(keeper, tokens, lambda allowed: int(choice.choice(allowed)))
    tune = tune_of(found, metre=metre, unit=UNIT, key="C")
    assert list(tune.music) == found
    assert check(tune) == []
    assert "[K:D]" not in found
    whole = {"||", "|]", ":|"} & {*tokens}
    if {"||", "|]"} & whole:  # there is a line to end with: repeats go back to a sign or the start
        open_, first = False, True
        for token in found:
            if token in (":|", "::", "[1"):
                assert open_ or first
            if token in ("|:", "::"):
                open_ = True
            elif token == ":|":
                open_ = False
            first = first and token not in ("||", "|]", ":|", "::", "|:")
            open_ = open_ or token == "[1"  # until its end


def test_an_opening_may_have_more():
    keeper = TuneKeeper(TOKENS, metre="6/8", unit=UNIT, bars=4, end=1)
    state = keeper.start()
    for token in ("d6", "|", "[K:D]", "d6", "||", "d6", "||", "c3"):
        state = keeper.step(state, TOKENS.index(token))
    assert state.bars == 3
    with pytest.raises(InputError, match="too long"):
        keeper.step(state, TOKENS.index("d6"))
