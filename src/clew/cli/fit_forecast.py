"""``clew fit forecast``: learn how time series go on."""

from __future__ import annotations

import contextlib
import math
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clew.cli import say
from clew.cli.fits import (
    Data,
    Json,
    Out,
    Quiet,
    Resume,
    Time,
    Validation,
    Watch,
    data_exists,
    finish,
    keep_work,
    out_folder,
    possible,
)
from clew.cli.options import NETWORK, Grouped, hyperparameters
from clew.cli.progress import reporter
from clew.cli.summary import Row, Summary, aligned
from clew.errors import InputError

if TYPE_CHECKING:
    from clew.data.panel import Panel


def register(group: typer.Typer) -> None:
    """Add the command to ``clew fit``."""
    own = ("time", "past", "future", "quantiles", "season_length", "calendar", "log")
    command = hyperparameters("forecast", "Forecaster", without=own)(forecast)
    group.command("forecast", cls=Grouped)(command)


def forecast(
    context: typer.Context,
    data: Data,
    out: Out = None,
    unique_id: Annotated[
        str,
        typer.Option(
            metavar="COLUMN", help="Which series a row is of. [unique_id]", show_default=False
        ),
    ] = "unique_id",
    ds: Annotated[
        str, typer.Option(metavar="COLUMN", help="When a row is. [ds]", show_default=False)
    ] = "ds",
    y: Annotated[
        str, typer.Option(metavar="COLUMN", help="What is forecast. [y]", show_default=False)
    ] = "y",
    past: Annotated[
        str | None,
        typer.Option(metavar="COLUMNS", help="Known up to now only, as a,b,c. [none]"),
    ] = None,
    future: Annotated[
        str | None,
        typer.Option(metavar="COLUMNS", help="Known ahead as well, as a,b,c. [none]"),
    ] = None,
    freq: Annotated[
        str | None,
        typer.Option(metavar="STEP", help="From date to date: hour, day, month... [guessed]"),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="That stand for no value, as -99.99,-1. [none]"),
    ] = None,
    validation: Validation = None,
    windows: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Keep so many horizons at the end out of the fit, to test on. [none]",
        ),
    ] = None,
    season_length: Annotated[
        str,
        typer.Option(
            metavar="NUMBER",
            help="Steps of a season. [auto]",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = "auto",
    quantiles: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="What is forecast, as 0.1,0.5,0.9. [0.05 to 0.95]",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    calendar: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="What is read of dates: month,week_day..., none or auto. [auto]",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = "auto",
    log: Annotated[
        Literal["auto", "yes", "no"],
        typer.Option(help="Learn logarithms. [auto]", show_default=False, rich_help_panel=NETWORK),
    ] = "auto",
    resume: Resume = False,
    time: Time = None,
    watch: Watch = False,
    quiet: Quiet = False,
    json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn how time series go on.

    DATA is a table with a row for each date of each series (CSV, TSV, JSON lines, Parquet, packed
    or not): columns unique_id, ds and y, or those named here. Without unique_id it is one series.

    Example: clew fit forecast sales.csv --horizon 28 --future price --windows 2 --out sales.model
    """
    data_exists(data, validation)
    target = out_folder(data, out, resume)
    from clew.tasks.forecast import Forecaster

    own: dict[str, Any] = {
        "past": _parts(past),
        "future": _parts(future),
        "season_length": int(season_length) if season_length.isdecimal() else season_length,
        "calendar": {"auto": "auto", "none": False}.get(calendar, _parts(calendar)),
        "log": {"auto": "auto", "yes": True, "no": False}[log],
    }
    if quantiles is not None:
        own["quantiles"] = _numbers(quantiles, "--quantiles")
    model = possible(Forecaster(**settings, **own, time=time))
    columns: dict[str, Any] = {
        "unique_id": unique_id, "ds": ds, "y": y, "freq": freq,
        "missing": _numbers(missing, "--missing"),
    }  # fmt: skip
    with_reporter = reporter(quiet=quiet, headline=str(data), watch=target if watch else None)
    with contextlib.ExitStack() as stack:
        learn: Any = data
        whole: Panel | None = None
        if windows is not None:
            whole = stack.enter_context(_whole(data, model, columns))
            learn = _before(whole, windows, model.horizon, data)
        keep_work(
            lambda: model.fit(
                learn, **columns, validation=validation, out=target, resume=resume,
                report=with_reporter,
            ),
            with_reporter,
            context,
            target,
        )  # fmt: skip
        tested: dict[str, Any] | None = None
        if whole is not None and windows is not None and say.is_main():
            tested = _tested(model.backtest(whole, windows=windows))
    words = Summary(_table, _next(data, bool(model.future)))
    finish(model, target, tested, words, quiet=quiet, json=json)


def _parts(typed: str | None) -> tuple[str, ...]:
    """What was typed with commas between."""
    return tuple(part.strip() for part in (typed or "").split(",") if part.strip())


def _numbers(typed: str | None, option: str) -> tuple[float, ...]:
    """Numbers that were typed with commas between; anything else is wrong usage."""
    try:
        return tuple(float(part) for part in _parts(typed))
    except ValueError:
        said = InputError(f"{typed} are not numbers", where=option, expected="such as 0.1,0.5,0.9")
        say.error(str(said))
        raise typer.Exit(2) from None


@contextlib.contextmanager
def _whole(data: Path, model: Any, columns: dict[str, Any]) -> Iterator[Panel]:
    """The series of a table; a large one is not held in memory."""
    from clew.data.panel import read_panel

    with tempfile.TemporaryDirectory(prefix="clew-") as folder:
        yield read_panel(
            data, past=model.past, future=model.future, store=Path(folder) / "data", **columns
        )


def _before(panel: Panel, windows: int, horizon: int, data: Path) -> Panel:
    """The same without the last windows; raises InputError where no series has more than that."""
    import dataclasses

    learn = panel.without_tail(windows * horizon)
    rest = [index for index, length in enumerate(learn.lengths.tolist()) if length]
    if not rest:
        longest = int(panel.lengths.max())
        raise InputError(
            f"the longest series has {longest:,} step" + "s" * (longest != 1),
            where=str(data),
            expected=f"more than {windows * horizon:,}: --windows {windows} of --horizon {horizon}",
            hint="fewer windows, or a shorter horizon",
        )
    chosen = learn if len(rest) == len(panel) else learn.select(rest)
    return dataclasses.replace(chosen, notes=panel.notes)


def _tested(result: Any) -> dict[str, Any]:
    """What a backtest came to, for the table and for --json."""
    from clew.tasks._forecast.telling import coverage, losses, verdict

    scores = {
        result.names.get(name, name): {
            figure: value for figure, value in of.items() if math.isfinite(value)
        }
        for name, of in result.scores.items()
    }
    said = [*coverage(result), *verdict(result), *losses(result), *result.notes[:5]]
    return {"scores": scores, "windows": result.windows, "horizon": result.horizon, "said": said}


FIGURES = {"mase": "MASE", "smape": "sMAPE", "rmse": "RMSE", "mae": "MAE", "crps": "CRPS"}


def _table(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    lines = []
    score, others = metrics["score"], metrics.get("baselines") or {}
    if "mae" in score:
        lines += _scores("held out", {"this model": score, **others})
        lines.append("the weights and the intervals were chosen on this: less is better")
    if tested:
        title = f"{tested['windows']:,} x {tested['horizon']} step" + "s" * (tested["horizon"] != 1)
        lines += ["", *_scores(title, tested["scores"]), ""]
        lines.append("on windows that chose nothing:")
        lines += tested["said"]
    elif said := metrics["held_out"].get("said"):
        lines += ["", *said]
    return lines


def _scores(title: str, scores: dict[str, Any]) -> list[str]:
    keys = [key for key in FIGURES if any(key in of for of in scores.values())]
    rows: list[Row] = [
        (name, [f"{of[key]:.4g}" if key in of else "" for key in keys])
        for name, of in scores.items()
    ]
    return aligned(title, [FIGURES[key] for key in keys], rows)


def _next(data: Path, future: bool) -> tuple[str, ...]:
    """What to type next; with the table, since the model may not have been fitted to all of it."""
    asked = f"clew predict PLACE {shlex.quote(str(data))}" + (" --future PLANS.csv" * future)
    return (asked, f"{asked} --picture forecast.png --format csv > forecast.csv")
