"""The longest run shared with known tunes, against a plain search."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.abc import parse
from clew.errors import InputError
from clew.tasks._compose.recall import TuneIndex, melody

TUNES = st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=6)


def plain(tunes: list[list[int]], query: list[int]) -> tuple[int, int]:
    """Length and start of the first of the longest runs of `query` that a tune has."""
    for length in range(len(query), 0, -1):
        for start in range(len(query) - length + 1):
            run = query[start : start + length]
            if any(run == t[i : i + length] for t in tunes for i in range(len(t) - length + 1)):
                return length, start
    return 0, 0


@settings(max_examples=60, deadline=None)
@given(TUNES, st.lists(st.integers(0, 4), max_size=14))
def test_longest(tunes: list[list[int]], query: list[int]) -> None:
    index = TuneIndex.build(tunes)
    for found in (index, TuneIndex.of(index.arrays())):
        span = found.longest(query)
        assert (span.length, span.start) == plain(tunes, query)
        if span.length:
            run = query[span.start : span.start + span.length]
            assert tunes[span.tune][span.at : span.at + span.length] == run
        first = tunes.index(query) if query in tunes else None
        assert found.copy(query) == first
    assert len(index) == len(tunes)


def test_a_long_tune_and_its_copies() -> None:
    rng = np.random.default_rng(0)
    tune = rng.integers(0, 50, 3000)
    index = TuneIndex.build([tune[:100], tune, tune])
    span = index.longest(np.concatenate([[7, 7, 7], tune[500:900], [9]]))
    assert span.length >= 400
    assert span.tune in (1, 2)
    assert index.copy(tune) == 1
    assert index.copy(tune[:-1]) is None
    assert TuneIndex.build([[0] * 500]).longest([0] * 600).length == 500


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"tokens": np.arange(3)},
        {"tokens": np.arange(3), "starts": np.array([1])},
        {"tokens": np.arange(3), "starts": np.array([0, 2, 1])},
        {"tokens": np.arange(3), "starts": np.array([0, 4])},
        {"tokens": np.arange(3), "starts": np.zeros(0, dtype=np.int64)},
        {"tokens": np.array([-1]), "starts": np.array([0])},
        {"tokens": np.array([2**31]), "starts": np.array([0])},
        {"tokens": np.array([0.5]), "starts": np.array([0])},
        {"tokens": np.zeros((2, 2), dtype=np.int64), "starts": np.array([0])},
    ],
)
def test_arrays_that_do_not_fit(arrays: dict) -> None:
    with pytest.raises(InputError, match="no tunes to look up"):
        TuneIndex.of(arrays)


def test_a_melody_is_the_same_in_every_key() -> None:
    tune = parse("X:1\nM:4/4\nL:1/8\nK:D\nA2|{g}f4 [df]3-[df]|z2 ^GA >B c3-|c8|]")
    found = melody(tune)
    for semitones in (-4, 3, 12):
        assert melody(tune.transposed(semitones)) == found
    assert melody(tune.in_unit(Fraction(1, 4))) == found
    assert len(found) == 8
    other = parse("X:1\nM:4/4\nL:1/8\nK:D\nA2|{g}f4 [df]3-[df]|z2 ^GA >B d3-|d8|]")
    assert [a == b for a, b in zip(melody(other), found, strict=True)] == [True] * 7 + [False]
