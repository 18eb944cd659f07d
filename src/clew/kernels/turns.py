"""Timing several contenders in turns, A B C A B C, so that what disturbs one disturbs all.

A contender is a function that, told for how many seconds, does its work again and again and
returns the seconds that one call took. Each turn begins when the threads of the contender before
have come to rest, and with calls that are not counted, which wake its own.
"""

from __future__ import annotations

import gc
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from clew.errors import InputError

Turn = Callable[[float], float]

# After a call OpenMP's threads spin for some milliseconds, ONNX Runtime's for a tenth of a second.
_PAUSE = 0.005  # seconds that are looked at
_QUIET = 0.1  # processor time in them, as a share, that counts as rest
_PATIENCE = 1.0  # seconds until the next turn begins in any case

_WARM = 0.002  # seconds of calls that are not counted, one call at least
_BLOCK = 0.0005  # shorter calls are timed together: reading the clock must not count


def repeated(function: Callable[[], object]) -> Turn:
    """`function` as a contender: the median of its calls, in blocks where they are short."""

    def turn(seconds: float) -> float:
        warm = time.perf_counter()
        calls = 0
        while calls == 0 or time.perf_counter() - warm < _WARM:
            function()
            calls += 1
        block = max(1, round(_BLOCK * calls / (time.perf_counter() - warm)))
        found: list[float] = []
        end = time.perf_counter() + seconds
        while not found or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(block):
                function()
            found.append((time.perf_counter() - start) / block)
        return statistics.median(found)

    return turn


@dataclass(frozen=True)
class Times:
    """Seconds a call of each contender, one figure a round."""

    rounds: Mapping[str, tuple[float, ...]]

    def median(self, name: str) -> float:
        """Seconds a call: the median over the rounds."""
        return statistics.median(self.rounds[name])

    def ratio(self, name: str, to: str) -> float:
        """How many times as fast `name` is as `to`: the median of the ratios within a round."""
        pairs = zip(self.rounds[to], self.rounds[name], strict=True)
        return statistics.median(other / own for other, own in pairs)


def load() -> str:
    """A warning where other programs keep this machine busy; empty where it is idle or unknown."""
    try:
        running, cores = os.getloadavg()[0], os.cpu_count() or 1
    except (AttributeError, OSError):  # a system that does not tell
        return ""
    if running < 0.3 * cores:
        return ""
    return f"this machine is busy (load {running:.1f} on {cores} cores): expect wide figures"


def settle() -> None:
    """Waits until no thread of this process spins: twice in a row next to no processor time."""
    end = time.perf_counter() + _PATIENCE
    quiet = 0
    while quiet < 2 and time.perf_counter() < end:
        used = time.process_time()
        time.sleep(_PAUSE)
        quiet = quiet + 1 if time.process_time() - used < _QUIET * _PAUSE else 0


def in_turns(
    contenders: Mapping[str, Turn],
    *,
    rounds: int = 5,
    seconds: float = 0.1,
    most: float = math.inf,
) -> Times:
    """Times every contender once a round, for `seconds` or one call, whichever is longer.

    No round begins later than `most` seconds after the first: on a busy machine a call can take a
    hundred times as long. Garbage is collected before it all and not during it. InputError for no
    rounds.
    """
    if rounds < 1:
        raise InputError(f"rounds is {rounds}", where="rounds", expected="1 or more")
    found: dict[str, list[float]] = {name: [] for name in contenders}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + most
        for number in range(rounds):
            if number > 0 and time.perf_counter() > end:
                break
            for name, turn in contenders.items():
                settle()
                found[name].append(turn(seconds))
    finally:
        if collecting:
            gc.enable()
    return Times({name: tuple(times) for name, times in found.items()})


def geometric_mean(values: Iterable[float]) -> float:
    """The n-th root of the product, for ratios; NaN of nothing."""
    logarithms = [math.log(value) for value in values]
    return math.exp(statistics.fmean(logarithms)) if logarithms else math.nan
