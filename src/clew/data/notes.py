"""Notes as numbers: when each begins, how long it sounds, how high and how loud it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

DRUMS = 128  # the program of a track of drums


@dataclass(frozen=True, eq=False)
class Notes:
    """Notes (N,) in the order in which they begin, low before high.

    start, duration: in ticks; pitch: of MIDI, middle C is 60; velocity: 1 to 127; program: 0 to
    127, 128 for drums; track: from 0. ticks: of a quarter note. tempos: (tick, quarters a minute);
    metres: (tick, beats, note of a beat); keys: (tick, name). Raises InputError for arrays that do
    not fit together.
    """

    start: Integers
    duration: Integers
    pitch: Integers
    velocity: Integers
    program: Integers
    track: Integers
    ticks: int = 480
    tempos: tuple[tuple[int, float], ...] = ((0, 120.0),)
    metres: tuple[tuple[int, int, int], ...] = ()
    keys: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        limits = {
            "start": (0, 2**40), "duration": (0, 2**40), "pitch": (0, 127),
            "velocity": (0, 127), "program": (0, DRUMS), "track": (0, 2**16),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            values = np.asarray(getattr(self, name), dtype=np.int64)
            object.__setattr__(self, name, values)
            if values.shape != np.shape(self.start) or values.ndim != 1:
                raise InputError(f"{name} has shape {values.shape}", expected="as start, (N,)")
            if len(values) and not (low <= values.min() and values.max() <= high):
                raise InputError(
                    f"{name} from {values.min()} to {values.max()}", expected=f"{low} to {high}"
                )
        if self.ticks < 1:
            raise InputError(f"ticks={self.ticks}", expected="at least 1 tick a quarter note")

    def __len__(self) -> int:
        return len(self.start)

    @property
    def end(self) -> int:
        """The tick at which the last note ends."""
        return int((self.start + self.duration).max(initial=0))

    def rows(self) -> list[tuple[int, ...]]:
        """(start, duration, pitch, velocity, program, track) of each note."""
        columns = (self.start, self.duration, self.pitch, self.velocity, self.program, self.track)
        return [tuple(row) for row in np.stack(columns, axis=1).tolist()]

    def seconds(self, ticks: Any) -> Floats:
        """When ticks are, in seconds, by the tempos."""
        tempos = sorted(self.tempos) or [(0, 120.0)]
        if tempos[0][0] > 0:
            tempos.insert(0, (0, tempos[0][1]))
        at = np.array([tick for tick, _ in tempos], dtype=np.float64)
        each = np.array([60.0 / bpm / self.ticks for _, bpm in tempos])
        before = np.concatenate([[0.0], np.cumsum(np.diff(at) * each[:-1])])
        ticks = np.asarray(ticks, dtype=np.float64)
        part = np.maximum(np.searchsorted(at, ticks, side="right") - 1, 0)
        return np.asarray(before[part] + (ticks - at[part]) * each[part])

    def on_grid(self, grid: int) -> Notes:
        """The same with `grid` ticks a quarter, each start and length at the nearest tick.

        No note gets shorter than one tick.
        """
        if grid < 1:
            raise InputError(f"grid={grid}", where="grid", expected="steps a quarter note, from 1")

        def near(ticks: Any) -> Any:
            return (2 * np.asarray(ticks) * grid + self.ticks) // (2 * self.ticks)

        start, end = near(self.start), near(self.start + self.duration)
        return ordered(
            replace(
                self, start=start, duration=np.maximum(end - start, 1), ticks=grid,
                tempos=tuple((int(near(tick)), bpm) for tick, bpm in self.tempos),
                metres=tuple((int(near(tick)), n, d) for tick, n, d in self.metres),
                keys=tuple((int(near(tick)), key) for tick, key in self.keys),
            )
        )  # fmt: skip


def notes_of(rows: Any, **how: Any) -> Notes:
    """Notes of rows (start, duration, pitch, velocity, program, track), sorted; see `Notes`."""
    table = np.array(list(rows), dtype=np.int64).reshape(-1, 6)
    return ordered(Notes(*table.T, **how))


def ordered(notes: Notes) -> Notes:
    """The same notes by start, program, track, pitch."""
    order = np.lexsort((notes.duration, notes.pitch, notes.track, notes.program, notes.start))
    columns = ("start", "duration", "pitch", "velocity", "program", "track")
    return replace(notes, **{name: getattr(notes, name)[order] for name in columns})
