"""``clew memory``: how far back a model remembers, and how we know."""

from __future__ import annotations

import json as jsonlib
import re
import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from clew.cli import say
from clew.cli.options import Grouped
from clew.errors import InputError

ROLES = {"id": "unique_id", "time": "ds", "value": "values"}  # as options of clew fit say them
EVERY = "horizon,gradient,gates,linear,saliency,states"


def register(app: typer.Typer) -> None:
    """Add ``clew memory`` to `app`."""
    app.command(cls=Grouped, short_help="How far back a model remembers, and how we know.")(memory)


def memory(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a trained model.")],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help="What to ask it about: as for clew fit, best unseen. A probe's model needs none.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write report.html, and each picture with its numbers."
        ),
    ] = None,
    instruments: Annotated[
        str, typer.Option(metavar="NAMES", help=f"Which. [{EVERY}]", show_default=False)
    ] = EVERY,
    reach: Annotated[
        int,
        typer.Option(
            metavar="NUMBER",
            min=1,
            show_default=False,
            help="Elements before the one asked that count as all. [512]",
        ),
    ] = 512,
    lags: Annotated[
        int,
        typer.Option(
            metavar="NUMBER",
            min=1,
            show_default=False,
            help="How far back gradients and linear memory are looked at, to 10,000. [128]",
        ),
    ] = 128,
    cases: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", min=1, show_default=False, help="Steps that it is asked at. [96]"
        ),
    ] = 96,
    epsilon: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER",
            help="Loss that does not count. [0.01 nats; else 1 %]",
            show_default=False,
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(metavar="UNIT", help="Unit to look at, as 1:37 of layer 1. [one that varies]"),
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Text to look at piece by piece.")
    ] = None,
    sequence: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            show_default=False,
            help="Or the number of one of the cases drawn. [one long enough]",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Columns of DATA, as text=body,label=stars. [guessed]"),
    ] = None,
    side: Annotated[
        Literal["target", "source"],
        typer.Option(help="Whose words of a translator are counted. [target]", show_default=False),
    ] = "target",
    seed: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", min=0, help="Which steps are drawn. [0]", show_default=False
        ),
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Say how far back a model remembers, and how we know.

    The horizon is how many elements before the current one it needs: with fewer it loses more than
    epsilon. Beside it stand gradients by lag, the gates of its units, what can be read off its
    state, and which elements one answer hangs on. Works for models of every task.

    Examples:

      clew memory book.model unseen.txt

      clew memory book.model unseen.txt --out report --text "To be or not"

      clew memory reviews.model test.csv --instruments horizon,gates --json
    """
    from clew.memory.report import Settings, examine
    from clew.memory.report_files import check_free

    settings = Settings(
        tuple(name.strip() for name in instruments.split(",") if name.strip()),
        reach, lags, cases, epsilon, unit, text, sequence, seed,
    )  # fmt: skip
    if out is not None:
        check_free(out)
    if data is not None and not data.exists():
        raise InputError("no such file or folder", where=str(data))
    named = _named(columns) or None
    try:
        report = examine(model, data, settings=settings, progress=Steps(), columns=named, side=side)
    except InputError as problem:
        if data is None and problem.where == "data":  # the argument was left out
            say.error(str(InputError(problem.what, where="DATA", expected=problem.expected)))
            raise typer.Exit(2) from None
        raise InputError(
            problem.what, where=problem.where, expected=problem.expected, hint=_hint(problem.hint)
        ) from problem
    if out is not None:
        report.save(out)
    if json:
        say.result(jsonlib.dumps(report.data(), ensure_ascii=False, allow_nan=False))
    else:
        _print(report)
    if out is not None:
        say.note(f"wrote {out / 'report.html'}")


def _print(report: Any) -> None:
    """The summary, then what each instrument found; texts with their marks below."""
    from rich.console import Console

    lines = [report.title, *([report.note] if report.note else []), "", *report.summary()]
    for finding in report.findings.values():
        lines += ["", f"{finding.title}:", *(f"  {line}" for line in finding.words())]
        if finding.name in ("saliency", "coloured-text"):
            for line in lines:
                say.result(_wrapped(line))
            lines = []
            say.result()
        if finding.name == "saliency":
            say.result(finding.marked())
            say.result(
                "(how much of the score goes without each: 9 is the most, a minus: it rises)"
            )
        elif finding.name == "coloured-text" and say.is_main():
            finding.show(Console(file=sys.stdout))
    for name, why in report.missing.items():
        lines += ["", f"{name}: not measured. {why}"]
    for line in lines:
        say.result(_wrapped(line))


class Steps:
    """Says on standard error what is being measured, and when it began."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __call__(self, text: str) -> None:
        """One line."""
        say.note(f"{time.monotonic() - self._begun:5.1f} s  {text}")


def _named(columns: str | None) -> dict[str, str]:
    """The columns of text=body,label=stars by what they are for."""
    found = {}
    for part in (columns or "").split(","):
        role, equals, name = part.partition("=")
        if part.strip() and not (equals and role.strip() and name.strip()):
            raise InputError(
                f"{part.strip()!r} names no column", where="--columns",
                expected="text=body,label=stars",
            )  # fmt: skip
        if part.strip():
            found[role.strip()] = name.strip()
    return found


def _hint(hint: str | None) -> str | None:
    """What readers of files advise, in the words of this command: it has one option for columns."""
    if hint is None or "in Python" not in hint:
        return hint
    options = re.findall(r"--([a-z-]+)", hint)
    if "at the command line" in hint:  # of forecasters, whose columns are those of the fit
        named = {"ds", "y", "unique-id", "past", "future"} & {*options}
        return "give it a table with the columns that the model learned from" if named else None
    roles = (re.sub("-columns?$", "", option) for option in options)
    return f"--columns {','.join(f'{ROLES.get(role, role)}=NAME' for role in roles)}"


def _wrapped(line: str) -> str:
    """A line as wide as the terminal, at most 100; as it is in a pipe."""
    if not sys.stdout.isatty():
        return line
    width = min(100, shutil.get_terminal_size().columns)
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False) or line
