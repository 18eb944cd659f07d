"""The series of a table side by side in a few arrays, all on one grid of dates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clew.data import _panel_store as stored
from clew.data._panel_cells import Dates
from clew.data._panel_frames import frame_of
from clew.data._panel_freq import DAY, Freq, Times, read_freq
from clew.data._panel_reading import Stamp
from clew.data.mapped import release
from clew.errors import InputError


@dataclass(frozen=True, eq=False)
class Series:
    """One series of T steps: y (T,), NaN where missing; past (T, P) and future (T, F).

    start: the time of its first step, in microseconds since 1970, or a whole number.
    """

    id: str
    start: int
    y: NDArray[np.float64]
    past: NDArray[np.float32]
    future: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Panel:
    """N series with M steps in all, one after the other, every step at the same distance `freq`.

    ids: their names. starts, begins, lengths (N,): the time of the first step of each, where it
    begins in the arrays, how many steps it has. y (M,) float64, past (M, P) and future (M, F)
    float32: what is observed, what is known up to now, and what is known ahead; NaN where missing.
    columns: the names of the columns with ids, dates and values. kind: "file", or the package of
    the frame it was read from. notes: what was found on reading, in sentences.
    """

    ids: list[str]
    freq: Freq
    starts: Times
    begins: Times
    lengths: Times
    y: NDArray[np.float64]
    past: NDArray[np.float32]
    future: NDArray[np.float32]
    past_names: tuple[str, ...] = ()
    future_names: tuple[str, ...] = ()
    stamp: Stamp = field(default_factory=Stamp)
    columns: tuple[str, str, str] = ("unique_id", "ds", "y")
    kind: str = "file"
    notes: tuple[str, ...] = ()
    fingerprint: str = ""

    @classmethod
    def of(
        cls,
        series: Mapping[str, ArrayLike],
        *,
        starts: Mapping[str, Any] | None = None,
        freq: str | Freq = "step",
        past: Mapping[str, ArrayLike] | None = None,
        future: Mapping[str, ArrayLike] | None = None,
    ) -> Panel:
        """A panel of arrays: series {id: (T,)}, past and future {id: (T, P)} with columns x0, x1...

        starts: {id: the first date}, a date, a text or a whole number; without it 0, or 2000-01-01.
        """
        step = read_freq(freq)
        ids, dates = [str(name) for name in series], Dates("starts")
        first = 0 if step.numbered else "2000-01-01"
        given = [(starts or {}).get(name, first) for name in series]
        times = dates.read(given, lambda row: f"starts[{ids[row]!r}]")
        stamp = Stamp(dates.numbered, dates.clock or (step.size or DAY) < DAY)
        ys = [np.asarray(y, dtype=np.float64).reshape(-1) for y in series.values()]
        lengths = np.array([len(y) for y in ys], dtype=np.int64)
        known = [_beside(columns, series, lengths) for columns in (past, future)]
        arrays: stored.Arrays = {
            "y": np.concatenate(ys), "past": known[0], "future": known[1], "starts": times,
            "begins": np.cumsum(lengths) - lengths, "lengths": lengths,
        }  # fmt: skip
        named = [tuple(f"x{i}" for i in range(part.shape[1])) for part in known]
        return cls(
            ids=ids,
            freq=step,
            starts=times,
            begins=arrays["begins"],
            lengths=lengths,
            y=arrays["y"],
            past=known[0],
            future=known[1],
            past_names=named[0],
            future_names=named[1],
            stamp=stamp,
            fingerprint=stored.fingerprint(ids, step, arrays),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def series(self, index: int) -> Series:
        """One series, without copying."""
        begin = int(self.begins[index])
        inside = slice(begin, begin + int(self.lengths[index]))
        return Series(self.ids[index], int(self.starts[index]), self.y[inside], self.past[inside],
                      self.future[inside])  # fmt: skip

    def times(self, index: int, first: int = 0, count: int | None = None) -> Times:
        """The times of steps of a series, from its own first on; steps after its end too."""
        count = int(self.lengths[index]) - first if count is None else count
        return self.freq.times(self.starts[index], np.arange(first, first + count))

    def part(self, first: ArrayLike, last: ArrayLike) -> Panel:
        """Of each series the steps from `first` up to, without, `last` (N,); nothing is copied."""
        begin = np.clip(np.asarray(first, dtype=np.int64), 0, self.lengths)
        end = np.clip(np.asarray(last, dtype=np.int64), begin, self.lengths)
        begin = np.broadcast_to(begin, end.shape)
        mark = hashlib.sha256(self.fingerprint.encode() + begin.tobytes() + end.tobytes())
        return replace(
            self,
            starts=self.freq.times(self.starts, begin),
            begins=self.begins + begin,
            lengths=end - begin,
            notes=(),
            fingerprint=mark.hexdigest(),
        )

    def tail(self, steps: int) -> Panel:
        """Of each series its last `steps` steps."""
        return self.part(self.lengths - steps, self.lengths)

    def without_tail(self, steps: int) -> Panel:
        """Of each series all but its last `steps` steps; shorter ones have none left."""
        return self.part(0, np.maximum(self.lengths - steps, 0))

    def cut(self, before: Any) -> Panel:
        """Of each series the steps before a date: a date, a text such as 2010-01-31, a number."""
        dates = Dates("before")
        time = int(dates.read([before], lambda _: "cut")[0])
        if dates.numbered != self.stamp.numbered:
            raise InputError(
                f"{before!r} is no date of this table",
                where="before",
                expected="a whole number" if self.stamp.numbered else "a date",
            )
        steps, _ = self.freq.steps(self.starts, time)
        steps = steps + (self.freq.times(self.starts, steps) < time)
        return self.part(0, np.maximum(steps, 0))

    def select(self, indices: Sequence[int]) -> Panel:
        """Some of the series, in that order; nothing is copied."""
        chosen = np.asarray(indices, dtype=np.int64)
        mark = hashlib.sha256(self.fingerprint.encode() + b"select" + chosen.tobytes())
        return replace(
            self,
            ids=[self.ids[i] for i in chosen],
            starts=self.starts[chosen],
            begins=self.begins[chosen],
            lengths=self.lengths[chosen],
            notes=(),
            fingerprint=mark.hexdigest(),
        )

    def stamps(self, times: ArrayLike) -> NDArray[Any]:
        """Times as numpy has them: whole numbers, datetime64[D], or [us] with a time of day."""
        found = np.asarray(times, dtype=np.int64)
        if self.stamp.numbered:
            return found
        return found.astype("M8[us]").astype("M8[us]" if self.stamp.clock else "M8[D]")

    def date(self, time: int) -> str:
        """A time as messages write it."""
        return self.stamp.text(time)

    def table(self, columns: Mapping[str, Any]) -> Any:
        """A table of the kind that was given (polars for a file); the column `ds` holds times."""
        ds = self.columns[1]
        return frame_of({**columns, ds: self.stamps(columns[ds])}, ds, self.stamp, self.kind)

    def release(self) -> None:
        """Give the memory of mapped pages back to the system; they are read again when needed."""
        release((self.y, self.past, self.future))


def _beside(
    columns: Mapping[str, ArrayLike] | None, ids: Iterable[str], lengths: Times
) -> NDArray[np.float32]:
    """Columns given by series one after the other, (M, C); C is 0 without any."""
    if columns is None:
        return np.zeros((int(lengths.sum()), 0), dtype=np.float32)
    parts = [np.asarray(columns[name], dtype=np.float32) for name in ids]
    return np.concatenate([part.reshape(len(part), -1) for part in parts])
