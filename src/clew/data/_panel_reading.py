"""One pass over a table of series: who begins when, in what steps, and what is wrong where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clew.data._panel_cells import Dates, names, numbers
from clew.data._panel_frames import frame_of
from clew.data._panel_freq import Freq, Survey, Times, read_freq
from clew.data._panel_store import Spool
from clew.data._panel_tables import Table
from clew.data.files import listed
from clew.errors import InputError

LARGEST = 1e50  # value
_DENSE = 20  # steps a row at most, gaps included
_SPARE = 10_000  # and so many more


@dataclass(frozen=True)
class Stamp:
    """How the dates of a table were written: numbered, or dates, with a time of day (clock) or not.

    zone: their time zone. wall: times are those of clocks there; if not, those of UTC.
    """

    numbered: bool = False
    clock: bool = False
    zone: str | None = None
    wall: bool = False

    def check(self, package: str) -> None:
        """Raise InputError unless frames of polars or pandas (a file's: polars) know the zone."""
        if self.zone is None:
            return
        try:
            frame_of({"ds": np.zeros(1, dtype="M8[us]")}, "ds", self, package)
        except InputError:  # without pandas here nobody can tell
            return
        except Exception as error:  # each of them, and each source of zones, has its own
            raise InputError(f"there is no time zone {self.zone[:80]!r}", where="ds") from error

    def text(self, time: int) -> str:
        """A time as messages write it."""
        if self.numbered:
            return str(time)
        text = str(np.datetime64(int(time), "us")).replace("T", " ")
        return text.removesuffix(".000000") if self.clock else text[:10]


class Reading:
    """The rows of a table, checked and kept in a spool, and what they have in common."""

    def __init__(self, table: Table, spool: Spool, missing: Sequence[float]) -> None:
        self.table, self.spool = table, spool
        self.codes: dict[str, int] = {}
        self.first, self.last = _Growing(), _Growing()  # times of each series
        self.counts = _Growing()
        self._lines = _Growing()  # of the last rows
        self.dates = Dates(str(table.columns.ds))
        self.survey: Survey | None = None
        for lines, ids, times, values in rows(table, self.dates):
            if missing:
                values[np.isin(values[:, 0], np.asarray(missing, dtype=np.float64)), 0] = np.nan
            self._bounded(lines, values[:, 0])
            self._add(lines, self._coded(ids, len(lines)), times, values)
        if not self.codes:
            raise InputError(
                "the table has no rows", where=table.label, expected="a row for each date"
            )

    @property
    def stamp(self) -> Stamp:
        """How the dates were written."""
        dates = self.dates
        return Stamp(dates.numbered, dates.clock, dates.zone, dates.wall)

    def _bounded(self, lines: Times, y: NDArray[np.float64]) -> None:
        """Raise InputError for a value whose square no number holds, let alone the sum of many."""
        if not (large := np.abs(y) > LARGEST).any():
            return
        row = int(large.argmax())
        column = str(self.table.columns.y)
        raise InputError(
            f"the value of {column!r} is {y[row]:g}: too large",
            where=f"{self.table.place(int(lines[row]))}, column {column!r}",
            expected=f"at most {LARGEST:g}",
            hint="if it stands for a missing value: missing=(...) in Python, --missing at the "
            "command line",
        )

    def _coded(self, ids: list[str] | None, count: int) -> Times:
        known = self.codes
        if ids is None:
            known.setdefault(self.table.name, 0)
            return np.zeros(count, dtype=np.int64)
        found = (known.setdefault(name, len(known)) for name in ids)
        return np.fromiter(found, dtype=np.int64, count=count)

    def _add(self, lines: Times, codes: Times, times: Times, values: NDArray[np.float64]) -> None:
        for part in (self.first, self.last, self.counts, self._lines):
            part.grow(len(self.codes))
        if self.survey is None:
            self.survey = Survey(self.dates.numbered)
        order = np.argsort(codes, kind="stable")
        code, time, line = codes[order], times[order], lines[order]
        begins = np.concatenate([[True], code[1:] != code[:-1]])
        ends = np.concatenate([begins[1:], [True]])
        # The row before each of the same series: in this part, or the last of the parts before.
        before, before_line = np.roll(time, 1), np.roll(line, 1)
        before[begins], before_line[begins] = self.last[code[begins]], self._lines[code[begins]]
        follows = ~begins | (self.counts[code] > 0)
        wrong = np.flatnonzero(follows & (time <= before))
        if len(wrong):
            row = wrong[line[wrong].argmin()]
            raise self._disorder(int(code[row]), (int(before[row]), int(before_line[row])),
                                 (int(time[row]), int(line[row])))  # fmt: skip
        self.survey.add(times, before[follows], time[follows])
        fresh = begins & ~follows
        self.first[code[fresh]] = time[fresh]
        self.last[code[ends]], self._lines[code[ends]] = time[ends], line[ends]
        self.counts[: len(self.codes)] += np.bincount(codes, minlength=len(self.codes))
        self.spool.add(codes, times, values, lines)

    def _disorder(self, code: int, before: tuple[int, int], row: tuple[int, int]) -> InputError:
        place, text = self.table.place, self.stamp.text
        whose = f"series {list(self.codes)[code]!r}"
        alone = self.table.columns.unique_id is None
        several = ""
        if alone:
            several = (
                "; if these are several series, name the column that tells them apart: "
                "unique_id=... in Python, --unique-id at the command line"
            )
        where = f"{place(before[1])} and {place(row[1])}"
        if before[0] == row[0]:
            return InputError(
                f"{whose} has the date {text(row[0])} twice",
                where=where,
                expected="one row for each date of a series",
                hint="leave one of the two out, or take their mean" + several,
            )
        return InputError(
            f"the dates of {whose} go backwards: {text(row[0])} after {text(before[0])}",
            where=where,
            expected="the rows of a series in the order of their dates",
            hint='sort the table, in polars or pandas by ["unique_id", "ds"]' + several,
        )

    def grid(self, given: str | int | Freq | None) -> tuple[Freq, Times, Times]:
        """The step, and of each series its first time and its length; raises InputError."""
        freq = self._freq(given)
        count = len(self.codes)
        starts, lengths = np.array(self.first[:count]), np.zeros(count, dtype=np.int64)
        for codes, times, lines, _ in self.spool.read():
            steps, on = freq.steps(starts[codes], times)
            if not on.all():
                row = int((~on).argmax())
                raise self._off(freq, given, int(codes[row]), int(times[row]), int(lines[row]))
            np.maximum.at(lengths, codes, steps + 1)
        if float(lengths.sum(dtype=np.float64)) > _DENSE * self.spool.rows + _SPARE:
            code = int((lengths - self.counts[:count]).argmax())
            text = self.stamp.text
            raise InputError(
                f"series {list(self.codes)[code]!r} has {int(self.counts[code])} rows for "
                f"{int(lengths[code])} steps of {freq}, from {text(int(starts[code]))} to "
                f"{text(int(self.last[code]))}: nearly all dates are missing",
                where=self.table.label,
                expected="dates with few gaps",
                hint="is a date mistyped, or the step larger? freq=... sets it in Python, --freq "
                "at the command line",
            )
        return freq, starts, lengths

    def _freq(self, given: str | int | Freq | None) -> Freq:
        assert self.survey is not None
        if given is None or given == "auto":
            found = self.survey.freq()
            if found is None:
                raise InputError(
                    "the step between dates cannot be told: no series has two rows",
                    where=self.table.label,
                    expected="series of some length",
                    hint='say what the step is: freq="month" in Python, --freq at the command line',
                )
            return found
        freq = Freq("step", given) if isinstance(given, int) else read_freq(given)
        if freq.numbered != self.stamp.numbered:
            raise InputError(
                f"the dates are {'whole numbers' if self.stamp.numbered else 'no whole numbers'}, "
                f"the step is {freq}",
                where=f"{self.table.label}, column {self.dates.column!r}",
                expected="a step that suits the dates",
                hint="leave freq out: it is taken from the dates",
            )
        return self.survey.anchored(freq)

    def _off(
        self, freq: Freq, given: str | int | Freq | None, code: int, time: int, line: int
    ) -> InputError:
        text = self.stamp.text
        auto = given is None or given == "auto"
        return InputError(
            f"{text(time)} is not a whole number of steps after {text(int(self.first[code]))}, "
            f"with which series {list(self.codes)[code]!r} begins; a step is {freq.named}",
            where=f"{self.table.place(line)}, column {self.dates.column!r}",
            expected="dates at equal distances; some may be missing",
            hint=("the step is the commonest distance; " if auto else "")
            + "another is set by freq=... in Python, --freq at the command line",
        )

    def empty(self, filled: Callable[[int], bool]) -> None:
        """Raise InputError for the first series of which `filled` finds no value."""
        none = [name for name, code in self.codes.items() if not filled(code)]
        if none:
            raise InputError(
                f"series {none[0]!r} has no value at all"
                + (f", nor have {len(none) - 1} others" if len(none) > 1 else ""),
                where=f"{self.table.label}, column {str(self.table.columns.y)!r}",
                expected="at least one number in each series",
                hint="leave it out: " + listed(none) if len(self.codes) > 1 else None,
            )


class _Growing:
    """An array of whole numbers, 0 where nothing was set, that grows."""

    def __init__(self) -> None:
        self._array = np.zeros(16, dtype=np.int64)

    def grow(self, count: int) -> None:
        if count > len(self._array):
            more = np.zeros(2 * count - len(self._array), dtype=np.int64)
            self._array = np.concatenate([self._array, more])

    def __getitem__(self, place: int | slice | NDArray[np.int64]) -> Times:
        return np.asarray(self._array[place])

    def __setitem__(self, place: slice | NDArray[np.int64], values: Times) -> None:
        self._array[place] = values


def rows(
    table: Table, dates: Dates
) -> Iterator[tuple[Times, list[str] | None, Times, NDArray[np.float64]]]:
    """The rows of a table some at a time: lines, names, times, values (n, columns) of the rest."""
    columns = table.columns
    rest = [str(c) for c in ((columns.y,) if columns.y is not None else ())]
    known = [str(c) for c in (*columns.past, *columns.future)]
    for lines, cells in table.rows:

        def where(row: int, lines: Times = lines) -> str:
            return table.place(int(lines[row]))

        ids = None
        if columns.unique_id is not None:
            ids = names(cells[str(columns.unique_id)], str(columns.unique_id), where)
        times = dates.read(cells[str(columns.ds)], where)
        values = [numbers(cells[name], name, where) for name in rest]
        values += [numbers(cells[name], name, where, single=True) for name in known]
        whole = np.stack(values, axis=1) if values else np.zeros((len(lines), 0))
        yield lines, ids, times, whole
