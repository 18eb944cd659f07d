"""Brackets of several kinds, one within the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from clew.memory.probes.batch import Batch, Score, check_draw, check_whole
from clew.memory.probes.shortcut import Shortcut, most_often, sequences
from clew.memory.probes.symbols import uniform

PAIRS = ("()", "[]", "{}", "<>")


@dataclass(frozen=True)
class Dyck:
    """Name the bracket that closes next, of `kinds` kinds, at most `depth` open at a time.

    A word of the Dyck language without its last bracket, which closes the first: T = length
    brackets, an odd number. Of all words of that length and depth each is as likely. It is asked
    wherever a bracket closes next that was not opened just now (that one would need no memory), and
    at the end, which reaches back to the first bracket.
    """

    kinds: int = 2
    depth: int = 4

    name = "dyck"
    title = "name the bracket that closes next"
    span = "brackets"
    shortest = 3
    features = 0
    neutral = 0

    def __post_init__(self) -> None:
        check_whole("kinds", self.kinds, 2, most=len(PAIRS))
        check_whole("depth", self.depth, 2)

    @property
    def words(self) -> tuple[str, ...]:
        """Opening brackets, then closing ones."""
        return (*(pair[0] for pair in PAIRS[: self.kinds]), *self.answers)

    @property
    def answers(self) -> tuple[str, ...]:
        """The closing brackets."""
        return tuple(pair[1] for pair in PAIRS[: self.kinds])

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """Inputs (T, B) with T = length, the next odd number where it is even."""
        rng = check_draw(self, count, length, seed)
        steps = length + 1 - length % 2
        depth = min(self.depth, (steps + 1) // 2)  # no more can be open
        opens = _shapes(steps - 1, depth - 1, rng.random((steps - 1, count)))
        inputs = np.empty((steps, count), np.int64)
        top = np.zeros((steps, count), np.int64)  # the kind that is open innermost after a step
        stack = np.zeros((depth, count), np.int64)
        stack[0] = top[0] = inputs[0] = rng.integers(self.kinds, size=count)
        high, rows = np.zeros(count, np.int64), np.arange(count)
        for t, new in enumerate(rng.integers(self.kinds, size=(steps - 1, count)), start=1):
            up = opens[t - 1]
            closing = stack[high, rows]
            high += np.where(up, 1, -1)
            stack[high, rows] = np.where(up, new, stack[high, rows])
            inputs[t] = np.where(up, new, self.kinds + closing)
            top[t] = stack[high, rows]
        closes = np.ones((steps, count), np.bool_)  # whether the next one closes
        closes[:-1] = ~opens
        asked = closes & (inputs >= self.kinds)
        lengths = np.full(count, steps, np.int64)
        return Batch(inputs, lengths, top, asked, asked, lengths - 1)

    def chance(self, length: int) -> Score:
        """Any of the kinds."""
        return uniform(self.kinds)

    def shortcut(self, length: int) -> Shortcut:
        """Who counts how many of each kind are open, but not in what order; on draws."""
        return Shortcut("naming the kind of which most are open", _counted(self, length))

    def horizon(self, length: int) -> int | None:
        """Of the last answer: back to the first bracket."""
        return length - length % 2


@cache
def _counted(probe: Dyck, length: int) -> Score:
    batch = probe.draw(sequences(length), length)
    kinds = np.arange(probe.kinds)
    given = batch.inputs[..., None]
    opened = (given == kinds).astype(np.int64) - (given == kinds + probe.kinds)
    return most_often(opened.cumsum(0)[batch.asked])


def _shapes(steps: int, depth: int, chances: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where brackets open (steps, B), uniform over the words of `steps` brackets and that depth."""
    # ways[r, d]: endings of r brackets from d open ones, as shares, so that none is too large.
    ways = np.zeros((steps + 1, depth + 3))
    ways[0, 1] = 1.0  # depth d stands at d + 1, between two that are never reached
    for r in range(1, steps + 1):
        ways[r, 1:-1] = ways[r - 1, :-2] + ways[r - 1, 2:]
        ways[r] /= ways[r].max()
    opens = np.empty(chances.shape, np.bool_)
    place = np.ones(chances.shape[1], np.int64)
    for t, chance in enumerate(chances):
        up, down = ways[steps - t - 1, place + 1], ways[steps - t - 1, place - 1]
        opens[t] = chance * (up + down) < up
        place += np.where(opens[t], 1, -1)
    return opens
