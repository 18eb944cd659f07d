"""Sound that is varied while a network learns: faster, louder, with parts hidden."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clew.data.features import Frames
from clew.errors import InputError

_HIDDEN = 0.2  # the largest share of a recording that one mask in time hides


@dataclass(frozen=True)
class Variation:
    """How log-mel frames (T, M) are varied; zeros leave them as they are.

    speed: the share by which they are stretched or shrunk at most. volume: dB at most up or down.
    time_masks, frequency_masks: how many spans of frames, and of bands, are hidden (SpecAugment,
    Park et al. 2019), each up to time_span frames or frequency_span bands wide.
    """

    speed: float = 0.0
    volume: float = 0.0
    time_masks: int = 0
    time_span: int = 0
    frequency_masks: int = 0
    frequency_span: int = 0

    def check(self) -> None:
        """Raise InputError for spans that are no numbers of frames, or a volume that is none."""
        for name in ("time_masks", "time_span", "frequency_masks", "frequency_span"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                raise InputError(
                    f"{name} is {value!r}", where=name, expected="a whole number of 0 or more"
                )
        number = isinstance(self.volume, int | float) and not isinstance(self.volume, bool)
        if not number or not 0 <= self.volume <= 60:
            raise InputError(f"volume is {self.volume!r}", where="volume", expected="dB, 0 to 60")

    def stretched(
        self, frames: Frames, least: int, floor: float, draw: np.random.Generator
    ) -> Frames:
        """At another speed and volume; at least `least` frames, none below `floor`."""
        if self.speed and len(frames) > 1:
            size = round(len(frames) * math.exp(draw.uniform(-1, 1) * math.log1p(self.speed)))
            frames = _resized(frames, max(size, min(least, len(frames)), 1))
        if self.volume:
            nats = draw.uniform(-1, 1) * self.volume * math.log(10) / 10
            frames = np.maximum(frames + np.float32(nats), np.float32(floor))
        return frames

    def masked(self, frames: Frames, draw: np.random.Generator) -> Frames:
        """A copy of frames of mean 0 in which spans are 0."""
        frames = frames.copy()
        longest = min(self.time_span, int(_HIDDEN * len(frames)))
        for _ in range(self.time_masks):
            begin, end = _span(len(frames), longest, draw)
            frames[begin:end] = 0.0
        for _ in range(self.frequency_masks):
            begin, end = _span(frames.shape[1], min(self.frequency_span, frames.shape[1]), draw)
            frames[:, begin:end] = 0.0
        return frames


def _span(size: int, longest: int, draw: np.random.Generator) -> tuple[int, int]:
    width = int(draw.integers(0, longest, endpoint=True))
    begin = int(draw.integers(0, size - width, endpoint=True))
    return begin, begin + width


def _resized(frames: Frames, size: int) -> Frames:
    """`size` frames at even distances from the first to the last, by linear interpolation."""
    place = np.linspace(0, len(frames) - 1, size)
    left = np.minimum(place.astype(np.int64), len(frames) - 2)
    share = (place - left).astype(np.float32)[:, np.newaxis]
    found: Frames = frames[left] * (1 - share) + frames[left + 1] * share
    return found
