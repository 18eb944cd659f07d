"""How fast a gradient decays with the lag: a rate, fitted so that single lags do not matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.memory._shape import PAIRS, Kind, Shape, counted, many, short, slope, slopes

Numbers = NDArray[np.float64]

_RESAMPLES = 200
_TINY = 1e-30  # smaller, single precision has no digits left


@dataclass(frozen=True)
class Decay:
    """Norms n(tau) ~ exp(-rate tau): the rate a step, in nats, with its 95 % interval.

    first, last: the lags that went in, all between them; None where no norm is above zero. Of a
    single one the rate is nan. change: the factor by which the fit changes from the first of them
    to the last. early, late: rates of the first 8 of them (or the first half, if that is less) and
    of the second half; None where there are fewer than 8. zero_from: the lag from which on all
    norms are exactly zero. again: at how many lags behind `last` there is some again, after none.
    overflow: whether norms ceased to be finite. lags, sizes: those from first to last, and the one
    at lag 0 before them if it is to be held against them: what the words must be true of.
    """

    rate: float
    low: float
    high: float
    first: int | None
    last: int | None
    change: float
    early: float | None
    late: float | None
    zero_from: int | None
    overflow: bool
    again: int = 0
    lags: tuple[int, ...] = ()
    sizes: tuple[float, ...] = ()

    @property
    def kind(self) -> Literal[Kind, "single", "none"]:
        """What the gradient does, of all norms told.

        "holds": the greatest is less than twice the least. "vanishes", "explodes": at the rate, and
        the last is less than half, or more than twice, of what it began with. "falls", "rises": to
        a level that then holds. "varies": otherwise. "brief": less than a factor of 2, but over too
        few steps to call it holding. "single": it is there at one lag only; "none": at none.
        """
        if self.first is None:
            return "explodes" if self.overflow else "none"
        if self.overflow:
            return "explodes"
        if self.first == self.last:
            return "varies" if self.again else "single"
        return self._shape.kind

    @cached_property
    def _shape(self) -> Shape:
        return Shape(self.lags, self.sizes, self.first or 0, self.rate)

    @property
    def steps(self) -> float:
        """In how many steps it halves or doubles; infinite where it does neither."""
        return _steps(self.rate)

    def words(self) -> str:
        """Such as "vanishes: halves every 6 steps (95 %: 5 to 7; lags 1 to 64)"."""
        told, behind = self._told()
        return f"{told} ({behind}){self._uneven()}{self._ends()}" if behind else told + self._ends()

    def brief(self) -> str:
        """The same without interval and lags: "vanishes: halves every 6 steps"."""
        return self._told()[0]

    def _told(self) -> tuple[str, str]:
        """What it does, and what is added in brackets."""
        if self.first is None or self.last is None:
            if self.overflow:
                return "explodes: the numbers overflow at once", ""
            return "there is none: it is zero at every lag", ""
        if self.first == self.last:
            some = f"at lag {self.first}"
            if self.overflow:
                return f"explodes: there is some {some}", ""
            return f"there is some {some}{' only' * (not self.again)}", ""
        over = f"lags {self.first} to {self.last}"
        if self.kind in ("holds", "brief"):
            first, last = self.lags[0], self.lags[-1]
            text = f"changes by less than a factor of 2 over {counted(last - first)}"
            if self.kind == "holds":
                return f"holds: {text}", f"lags {first} to {last}"
            verb = "halve" if self.rate > 0 else "double"
            return f"{text}, but would {verb} every {many(self.steps)}", f"lags {first} to {last}"
        if self.kind in ("falls", "rises", "varies"):
            return self._shape.told(), self._shape.range()
        if self.overflow and not self.rate < 0:
            return f"explodes beyond lag {self.last}", over
        verb = "halves" if self.rate > 0 else "doubles"
        ends = sorted(
            math.inf if rate * self.rate <= 0 else _steps(rate) for rate in (self.low, self.high)
        )
        range_ = " to ".join("never" if math.isinf(n) else short(n) for n in ends)
        where = ""
        if self.kind == "vanishes" and self.sizes[-1] > self.sizes[0] / 2:
            where = f" from lag {self.first} on"  # at lag 0 it was less than that
        return (
            f"{self.kind}{where}: {verb} every {many(self.steps)}", f"95 %: {range_}; {over}"
        )  # fmt: skip

    def _uneven(self) -> str:
        """What one rate does not tell: it is not the same near and far."""
        if self.early is None or self.late is None or self.kind != "vanishes":
            return ""
        if self.early > 2 * max(self.late, 0.0):
            return f", faster at first{_told(self.early)}, later{_told(self.late)}"
        if self.late > 2 * max(self.early, 0.0):
            return f", slower at first{_told(self.early)}, later{_told(self.late)}"
        return ""

    def _ends(self) -> str:
        if self.kind in ("single", "none"):
            return ""
        if self.again:
            return f"; then none, and some again at {self.again} lag{'s' * (self.again != 1)}"
        if self.zero_from is not None:
            return f"; exactly zero from lag {self.zero_from} on"
        some = self.overflow and self.first is not None
        return "; then the numbers overflow" if some else ""

    def data(self) -> dict[str, Any]:
        """All of it; None for what is no number."""
        known = {name: _finite(getattr(self, name)) for name in ("rate", "low", "high", "change")}
        return {
            "kind": self.kind,
            **known,
            "steps": _finite(self.steps),
            "first": self.first,
            "last": self.last,
            "early": self.early,
            "late": self.late,
            "zero_from": self.zero_from,
            "overflow": self.overflow,
            "words": self.words(),
        }


def decay(
    lags: Sequence[int] | NDArray[np.int64],
    norms: NDArray[Any],
    sources: Sequence[int] | None = None,
    seed: int = 0,
    here: float | None = None,
) -> Decay:
    """The rate at which norms fall with the lag: -(median of the slopes of log norm between lags).

    norms: (n,), or (cases, n), whose mean over the cases is fitted, NaN where a case has no such
    lag. Fitted are all lags from the first whose mean is above 1e-30 up to the next whose mean is
    not, or is not finite. The median of all slopes (Theil 1950; Sen 1968) leaves up to 29 % of the
    lags out of account. 95 % interval: by bootstrap over `sources` (cases,), each case its own
    where None; of one curve or one source, Sen's own, from the ranks of the slopes. here:
    the norm at lag 0 that a reader will hold the others against; it is no part of the fit.

    Raises:
        InputError: lags that do not ascend, or as many as there are not norms.
    """
    lag = np.asarray(lags, dtype=np.int64)
    rows = np.atleast_2d(np.asarray(norms, dtype=np.float64))
    if lag.ndim != 1 or not len(lag) or rows.shape[1:] != lag.shape or (np.diff(lag) <= 0).any():
        raise InputError(
            f"{lag.size} lags for norms of shape {np.shape(norms)}",
            where="lags, norms",
            expected="ascending lags (n,), and norms (n,) or (cases, n)",
        )
    mean = _mean(rows)
    start, stop = _span(mean)
    overflow = bool(np.isinf(mean).any())
    there = np.flatnonzero(mean != 0)
    after = int(there[-1]) + 1 if len(there) else 0
    zero_from = int(lag[after]) if after < len(lag) else None
    again = int((mean[stop:] > _TINY).sum()) if stop > start and not overflow else 0
    if stop - start < 2:
        one = int(lag[start]) if stop > start else None
        nan = math.nan
        return Decay(nan, nan, nan, one, one, nan, None, None, zero_from, overflow, again)
    used = lag[start:stop].astype(np.float64)
    logs = np.log(mean[start:stop])
    rate = -slope(used, logs)
    low, high = _interval(used, rows[:, start:stop], logs, sources, seed)
    early = late = None
    if len(used) >= 8:
        half = len(used) // 2
        early = -slope(used[: min(8, half)], logs[: min(8, half)])
        late = -slope(used[half:], logs[half:])
    lags_told, told = lag[start:stop].tolist(), mean[start:stop].tolist()
    if here is not None and lags_told[0] > 0 and math.isfinite(here) and here > _TINY:
        lags_told, told = [0, *lags_told], [here, *told]
    return Decay(
        rate=rate,
        low=min(low, rate),
        high=max(high, rate),
        first=int(lag[start]),
        last=int(lag[stop - 1]),
        change=math.exp(min(700.0, max(-700.0, -rate * (used[-1] - used[0])))),
        early=early,
        late=late,
        zero_from=zero_from,
        overflow=overflow,
        again=again,
        lags=tuple(lags_told),
        sizes=tuple(told),
    )


def _mean(rows: Numbers) -> Numbers:
    """Over the cases that have a number there; nan where none has."""
    known = ~np.isnan(rows)
    found: Numbers = np.full(rows.shape[1], np.nan)
    np.divide(np.where(known, rows, 0.0).sum(0), known.sum(0), out=found, where=known.any(0))
    return found


def _span(mean: Numbers) -> tuple[int, int]:
    """The first and the end of the lags that can be fitted: those with a norm, without a gap."""
    good = np.isfinite(mean) & (mean > _TINY)
    start = int(good.argmax()) if good.any() else 0
    if np.isinf(mean[:start]).any():  # what comes after numbers that overflowed is none
        return 0, 0
    bad = np.flatnonzero(~good[start:])
    return start, start + int(bad[0]) if len(bad) else len(mean)


def _interval(
    x: Numbers, rows: Numbers, logs: Numbers, sources: Sequence[int] | None, seed: int
) -> tuple[float, float]:
    """Of the rate, 95 %."""
    names = np.arange(len(rows)) if sources is None else np.asarray(sources)
    ids = np.unique(names, return_inverse=True)[1]
    count = int(ids.max()) + 1
    if count < 2:
        found = np.sort(-slopes(x, logs))
        some = min(len(x), PAIRS)
        spread = 1.96 * math.sqrt(some * (some - 1) * (2 * some + 5) / 18) / 2  # of Kendall's S
        below = max(0, round(len(found) / 2 - spread))
        return float(found[below]), float(found[-1 - below])
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), _RESAMPLES)
    weights = times[:, ids].astype(np.float64)  # (R, cases)
    known = ~np.isnan(rows)
    # A case whose norm is not finite is none that the mean was taken of: there are none here.
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (weights @ np.where(known, rows, 0.0)) / (weights @ known)
        drawn = -np.median(slopes(x, np.log(means)), axis=-1)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return math.nan, math.nan
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _steps(rate: float) -> float:
    return math.log(2) / abs(rate) if rate else math.inf


def _told(rate: float) -> str:
    return f" (every {many(_steps(rate))})" if rate > 0 else " (not at all)"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
