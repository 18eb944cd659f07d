"""The longest run shared with known tunes, against a plain search."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks._compose.recall import TransposedIndex, TuneIndex

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
    span = index.longest(query)
    assert (span.length, span.start) == plain(tunes, query)
    if span.length:
        run = query[span.start : span.start + span.length]
        assert tunes[span.tune][span.at : span.at + span.length] == run
    assert len(index) == len(tunes)


def test_a_long_tune_and_its_copies() -> None:
    rng = np.random.default_rng(0)
    tune = rng.integers(0, 50, 3000)
    index = TuneIndex.build([tune[:100], tune, tune])
    span = index.longest(np.concatenate([[7, 7, 7], tune[500:900], [9]]))
    assert span.length >= 400
    assert span.tune in (1, 2)
    assert TuneIndex.build([[0] * 500]).longest([0] * 600).length == 500
    with pytest.raises(InputError, match="no tunes to look up"):
        TuneIndex.build([[-1]])


NOTES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.lists(NOTES, max_size=5), NOTES)
def test_longest_in_whatever_key(tunes: list[list[Any]], query: list[Any]) -> None:
    moved = [[(kind, height + up) for kind, height in t] for t in tunes for up in range(-3, 4)]
    index = TransposedIndex([tuple(zip(*tune, strict=True)) or ((), ()) for tune in tunes])
    kinds, heights = zip(*query, strict=True) if query else ((), ())
    span = index.longest(kinds, heights)
    assert (span.length, span.start) == plain(moved, query)
    if span.length:
        run = tunes[span.tune][span.at : span.at + span.length]
        assert [kind for kind, _ in run] == [*kinds[span.start : span.start + span.length]]


def test_what_has_no_height_stands_between() -> None:
    index = TransposedIndex([(["a", "z", "a", "b"], [0, None, 4, 2])])
    assert index.longest(["a", "z", "a"], [7, None, 11])[:2] == (3, 0)
    assert index.longest(["a", "z", "a"], [7, None, 10])[:2] == (2, 0)
    assert index.longest(["c", "z", "b"], [7, None, 0]) == (1, 1, 0, 1)
