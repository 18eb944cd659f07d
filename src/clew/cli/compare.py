"""``clew compare``: recurrent cells and their rivals side by side, at one size."""

from __future__ import annotations

import json as jsonlib
import shlex
import shutil
import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.cli import say
from clew.errors import InputError

if TYPE_CHECKING:
    from clew.memory.compare import Comparison, Row


def register(app: typer.Typer) -> None:
    """Add ``clew compare`` to `app`."""
    app.command("compare")(compare)


def compare(
    context: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="A task as clew fit has it, or probe.")
    ],
    data: Annotated[
        list[str], typer.Argument(metavar="DATA...", help="What to learn from; a probe's name.")
    ],
    rivals: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="rnn, gru, lstm, window, transformer; bi before a name: both ways. [all]",
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Parameters of each. [as the task's own network]"),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="NUMBER", help="Runs of each.")] = 3,
    rates: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS", help="Give each the best of these learning rates, as 1e-3,3e-3."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Times the data is read. [the task's own]")
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="TIME", help="Fit each run into this time: 90s, 2m.")
    ] = None,
    window: Annotated[
        int, typer.Option(metavar="NUMBER", help="Elements that the window sees.")
    ] = 8,
    attend: Annotated[
        int, typer.Option(metavar="NUMBER", help="Elements that the Transformer attends to.")
    ] = 64,
    length: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Of a probe: what is learnt, as 20 or 5,20. [20]"),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="Of a probe: also score at these, as 5,50,400."),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Hold out this data, not a share of DATA."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also score on this, which plays no part in any choice."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=COLUMN", help="How the table is read, as label=stars."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of all, as unit=char."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Keep the runs, compare.json and compare.png here; go on here."
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw: .png or .svg.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Train cells and their rivals at one size, and say which to take.

    TASK DATA is what clew fit takes, or probe NAME: adding, copy, recall... Stopped, and typed
    again with the same --out, it goes on where it was.

    Example: clew compare classify reviews.csv --rivals rnn,gru,lstm,window --out cells
    """
    from clew.cli.fits import data_exists

    if task != "probe":
        data_exists(*map(Path, data), validation, test)
    if picture is not None:
        _ending(picture)
    for option, elements in (("--window", window), ("--attend", attend)):
        if elements < 1:
            raise InputError(
                f"{option} is {elements}", where=option, expected="a whole number of 1 or more"
            )
    from clew.memory.compare import Plan, compare

    settings = {name: _value(text) for name, text in _pairs(setting, "--set").items()}
    if length is not None:
        if task != "probe":
            raise InputError("--length goes with probes", where="--length", hint="leave it out")
        ends = _numbers(length, "--length")
        settings["length"] = ends[0] if len(ends) == 1 else list(ends)
    plan = Plan(
        task,
        tuple(data),
        validation=None if validation is None else str(validation),
        test=None if test is None else str(test),
        columns=_pairs(column, "--column"),
        settings=settings,
        rivals=None if rivals is None else tuple(name.strip() for name in rivals.split(",")),
        budget=budget,
        seeds=seeds,
        rates=() if rates is None else _rates(rates),
        epochs=epochs,
        time=time,  # type: ignore[arg-type]
        window=window,
        context=attend,
        lengths=() if lengths is None else _numbers(lengths, "--lengths"),
    )
    try:
        found = compare(plan, out=out, tell=None if quiet else say.note)
    except KeyboardInterrupt:
        if out is not None:
            say.note("Finished runs are kept. To go on:")
            say.note(f"  {shlex.join(['clew', *context.find_root().obj['typed']])}")
        raise typer.Exit(130) from None
    if out is not None:
        (out / "compare.json").write_text(jsonlib.dumps(found.data(), indent=1), encoding="utf-8")
        _drawn(found, out / "compare.png")
    if picture is not None:
        _drawn(found, picture)
    if json:
        say.result(jsonlib.dumps(found.data()))
        return
    _show(found)


def _pairs(typed: list[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in typed or []:
        name, equals, value = one.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"{one!r} is no pair", where=option, expected="NAME=VALUE")
        if name.strip() in found:
            raise InputError(f"{name.strip()!r} is given twice", where=option)
        found[name.strip()] = value.strip()
    return found


def _numbers(typed: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in typed.split(","))
    except ValueError:
        raise InputError(
            f"{typed!r} are no whole numbers", where=option, expected="such as 5,20"
        ) from None


def _rates(typed: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in typed.split(","))
    except ValueError:
        raise InputError(
            f"{typed!r} are no numbers", where="--rates", expected="such as 1e-3,3e-3,1e-2"
        ) from None


def _value(text: str) -> Any:
    """A number, true, false or null where it is one, else the text."""
    if text.lower() in ("none", "null"):
        return None
    try:
        return jsonlib.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return text


def _ending(place: Path) -> None:
    if place.suffix.lower() not in (".png", ".svg"):
        raise InputError(
            "no picture is written under this name", where=str(place), expected=".png or .svg"
        )


def _drawn(found: Comparison, place: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=found.size(), layout="constrained")
    FigureCanvasAgg(figure)
    found.draw(figure)
    figure.savefig(place, dpi=120)


def _show(found: Comparison) -> None:
    span = ("range",) if found.seeds > 1 else ()
    heads = [
        "network", found.figure.title, *span, *(("test", *span) if found.tested else ()),
        *(("rate",) if found.tried else ()), "parameters", "training", "looks back",
        "a step, µs", "stream", "peak MiB",
    ]  # fmt: skip
    rows = [_cells(found, row) for row in found.rows]
    if (base := found.baseline) is not None:
        cells = [base.name, found.figure.shown(base.score), *("" for _ in span)]
        if found.tested:
            cells.append("" if base.test is None else found.figure.shown(base.test))
        rows.insert(0, cells + [""] * (len(heads) - len(cells)))
    # A terminal that is too narrow gets some columns below the others.
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    _aligned([heads, *rows], room)
    many = found.element[1]
    if found.rows[0].by_length:
        shown = found.figure.shown
        means = [[row.title, *map(shown, row.by_length.values())] for row in found.rows]
        _aligned([["by length", *found.rows[0].by_length], *means], room)
    after = ", ".join(found.rows[0].costs)
    sides = "; both ways: on each side" * any(row.entrant.both_ways for row in found.rows)
    say.result(f"looks back: {many} before the current one that it needs{sides}")
    say.result(f"a step: one more, after {after} others, for one sequence; stream: in a stream")
    say.result()
    for line in found.words():
        say.result(line)


def _aligned(rows: list[list[str]], room: int | None = None) -> None:
    """Print columns, the first to the left, the others to the right, in blocks that fit `room`."""
    widths = [max(len(cells[k]) for cells in rows) for k in range(len(rows[0]))]
    blocks: list[list[int]] = [[0]]
    for k in range(1, len(widths)):
        wide = sum(widths[one] + 2 for one in blocks[-1]) + widths[k]
        if room is not None and wide > room and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(k)
    for block in blocks:
        for cells in rows:
            if not any(cells[k] for k in block[1:]):
                continue  # the baseline has no costs
            padded = (f"{cells[k]:{'>' if k else '<'}{widths[k]}}" for k in block)
            say.result("  ".join(padded).rstrip())
        say.result()


def _cells(found: Comparison, row: Row) -> list[str]:
    shown, seen = found.figure.shown, row.horizons

    def scored(scores: list[float]) -> list[str]:
        span = [f"{shown(min(scores))} to {shown(max(scores))}"] if found.seeds > 1 else []
        return [shown(fmean(scores)), *span]

    back = "?"
    if seen:
        back = str(min(seen)) if min(seen) == max(seen) else f"{min(seen)} to {max(seen)}"
        back += "+" if row.open_ended else ""
    costs = " / ".join(f"{cost:.0f}" for cost in row.costs.values())
    stream = "" if row.stream is None else f"{row.stream:.3g}"
    peak = "" if row.peak is None else f"{row.peak:.0f}"
    tests = row.tests
    return [
        row.title, *scored(row.scores), *(scored(tests) if tests else ()),
        *((f"{row.rate:g}",) if found.tried else ()), f"{row.parameters:,}",
        f"{row.seconds:.1f} s", back, costs, stream, peak,
    ]  # fmt: skip
