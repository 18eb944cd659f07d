"""A panel as the network reads it: logarithms, the calendar, other columns in one measure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from sys import float_info
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data import calendar
from clew.data.panel import Freq, Panel, Stamp
from clew.errors import InputError
from clew.tasks._forecast.scaling import BASES, LINES, Base, Scaling

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Pairs = tuple[tuple[float, float], ...]

LARGEST = 1e50  # number kept of the data: far beyond what tables hold, products stay finite
FAR = 6.0  # of a column, in its standard deviations: what is farther away is read as this


@dataclass(frozen=True)
class Facts:
    """What the data fixed: how series are read, and what the network reads beside them.

    calendar: names of features. past, future: mean and standard deviation of each column, with its
    name. usual: quantiles of the naive errors at the levels learned. columns: the names of the
    columns of ids, dates and values. kind: of the frame, or "file".
    """

    scaling: Scaling
    freq: Freq
    stamp: Stamp
    calendar: tuple[str, ...]
    past: Pairs
    future: Pairs
    past_names: tuple[str, ...]
    future_names: tuple[str, ...]
    usual: tuple[float, ...]
    columns: tuple[str, str, str] = ("unique_id", "ds", "y")
    kind: str = "file"
    missing: tuple[float, ...] = field(default=())

    @property
    def known(self) -> int:
        """F, numbers that are known of a step ahead."""
        return len(calendar.columns(self.calendar)) + len(self.future)

    @property
    def beside(self) -> int:
        """P, numbers known of a step once it is there: each column, and whether it is missing."""
        return 2 * len(self.past)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return asdict(self)


class PanelHistories:
    """The series of a panel as histories; ahead: (N, H, F) the known columns after their ends."""

    def __init__(self, panel: Panel, facts: Facts, ahead: Floats | None = None) -> None:
        self.panel, self.facts = panel, facts
        self.lengths = np.asarray(panel.lengths, dtype=np.int64)
        self._ahead = ahead
        self._future = np.array(facts.future, dtype=np.float64).reshape(-1, 2)
        self._past = np.array(facts.past, dtype=np.float64).reshape(-1, 2)

    def y(self, series: int, start: int, stop: int) -> Array:
        """The values of these steps, or their logarithms, NaN where missing."""
        found = np.asarray(self.panel.series(series).y[start:stop], dtype=np.float64)
        return self.logarithms(found, series, start) if self.facts.scaling.log else found

    def logarithms(self, y: Array, series: int, start: int) -> Array:
        """log y; raises InputError naming the first that has none."""
        if (wrong := np.flatnonzero(y <= 0)).size:
            at = start + int(wrong[0])
            time = int(self.panel.times(series, at, 1)[0])
            raise InputError(
                f"series {self.panel.ids[series]!r} has {y[wrong[0]]:g} at "
                f"{self.panel.date(time)}, which has no logarithm",
                where="log",
                expected="values above 0, as those learned from",
                hint="learn with log=False",
            )
        return np.asarray(np.log(y))

    def known(self, series: int, start: int, stop: int) -> Floats:
        """What is known ahead of these steps; zeros where nothing was given."""
        times = self.panel.times(series, start, stop - start)
        dates = calendar.table(times, self.facts.calendar)
        if not len(self._future):
            return dates
        length = int(self.lengths[series])
        given = np.full((stop - start, len(self._future)), np.nan, dtype=np.float32)
        inside = self.panel.series(series).future[start:stop]
        given[: len(inside)] = inside
        if self._ahead is not None and stop > length:
            first = max(start, length)
            more = self._ahead[series, first - length : stop - length]
            given[first - start : first - start + len(more)] = more
        return np.concatenate([dates, measured(given, self._future)], axis=1)

    def past(self, series: int, start: int, stop: int) -> Floats:
        """What is known of these steps once they are there: each column, then what is missing."""
        given = self.panel.series(series).past[start:stop]
        return with_gaps(given, self._past)


def measured(given: Floats, usual: Array) -> Floats:
    """Columns (T, C) in standard deviations from their means; 0 where missing."""
    scaled = (given - usual[:, 0]) / usual[:, 1]
    return np.clip(np.nan_to_num(scaled), -FAR, FAR).astype(np.float32)


def with_gaps(given: Floats, usual: Array) -> Floats:
    """The same, and 1 where one is missing: (T, 2C)."""
    return np.concatenate([measured(given, usual), np.isnan(given).astype(np.float32)], axis=1)


def usual_of(columns: Floats) -> Pairs:
    """Mean and standard deviation of each column (M, C)."""
    found = []
    for column in columns.T:
        there = column[~np.isnan(column)].astype(np.float64)
        mean = float(there.mean()) if len(there) else 0.0
        deviation = float(there.std()) if len(there) else 1.0
        found.append((mean, deviation if deviation > 1e-12 * max(abs(mean), 1e-300) else 1.0))
    return tuple(found)


def facts_from(read: dict[str, Any]) -> Facts:
    """The reverse of Facts.to_json; raises KeyError, TypeError or ValueError for anything else."""
    known = set(Facts.__dataclass_fields__)
    if set(read) != known:
        raise ValueError(f"not the facts of a forecaster: {sorted(set(read) ^ known)[0][:80]!r}")
    scaling = dict(read["scaling"])
    base: Base = scaling.pop("base")
    line = _numbers(scaling.pop("line"))
    season = scaling.pop("season")
    if type(season) is not int or not 1 <= season <= 1 << 20:
        raise ValueError(f"a season of {season!r}")
    if base not in BASES:
        raise ValueError(f"base {base!r}")
    if len(line) > 1 << 12 or (base in LINES) != (len(line) > 1):
        raise ValueError(f"a line of {len(line)}")
    log = scaling.pop("log")
    if type(log) is not bool:
        raise ValueError("log")
    prior, usual, least = _numbers([scaling.pop(name) for name in ("prior", "usual", "least")])
    if scaling or prior < 0 or least <= 0:
        raise ValueError("scaling")
    stamp = dict(read["stamp"])
    if set(stamp) != set(Stamp.__dataclass_fields__) or not all(
        type(stamp[name]) is bool for name in ("numbered", "clock", "wall")
    ) or not (stamp["zone"] is None or type(stamp["zone"]) is str):  # fmt: skip
        raise ValueError("stamp")
    freq = dict(read["freq"])
    if set(freq) != {"unit", "count", "day"} or not all(
        type(freq[name]) is int and freq[name] < 1 << 40 for name in ("count", "day")
    ):
        raise ValueError("freq")
    step = Freq(**freq)
    names = [_names(read[name]) for name in ("past_names", "future_names", "calendar", "columns")]
    pairs = [_pairs(read[name]) for name in ("past", "future")]
    if (len(names[0]), len(names[1]), len(names[3])) != (len(pairs[0]), len(pairs[1]), 3):
        raise ValueError("columns")
    if type(read["kind"]) is not str:
        raise ValueError("kind")
    return Facts(
        Scaling(season, base, log, prior, usual, line, least), step, Stamp(**stamp),
        calendar.chosen(names[2], step), pairs[0], pairs[1], names[0], names[1],
        _numbers(read["usual"]), (names[3][0], names[3][1], names[3][2]), read["kind"],
        _numbers(read["missing"], float_info.max),  # which some write for "missing"
    )  # fmt: skip


def _numbers(read: Any, most: float = LARGEST) -> tuple[float, ...]:
    if not isinstance(read, list | tuple) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= most
        for value in read
    ):
        raise ValueError("numbers")
    return tuple(float(value) for value in read)


def _names(read: Any) -> tuple[str, ...]:
    if not isinstance(read, list | tuple) or not all(isinstance(name, str) for name in read):
        raise ValueError("names")
    return tuple(read)


def _pairs(read: Any) -> Pairs:
    if not isinstance(read, list | tuple):
        raise ValueError("pairs")
    found = [_numbers(pair) for pair in read]
    if not all(len(pair) == 2 and pair[1] > 0 for pair in found):
        raise ValueError("pairs")
    return tuple((pair[0], pair[1]) for pair in found)
