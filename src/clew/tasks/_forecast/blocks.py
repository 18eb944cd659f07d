"""Series as the network reads them: a block of steps at a time, kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from clew.tasks._forecast.scaling import Reading, Scaling, Track

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

STEPS = 4096  # of a block
KEPT = 500_000  # steps of all blocks kept at once: about 120 MB


class Histories(Protocol):
    """Some series, and what else is known of their steps; numbered from 0."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each series."""
        ...

    def y(self, series: int, start: int, stop: int) -> Array:
        """The values of these steps, NaN where missing."""
        ...

    def known(self, series: int, start: int, stop: int) -> Floats:
        """What is known ahead of these steps, (stop - start, F); they may lie after the end."""
        ...

    def past(self, series: int, start: int, stop: int) -> Floats:
        """What is known of these steps once they are there, (stop - start, P)."""
        ...


class Block(NamedTuple):
    """Steps of one series: what was read of them, and what the network reads, (T, D)."""

    reading: Reading
    x: Floats
    known: Floats  # (T + K, F), from the first of these steps on


class Span(NamedTuple):
    """Some steps of one series.

    x: (T, D) what the network reads. For the origins asked for: leads (n, K, 2), known (n, K, F),
    and base and unit (n, K), by which forecasts are brought back to the measure of the series.
    """

    x: Floats
    leads: Floats
    known: Floats
    base: Array
    scale: Array


class Blocks:
    """The blocks of all series; tracks between blocks are kept, and blocks while there is room.

    kept: steps of all blocks kept at once; of series that are read once from end to end none need
    be.
    """

    def __init__(
        self, histories: Histories, scaling: Scaling, horizon: int, kept: int = KEPT
    ) -> None:
        self.histories, self.scaling, self.horizon, self._kept = histories, scaling, horizon, kept
        self._tracks: dict[tuple[int, int], Track] = {}
        self._blocks: OrderedDict[tuple[int, int], Block] = OrderedDict()
        self._steps = 0

    def span(self, series: int, start: int, stop: int, origins: Any = ()) -> Span:
        """The steps `start` to `stop` of a series, and what lies ahead of `origins` among them."""
        origins = np.asarray(origins, dtype=np.int64)
        parts = []
        first = start - start % STEPS
        for begin in range(first, max(stop, first + 1), STEPS):
            block = self._block(series, begin)
            here = origins[(origins >= begin) & (origins < begin + STEPS)] - begin
            ahead = self.scaling.ahead(block.reading, here, self.horizon)
            steps = here[:, np.newaxis] + np.arange(1, self.horizon + 1)
            parts.append(
                Span(
                    block.x[max(start - begin, 0) : stop - begin],
                    ahead.leads[:, 0], block.known[steps], ahead.base[:, 0],
                    block.reading.scale[here],
                )
            )  # fmt: skip
        return parts[0] if len(parts) == 1 else Span(*map(np.concatenate, zip(*parts, strict=True)))

    def ready(self, series: int, start: int, stop: int) -> NDArray[np.bool_]:
        """At which of these steps enough of the series is known to learn from what follows."""
        first = start - start % STEPS
        return np.concatenate(
            [
                self._block(series, begin).reading.ready[max(start - begin, 0) : stop - begin, 0]
                for begin in range(first, max(stop, first + 1), STEPS)
            ]
        )

    def track(self, series: int, stop: int) -> Track:
        """What is carried of a series when `stop` steps of it were read."""
        begin = stop - stop % STEPS
        y = self.histories.y(series, begin, stop)[:, np.newaxis]
        return self.scaling.read(y, self._track(series, begin))[1]

    def _track(self, series: int, begin: int) -> Track:
        if begin == 0:
            return self.scaling.begin()
        known = max(
            (at for at in range(begin, 0, -STEPS) if (series, at) in self._tracks), default=0
        )
        track = self._tracks.get((series, known)) or self.scaling.begin()
        for at in range(known, begin, STEPS):
            y = self.histories.y(series, at, at + STEPS)[:, np.newaxis]
            track = self.scaling.read(y, track)[1]
            self._tracks[series, at + STEPS] = track
        return track

    def _block(self, series: int, begin: int) -> Block:
        if (found := self._blocks.get((series, begin))) is not None:
            self._blocks.move_to_end((series, begin))
            return found
        stop = min(begin + STEPS, int(self.histories.lengths[series]))
        y = self.histories.y(series, begin, stop)[:, np.newaxis]
        reading, _ = self.scaling.read(y, self._track(series, begin))
        known = self.histories.known(series, begin, stop + self.horizon)
        past = self.histories.past(series, begin, stop)
        steps = stop - begin
        x = np.concatenate([reading.inputs[:, 0], past, known[:steps]], axis=1)
        block = self._blocks[series, begin] = Block(reading, x, known)
        self._steps += steps + 64
        while self._steps > self._kept and len(self._blocks) > 1:
            _, oldest = self._blocks.popitem(last=False)
            self._steps -= len(oldest.x) + 64
        return block


class Listed:
    """Series in memory as histories: arrays y (T,), known (T + K, F), past (T, P) of each."""

    def __init__(self, y: Sequence[Array], known: Sequence[Floats], past: Sequence[Floats]) -> None:
        self._y, self._known, self._past = y, known, past
        self.lengths = np.array([len(one) for one in y], dtype=np.int64)

    def y(self, series: int, start: int, stop: int) -> Array:
        """The values of these steps."""
        return self._y[series][start:stop]

    def known(self, series: int, start: int, stop: int) -> Floats:
        """What is known ahead of these steps."""
        return self._known[series][start:stop]

    def past(self, series: int, start: int, stop: int) -> Floats:
        """What is known of these steps once they are there."""
        return self._past[series][start:stop]
