"""Forecast: five public series, their last part unseen, beside AR(p) and the season before."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars

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
