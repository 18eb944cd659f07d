"""The adding problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.memory.probes.batch import Batch, Score, at_the_end, check_draw, check_length
from clew.memory.probes.shortcut import Shortcut


@dataclass(frozen=True)
class Adding:
    """Add two marked numbers of T (Hochreiter & Schmidhuber 1997, as in Bai et al. 2018).

    Each step is a number, uniform in [0, 1], beside a mark, which is 1 at two steps and else 0; at
    the end the sum of the two marked numbers is asked. The loss is the squared error. Who always
    says 1 has a loss of 1/6, the variance of the sum.
    """

    name = "adding"
    title = "add the two marked numbers"
    span = "numbers"
    shortest = 2
    words = None
    neutral = 0
    features = 2
    answers = None

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B, 2): number, mark; T = length."""
        rng = check_draw(self, count, length, seed)
        numbers = rng.random((count, length), np.float32)
        rows = np.arange(count)
        first = rng.integers(length, size=count)
        second = (first + rng.integers(1, length, size=count)) % length
        marks = np.zeros_like(numbers)
        marks[rows, first] = marks[rows, second] = 1.0
        inputs = np.stack([numbers.T, marks.T], axis=2)
        lengths = np.full(count, length, np.int64)
        return at_the_end(inputs, lengths, numbers[rows, first] + numbers[rows, second])

    def chance(self, length: int) -> Score:
        """Who always says 1."""
        return Score(1 / 6)

    def shortcut(self, length: int) -> Shortcut:
        """Who sees the numbers, but no marks: its variance is 1/6 less that of twice the mean."""
        check_length(self, length)
        return Shortcut("saying twice the mean of all numbers", Score(1 / 6 - 1 / (3 * length)))

    def horizon(self, length: int) -> int | None:
        """It varies: back to the first mark."""
        return None
