"""Frames of polars and pandas, and Parquet files, as columns some rows at a time."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.data._panel_cells import Stamps, is_missing
from clew.data._panel_freq import DAY
from clew.errors import InputError, need

ROWS = 1 << 13  # at once

Rows: TypeAlias = tuple[NDArray[np.int64], dict[str, Any]]  # their numbers, and the cells by column


def names_of(frame: Any, package: str) -> list[str]:
    """The names of the columns, those of pandas' index after them."""
    names = [str(name) for name in frame.columns]
    if package == "pandas":
        names += [str(name) for name in frame.index.names if name is not None]
    return names


def rows(frame: Any, package: str, wanted: Sequence[str], *, words: bool = False) -> Iterator[Rows]:
    """The rows of a frame: arrays of numbers, Stamps, or lists; `words`: of true and false."""
    if words and package == "polars":
        import polars

        frame = frame.with_columns(polars.col(polars.Boolean).cast(polars.String))
    pick = _polars if package == "polars" else _pandas
    return _slices(pick(frame, wanted), len(frame))


def _slices(cells: dict[str, Any], height: int) -> Iterator[Rows]:
    for start in range(0, height, ROWS):
        stop = min(start + ROWS, height)
        numbers = np.arange(start + 1, stop + 1, dtype=np.int64)
        yield numbers, {name: column[start:stop] for name, column in cells.items()}


def _polars(frame: Any, wanted: Sequence[str]) -> dict[str, Any]:
    """Columns of a polars frame: arrays of numbers, Stamps, or lists."""
    found: dict[str, Any] = {}
    for name in wanted:
        column = frame[name]
        kind = column.dtype
        if kind.is_temporal() and str(kind).startswith(("Date", "Datetime")):
            found[name] = _stamps(column, str(kind) != "Date", getattr(kind, "time_zone", None))
        elif kind.is_integer() and not column.null_count():
            found[name] = column.to_numpy()
        elif kind.is_numeric() or str(kind) == "Boolean":
            found[name] = column.cast(float, strict=False).to_numpy()
        else:
            found[name] = column.to_list()
    return found


def _stamps(column: Any, clock: bool, zone: str | None) -> Stamps:
    """A polars column of dates; with a zone, the times of clocks there if all are the same one."""
    import polars

    missing = column.is_null().arg_max() if column.null_count() else None
    wall = False
    if zone is not None:
        local = column.dt.replace_time_zone(None)
        wall = zone != "UTC" and local.dt.time().n_unique() == 1
        column = local if wall else column
    times = column.cast(polars.Datetime("us")).dt.timestamp("us").fill_null(0).to_numpy()
    return Stamps(times, clock, zone, missing, wall)


def _pandas(frame: Any, wanted: Sequence[str]) -> dict[str, Any]:
    """Columns (or levels of the index) of a pandas frame: arrays of numbers, Stamps, or lists."""
    found: dict[str, Any] = {}
    names = {str(name): name for name in frame.columns}
    for name in wanted:
        if name in names:
            column = frame[names[name]]
            if getattr(column, "ndim", 1) != 1:
                raise InputError(
                    f"two columns are called {name!r}",
                    where="the table",
                    expected="a name of its own for each column",
                )
        else:
            column = frame.index.get_level_values(name).to_series()
        if type(column.dtype).__name__ == "PeriodDtype":
            column = column.dt.to_timestamp()
        zone = getattr(column.dtype, "tz", None)
        if zone is not None or getattr(column.dtype, "kind", "O") == "M":
            wall = False
            if zone is not None:
                local = column.dt.tz_localize(None)
                wall = str(zone) != "UTC" and local.dt.time.nunique() == 1
                column = local if wall else column.dt.tz_convert("UTC").dt.tz_localize(None)
            times = column.to_numpy().astype("M8[us]").astype(np.int64)
            gone = np.asarray(column.isna())
            clock = zone is not None or bool((times[~gone] % DAY).any())
            missing = int(gone.argmax()) if gone.any() else None
            named = None if zone is None else str(zone)
            found[name] = Stamps(times, clock, named, missing, wall)
        elif getattr(column.dtype, "kind", "O") in "iufb":
            try:
                found[name] = column.to_numpy(dtype=None if not column.isna().any() else float)
            except (TypeError, ValueError):
                found[name] = column.tolist()
        else:
            found[name] = [None if is_missing(cell) else cell for cell in column.tolist()]
    return found


# Run in a process of its own: a damaged file can make the reader end its process at once. It writes
# the names of the columns as JSON, or, told which to read, some rows at a time as Arrow's IPC.
_READER = """
import json, sys
import polars
frame = polars.scan_parquet(sys.argv[1])
if len(sys.argv) < 3:
    print(json.dumps(frame.collect_schema().names()))
    sys.exit()
frame, rows = frame.select(json.loads(sys.argv[2])), 0
while (some := frame.slice(rows, 65536).collect()).height:
    data = some.write_ipc(None, compat_level=polars.CompatLevel.oldest()).getvalue()
    sys.stdout.buffer.write(len(data).to_bytes(8, "little") + data)
    rows += some.height
"""


def _reader(path: Path, *more: str) -> list[str]:
    return [sys.executable, "-P", "-c", _READER, str(path.resolve()), *more]


def parquet_names(path: Path) -> list[str]:
    """The names of the columns of a Parquet file; raises InputError for a damaged one."""
    run = subprocess.run(_reader(path), capture_output=True)
    if run.returncode != 0:
        raise _broken(path, run.stderr)
    names: list[str] = json.loads(run.stdout)
    return names


def parquet_rows(path: Path, wanted: Sequence[str], *, words: bool = False) -> Iterator[Rows]:
    """The rows of a Parquet file with these columns; raises InputError for a damaged one."""
    import polars

    first = 0
    with tempfile.TemporaryFile() as said:
        command = _reader(path, json.dumps(list(wanted)))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as reader:
            assert reader.stdout is not None
            try:
                while size := reader.stdout.read(8):
                    data = reader.stdout.read(int.from_bytes(size, "little"))
                    frame = polars.read_ipc(io.BytesIO(data))
                    for numbers, cells in rows(frame, "polars", wanted, words=words):
                        yield numbers + first, cells
                    first += frame.height
                code = reader.wait()
            finally:
                reader.stdout.close()
                reader.kill()
        if code != 0:
            said.seek(0)
            raise _broken(path, said.read())


def _broken(path: Path, said: bytes) -> InputError:
    last = said.decode(errors="replace").strip().splitlines()[-1:]
    return InputError(
        "the Parquet file cannot be read" + "".join(f": {line}" for line in last),
        where=str(path),
        hint="it may be cut short: compare its size with the original",
    )


def frame_of(columns: dict[str, Any], ds: str, stamp: Any, package: str) -> Any:
    """A frame of polars or pandas with the dates of column `ds` in the zone of `stamp`."""
    if package == "pandas":
        pandas = sys.modules.get("pandas") or need("pandas", "forecast")
        frame = pandas.DataFrame(columns)
        if stamp.zone is not None and stamp.wall:
            frame[ds] = frame[ds].dt.tz_localize(stamp.zone, ambiguous=True,
                                                 nonexistent="shift_forward")  # fmt: skip
        elif stamp.zone is not None:
            frame[ds] = frame[ds].dt.tz_localize("UTC").dt.tz_convert(stamp.zone)
        return frame
    import polars

    table = polars.DataFrame(columns)
    if stamp.zone is not None:
        dates = polars.col(ds).cast(polars.Datetime("us"))
        here = (
            dates.dt.replace_time_zone(stamp.zone, ambiguous="earliest", non_existent="null")
            if stamp.wall
            else dates.dt.replace_time_zone("UTC").dt.convert_time_zone(stamp.zone)
        )
        table = table.with_columns(here.alias(ds))
    return table
