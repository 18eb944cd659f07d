"""The clock of a run: how fast it goes, how long it will take, what its time limit allows."""

from __future__ import annotations

from collections.abc import Callable

from clew.train.position import Position
from clew.train.settings import TrainSettings


class Pace:
    """Measures one part of a run, from its beginning or from where it was resumed."""

    def __init__(self, settings: TrainSettings, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.rate = 0.0
        self._settings = settings
        self._began = clock()
        self._slowest_step = 0.0
        self._save_seconds = 0.0
        self._last_save = self._began
        self._window = (self._began, 0)

    def begin(self) -> None:
        """Steps begin, or go on after an evaluation, which does not count for their speed."""
        self._window = (self.clock(), 0)

    def elapsed(self, pos: Position) -> float:
        """Seconds the whole run has taken, its earlier parts included."""
        return pos.seconds + self.clock() - self._began

    def stepped(self, began: float, count: int) -> None:
        """A step of `count` items is done."""
        now = self.clock()
        # A slow step is remembered, and slowly forgotten.
        self._slowest_step = max(0.99 * self._slowest_step, now - began)
        since, items = self._window
        items += count
        span = now - since
        if span > 0 and (span >= 1.0 or self.rate == 0.0):
            self.rate = items / span
        if span >= 5.0:
            since, items = now, 0
        self._window = (since, items)

    def saved(self, began: float) -> None:
        """A checkpoint is written."""
        self._last_save = self.clock()
        self._save_seconds = self._last_save - began

    def save_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self.clock() - self._last_save >= self._settings.checkpoint_every

    def left(self, pos: Position, done: float) -> float | None:
        """About how many seconds are left, with the share `done` of the steps behind."""
        elapsed = self.elapsed(pos)
        left = elapsed * (1.0 - done) / done if done > 0 else None
        if self._settings.time is not None:
            rest = max(0.0, self._settings.time - elapsed)
            left = rest if left is None else min(left, rest)
        return left

    def _usable(self, pos: Position) -> float:
        """Seconds of the limit that steps may take: the rest is for the last evaluation."""
        assert self._settings.time is not None
        room = 1.5 * (pos.look_seconds + self._save_seconds)
        return max(self._settings.time - room, 0.0)

    def progress(self, done: float, elapsed: float, pos: Position) -> float:
        """The share of the run that is behind: of its steps, or of its time, whichever is more."""
        if self._settings.time is None:
            return done
        usable = self._usable(pos)
        return max(done, min(1.0, elapsed / usable) if usable > 0 else 1.0)

    def time_up(self, pos: Position) -> bool:
        """Whether another step, with what must follow it, may not fit into the limit."""
        if self._settings.time is None:
            return False
        return self.elapsed(pos) + self._slowest_step >= self._usable(pos)

    def look_early(self, pos: Position) -> bool:
        """With a limit, the first evaluation comes early: its length must be known at the end."""
        limit = self._settings.time
        return limit is not None and pos.evaluated_at == 0 and self.elapsed(pos) >= 0.1 * limit
