"""What the commands of ``clew fit`` share: their options, where they write, how they end."""

from __future__ import annotations

import contextlib
import json as jsonlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli import say, summary
from clew.cli.options import RUN
from clew.cli.summary import Summary
from clew.errors import InputError, Interrupted

Data = Annotated[Path, typer.Argument(metavar="DATA", help="What to learn from.")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="MODEL", help="Folder to write the model to. [DATA with .model]"),
]
Validation = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Hold out this data, not a share of DATA."),
]
Test = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also score on this, which plays no part in the fit."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the fit that stopped in --out.")]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Fit the training into this time: 90s, 3m, 1h30m. [none]",
        rich_help_panel=RUN,
    ),
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Note gradients by lag and layer as it learns: gradients.json and .png of the model.",
        rich_help_panel=RUN,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")]


def possible(model: Any) -> Any:
    """The estimator, once its settings are known to make sense: else it is wrong usage."""
    try:
        model._check()
    except InputError as error:
        option = error.where in model.get_params(deep=False)
        where = f"--{str(error.where).replace('_', '-')}" if option else error.where
        hint = error.hint or "the command with --help tells of each option"
        say.error(str(InputError(error.what, where=where, expected=error.expected, hint=hint)))
        raise typer.Exit(2) from None
    return model


def data_exists(*paths: Path | None) -> None:
    """Refuse a missing file before the seconds that loading torch takes."""
    for path in paths:
        if path is not None and not path.exists():
            near = [p.name for p in path.parent.glob(f"{path.name[:3]}*")] if path.name else []
            hint = f"did you mean {path.parent / near[0]}?" if near else "check the name"
            raise InputError("there is no such file or folder", where=str(path), hint=hint)


def out_folder(data: Path, out: Path | None, resume: bool) -> Path:
    """The folder to write to, refused before any data is read if something is there."""
    from clew.tasks._estimator import open_out

    target = out if out is not None else Path(data.name.split(".")[0] + ".model")
    open_out(target, resume)
    return target


def keep_work(work: Callable[[], object], shown: Any, context: typer.Context, target: Path) -> None:
    """Run a fit; when it is interrupted say what is kept and how to go on."""
    try:
        with contextlib.ExitStack() as terminal:
            if (close := getattr(shown, "close", None)) is not None:
                terminal.callback(close)
            work()
    except KeyboardInterrupt as stop:
        from clew.train import checkpoint

        saved = isinstance(stop, Interrupted) and stop.folder is not None
        if saved or checkpoint.exists(target):  # of this sitting, or of one before it
            typed = context.find_root().obj["typed"]
            again = [*typed, *([] if "--resume" in typed else ["--resume"])]
            say.note("To go on:")
            say.note(f"  {shlex.join(['clew', *again])}")
        else:
            say.note("Stopped before there was anything to keep.")
        raise typer.Exit(130) from None


def finish(
    model: Any,
    target: Path,
    tested: dict[str, Any] | None,
    words: Summary,
    *,
    quiet: bool,
    json: bool,
) -> None:
    """Print what came of a fit: the scores as JSON, or the summary in words."""
    if not say.is_main():
        return
    if json:
        metrics = {**model.metrics_, "model": str(target)}
        if tested is not None:
            metrics["test"] = tested
        say.result(jsonlib.dumps(metrics))
    elif not quiet:
        summary.show(model, target, tested, words)
