"""How much of a new tune stands, token by token, in the tunes that were learned from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clew.data.abc import Tune, bars
from clew.errors import InputError

Integers = NDArray[np.int64]
_WIDTH = 4  # bytes of a token


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
        self._whole = {self._of(number): number for number in reversed(range(len(starts)))}

    @classmethod
    def build(cls, sequences: Iterable[Sequence[int] | NDArray[Any]]) -> TuneIndex:
        """An index of sequences of numbers from 0; raises InputError for other numbers."""
        every = [np.asarray(sequence, dtype=np.int64).reshape(-1) for sequence in sequences]
        tokens = np.concatenate(every) if every else np.zeros(0, dtype=np.int64)
        starts = np.cumsum([0, *(len(sequence) for sequence in every)])[:-1]
        return cls.of({"tokens": tokens, "starts": np.asarray(starts, dtype=np.int64)})

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> TuneIndex:
        """The index of what `arrays` gave; raises InputError for arrays that do not fit."""
        tokens, starts = (np.asarray(arrays.get(name, 0)) for name in ("tokens", "starts"))
        good = all(a.ndim == 1 and a.dtype.kind in "iu" for a in (tokens, starts))
        if good and len(starts):
            good = bool(starts[0] == 0 and (np.diff(starts) >= 0).all())
            good = good and bool(starts[-1] <= len(tokens))
        elif good:
            good = len(tokens) == 0
        if not good or (len(tokens) and not 0 <= tokens.min() <= tokens.max() < 2**31):
            raise InputError(
                "these are no tunes to look up",
                expected="tokens (N,) from 0, and starts (tunes,) that ascend from 0",
            )
        return cls(tokens.astype(np.int64), starts.astype(np.int64))

    def arrays(self) -> dict[str, Integers]:
        """What `of` makes the same index of."""
        return {"tokens": self.tokens, "starts": self.starts}

    def __len__(self) -> int:
        return len(self.starts)

    def longest(self, sequence: Sequence[int] | NDArray[Any]) -> Span:
        """The longest run of a sequence that one of the tunes has, the first of the longest."""
        query = (np.asarray(sequence, dtype=np.int64) + 1).astype(">u4").tobytes()
        count = len(query) // _WIDTH
        best = Span(0, 0, -1, 0)
        start = 0
        while start + best.length < count:
            length, suffix = self._match(query[start * _WIDTH :])
            if length > best.length:
                tune = int(np.searchsorted(self._begins, suffix, side="right")) - 1
                best = Span(length, start, tune, suffix - int(self._begins[tune]))
            start += 1
        return best

    def copy(self, sequence: Sequence[int] | NDArray[Any]) -> int | None:
        """The number of the first tune that is this sequence from start to end, if one is."""
        return self._whole.get((np.asarray(sequence, dtype=np.int64) + 1).astype(">u4").tobytes())

    def _of(self, number: int) -> bytes:
        last = number + 1 == len(self.starts)
        end = len(self.tokens) if last else int(self.starts[number + 1])
        return (self.tokens[self.starts[number] : end] + 1).astype(">u4").tobytes()

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


def melody(tune: Tune) -> list[int]:
    """A tune as numbers that are the same in every key: step to the next note, and its length.

    A rest, and the first note, have a step of their own; grace notes are left out, of a chord the
    highest note counts, tied notes are one.
    """
    found: list[tuple[int | None, Fraction]] = []
    last: int | None = None
    tied = False
    for bar in bars(tune):
        for event in bar.events:
            if event.grace:
                continue
            pitch = max((sign.pitch for sign in event.signs), default=None)
            if tied and pitch == last:
                found[-1] = (found[-1][0], found[-1][1] + event.duration)
            else:
                step = None if pitch is None or last is None else pitch - last
                found.append((step, event.duration))
            tied = event.tied
            last = pitch if pitch is not None else last
    return [
        (0 if step is None else 128 + step) * 8192 + min(8191, int(length * 768))
        for step, length in found
    ]
