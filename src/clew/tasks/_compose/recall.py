"""How much of a new tune stands, token by token, in the tunes that were learned from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

Integers = NDArray[np.int64]
_WIDTH = 4  # bytes of a token
_FIRST = 512  # numbers below are of steps up or down, none wider than 255


class Span(NamedTuple):
    """A run of `length` tokens from `start` on that tune number `tune` has from `at` on."""

    length: int
    start: int
    tune: int
    at: int


class TuneIndex:
    """Sequences of whole numbers, sorted so that the longest run shared with another is found.

    All suffixes are sorted once (Manber and Myers, "Suffix arrays", 1993); a query then costs a
    binary search for each of its tokens.
    """

    def __init__(self, tokens: Integers, starts: Integers) -> None:
        self.tokens = tokens  # (N,) of all sequences
        self.starts = starts  # (sequences,) where each begins
        self._text, self._begins = _joined(tokens, starts)
        self._order = _suffixes(self._text)
        self._bytes = self._text.astype(">u4").tobytes()  # compares as the numbers do

    @classmethod
    def build(cls, sequences: Iterable[Sequence[int] | NDArray[Any]]) -> TuneIndex:
        """An index of sequences of numbers from 0; raises InputError for other numbers."""
        every = [np.asarray(sequence, dtype=np.int64).reshape(-1) for sequence in sequences]
        tokens = np.concatenate(every) if every else np.zeros(0, dtype=np.int64)
        starts = np.cumsum([0, *(len(sequence) for sequence in every)])[:-1]
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < 2**31:
            raise InputError("these are no tunes to look up", expected="tokens from 0")
        return cls(tokens, np.asarray(starts, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.starts)

    def longest(self, sequence: Sequence[int] | NDArray[Any], stride: int = 1) -> Span:
        """The longest run of a sequence that one of the tunes has, the first of the longest.

        stride: only of runs that begin at every so manieth token.
        """
        query = (np.asarray(sequence, dtype=np.int64) + 1).astype(">u4").tobytes()
        count = len(query) // _WIDTH
        best = Span(0, 0, -1, 0)
        start = 0
        while start + best.length < count:
            length, suffix = self._match(query[start * _WIDTH :])
            if length > best.length:
                tune = int(np.searchsorted(self._begins, suffix, side="right")) - 1
                best = Span(length, start, tune, suffix - int(self._begins[tune]))
            start += stride
        return best

    def _match(self, query: bytes) -> tuple[int, int]:
        """The longest beginning of a query that is in the text, and where."""
        size = len(query)

        def beginning(suffix: int) -> bytes:
            return self._bytes[suffix * _WIDTH : suffix * _WIDTH + size]

        place = bisect_left(self._order, query, key=beginning)
        near = [int(self._order[i]) for i in (place - 1, place) if 0 <= i < len(self._order)]
        found = [(_shared(query, beginning(suffix)), -suffix) for suffix in near]
        length, negative = max(found, default=(0, 0))
        return length, -negative


class TransposedIndex:
    """Tunes of which the longest run is found that another has, in the same key or moved.

    A tune is what its notes, or steps, are but for their height, and how far each is from the one
    before: these in turn, x_1, y_2 - y_1, x_2, y_3 - y_2, .., are the same in every key.
    """

    def __init__(self, tunes: Iterable[tuple[Sequence[Hashable], Sequence[int | None]]]) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._index = TuneIndex.build([self._told(*tune, learn=True) for tune in tunes])

    def longest(self, kinds: Sequence[Hashable], heights: Sequence[int | None]) -> Span:
        """The longest run of notes of these kinds and heights, None where one has no height."""
        span = self._index.longest(self._told(kinds, heights), stride=2)
        return Span((span.length + 1) // 2, span.start // 2, span.tune, span.at // 2)

    def _told(
        self, kinds: Sequence[Hashable], heights: Sequence[int | None], learn: bool = False
    ) -> list[int]:
        found: list[int] = []
        last: int | None = None
        for kind, height in zip(kinds, heights, strict=True):
            if found:
                found.append(_FIRST // 2 + (0 if height is None or last is None else height - last))
            last = last if height is None else height
            known = self._numbers.get(kind, 0)  # 0 is none of those learned
            if learn and not known:
                known = self._numbers[kind] = _FIRST + len(self._numbers)
            found.append(known)
        return found


def _shared(first: bytes, second: bytes) -> int:
    """How many tokens two runs begin with alike."""
    size = min(len(first), len(second)) // _WIDTH
    a = np.frombuffer(first, dtype=">u4", count=size)
    unequal = np.flatnonzero(a != np.frombuffer(second, dtype=">u4", count=size))
    return int(unequal[0]) if len(unequal) else size


def _joined(tokens: Integers, starts: Integers) -> tuple[Integers, Integers]:
    """All tunes with a 0 behind each, the tokens one higher; and where each begins in that."""
    begins = starts + np.arange(len(starts))
    text = np.zeros(len(tokens) + len(starts), dtype=np.int64)
    real = np.ones(len(text), dtype=np.bool_)
    ends = np.append(starts[1:], len(tokens)) + np.arange(len(starts)) if len(starts) else starts
    real[ends] = False
    text[real] = tokens + 1
    return text, begins


def _suffixes(text: Integers) -> Integers:
    """Where the suffixes of a text begin, in their order: sorted by 1, 2, 4, ... tokens."""
    size, step = len(text), 1
    _, rank = np.unique(text, return_inverse=True)
    rank = rank.astype(np.int64).reshape(-1)
    order = np.argsort(rank, kind="stable")
    while size and step < size and rank[order[-1]] + 1 < size:
        behind = np.zeros(size, dtype=np.int64)
        behind[:-step] = rank[step:] + 1
        key = rank * (size + 1) + behind
        order = np.argsort(key, kind="stable")
        new = np.zeros(size, dtype=np.int64)
        new[order[1:]] = np.cumsum(np.diff(key[order]) > 0)
        rank, step = new, 2 * step
    return np.asarray(order, dtype=np.int64)
