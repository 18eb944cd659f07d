"""From log-probabilities of units at every frame to what was said, and when (Graves et al. 2006).

A path gives each frame a unit or the blank, which is unit 0. What it says are its units, runs of
one and the same counted once, without the blanks: `a a - a b b` says `a a b`. The probability of
what was said is the sum over all paths that say it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

BLANK = 0

LogProbs: TypeAlias = NDArray[Any]  # (T, V), nats
Span: TypeAlias = tuple[int, int]  # the first frame, and the one after the last


@dataclass(frozen=True)
class Spoken:
    """Units, the frames each of them lasts, and ln P (nats) of the path that says so."""

    units: list[int]
    spans: list[Span]
    nats: float


def greedy(log_probs: LogProbs) -> Spoken:
    """What the likeliest path says: at every frame (T, V) its likeliest unit."""
    best = log_probs.argmax(axis=1)  # (T,)
    nats = float(log_probs.max(axis=1).sum()) if len(best) else 0.0
    edges = np.flatnonzero(np.diff(best, prepend=-1, append=-1)).tolist()  # where runs begin, end
    spans = [(a, b) for a, b in itertools.pairwise(edges) if best[a] != BLANK]
    return Spoken([int(best[a]) for a, _ in spans], spans, nats)


def frames_needed(units: Sequence[int]) -> int:
    """The fewest frames in which `units` can be said: equal neighbours need a blank between."""
    return len(units) + sum(a == b for a, b in itertools.pairwise(units))


def align(log_probs: LogProbs, units: Sequence[int]) -> Spoken:
    """The likeliest of all paths (T, V) that say `units`, by Viterbi's algorithm.

    Raises InputError where there are fewer frames than the units need.
    """
    frames, count = len(log_probs), len(units)
    if frames < frames_needed(units):
        raise InputError(
            f"{count} units cannot be said in {frames} frames",
            expected=f"at least {frames_needed(units)} frames",
        )
    if frames == 0:
        return Spoken([], [], 0.0)
    # States: a blank before each unit, the unit, and a blank after the last. (S,) = 2 L + 1
    labels = np.full(2 * count + 1, BLANK)
    labels[1::2] = units
    skips = np.zeros(len(labels), dtype=bool)  # the blank before may be left out
    skips[3::2] = labels[3::2] != labels[1:-2:2]
    before = np.full((3, len(labels)), -math.inf)  # by how many states a frame moves on
    moves = np.zeros((frames, len(labels)), dtype=np.int8)
    score = np.full(len(labels), -math.inf)
    score[:2] = log_probs[0, labels[:2]]
    for t in range(1, frames):
        before[0] = score
        before[1, 1:] = score[:-1]
        before[2, 2:] = np.where(skips[2:], score[:-2], -math.inf)
        moves[t] = before.argmax(axis=0)
        score = before.max(axis=0) + log_probs[t, labels]
    state = len(labels) - 1
    if count and score[-2] > score[-1]:
        state -= 1
    nats = float(score[state])
    path = np.empty(frames, dtype=np.int64)
    for t in range(frames - 1, -1, -1):
        path[t] = state
        state -= int(moves[t, state])
    # A state is never entered again, so the frames of a unit lie together.
    first = np.searchsorted(path, np.arange(1, 2 * count, 2))
    after = np.searchsorted(path, np.arange(1, 2 * count, 2), side="right")
    spans = list(zip(first.tolist(), after.tolist(), strict=True))
    return Spoken(list(units), spans, nats)
