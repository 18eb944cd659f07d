"""The numbers of each step, looked at seldom: on an accelerator every look makes us wait."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from torch import Tensor

from clew.train.position import Position


class NotFiniteError(ArithmeticError):
    """The loss or the gradient of a step is NaN or infinite."""

    def __init__(self, what: str, value: float, step: int) -> None:
        super().__init__(what)
        self.what, self.value, self.step = what, value, step


@dataclass(frozen=True)
class _Step:
    number: int
    loss: Tensor | float  # summed over count elements
    count: int
    norm: Tensor  # of the gradient, before clipping


class Tally:
    """Adds steps up in a `Position`, `wait` of them at a time."""

    def __init__(self, position: Position, *, wait: int, clip: float | None) -> None:
        self._position = position
        self._wait = wait
        self._clip = clip
        self._steps: deque[_Step] = deque()

    def add(self, loss: Tensor | float, count: int, norm: Tensor) -> None:
        """Note the step being made; NotFiniteError where a noted step has no finite numbers."""
        self._steps.append(_Step(self._position.step, loss, count, norm))
        if len(self._steps) >= self._wait:
            self.settle()

    def settle(self) -> None:
        """Add up what was noted; NotFiniteError as `add`."""
        position = self._position
        while self._steps:
            step = self._steps.popleft()
            loss, norm = float(step.loss), float(step.norm)
            for what, value in (("loss", loss), ("gradient", norm)):
                if not math.isfinite(value):
                    self._steps.clear()
                    raise NotFiniteError(what, value, step.number + 1)
            position.loss_sum += loss
            position.loss_count += step.count
            if self._clip is not None and norm > self._clip:
                position.clipped += 1
