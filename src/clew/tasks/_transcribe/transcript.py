"""From log-probabilities of units at every step to a text, its words and their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.tasks._transcribe.units import Units

_BROKEN = "\ufffd"  # bytes of a character that is not whole yet


@dataclass(frozen=True)
class Word:
    """A word of a transcript, and when it was heard, in seconds from the beginning."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Transcript:
    """What is said in a recording.

    score: ln of the probability of it that the search saw; more is surer. seconds: how long the
    recording is. warnings: what is odd about the sound, such as tops that are cut off.
    """

    text: str
    words: tuple[Word, ...]
    score: float
    seconds: float
    warnings: tuple[str, ...] = ()


def words_of(units: Units, pieces: NDArray[np.int64], seconds: float) -> tuple[Word, ...]:
    """The words of units: `pieces` (n, 3) are the unit, its first step, and the step it ends at.

    seconds: how long a step is. Byte pairs that are a part of a character wait for the rest.
    """
    words = _Words(units, seconds)
    words.read(pieces.tolist())
    return tuple(words.found)


class _Words:
    """The words of units that come one after the other; what was read is not read again."""

    def __init__(self, units: Units, seconds: float) -> None:
        self._units, self._seconds = units, seconds
        self.found: list[Word] = []
        self.count = 0  # pieces that were read
        self._waiting: list[int] = []
        self._begin, self._inside = 0, False

    def read(self, pieces: Sequence[Sequence[int]]) -> None:
        """More pieces: the unit, its first step, the step it ends at."""
        self.count += len(pieces)
        for unit, start, end in pieces:
            self._begin = self._begin if self._waiting else start
            self._waiting.append(unit)
            text = self._units.spell(self._waiting)
            if text.endswith(_BROKEN):
                continue
            self._waiting = []
            stop = round(end * self._seconds, 3)
            for letter in text:
                if letter.isspace():
                    self._inside = False
                elif self._inside:
                    last = self.found[-1]
                    self.found[-1] = Word(last.text + letter, last.start, stop)
                else:
                    self.found.append(Word(letter, round(self._begin * self._seconds, 3), stop))
                    self._inside = True

    def with_last(self, pieces: Sequence[Sequence[int]]) -> tuple[Word, ...]:
        """All words as they are with some pieces more, which are not kept: they may last on."""
        kept = self._waiting.copy(), self._begin, self._inside, self.count
        whole, last = len(self.found), self.found[-1:]
        self.read(pieces)
        found = tuple(self.found)
        self.found[max(0, whole - 1) :] = last
        self._waiting, self._begin, self._inside, self.count = kept
        return found


class Written:
    """What the likeliest units of the steps spell, read some steps at a time.

    A unit that is the likeliest at several steps in a row is one; the blank, 0, parts equal ones.
    """

    def __init__(self, units: Units, seconds: float) -> None:
        self._units, self._seconds = units, seconds
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._pieces: list[list[int]] = []  # unit, first step, the step it ends at
        self._last, self._step, self._score = 0, 0, 0.0
        self._spelled, self._settled = "", 0  # the text of the first so many pieces
        self._words = _Words(self._units, self._seconds)
        self.ended = False

    def read(self, found: NDArray[np.float64]) -> None:
        """Log-probabilities (T, V) of the next steps; after the end of a text, of another one."""
        if self.ended:
            self.reset()
        for unit, value in zip(found.argmax(1).tolist(), found.max(1).tolist(), strict=True):
            if unit and unit != self._last:
                self._pieces.append([unit, self._step, self._step + 1])
            elif unit:
                self._pieces[-1][2] = self._step + 1
            self._last, self._step, self._score = unit, self._step + 1, self._score + value
        self._settle()

    def _settle(self) -> None:
        rest = self._pieces[self._settled :]
        text = self._units.spell([piece[0] for piece in rest])
        if not text.endswith(_BROKEN):
            self._spelled, self._settled = self._spelled + text, len(self._pieces)

    def end(self) -> None:
        """Nothing more comes: what was not a whole character stays broken."""
        rest = [piece[0] for piece in self._pieces[self._settled :]]
        self._spelled, self._settled = self._spelled + self._units.spell(rest), len(self._pieces)
        self.ended = True

    @property
    def text(self) -> str:
        """All that was written, without spaces around it."""
        return self._spelled.strip()

    @property
    def words(self) -> tuple[Word, ...]:
        """Its words and their times."""
        self._words.read(self._pieces[self._words.count : -1])
        return self._words.with_last(self._pieces[-1:])

    @property
    def score(self) -> float:
        """ln of the probability of the likeliest units of all steps."""
        return self._score

    def _array(self) -> NDArray[np.int64]:
        return np.array(self._pieces, dtype=np.int64).reshape(-1, 3)

    @property
    def state(self) -> tuple[NDArray[np.int64], int, int, float, bool]:
        """What is carried: units (n, 3) with their steps, the last one, how many steps, score."""
        return self._array(), self._last, self._step, self._score, self.ended

    @state.setter
    def state(self, state: Any) -> None:
        pieces, last, step, score, ended = state
        pieces = np.asarray(pieces)
        if pieces.ndim != 2 or pieces.shape[1] != 3 or pieces.dtype.kind != "i":
            raise InputError("these are no units", where="state", expected="(n, 3) whole numbers")
        known = (pieces[:, 0] > 0) & (pieces[:, 0] < len(self._units))
        if not known.all() or not 0 <= int(last) < len(self._units) or int(step) < 0:
            raise InputError("units that this model does not know", where="state")
        self.reset()
        self._pieces = pieces.tolist()
        self._last, self._step, self._score = int(last), int(step), float(score)
        self._settle()
        if ended:
            self.end()
