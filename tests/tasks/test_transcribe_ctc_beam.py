"""Prefix beam search against the sum over all paths, and against torch's CTC loss."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks._transcribe.ctc import BLANK, greedy
from clew.tasks._transcribe.ctc_beam import STAYS, Search, search

Array = np.ndarray[Any, Any]
WIDE = Search(beam=10**6, prune=math.inf)


def frames_of(seed: int, frames: int, units: int, sharpness: float = 2.0) -> Array:
    scores = sharpness * np.random.default_rng(seed).standard_normal((frames, units))
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def sums(log_probs: Array) -> dict[tuple[int, ...], float]:
    """Ln P of every text there is: the sum over the paths that say it."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        text = tuple(unit for unit, _ in itertools.groupby(path) if unit != BLANK)
        nats = sum(log_probs[t, unit] for t, unit in enumerate(path))
        found[text] = float(np.logaddexp(found.get(text, -math.inf), nats))
    return found


def by_torch(log_probs: Array, units: list[int]) -> float:
    """Ln P of a text."""
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(log_probs)[:, None], torch.tensor([units or [1]]),
        (len(log_probs),), (len(units),), reduction="sum",
    )  # fmt: skip
    return -loss.item()


class Pairs:
    """A language model of pairs of units: its state is the last unit of each prefix."""

    def __init__(self, units: int, seed: int = 0) -> None:
        table = np.random.default_rng(seed).random((units, units + 1))
        self.table = np.log(table / table.sum(axis=1, keepdims=True))  # the last column: the end

    def start(self) -> Array:
        return np.zeros(1, dtype=np.int64)

    def next(self, state: Array) -> Array:
        return self.table[state, :-1]

    def extend(self, state: Array, parents: Array, units: Array) -> Array:
        return np.where(units == STAYS, state[parents], units)

    def end(self, state: Array) -> Array:
        return self.table[state, -1]

    def nats(self, text: tuple[int, ...]) -> float:
        pairs = itertools.pairwise([0, *text, -1])
        return float(sum(self.table[a, b] for a, b in pairs))


@pytest.mark.parametrize(("frames", "units"), [(0, 3), (1, 2), (3, 4), (5, 3), (7, 2)])
def test_a_wide_beam_is_exact(frames: int, units: int) -> None:
    log_probs = frames_of(frames, frames, units)
    expected = sums(log_probs)
    found = search(log_probs, WIDE, best=10**6)
    assert {tuple(one.units): one.sound for one in found} == pytest.approx(expected)
    assert [one.score for one in found] == sorted((one.sound for one in found), reverse=True)
    assert all(one.language == 0.0 for one in found)


@pytest.mark.parametrize(("weight", "bonus"), [(0.0, 0.0), (0.7, 0.0), (1.5, 2.0), (0.3, -1.0)])
def test_a_language_model_with_a_wide_beam_is_exact(weight: float, bonus: float) -> None:
    log_probs, language = frames_of(1, 5, 4), Pairs(4)
    how = Search(beam=10**6, prune=math.inf, weight=weight, bonus=bonus)
    found = search(log_probs, how, language=language, best=10**6)
    expected = {
        text: nats + weight * language.nats(text) + bonus * len(text)
        for text, nats in sums(log_probs).items()
    }
    assert {tuple(one.units): one.score for one in found} == pytest.approx(expected)
    assert [one.score for one in found] == pytest.approx(sorted(expected.values(), reverse=True))
    for one in found:
        assert one.language == pytest.approx(language.nats(tuple(one.units)))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), beam=st.integers(1, 8), prune=st.sampled_from([3.0, 9.0, 99.0]))
def test_a_narrow_beam_never_claims_too_much(seed: int, beam: int, prune: float) -> None:
    log_probs = frames_of(seed, 12, 5)
    best = search(log_probs, Search(beam=beam, prune=prune), best=3)
    assert len({tuple(one.units) for one in best}) == len(best) <= beam
    for one in best:
        assert one.sound <= by_torch(log_probs, one.units) + 1e-9


def test_the_text_found_is_likelier_than_that_of_the_likeliest_path() -> None:
    better = 0
    for seed in range(8):
        log_probs = frames_of(seed, 60, 20)
        best, path = search(log_probs, Search())[0].units, greedy(log_probs).units
        assert by_torch(log_probs, best) >= by_torch(log_probs, path)
        better += best != path
    assert better > 4


def test_a_language_model_decides_what_the_sound_leaves_open() -> None:
    log_probs = np.log([[0.02, 0.49, 0.49], [0.98, 0.01, 0.01]])
    language = Pairs(3)
    language.table[:] = np.log(0.25)
    for likely, other in ((1, 2), (2, 1)):
        language.table[0, [likely, other]] = np.log([0.4, 0.1])
        assert search(log_probs, Search(), language=language)[0].units == [likely]


def test_a_bonus_makes_longer_texts() -> None:
    log_probs = frames_of(3, 30, 4, sharpness=0.5)
    lengths = [len(search(log_probs, Search(bonus=bonus))[0].units) for bonus in (-4, 0, 4)]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[2]


def test_the_search_is_the_same_every_time() -> None:
    even = np.full((10, 6), -math.log(6))  # nothing but ties
    assert search(even, Search(beam=5), best=5) == search(even, Search(beam=5), best=5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("beam", 0), ("beam", 1.5), ("beam", True), ("prune", -1), ("prune", "x"), ("weight", -0.1),
     ("weight", math.nan), ("weight", math.inf), ("bonus", math.inf), ("bonus", None),
     ("prune", math.nan)],
)  # fmt: skip
def test_settings_that_mean_nothing(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{name} is") as caught:
        Search(**{name: value})
    assert caught.value.where == name
