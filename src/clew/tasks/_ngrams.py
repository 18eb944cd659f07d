"""Interpolated n-grams: what a network must beat to show that its memory earns its keep.

Every order is mixed with the next shorter one by the rule of Witten and Bell ("The zero-frequency
problem", 1991), down to the uniform distribution over the vocabulary:

    P(w | h) = (count(h w) + kinds(h) P(w | h')) / (count(h) + kinds(h))

where `kinds(h)` is how many different tokens were seen after `h`, and `h'` is `h` without its
oldest token. A history never seen hands the question on to `h'` unchanged. The counts are sorted
NumPy arrays: an n-gram is known by the pair (number of its first n-1 tokens, last token), so that
no vocabulary is too large for the 64-bit key.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

Integers = NDArray[np.int64]
Counts = NDArray[np.int32]
Floats = NDArray[np.float64]

LIMIT = 4_000_000  # tokens counted at most: about half a gigabyte while they are sorted
_CHUNK = 1 << 18  # tokens scored at a time


@dataclass(frozen=True)
class _Order:
    """The counts of one order n; `keys` are (number of the history) * V + last token, ascending."""

    keys: Integers  # (n-grams,)
    counts: Counts  # (n-grams,)
    total: Counts  # (histories,) how often each history was followed by anything
    kinds: Counts  # (histories,) by how many different tokens


class NGrams:
    """Interpolated n-gram probabilities of the orders 1 to `order`.

    tokens: (N,) the text as token numbers below `vocabulary_size`; only the last `limit` count, and
    `counted` says how many that were. Raises InputError for an empty text, and for sizes below one.
    """

    def __init__(
        self, tokens: NDArray[Any], vocabulary_size: int, *, order: int = 5, limit: int = LIMIT
    ) -> None:
        for name, value in (
            ("vocabulary_size", vocabulary_size),
            ("order", order),
            ("limit", limit),
        ):
            if value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        if len(tokens) == 0:
            raise InputError("there is no text to count n-grams in", expected="at least one token")
        text = np.asarray(tokens[-limit:], dtype=np.int64)
        if int(text.min()) < 0 or int(text.max()) >= vocabulary_size:
            raise InputError(
                "a token number lies outside the vocabulary", expected=f"0 to {vocabulary_size - 1}"
            )
        self.vocabulary_size = vocabulary_size
        self.order = order
        self.counted = len(text)
        self._orders: list[_Order] = []
        histories, history = 1, np.zeros(len(text), dtype=np.int64)
        for n in range(1, order + 1):
            if len(text) < n:  # no n-gram of this length: every history is unseen
                none = np.zeros(0, dtype=np.int32)
                self._orders.append(_Order(np.zeros(0, dtype=np.int64), none, none, none))
                continue
            keys, number, counts = _tally(history * vocabulary_size + text[n - 1 :])
            owner = keys // vocabulary_size
            total = np.bincount(owner, weights=counts, minlength=histories).astype(np.int32)
            kinds = np.bincount(owner, minlength=histories).astype(np.int32)
            self._orders.append(_Order(keys, counts, total, kinds))
            # the n-gram that ends at one token is the history of the next one
            histories, history = len(keys), number[:-1]

    def log_probabilities(self, tokens: NDArray[Any]) -> Floats:
        """Give ln P of every token after those before it: (order, N), row n-1 holds order n.

        The first tokens, which have fewer than n-1 before them, are judged by what there is.
        """
        found = np.empty((self.order, len(tokens)))
        for start in range(0, len(tokens), _CHUNK):
            stop = min(start + _CHUNK, len(tokens))
            before = max(0, start - self.order + 1)
            piece = np.asarray(tokens[before:stop], dtype=np.int64)
            found[:, start:stop] = np.log(self._probabilities(piece))[:, start - before :]
        return found

    def cross_entropy(self, tokens: NDArray[Any]) -> Floats:
        """Give the mean of -ln P over the tokens, in nats a token, for every order: (order,)."""
        if len(tokens) == 0:
            raise InputError("there is no text to score", expected="at least one token")
        total = np.zeros(self.order)
        for start in range(0, len(tokens), _CHUNK):
            before = max(0, start - self.order + 1)
            logs = self.log_probabilities(tokens[before : start + _CHUNK])
            total -= logs[:, start - before :].sum(axis=1)
        return total / len(tokens)

    def distribution(self, history: Sequence[int], order: int | None = None) -> Floats:
        """Give the probability of every token after `history`, oldest first: (V,), summing to 1."""
        order = self.order if order is None else order
        if not 1 <= order <= self.order:
            raise InputError(f"order must lie between 1 and {self.order}, not {order}")
        chosen = np.full(self.vocabulary_size, 1.0 / self.vocabulary_size)
        known = np.asarray(history[max(0, len(history) - order + 1) :], dtype=np.int64)
        words = np.arange(self.vocabulary_size, dtype=np.int64)
        for n in range(1, len(known) + 2):
            owner = self._number(known[len(known) - n + 1 :])
            chosen = self._mix(n, np.full(self.vocabulary_size, owner), words, chosen)[0]
        return chosen

    def _probabilities(self, text: Integers) -> Floats:
        """P of each token of `text` after those before it: (order, N)."""
        rows = np.empty((self.order, len(text)))
        history = np.zeros(len(text), dtype=np.int64)
        lower = np.full(len(text), 1.0 / self.vocabulary_size)
        for n in range(1, self.order + 1):
            lower, number = self._mix(n, history, text, lower)
            rows[n - 1] = lower
            history = np.concatenate([np.full(1, -1, dtype=np.int64), number[:-1]])[: len(text)]
        return rows

    def _mix(
        self, n: int, history: Integers, words: Integers, lower: Floats
    ) -> tuple[Floats, Integers]:
        """One step of the recursion: (P under order n, number of each n-gram, -1 for unseen)."""
        table = self._orders[n - 1]
        if len(table.keys) == 0:
            return lower, np.full(len(words), -1, dtype=np.int64)
        known = history >= 0
        owner = np.where(known, history, 0)
        key = owner * self.vocabulary_size + words
        place = np.minimum(np.searchsorted(table.keys, key), len(table.keys) - 1)
        hit = known & (table.keys[place] == key)
        count = np.where(hit, table.counts[place], 0)
        kinds = np.where(known, table.kinds[owner], 0)
        total = np.where(known, table.total[owner], 0)
        seen = total > 0  # the last n-1 tokens of the text may have been followed by nothing
        mixed = (count + kinds * lower) / np.where(seen, total + kinds, 1)
        return np.where(seen, mixed, lower), np.where(hit, place, -1)

    def _number(self, gram: Integers) -> int:
        """The number of an n-gram among those counted, 0 for the empty one, -1 for unseen."""
        number = 0
        for n, token in enumerate(gram, start=1):
            keys = self._orders[n - 1].keys
            key = number * self.vocabulary_size + int(token)
            place = int(np.searchsorted(keys, key))
            if place == len(keys) or int(keys[place]) != key:
                return -1
            number = place
        return number


def _tally(keys: Integers) -> tuple[Integers, Integers, Counts]:
    """np.unique in half its memory: (distinct keys, the place of each key in them, counts)."""
    order = np.argsort(keys)
    ascending = keys[order]
    first = np.empty(len(keys), dtype=np.bool_)
    first[0] = True
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(keys)).astype(np.int32)
    distinct = ascending[starts]
    number = ascending  # its values are no longer needed: the same memory takes the answer
    number[order] = np.cumsum(first) - 1
    return distinct, number, counts


def ngram_baseline(
    train: NDArray[Any], held_out: NDArray[Any], vocabulary_size: int, *, limit: int = LIMIT
) -> dict[str, Any]:
    """Score the held-out tokens by single-token counts and by the best of the orders 2 to 5.

    Gives {"nats_per_token": {"1": .., .., "5": ..}, "best": 2 to 5, "counted": tokens,
    "seconds": ..}. The order is chosen on the held-out tokens themselves: this favours the n-grams.
    """
    began = time.perf_counter()
    grams = NGrams(train, vocabulary_size, limit=limit)
    nats = grams.cross_entropy(held_out)
    return {
        "nats_per_token": {str(n + 1): float(value) for n, value in enumerate(nats)},
        "best": int(np.argmin(nats[1:])) + 2,
        "counted": grams.counted,
        "seconds": time.perf_counter() - began,
    }
