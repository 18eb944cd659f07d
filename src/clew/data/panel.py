"""Many series in one table: what was observed when, and what is known beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.data import _panel_store as stored
from clew.data._panel_cells import Dates
from clew.data._panel_freq import Freq, read_freq
from clew.data._panel_reading import Reading, Stamp, rows
from clew.data._panel_series import Panel, Series
from clew.data._panel_tables import Column, Columns, open_table
from clew.data.files import existing, listed
from clew.errors import InputError

__all__ = [
    "Dates", "Freq", "Panel", "Series", "Stamp", "read_freq", "read_future", "read_panel",
]  # fmt: skip

Source: TypeAlias = Any  # a path, a frame of polars or pandas, or a Panel

_LARGE = 1 << 25  # bytes of a file from which on it is not held in memory, given a place on disk


def read_panel(
    source: Source,
    *,
    unique_id: Column = "unique_id",
    ds: Column = "ds",
    y: Column = "y",
    past: Sequence[Column] = (),
    future: Sequence[Column] = (),
    freq: str | int | Freq | None = None,
    missing: Sequence[float] = (),
    store: Path | None = None,
) -> Panel:
    """The series of a long table: a row for each series and date.

    source: a file (CSV, TSV, JSON lines, Parquet; packed by gzip or xz or not), a DataFrame of
    polars or pandas, or a Panel. unique_id, ds, y: the columns with the name of the series, the
    date (or a whole number) and the value; without a column `unique_id` all rows are one series,
    called as the file. Of a CSV whose header is wrong they may be numbers, from 1. past, future:
    columns of numbers known up to now, and known ahead. freq: the step ("month", "15 minutes",
    "MS"); None takes the commonest. missing: numbers that stand for a missing value, beside empty
    cells, NA, NaN and null. store: a folder for what a large file becomes, which is then not held
    in memory; one that holds the same already is read.

    Series may follow one another or alternate; their dates ascend. A date that is missing between
    others becomes a missing value, and `notes` tells how many. Raises InputError naming the row for
    a date that is there twice, out of order or between steps, and row and column for what is no
    number or infinite.
    """
    past, future = ((side,) if isinstance(side, str) else tuple(side) for side in (past, future))
    columns = Columns(unique_id, ds, y, past, future)
    if isinstance(source, Panel):
        return _same(source, columns)
    folder = store if store is not None and _is_large(source) else None
    step = None if freq is None else str(freq) + (f"@{freq.day}" if isinstance(freq, Freq) else "")
    signature = [*_signature(source, folder), columns.wanted, len(past), step, list(missing)]
    if folder is not None and (known := stored.load(folder, signature)) is not None:
        return _opened(*known)
    if folder is not None:
        stored.fresh(folder)
    spool = stored.Spool(folder, 1 + len(past) + len(future))
    try:
        arrays, facts = _placed(source, columns, freq, missing, spool, folder)
        if folder is not None:
            stored.save(folder, arrays, {"signature": signature, **facts})
            known = stored.load(folder, signature)
            assert known is not None
            arrays = known[0]
    except OSError as error:
        raise stored.unwritten(folder or Path(), error) from error
    finally:
        spool.close()
    return _opened(arrays, facts)


def _same(panel: Panel, columns: Columns) -> Panel:
    given = (columns.past, columns.future)
    if given not in (((), ()), (panel.past_names, panel.future_names)):
        raise InputError(
            f"the panel has other columns: past {panel.past_names}, future {panel.future_names}",
            where="past, future",
            expected="the same, or none",
        )
    return panel


def _is_large(source: Source) -> bool:
    if not isinstance(source, str | Path):
        return False
    path = existing(source)
    return path.is_file() and path.stat().st_size > _LARGE


def _signature(source: Source, folder: Path | None) -> list[Any]:
    if folder is None:
        return []
    path = Path(source).resolve()
    status = path.stat()
    return [str(path), status.st_size, status.st_mtime_ns]


def _placed(
    source: Source, columns: Columns, freq: str | int | Freq | None, missing: Sequence[float],
    spool: stored.Spool, folder: Path | None,
) -> tuple[stored.Arrays, dict[str, Any]]:  # fmt: skip
    """The series of a table on their grid, and what else is to be known of them."""
    table = open_table(source, columns)
    found = table.columns
    reading = Reading(table, spool, missing)
    step, starts, lengths = reading.grid(freq)
    widths = (len(found.past), len(found.future))
    arrays = stored.place_on_grid(spool, step, starts, lengths, folder, widths)
    ids = list(reading.codes)
    values = np.array([
        np.count_nonzero(~np.isnan(arrays["y"][begin : begin + length]))
        for begin, length in zip(arrays["begins"].tolist(), lengths.tolist(), strict=True)
    ])  # fmt: skip
    reading.empty(lambda code: bool(values[code]))
    gaps = lengths - reading.counts[: len(ids)]
    notes = []
    if gaps.any():
        most = ids[int(gaps.argmax())]
        short = f"{np.count_nonzero(gaps)} of {len(ids)} series"
        which = f"series {most!r}" if len(ids) == 1 else short
        many = int(gaps.sum())
        notes.append(f"{many} date{'s are' if many > 1 else ' is'} missing in {which}: "
                     "there the value is taken as missing")  # fmt: skip
    without = int(reading.counts[: len(ids)].sum() - values.sum())
    if without:
        notes.append(f"{without} value{'s are' if without > 1 else ' is'} missing in the table")
    name = "unique_id" if found.unique_id is None else str(found.unique_id)
    facts = {
        "ids": ids, "freq": asdict(step), "past": [str(n) for n in found.past],
        "future": [str(n) for n in found.future], "stamp": asdict(reading.stamp),
        "columns": [name, str(found.ds), str(found.y)], "kind": table.kind, "notes": notes,
        "fingerprint": stored.fingerprint(ids, step, arrays),
    }  # fmt: skip
    return arrays, facts


def _opened(arrays: stored.Arrays, facts: dict[str, Any]) -> Panel:
    id_name, ds, y = facts["columns"]
    return Panel(
        ids=facts["ids"],
        freq=Freq(**facts["freq"]),
        **arrays,
        past_names=tuple(facts["past"]),
        future_names=tuple(facts["future"]),
        stamp=Stamp(**facts["stamp"]),
        columns=(id_name, ds, y),
        kind=facts["kind"],
        notes=tuple(facts["notes"]),
        fingerprint=facts["fingerprint"],
    )


def read_future(
    source: Source,
    panel: Panel,
    horizon: int,
    *,
    unique_id: Column = "unique_id",
    ds: Column = "ds",
) -> NDArray[np.float32]:
    """The columns known ahead for `horizon` steps after the end of each series, (N, horizon, F).

    source: a table as in `read_panel`; rows of other dates and series are passed over. Raises
    InputError naming the column, the series and the date that are missing, and for a date twice.
    """
    names = panel.future_names
    table = open_table(source, Columns(unique_id, ds, None, (), names))
    if table.columns.unique_id is None and len(panel) > 1:
        raise InputError(
            f"there is no column {unique_id!r}, and there are {len(panel)} series",
            where=table.label,
            expected="the name of the series on each row",
        )
    codes = {name: code for code, name in enumerate(panel.ids)}
    found = np.full((len(panel), horizon, len(names)), np.nan, dtype=np.float32)
    seen = np.zeros((len(panel), horizon), dtype=np.int64)  # the line of each
    dates = Dates(str(table.columns.ds))
    for lines, ids, times, values in rows(table, dates):
        _comparable(panel, dates, table.label)
        code = np.zeros(len(lines), dtype=np.int64)
        if ids is not None:
            code = np.array([codes.get(name, -1) for name in ids], dtype=np.int64)
        steps, on = panel.freq.steps(panel.starts[code], times)
        steps = steps - panel.lengths[code]
        for row in np.flatnonzero((code >= 0) & on & (steps >= 0) & (steps < horizon)).tolist():
            one, step, line = int(code[row]), int(steps[row]), int(lines[row])
            if seen[one, step]:
                raise InputError(
                    f"series {panel.ids[one]!r} has the date {panel.date(int(times[row]))} twice",
                    where=f"{table.place(int(seen[one, step]))} and {table.place(line)}",
                    expected="one row for each date of a series",
                )
            if np.isnan(values[row]).any():
                name = names[int(np.isnan(values[row]).argmax())]
                raise InputError(
                    "a value that should be known ahead is missing",
                    where=f"{table.place(line)}, column {name!r}",
                    expected="a number",
                )
            seen[one, step] = line
            found[one, step] = values[row]
    if not seen.all():
        raise _incomplete(panel, seen > 0, table.label)
    return found


def _comparable(panel: Panel, dates: Dates, label: str) -> None:
    if (dates.numbered, dates.zone) != (panel.stamp.numbered, panel.stamp.zone):
        kinds = [("whole numbers" if numbered else "dates") + (f" in {zone}" if zone else "")
                 for numbered, zone in ((dates.numbered, dates.zone),
                                        (panel.stamp.numbered, panel.stamp.zone))]  # fmt: skip
        raise InputError(
            f"here are {kinds[0]}, in the history {kinds[1]}",
            where=f"{label}, column {dates.column!r}",
            expected="dates as in the history",
        )


def _incomplete(panel: Panel, there: NDArray[np.bool_], label: str) -> InputError:
    one = int((~there.all(axis=1)).argmax())
    horizon = there.shape[1]
    lacking = np.flatnonzero(~there[one])
    times = panel.times(one, int(panel.lengths[one]), horizon)
    dates = [panel.date(int(times[step])) for step in lacking]
    others = int((~there.all(axis=1)).sum()) - 1
    return InputError(
        f"series {panel.ids[one]!r} has no row" if not there[one].any()
        else f"series {panel.ids[one]!r} has no row for {listed(dates, 4)}",
        where=label,
        expected=f"{listed(panel.future_names)} for each of the {horizon} steps from "
        f"{panel.date(int(times[0]))} to {panel.date(int(times[-1]))}",
        hint=f"{others} other series lack rows too" if others else None,
    )  # fmt: skip
