"""Sound at another rate: every sample a fixed weighted sum of its neighbours, whatever the chunks.

Written here because a live transcript has to save its state: the resamplers of libraries keep
theirs to themselves, and most wait a tenth of a second before they give anything.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from clew.errors import InputError

Samples = NDArray[np.float32]
ResamplerState = tuple[Samples, int]

SLOWEST, FASTEST = 1_000, 384_000  # samples a second
_CROSSINGS = 32  # zeros of the sinc on each side: the stopband begins at the lower Nyquist rate
_BETA = 8.0  # Kaiser's: 80 dB of attenuation, the passband ends at 0.84 of the lower Nyquist rate
_CUTOFF = 0.92
_ROWS = 4096  # samples given at once: their neighbours stay in the cache


def check_rate(rate: Any, where: str) -> int:
    """A rate in samples a second, if it can be one; raises InputError."""
    whole = isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    if not whole or not SLOWEST <= rate <= FASTEST:
        raise InputError(
            f"a rate of {rate!r} samples a second",
            where=where,
            expected=f"a whole number from {SLOWEST} to {FASTEST}; 8000 and 16000 are usual",
        )
    return int(rate)


class Resampler:
    """Brings samples from `rate_in` to `rate`, chunk by chunk.

    y[m] = sum_n x[n] h(m rate_in / rate - n), where h is a sinc that lets pass what is below 0.92
    of the lower of the two Nyquist rates, under a Kaiser window of 32 crossings on either side
    (Oppenheim & Schafer 1989, 7.4). Of N samples it makes ceil(N rate / rate_in), the same bits for
    whatever chunks; they come 32 samples (of the lower rate) later than what they are of.
    """

    def __init__(self, rate_in: int, rate: int) -> None:
        common = math.gcd(check_rate(rate_in, "rate_in"), check_rate(rate, "rate"))
        self._up, self._down = rate // common, rate_in // common
        self._taps = _taps(self._up, self._down)  # (up, K)
        self._half = self._taps.shape[1] // 2
        self.reset()

    def reset(self) -> None:
        """Forget what was read: the next samples are the first ones."""
        self._made = 0
        # Samples from number _made * down // up - half + 1 on: before the first there is silence.
        self._kept = np.zeros(self._half - 1, dtype=np.float32)

    @property
    def state(self) -> ResamplerState:
        """What is carried, a copy: the samples still needed (n,), and how many were made."""
        return self._kept.copy(), self._made

    @state.setter
    def state(self, state: ResamplerState) -> None:
        kept, made = np.array(state[0], dtype=np.float32), int(state[1])
        if kept.ndim != 1 or len(kept) < self._half - 1 or made < 0 or not np.isfinite(kept).all():
            raise InputError("not the state of this resampler", where="state")
        self._kept, self._made = kept, made

    def push(self, samples: Samples) -> Samples:
        """Reads samples (N,) and gives those that nothing to come can change."""
        if self._up == self._down:
            self._made += len(samples)
            return np.asarray(samples, dtype=np.float32)
        begin = self._made * self._down // self._up  # the number of _kept[half - 1]
        self._kept = np.concatenate([self._kept, np.asarray(samples, dtype=np.float32)])
        # Sample m needs all up to m down // up + half.
        last = begin + len(self._kept) - 2 * self._half
        return self._make(begin, max(self._made, ((last + 1) * self._up - 1) // self._down + 1))

    def finish(self) -> Samples:
        """The samples that are left once nothing more comes; then it is as at the beginning."""
        begin = self._made * self._down // self._up
        end = begin + len(self._kept) - (self._half - 1)  # how many were read
        self._kept = np.concatenate([self._kept, np.zeros(self._half, dtype=np.float32)])
        left = self._make(begin, -(-end * self._up // self._down))
        self.reset()
        return left

    def _make(self, begin: int, end: int) -> Samples:
        """Samples _made to `end`; `begin` is the number of the first one's middle neighbour."""
        if end <= self._made:
            return np.empty(0, dtype=np.float32)
        windows = sliding_window_view(self._kept, 2 * self._half)  # (n, K)
        parts = []
        for start in range(self._made, end, _ROWS):
            places = np.arange(start, min(start + _ROWS, end)) * self._down
            near = windows[places // self._up - begin]
            # Summed row by row: the bits do not depend on how many rows there are.
            parts.append((near * self._taps[places % self._up]).sum(axis=1))
        self._kept = self._kept[end * self._down // self._up - begin :]
        self._made = end
        return np.concatenate(parts)


@functools.lru_cache(maxsize=8)
def _taps(up: int, down: int) -> Samples:
    """Weights (up, K) of the K neighbours of a sample, for each place it can have between two."""
    band = _CUTOFF * min(1.0, up / down)
    half = math.ceil(_CROSSINGS * max(1.0, down / up))
    away = np.arange(1 - half, half + 1) - np.arange(up)[:, np.newaxis] / up
    window = np.i0(_BETA * np.sqrt(np.maximum(0.0, 1 - (away / half) ** 2)))
    taps = np.sinc(band * away) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)
