"""CTC paths against all paths there are: the likeliest, what it says, when it says it."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks._ctc import BLANK, GreedyReader, Word, align, frames_needed, greedy, words_at

Array = np.ndarray[Any, Any]


def frames_of(seed: int, frames: int, units: int) -> Array:
    """Log-probabilities (T, V)."""
    scores = 2 * np.random.default_rng(seed).standard_normal((frames, units))
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def sharp(path: list[int], units: int = 4) -> Array:
    """Log-probabilities of which `path` is the likeliest path."""
    scores = np.full((len(path), units), -5.0)
    scores[np.arange(len(path)), path] = -0.1
    return scores


def said(path: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """What a path says: (unit, first frame, the one after the last)."""
    found, begin = [], 0
    for unit, run in itertools.groupby(path):
        end = begin + len(list(run))
        if unit != BLANK:
            found.append((unit, begin, end))
        begin = end
    return found


@given(path=st.lists(st.integers(0, 3), max_size=12), cuts=st.lists(st.integers(0, 12), max_size=4))
def test_greedy_at_once_and_in_chunks(path: list[int], cuts: list[int]) -> None:
    log_probs = sharp(path)
    expected = said(tuple(path))
    whole = greedy(log_probs)
    spans = [(unit, *span) for unit, span in zip(whole.units, whole.spans, strict=True)]
    assert spans == expected
    assert whole.nats == pytest.approx(-0.1 * len(path))
    live, units = GreedyReader(), []
    for begin, end in itertools.pairwise([0, *sorted(min(c, len(path)) for c in cuts), len(path)]):
        units += live.push(log_probs[begin:end])
        state, live = live.state, GreedyReader()
        live.state = state
    assert units == [(unit, begin) for unit, begin, _ in expected]
    assert live.state[1] == len(path)


@pytest.mark.parametrize(("frames", "units"), [(1, 2), (3, 3), (4, 4), (6, 3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_alignment_is_the_likeliest_path_of_all(frames: int, units: int, seed: int) -> None:
    log_probs = frames_of(seed, frames, units)
    best: dict[tuple[int, ...], tuple[float, tuple[int, ...]]] = {}
    for path in itertools.product(range(units), repeat=frames):
        nats = sum(log_probs[t, unit] for t, unit in enumerate(path))
        key = tuple(unit for unit, _, _ in said(path))
        best[key] = max(best.get(key, (-np.inf, path)), (nats, path))
    for text, (nats, path) in best.items():
        found = align(log_probs, text)
        assert found.nats == pytest.approx(nats)
        assert found.units == list(text)
        assert found.spans == [(begin, end) for _, begin, end in said(path)]
        assert frames_needed(text) <= frames
    likeliest = max(best.values())
    assert greedy(log_probs).nats == pytest.approx(likeliest[0])


@pytest.mark.parametrize("units", [[1], [1, 2], [1, 1], [2, 2, 2], [1, 2, 2, 1]])
def test_the_fewest_frames(units: list[int]) -> None:
    least = frames_needed(units)
    assert align(frames_of(0, least, 3), units).units == units
    with pytest.raises(InputError, match=f"cannot be said in {least - 1} frames"):
        align(frames_of(0, least - 1, 3), units)


def test_no_frames_and_no_units() -> None:
    nothing = np.empty((0, 3))
    assert greedy(nothing).units == align(nothing, []).units == GreedyReader().push(nothing) == []
    silent = align(frames_of(0, 4, 3), [])
    assert (silent.spans, silent.nats) == ([], pytest.approx(frames_of(0, 4, 3)[:, 0].sum()))


def test_words_and_their_frames() -> None:
    pieces = [*" ab ", "\u00a0", *"c d "]
    spans = [(2 * i, 2 * i + 1) for i in range(len(pieces))]
    assert words_at(pieces, spans) == [
        Word("ab", (2, 5)),
        Word("c", (10, 11)),
        Word("d", (14, 15)),
    ]
    both = words_at(["one", "two"], [(0, 3), (5, 9)], whole=True)
    assert both == [Word("one", (0, 3)), Word("two", (5, 9))]
    assert words_at([], []) == words_at([" "], [(0, 1)]) == []
