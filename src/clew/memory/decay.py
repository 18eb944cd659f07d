"""How fast a gradient decays with the lag: a rate, fitted so that single lags do not matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

Numbers = NDArray[np.float64]

_RESAMPLES = 200
_PAIRS = 64  # lags that the slopes are taken between, if there are more
_SPAN = 8  # steps, at least, over which what holds does not change by a factor of 2
_TINY = 1e-30  # smaller, single precision has no digits left


@dataclass(frozen=True)
class Decay:
    """Norms n(tau) ~ exp(-rate tau): the rate a step, in nats, with its 95 % interval.

    first, last: the lags that went in, all between them; None where no norm is above zero. Of a
    single one the rate is nan. change: the factor by which the fit changes from the first of them
    to the last. early, late: rates of the first 8 of them (or the first half, if that is less) and
    of the second half; None where there are fewer than 8. zero_from: the lag from which on all
    norms are exactly zero. overflow: whether norms ceased to be finite.
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

    @property
    def kind(self) -> Literal["vanishes", "explodes", "holds", "single", "none"]:
        """What the gradient does: "holds" means less than a factor of 2 over the lags fitted.

        Of fewer than 9 lags, less than a factor of 2 over 8 steps at this rate. "single": it is
        there at one lag only; "none": at none.
        """
        if self.first is None:
            return "explodes" if self.overflow else "none"
        if self.first == self.last:
            return "single"
        span = max(_SPAN, (self.last or 0) - self.first)
        if abs(self.rate) * span < math.log(2):
            return "holds"
        return "vanishes" if self.rate > 0 else "explodes"

    @property
    def steps(self) -> float:
        """In how many steps it halves or doubles; infinite where it does neither."""
        return _steps(self.rate)

    def words(self) -> str:
        """Such as "vanishes: halves every 6 steps (95 %: 5 to 7; lags 1 to 64)"."""
        if self.first is None or self.last is None:
            if self.overflow:
                return "explodes: the numbers overflow at once"
            return "there is none: it is zero at every lag"
        if self.first == self.last:
            return f"there is some at lag {self.first} only"
        over = f"lags {self.first} to {self.last}"
        if self.kind == "holds":
            over_steps = _many(self.last - self.first)
            text = f"holds: changes by less than a factor of 2 over {over_steps} ({over})"
        else:
            verb = "halves" if self.rate > 0 else "doubles"
            ends = sorted(
                math.inf if rate * self.rate <= 0 else _steps(rate)
                for rate in (self.low, self.high)
            )
            range_ = " to ".join("never" if math.isinf(n) else _short(n) for n in ends)
            text = f"{self.kind}: {verb} every {_many(self.steps)} (95 %: {range_}; {over})"
        return text + self._uneven() + self._ends()

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
        if self.zero_from is not None:
            return f"; exactly zero from lag {self.zero_from} on"
        return "; then the numbers overflow" if self.overflow else ""

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
) -> Decay:
    """The rate at which norms fall with the lag: -(median of the slopes of log norm between lags).

    norms: (n,), or (cases, n), whose mean over the cases is fitted, NaN where a case has no such
    lag. Fitted are all lags from the first whose mean is above 1e-30 up to the next whose mean is
    not, or is not finite. The median of all slopes (Theil 1950; Sen 1968) leaves up to 29 % of the
    lags out of account. 95 % interval: by bootstrap over `sources` (cases,), each case its own
    where None; of one curve or one source, Sen's own, from the ranks of the slopes.

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
    if stop - start < 2:
        one = int(lag[start]) if stop > start else None
        nan = math.nan
        return Decay(nan, nan, nan, one, one, nan, None, None, zero_from, overflow)
    used = lag[start:stop].astype(np.float64)
    logs = np.log(mean[start:stop])
    rate = -_slope(used, logs)
    low, high = _interval(used, rows[:, start:stop], logs, sources, seed)
    early = late = None
    if len(used) >= 8:
        half = len(used) // 2
        early = -_slope(used[: min(8, half)], logs[: min(8, half)])
        late = -_slope(used[half:], logs[half:])
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


def _pairs(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which lags are compared: all, or of many some evenly spread."""
    some = np.unique(np.linspace(0, count - 1, min(count, _PAIRS)).round().astype(np.int64))
    one, other = np.triu_indices(len(some), 1)
    return some[one], some[other]


def _slopes(x: Numbers, y: Numbers) -> Numbers:
    """(..., pairs) of lines between the points x (n,), y (..., n)."""
    one, other = _pairs(len(x))
    found: Numbers = (y[..., other] - y[..., one]) / (x[other] - x[one])
    return found


def _slope(x: Numbers, y: Numbers) -> float:
    return float(np.median(_slopes(x, y)))


def _interval(
    x: Numbers, rows: Numbers, logs: Numbers, sources: Sequence[int] | None, seed: int
) -> tuple[float, float]:
    """Of the rate, 95 %."""
    names = np.arange(len(rows)) if sources is None else np.asarray(sources)
    ids = np.unique(names, return_inverse=True)[1]
    count = int(ids.max()) + 1
    if count < 2:
        slopes = np.sort(-_slopes(x, logs))
        some = min(len(x), _PAIRS)
        spread = 1.96 * math.sqrt(some * (some - 1) * (2 * some + 5) / 18) / 2  # of Kendall's S
        below = max(0, round(len(slopes) / 2 - spread))
        return float(slopes[below]), float(slopes[-1 - below])
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), _RESAMPLES)
    weights = times[:, ids].astype(np.float64)  # (R, cases)
    known = ~np.isnan(rows)
    # A case whose norm is not finite is none that the mean was taken of: there are none here.
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (weights @ np.where(known, rows, 0.0)) / (weights @ known)
        drawn = -np.median(_slopes(x, np.log(means)), axis=-1)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return math.nan, math.nan
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _steps(rate: float) -> float:
    return math.log(2) / abs(rate) if rate else math.inf


def _told(rate: float) -> str:
    return f" (every {_many(_steps(rate))})" if rate > 0 else " (not at all)"


def _short(steps: float) -> str:
    if steps < 0.95:
        return f"{steps:.2g}"
    return f"{steps:.1f}".removesuffix(".0") if steps < 9.95 else f"{steps:.0f}"


def _many(steps: float) -> str:
    text = _short(steps)
    return "step" if text == "1" else f"{text} steps"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
