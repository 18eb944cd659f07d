"""How far one comes at a probe without what it asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.memory.probes.batch import Score

_DRAWS = 20_000
_NUMBERS = 4_000_000  # that are held at once


@dataclass(frozen=True)
class Shortcut:
    """The best guess known that goes round what a probe asks for.

    how: what is done, as "naming the value that came most often". score: what it comes to.
    """

    how: str
    score: Score


def right_in(share: float, classes: int) -> Score:
    """Of a guess that is right in that share, and says so: the rest it spreads evenly."""
    others = 1 - share
    nats = share * math.log(1 / share) if share else 0.0
    nats += others * math.log((classes - 1) / others) if others else 0.0
    return Score(nats, share)


def most_often(counts: NDArray[Any]) -> Score:
    """Of who knows how often each class came (N, classes), but not which of them is asked."""
    shares = counts / counts.sum(1, keepdims=True)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return Score(float(-(shares * logs).sum(1).mean()), float(shares.max(1).mean()))


def most_often_of(drawn: int, classes: int) -> Score:
    """The same of so many classes drawn evenly; counted on draws."""
    rng = np.random.default_rng(0)
    size = min(_DRAWS, max(100, _NUMBERS // classes))
    return most_often(rng.multinomial(drawn, [1 / classes] * classes, size=size))


def sequences(length: int) -> int:
    """How many sequences to draw and to count on."""
    return min(1000, max(100, 200_000 // length))


def best(found: Sequence[Shortcut]) -> Shortcut:
    """Of several the one with most right answers, or the least loss."""
    return min(found, key=lambda each: (-(each.score.accuracy or 0.0), each.score.loss))
