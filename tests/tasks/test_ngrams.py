"""Interpolated n-grams against a slow implementation in dictionaries, and against sums by hand."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks import _ngrams
from clew.tasks._ngrams import NGrams, ngram_baseline


def slow(text: Sequence[int], size: int, history: tuple[int, ...], token: int) -> float:
    """Witten and Bell's recursion, written out."""
    lower = slow(text, size, history[1:], token) if history else 1.0 / size
    n = len(history)
    after = Counter(text[i + n] for i in range(len(text) - n) if tuple(text[i : i + n]) == history)
    if not after:
        return lower
    return (after[token] + len(after) * lower) / (sum(after.values()) + len(after))


texts = st.lists(st.integers(0, 4), min_size=1, max_size=40)


@settings(deadline=None, max_examples=60)
@given(texts, st.lists(st.integers(0, 6), max_size=12), st.integers(1, 5))
def test_agrees_with_dictionaries(text: list[int], scored: list[int], order: int) -> None:
    grams = NGrams(np.array(text), 7, order=order)
    logs = grams.log_probabilities(np.array(scored, dtype=np.int64))
    assert logs.shape == (order, len(scored))
    for n in range(1, order + 1):
        for i, token in enumerate(scored):
            history = tuple(scored[max(0, i - n + 1) : i])
            assert math.exp(logs[n - 1, i]) == pytest.approx(
                slow(text, 7, history, token), rel=1e-10
            )


@settings(deadline=None, max_examples=60)
@given(texts, st.lists(st.integers(0, 6), max_size=6), st.integers(1, 5))
def test_sums_to_one_after_any_history(text: list[int], history: list[int], order: int) -> None:
    grams = NGrams(np.array(text), 7, order=5)
    given_history = grams.distribution(history, order)
    assert given_history.sum() == pytest.approx(1.0, abs=1e-12)
    assert (given_history > 0).all()
    scored = [[*history, token] for token in range(7)]
    one_by_one = [math.exp(grams.log_probabilities(np.array(s))[order - 1, -1]) for s in scored]
    np.testing.assert_allclose(given_history, one_by_one, rtol=1e-10)


def test_by_hand() -> None:
    # "a b a b a c": a 3 times, b twice, c once; V = 4
    grams = NGrams(np.array([0, 1, 0, 1, 0, 2]), 4, order=2)
    single = (3 + 3 / 4) / (6 + 3)
    assert grams.distribution([], 1)[0] == pytest.approx(single)
    assert grams.distribution([1], 2)[0] == pytest.approx((2 + 1 * single) / (2 + 1))
    assert grams.distribution([3], 2)[0] == pytest.approx(single)  # never seen: the shorter history
    assert grams.distribution([2], 2)[0] == pytest.approx(single)  # seen, but nothing followed


def test_a_large_vocabulary_does_not_overflow() -> None:
    generator = np.random.default_rng(0)
    text = generator.integers(0, 60_000, size=300).astype(np.uint16)  # 60000 ** 5 is beyond 64 bits
    text = np.concatenate([text, text])
    grams = NGrams(text, 60_000, order=5)
    history = tuple(int(t) for t in text[100:104])
    expected = slow([int(t) for t in text], 60_000, history, int(text[104]))
    assert grams.distribution(history)[int(text[104])] == pytest.approx(expected, rel=1e-10)


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    text, scored = generator.integers(0, 5, size=400), generator.integers(0, 5, size=101)
    whole = NGrams(text, 5).log_probabilities(scored)
    monkeypatch.setattr(_ngrams, "_CHUNK", 7)
    pieces = NGrams(text, 5)
    np.testing.assert_array_equal(pieces.log_probabilities(scored), whole)
    np.testing.assert_allclose(pieces.cross_entropy(scored), -whole.mean(axis=1), rtol=1e-12)


def test_counts_only_the_last_tokens_up_to_the_limit() -> None:
    text = np.array([1] * 50 + [0, 2, 0, 2, 0])
    limited, fresh = NGrams(text, 3, limit=5), NGrams(text[-5:], 3)
    assert limited.counted == 5
    np.testing.assert_array_equal(limited.distribution([0]), fresh.distribution([0]))


def test_baseline_learns_order_and_chooses_the_best() -> None:
    text = np.tile(np.array([0, 1, 2, 0, 2, 1, 1]), 60).astype(np.uint16)
    report = ngram_baseline(text[:350], text[350:], 3)
    nats = [report["nats_per_token"][str(n)] for n in range(1, 6)]
    assert nats[0] == pytest.approx(math.log(3), abs=0.05)
    assert min(nats[1:]) < 0.2
    assert report["best"] == 2 + int(np.argmin(nats[1:]))
    assert report["counted"] == 350


def test_a_text_shorter_than_the_order() -> None:
    grams = NGrams(np.array([2]), 4, order=5)
    assert grams.distribution([2, 2, 2, 2]).sum() == pytest.approx(1.0)
    assert np.isfinite(grams.cross_entropy(np.array([0, 2, 3]))).all()


def test_users_mistakes() -> None:
    with pytest.raises(InputError, match="no text to count"):
        NGrams(np.array([], dtype=np.int64), 4)
    with pytest.raises(InputError, match="order must be at least 1, not 0"):
        NGrams(np.array([1]), 4, order=0)
    with pytest.raises(InputError, match="outside the vocabulary"):
        NGrams(np.array([4]), 4)
    with pytest.raises(InputError, match="no text to score"):
        NGrams(np.array([1]), 4).cross_entropy(np.array([], dtype=np.int64))
    with pytest.raises(InputError, match="between 1 and 5, not 6"):
        NGrams(np.array([1]), 4).distribution([1], 6)


def test_counting_agrees_with_numpy_unique() -> None:
    keys = np.random.default_rng(2).integers(0, 50, size=999)
    distinct, number, counts = _ngrams._tally(keys.copy())
    expected = defaultdict(int)
    for key in keys:
        expected[int(key)] += 1
    assert dict(zip(distinct.tolist(), counts.tolist(), strict=True)) == expected
    np.testing.assert_array_equal(distinct[number], keys)
