"""Probes of single symbols: copy memory, delayed recall, associative recall, parity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clew.errors import InputError
from clew.memory.probes.batch import (
    Batch,
    Score,
    at_the_end,
    check_draw,
    check_length,
    check_whole,
)
from clew.memory.probes.shortcut import Shortcut, most_often_of, right_in

MOST = 10_000  # kinds of keys, or of values


@dataclass(frozen=True)
class CopyMemory:
    """Say `items` symbols again after T blanks (Arjovsky et al. 2016, as in Bai et al. 2018).

    `items` symbols of `symbols` kinds, T - 1 blanks, then items + 1 signs to recall; the last
    `items` answers are the symbols in their order, those before are blank. T + 2 items steps. The
    loss is the mean over all steps, in nats. Who knows when, but not what, has a loss of
    items ln(symbols) / (T + 2 items), and 1 / symbols right.
    """

    symbols: int = 8
    items: int = 10

    name = "copy"
    title = "say the symbols again after a time of blanks"
    span = "blanks"
    shortest = 1
    features = 0
    neutral = 0

    def __post_init__(self) -> None:
        check_whole("symbols", self.symbols, 2, most=26)
        check_whole("items", self.items, 1)

    @property
    def words(self) -> tuple[str, ...]:
        """The blank, the symbols, the sign to recall."""
        return ("_", *letters(self.symbols), "?")

    @property
    def answers(self) -> tuple[str, ...]:
        """The blank and the symbols."""
        return self.words[:-1]

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B) with T = length + 2 items."""
        rng = check_draw(self, count, length, seed)
        items, steps = self.items, length + 2 * self.items
        given = rng.integers(1, self.symbols + 1, size=(items, count))
        inputs = np.zeros((steps, count), np.int64)
        inputs[:items], inputs[-items - 1 :] = given, self.symbols + 1
        targets = np.zeros_like(inputs)
        targets[-items:] = given
        scored = np.zeros(inputs.shape, np.bool_)
        scored[-items:] = True
        lengths = np.full(count, steps, np.int64)
        return Batch(inputs, lengths, targets, np.ones_like(scored), scored, lengths - items)

    def chance(self, length: int) -> Score:
        """Who knows when to recall, but not what."""
        check_length(self, length)
        nats = self.items * math.log(self.symbols) / (length + 2 * self.items)
        return Score(nats, 1 / self.symbols)

    def shortcut(self, length: int) -> Shortcut:
        """Who knows how often each symbol came, but not in what order; on draws."""
        check_length(self, length)
        share = self.items / (length + 2 * self.items)
        known = most_often_of(self.items, self.symbols)
        return Shortcut(
            "saying the symbol that came most often", Score(share * known.loss, known.accuracy)
        )

    def horizon(self, length: int) -> int | None:
        """Of the first symbol that is said again."""
        return length + self.items


@dataclass(frozen=True)
class DelayedRecall:
    """Name the letter that stood exactly `length` steps before the question.

    A letter of `letters`, then noise of other signs, then the question; before the letter up to
    `before` steps of noise, so that nothing can be counted from the start. The true horizon is the
    lag: with one element less the letter is not seen, and what stands before it says nothing.
    """

    letters: int = 8
    noise: int = 4
    before: int = 20

    name = "recall"
    title = "name the letter of a known time ago"
    span = "steps from the letter to the question"
    shortest = 1
    features = 0

    def __post_init__(self) -> None:
        check_whole("letters", self.letters, 2, most=26)
        check_whole("noise", self.noise, 1, most=10)
        check_whole("before", self.before, 0)

    @property
    def neutral(self) -> int:
        """A sign of noise."""
        return self.letters

    @property
    def words(self) -> tuple[str, ...]:
        """The letters, the signs of noise, the question."""
        return (*letters(self.letters), *map(str, range(self.noise)), "?")

    @property
    def answers(self) -> tuple[str, ...]:
        """The letters."""
        return letters(self.letters)

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B) with lengths from length + 1 to length + 1 + before."""
        rng = check_draw(self, count, length, seed)
        before = rng.integers(self.before + 1, size=count)
        lengths = before + length + 1
        rows, steps = np.arange(count), int(lengths.max())
        inputs = self.letters + rng.integers(self.noise, size=(steps, count))
        inputs[np.arange(steps)[:, None] >= lengths] = 0
        inputs[before, rows] = item = rng.integers(self.letters, size=count)
        inputs[lengths - 1, rows] = self.letters + self.noise
        return at_the_end(inputs, lengths, item)

    def chance(self, length: int) -> Score:
        """Any of the letters."""
        return uniform(self.letters)

    def shortcut(self, length: int) -> None:
        """None: nothing but the letter tells the answer."""

    def horizon(self, length: int) -> int | None:
        """The lag itself."""
        return length


@dataclass(frozen=True)
class AssociativeRecall:
    """Name the value that stood behind the key that is asked (Ba et al. 2016).

    `length` pairs of a key and a value, the question, and one of the keys: 2 length + 2 steps. The
    keys of a sequence differ; a value may come again.
    """

    keys: int = 26
    values: int = 8

    name = "associative"
    title = "name the value of the key that is asked"
    span = "pairs"
    shortest = 1
    features = 0

    def __post_init__(self) -> None:
        check_whole("keys", self.keys, 1, most=MOST)
        check_whole("values", self.values, 2, most=MOST)

    @property
    def neutral(self) -> int:
        """The question."""
        return self.keys + self.values

    @property
    def words(self) -> tuple[str, ...]:
        """The keys, the values, the question."""
        return (*(f"k{k}" for k in range(self.keys)), *self.answers, "?")

    @property
    def answers(self) -> tuple[str, ...]:
        """The values."""
        return tuple(f"v{k}" for k in range(self.values))

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B) with T = 2 length + 2."""
        rng = check_draw(self, count, length, seed)
        if length > self.keys:
            raise InputError(
                f"{length} pairs of different keys",
                where="length",
                expected=f"at most {self.keys}, as many as there are keys",
            )
        pairs = rng.permuted(np.tile(np.arange(self.keys), (count, 1)), axis=1)[:, :length].T
        values = rng.integers(self.values, size=(length, count))
        asked, rows = rng.integers(length, size=count), np.arange(count)
        inputs = np.empty((2 * length + 2, count), np.int64)
        inputs[:-2:2], inputs[1:-2:2] = pairs, self.keys + values
        inputs[-2], inputs[-1] = self.keys + self.values, pairs[asked, rows]
        lengths = np.full(count, len(inputs), np.int64)
        return at_the_end(inputs, lengths, values[asked, rows])

    def chance(self, length: int) -> Score:
        """Any of the values."""
        return uniform(self.values)

    def shortcut(self, length: int) -> Shortcut:
        """Who knows how often each value came, but not behind which key; on draws."""
        check_length(self, length)
        known = most_often_of(length, self.values)
        return Shortcut("naming the value that came most often", known)

    def horizon(self, length: int) -> int | None:
        """It varies: back to the key that is asked; of one pair, to the value."""
        return None


@dataclass(frozen=True)
class Parity:
    """Say at each step whether the ones so far are odd; every bit is needed."""

    name = "parity"
    title = "say whether the ones so far are odd"
    span = "bits"
    shortest = 1
    features = 0
    neutral = 0
    words = ("0", "1")
    answers = ("even", "odd")

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B) with T = length."""
        rng = check_draw(self, count, length, seed)
        inputs = rng.integers(2, size=(length, count))
        asked = np.ones(inputs.shape, np.bool_)
        lengths = np.full(count, length, np.int64)
        return Batch(inputs, lengths, inputs.cumsum(0) % 2, asked, asked, lengths - 1)

    def chance(self, length: int) -> Score:
        """A coin."""
        return uniform(2)

    def shortcut(self, length: int) -> Shortcut:
        """Who forgets all but the bit just read: of T answers the first is right, of others half.

        Who sees the last k bits is right in (T + k) / 2T, for k from 1 to T.
        """
        check_length(self, length)
        return Shortcut("saying the bit just read", right_in((length + 1) / (2 * length), 2))

    def horizon(self, length: int) -> int | None:
        """Back to the first bit."""
        return length - 1


def uniform(classes: int) -> Score:
    """Of who knows that each of so many answers is as likely as another."""
    return Score(math.log(classes), 1 / classes)


def letters(count: int) -> tuple[str, ...]:
    """So many small letters."""
    return tuple("abcdefghijklmnopqrstuvwxyz"[:count])
