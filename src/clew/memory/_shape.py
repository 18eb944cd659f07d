"""The shape of a curve of norms by lag: whether it holds, falls, rises, or goes up and down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Kind = Literal["vanishes", "explodes", "holds", "falls", "rises", "varies", "brief"]

PAIRS = 64  # lags that slopes are taken between, if there are more
SPAN = 8  # steps, at least, over which what holds does not change by a factor of 2
_TWO = math.log(2)
_SLACK = 1e-9  # of logarithms: a power of 2 is one, however it was rounded


def slope(x: Numbers, y: Numbers) -> float:
    """The median of the slopes between all points, or of many some evenly spread."""
    return float(np.median(slopes(x, y)))


def slopes(x: Numbers, y: Numbers) -> Numbers:
    """(..., pairs) of lines between the points x (n,), y (..., n)."""
    count = len(x)
    some = np.unique(np.linspace(0, count - 1, min(count, PAIRS)).round().astype(np.int64))
    one, other = np.triu_indices(len(some), 1)
    one, other = some[one], some[other]
    found: Numbers = (y[..., other] - y[..., one]) / (x[other] - x[one])
    return found


class Shape:
    """Norms above zero (n,) at ascending lags (n,), n >= 2; those from `first` on gave the rate.

    kind: "holds": the greatest is less than twice the least. "brief": so, too, but over less than
    8 steps, at a rate that would double or halve it within 8. "falls", "rises": by a factor of 2
    or more, and then changes by less than that for a quarter of all steps at the least. "vanishes",
    "explodes": by the rate, and ends below half, or above twice, of where it began. "varies": none
    of these.
    """

    def __init__(self, lags: Sequence[int], sizes: Sequence[float], first: int, rate: float):
        self.lags, self.rate = np.asarray(lags, dtype=np.float64), rate
        self.logs = np.log(np.asarray(sizes, dtype=np.float64))
        self.own = int(np.searchsorted(self.lags, first))  # where those of the rate begin
        self.span = float(self.lags[-1] - self.lags[0])
        self.level: int | None = None  # the place from which on it holds
        self.kind: Kind = self._kind()

    def _kind(self) -> Kind:
        y, own = self.logs, self.logs[self.own :]
        length = float(self.lags[-1] - self.lags[self.own])
        if _flat(y):
            brief = abs(self.rate) * max(SPAN, length) >= _TWO - _SLACK and self.span < SPAN
            return "brief" if brief else "holds"
        self.level = self._settles()
        if self.level is not None:
            return "falls" if y[self.level] < y[0] else "rises"
        if abs(self.rate) * length < _TWO - _SLACK:
            return "varies"
        if self.rate > 0 and own[-1] - own[0] <= -_TWO + _SLACK and self._lasts(-own):
            return "vanishes"
        grown = min(y[-1] - y[0], own[-1] - own[0])
        if self.rate < 0 and grown >= _TWO - _SLACK and self._lasts(own):
            return "explodes"
        return "varies"

    def _settles(self) -> int | None:
        """The place from which on it stays within a factor of 2 and has no trend, if any."""
        y, x = self.logs, self.lags
        ends = [k for k in range(1, len(y)) if _flat(y[k:])]
        if not ends or abs(y[ends[0] :].mean() - y[0]) < _TWO:
            return None
        level = float(np.median(y[ends[0] :]))
        near = y[ends[0] :] <= level + 0.2 if level < y[0] else y[ends[0] :] >= level - 0.2
        k = ends[0] + int(near.argmax())
        stays = float(x[-1] - x[k])
        if len(y) - k < 3 or 4 * stays < self.span or len(self._turns(y[: k + 1])) > 2:
            return None
        going = slope(x[k:], y[k:]) * (1 if y[k] > y[0] else -1)  # the way that it went before
        if abs(y[k] - y[0]) < _TWO or going * max(SPAN, self.span) >= _TWO:
            return None
        return k

    def _lasts(self, y: Numbers) -> bool:
        """Whether what rises (n,) comes back by no more than half of it, and not as a trend."""
        if y.max() - y[0] > 2 * (y[-1] - y[0]):
            return False
        half = len(y) // 2
        if len(y) < SPAN:
            return bool(y.max() - y[-1] < _TWO)
        x = self.lags[self.own :]
        return slope(x[half:], y[half:]) * float(x[-1] - x[half]) > -_TWO

    @staticmethod
    def _turns(y: Numbers) -> list[int]:
        """Where it turns, the ends of its first and last move included: each a factor of 2."""
        found: list[int] = []
        low = high = way = 0
        for k in range(1, len(y)):
            low, high = (k if y[k] < y[low] else low), (k if y[k] > y[high] else high)
            if way >= 0 and y[high] - y[k] >= _TWO - _SLACK:
                found.append(high)
                low, way = k, -1
            elif way <= 0 and y[k] - y[low] >= _TWO - _SLACK:
                found.append(low)
                high, way = k, 1
        return [*found, low if way < 0 else high] if way else []

    def told(self) -> str:
        """Such as "falls to 18 % within 2 steps, then holds", shares of the first of all norms."""
        if self.level is not None:
            steps = int(self.lags[self.level] - self.lags[0])
            verb = "falls" if self.kind == "falls" else "rises"
            return f"{verb} to {self._at(self.level)} within {counted(steps)}, then holds"
        turns = self._turns(self.logs)
        if len(turns) > 3:
            low, high = int(self.logs.argmin()), int(self.logs.argmax())
            return f"goes up and down between {self._at(low, True)} and {self._at(high, True)}"
        text = ""
        for begin, end in pairwise(turns):
            verb = "falls" if self.logs[end] < self.logs[begin] else "rises"
            text += f", then {verb}" if text else self._beginning(begin, end, verb)
            text += f" to {self._at(end, True)}"
        return text

    def _beginning(self, begin: int, end: int, verb: str) -> str:
        """What it does before its first move, and that."""
        if abs(self.logs[begin] - self.logs[0]) > 0.2:
            return f"{verb} from {self._at(begin, True)}"
        stays = max(k for k in range(end) if _flat(self.logs[: k + 1]))
        steps = self.lags[stays] - self.lags[0]
        holds = steps and 4 * steps >= self.span
        return f"holds up to lag {self.lags[stays]:.0f}, then {verb}" if holds else verb

    def _at(self, place: int, where: bool = False) -> str:
        size = share(self.logs[place] - self.logs[0])
        return f"{size} at lag {self.lags[place]:.0f}" if where else size

    def range(self) -> str:
        """What the shares are of, and which lags these are."""
        first, last = (f"{lag:.0f}" for lag in self.lags[[0, -1]])
        return f"100 % is that at lag {first}; lags {first} to {last}"


def _flat(y: Numbers) -> bool:
    return bool(y.max() - y.min() < _TWO - _SLACK)


def share(log: float) -> str:
    """exp(log) as a percentage, or as so many times."""
    times = math.exp(min(log, 700.0))
    if times >= 1.995:
        return f"{times:,.0f} times" if 9.95 <= times < 1e6 else f"{times:.2g} times"
    return f"{100 * times:.0f} %" if times > 0.1 else f"{100 * times:.2g} %"


def counted(steps: int) -> str:
    """A whole number of steps."""
    return f"{steps} step{'s' * (steps != 1)}"


def many(steps: float) -> str:
    """Every so many steps."""
    text = short(steps)
    return "step" if text == "1" else f"{text} steps"


def short(steps: float) -> str:
    """A number of steps, with as many digits as are worth telling."""
    if steps < 0.95:
        return f"{steps:.2g}"
    return f"{steps:.1f}".removesuffix(".0") if steps < 9.95 else f"{steps:.0f}"
