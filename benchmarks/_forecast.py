"""Forecast: five public series, their last part unseen, beside AR(p) and the season before.

Run by itself for some of them, and drawn: python benchmarks/_forecast.py DATA co2 --png co2.png;
with --earlier it says how honest intervals were in the years before the test.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars

from clew.data.panel import read_panel
from clew.tasks._forecast.picture import picture
from clew.tasks.forecast import Forecaster
from clew.train import Lines

FOLDER = "forecasting"
WEATHER = ("DEWP", "TEMP", "PRES", "Iws", "Is", "Ir", "NE", "NW", "SE", "cv")
WINDS = ("NE", "NW", "SE", "cv")  # the directions of the column cbwd


@dataclass(frozen=True)
class Series:
    """One public series and what is asked of it.

    horizon: steps ahead. season: steps of a season. test: steps at the end that choose nothing,
    forecast from every `step`-th of them. past: columns known up to now only.
    """

    name: str
    read: Callable[[Path], polars.DataFrame]
    freq: str
    horizon: int
    season: int
    test: int
    step: int
    settings: dict[str, Any] = field(default_factory=dict)
    past: tuple[str, ...] = ()

    @property
    def windows(self) -> int:
        """Origins in the last part."""
        return (self.test - self.horizon) // self.step + 1


def co2(folder: Path) -> polars.DataFrame:
    """Monthly mean of CO2 at Mauna Loa, ppm; the header names a column too few."""
    with (folder / "co2/co2-mm-mlo.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    months = [date.fromisoformat(f"{row[0]}-01") for row in rows]
    return _table("co2", months, [_number(row[2], below=0.0) for row in rows])


def airline(folder: Path) -> polars.DataFrame:
    """Passengers a month, thousands, 1949 to 1960."""
    return _monthly(folder / "classic/airline-passengers.csv", "airline")


def sunspots(folder: Path) -> polars.DataFrame:
    """Zurich sunspot numbers, monthly means, 1749 to 1983."""
    return _monthly(folder / "classic/monthly-sunspots.csv", "sunspots")


def temperatures(folder: Path) -> polars.DataFrame:
    """Least temperature of each day in Melbourne, degrees Celsius, 1981 to 1990."""
    days, values = _two_columns(folder / "classic/daily-min-temperatures.csv")
    return _table("temperatures", [date.fromisoformat(day) for day in days], values)


def beijing(folder: Path) -> polars.DataFrame:
    """Fine dust (PM2.5) in Beijing, micrograms in a cubic metre, hourly, with the weather."""
    with gzip.open(
        folder / "beijing_pm25/pollution.csv.gz", "rt", newline="", encoding="utf-8"
    ) as file:
        rows = list(csv.DictReader(file))
    hours = [
        datetime(*(int(row[part]) for part in ("year", "month", "day", "hour"))) for row in rows
    ]
    table = _table("beijing", hours, [_number(row["pm2.5"]) for row in rows])
    measured = {name: [float(row[name]) for row in rows] for name in WEATHER if name not in WINDS}
    winds = {name: [float(row["cbwd"] == name) for row in rows] for name in WINDS}
    return table.with_columns(
        polars.Series(name, values) for name, values in (measured | winds).items()
    )


def _monthly(path: Path, name: str) -> polars.DataFrame:
    months, values = _two_columns(path)
    return _table(name, [date.fromisoformat(f"{month}-01") for month in months], values)


def _two_columns(path: Path) -> tuple[list[str], list[float | None]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row][1:]
    return [row[0] for row in rows], [_number(row[1]) for row in rows]


def _number(cell: str, below: float | None = None) -> float | None:
    """The number in a cell; None where it is missing, or negative where nothing can be."""
    value = None if cell in ("", "NA") else float(cell)
    return None if value is not None and below is not None and value < below else value


def _table(name: str, times: list[Any], values: list[float | None]) -> polars.DataFrame:
    return polars.DataFrame({"unique_id": [name] * len(times), "ds": times, "y": values})


SERIES = (
    Series("co2", co2, "month", horizon=24, season=12, test=24, step=1),
    Series("airline", airline, "month", horizon=24, season=12, test=24, step=1),
    Series("sunspots", sunspots, "month", horizon=24, season=12, test=24, step=1),
    Series("temperatures", temperatures, "day", horizon=365, season=365, test=365, step=1),
    Series("beijing", beijing, "hour", horizon=24, season=24, test=4382, step=1, past=WEATHER),
)


def run(
    data: Path, *, quick: bool = False, only: Sequence[str] = (), drawn: Path | None = None
) -> dict[str, Any]:
    """Fit each series without its last part, and forecast that part from its own past.

    data: the folder with forecasting/. only: names of series, all without any. drawn: a file for a
    picture of the last window of each.
    """
    found, pictures = {}, []
    for one in SERIES:
        if only and one.name not in only:
            continue
        table = one.read(data / FOLDER)
        began = time.perf_counter()
        settings = {"season_length": one.season, **one.settings}
        model = Forecaster(
            horizon=one.horizon, past=one.past, time=20 if quick else None, **settings
        )
        panel = read_panel(table, past=one.past, freq=one.freq)
        model.fit(panel.without_tail(one.test), report=Lines())
        minutes = (time.perf_counter() - began) / 60
        result = model.backtest(panel, windows=one.windows, step=one.step)
        print(f"-- {one.name}, {minutes:.1f} min, {settings}\n{result}\n", flush=True)
        found[one.name] = {name: dict(of) for name, of in result.scores.items()}
        (drawing,) = result.drawn()
        pictures.append(drawing)
    _together(found)
    if drawn is not None:
        picture(pictures, drawn)
    return found


# Steps before the test at which what is learned from may end: of so many, to see how honest the
# intervals are, for which one window at the end says little.
EARLIER = {"co2": range(48, 624, 36), "airline": range(24, 64, 8), "sunspots": range(48, 1200, 72)}
ORIGINS = 24  # after each of these ends, at most; none of their windows reaches the test


def earlier(data: Path, only: Sequence[str] = ()) -> dict[str, tuple[float, float]]:
    """How much lay in the intervals of 80 %: from the end of each fit, and from all origins."""
    found = {}
    for one in SERIES:
        if one.name not in (only or EARLIER):
            continue
        panel = read_panel(one.read(data / FOLDER), freq=one.freq).without_tail(one.test)
        first, every = [], []
        for back in EARLIER[one.name]:
            model = Forecaster(horizon=one.horizon, season_length=one.season, baseline=False)
            model.fit(panel.without_tail(back))
            origins = min(ORIGINS, back - one.horizon + 1)
            seen = panel.without_tail(back - one.horizon - origins + 1)
            result = model.backtest(seen, windows=origins, step=1)
            (judged,), levels = result.series, result.levels
            low, high = (judged.quantiles[..., levels.index(level)] for level in (0.1, 0.9))
            inside = (low <= judged.truth) & (judged.truth <= high)
            first.append(inside[0].mean())
            every.append(inside.mean())
            print(f"{one.name} {back} {first[-1]:.2f} {every[-1]:.2f}", flush=True)
        found[one.name] = float(np.mean(first)), float(np.mean(every))
        print("{}: {:.1%} from the end of a fit, {:.1%} in all".format(one.name, *found[one.name]))
    return found


def _together(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """MASE and coverage of all series side by side, and how often the model is ahead."""
    names = ("this model", "AR", "seasonal naive", "drift")
    print(f"{'MASE':14}" + "".join(f"{name:>16}" for name in names) + f"{'in 80 %':>10}")
    ahead = 0
    for series, scores in found.items():
        figures = [scores[name]["mase"] for name in names]
        held = 100 * scores[names[0]]["coverage_80"]
        print(f"{series:14}" + "".join(f"{f:16.3f}" for f in figures) + f"{held:8.1f} %")
        ahead += figures[0] < min(figures[1:3])
    print(f"ahead of AR(p) and of the seasonal naive forecast in {ahead} of {len(found)}")


def main() -> None:
    """Measure some of the series, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("only", metavar="SERIES", nargs="*")
    parser.add_argument("--png", type=Path)
    parser.add_argument("--earlier", action="store_true")
    asked = parser.parse_args()
    if asked.earlier:
        earlier(asked.data, asked.only)
        return
    run(asked.data, only=asked.only, drawn=asked.png)


if __name__ == "__main__":
    main()
