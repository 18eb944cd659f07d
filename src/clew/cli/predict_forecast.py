"""``clew predict`` of a forecaster: how the series of a table go on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.cli import say
from clew.errors import InputError

Row = dict[str, Any]
KIND = "Forecaster"
USUAL = ("0.05", "0.1", "0.25", "0.75", "0.9", "0.95")


@dataclass(frozen=True)
class Ahead:
    """What is asked of a forecaster alone; None where nothing was typed."""

    horizon: int | None = None
    future: Path | None = None
    picture: Path | None = None

    def refuse(self, kind: str) -> None:
        """Raise InputError for an option that such another kind of model has no use for."""
        for name in ("horizon", "future", "picture"):
            if getattr(self, name) is not None:
                raise InputError(
                    f"a {kind} has no use for this", where=f"--{name}", hint="leave the option out"
                )


def predict_forecast(
    model: Any,
    inputs: list[str],
    file: Path | None,
    ahead: Ahead,
    form: str,
    row: Callable[[Row], None],
) -> None:
    """Print how the series of a table go on, or those that were learned from, if there is none.

    form: "text" is a table for people; of the others `row` prints each row.
    """
    if len(inputs) > 1:
        raise InputError(
            f"a forecaster reads one table at a time, and {len(inputs)} were given",
            where="INPUT",
            hint="one table may hold many series: the column unique_id tells them apart",
        )
    data = Path(inputs[0]) if inputs else file
    for path in (data, ahead.future):
        if path is not None and not path.exists():
            raise InputError(
                "there is no such file",
                where=str(path),
                expected="a table with the series' histories" if path is data else "a table",
            )
    if len(model.future) and ahead.future is None:
        raise InputError(
            "what is known ahead is missing: " + ", ".join(map(str, model.future)),
            where="--future",
            expected="a table with these columns for the steps to come",
        )
    table = model.predict(ahead.horizon, data=data, future=ahead.future)
    if ahead.picture is not None:
        model.picture(ahead.picture, ahead.horizon, data=data, future=ahead.future)
        say.note(f"drawn: {ahead.picture}")
    rows = _rows(table)
    if form != "text":
        for one in rows:
            row(one)
        return
    for line in _lines(list(rows), _shown([str(name) for name in table.columns])):
        say.result(line)


def _shown(names: list[str]) -> list[str]:
    """The columns of a table for people: of many quantiles those that bound usual intervals."""
    first, quantiles = names[:3], [name for name in names[3:] if name != "0.5"]
    return first + [name for name in quantiles if len(quantiles) <= len(USUAL) or name in USUAL]


def _rows(table: Any) -> Iterator[Row]:
    """The rows of a table of polars or pandas; dates as text, numbers with 7 digits that count."""
    names = [str(name) for name in table.columns]
    records = table.iter_rows() if hasattr(table, "iter_rows") else table.itertuples(index=False)
    for values in records:
        yield {name: _plain(value) for name, value in zip(names, values, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ") if hasattr(value, "hour") else value.isoformat()
    return value


def _lines(rows: list[Row], columns: list[str]) -> list[str]:
    """An aligned table of these columns."""
    cells = [columns, *([_cell(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    left = {place for place, name in enumerate(columns) if rows and isinstance(rows[0][name], str)}
    return [
        "  ".join(
            f"{cell:{width}}" if place in left else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) and abs(value) < 1e5 else str(value)
