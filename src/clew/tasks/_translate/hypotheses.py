"""What decoding found, and the way back to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Hypothesis:
    """One answer: `pieces` without begin and end, and how likely it is.

    score: log P (nats), the end piece included. normalized: score by the length penalty.
    looks (T,): the source position each piece attends to most. weights (T, S), where asked for,
    S the length of the source. Both are None of a network without attention.
    """

    pieces: list[int]
    score: float
    normalized: float
    looks: NDArray[np.int64] | None = None
    weights: NDArray[np.float32] | None = None


class Answers:
    """The best complete hypotheses of one sentence: (normalized, log P, step, row)."""

    def __init__(self, most: int) -> None:
        self.kept: list[tuple[float, float, int, int]] = []
        self._most = most

    def add(self, answer: tuple[float, float, int, int]) -> float:
        """Keep `answer` if it is among the best; what the next one must exceed."""
        self.kept.append(answer)
        self.kept.sort(key=lambda kept: -kept[0])  # stable: of equals the earlier stays first
        del self.kept[self._most :]
        return self.kept[-1][0] if len(self.kept) == self._most else -math.inf


@dataclass
class Trail:
    """Where every row of every step came from: paths are followed back only in the end.

    To copy the pieces and weights of all hypotheses at every step would cost the square of their
    length.
    """

    weights: bool
    steps: int = 0
    _rows: list[NDArray[np.int64]] = field(default_factory=list)
    _pieces: list[NDArray[np.int64]] = field(default_factory=list)
    _looks: list[NDArray[np.int64]] = field(default_factory=list)
    _weights: list[NDArray[np.float32]] = field(default_factory=list)

    def look(self, weights: Tensor | None) -> None:
        """Note where the rows of this step look, weights (N, S)."""
        if weights is not None:
            size = weights.shape[1]
            places = weights.argmax(1) if size else torch.zeros(len(weights), dtype=torch.int64)
            self._looks.append(places.cpu().numpy())
            if self.weights:
                self._weights.append(weights.float().cpu().numpy())

    def add(self, rows: NDArray[np.int64], pieces: NDArray[np.int64]) -> None:
        """End a step: the rows of the next come from `rows` of this one, by `pieces`."""
        self._rows.append(rows)
        self._pieces.append(pieces)
        self.steps += 1

    def follow(self, step: int, row: int, score: float, penalty: float) -> Hypothesis:
        """What ended at row `row` of step `step`, back to its first piece."""
        pieces: list[int] = []
        rows: list[int] = []
        for at in range(step - 1, -1, -1):
            pieces.append(int(self._pieces[at][row]))
            row = int(self._rows[at][row])
            rows.append(row)
        pieces.reverse()
        rows.reverse()
        looks = weights = None
        if self._looks:
            looks = np.array([self._looks[at][r] for at, r in enumerate(rows)], dtype=np.int64)
        if self._weights:
            size = self._weights[0].shape[1]
            weights = np.zeros((step, size), dtype=np.float32)
            for at, r in enumerate(rows):
                weights[at] = self._weights[at][r]
        return Hypothesis(pieces, score, score / penalty, looks, weights)
