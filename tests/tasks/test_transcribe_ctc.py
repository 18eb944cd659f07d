"""CTC paths against all paths there are: the likeliest, what it says, when it says it."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks._transcribe.ctc import BLANK, align, frames_needed, greedy

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


@given(path=st.lists(st.integers(0, 3), max_size=12))
def test_greedy_says_what_the_likeliest_path_says(path: list[int]) -> None:
    found = greedy(sharp(path))
    spans = [(unit, *span) for unit, span in zip(found.units, found.spans, strict=True)]
    assert spans == said(tuple(path))
    assert found.nats == pytest.approx(-0.1 * len(path))


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
    assert greedy(nothing).units == align(nothing, []).units == []
    silent = align(frames_of(0, 4, 3), [])
    assert (silent.spans, silent.nats) == ([], pytest.approx(frames_of(0, 4, 3)[:, 0].sum()))
