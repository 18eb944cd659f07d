"""``clew fit language``: learn to continue a text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli import say, summary
from clew.cli.fits import (
    Json,
    Out,
    Quiet,
    Resume,
    Test,
    Time,
    Validation,
    Watch,
    data_exists,
    finish,
    keep_work,
    out_folder,
    possible,
)
from clew.cli.options import Grouped, hyperparameters
from clew.cli.progress import reporter


def register(group: typer.Typer) -> None:
    """Add the command to ``clew fit``."""
    command = hyperparameters("language", "LanguageModel", without=("time",))(language)
    group.command("language", cls=Grouped)(command)


def language(
    context: typer.Context,
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Text files, or folders.")],
    out: Out = None,
    validation: Validation = None,
    test: Test = None,
    resume: Resume = False,
    time: Time = None,
    watch: Watch = False,
    quiet: Quiet = False,
    json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn to continue a text.

    DATA is a text file, several, or a folder of *.txt files, read in order of their names. Large
    ones are read piece by piece: 2 GB of text trains in under 1 GB of memory.

    Example: clew fit language book.txt --out book.model --time 15m
    """
    data_exists(*data, validation, test)
    target = out_folder(data[0], out, resume)
    from clew import LanguageModel
    from clew.data.corpus import iter_text

    model = possible(LanguageModel(**settings, time=time))
    if test is not None:  # what is wrong with it is better known before the training than after
        for _ in iter_text(test):
            pass
    with_reporter = reporter(
        quiet=quiet, headline=" ".join(map(str, data)), watch=target if watch else None
    )
    keep_work(
        lambda: model.fit(
            list(data), validation=validation, out=target, resume=resume, report=with_reporter
        ),
        with_reporter,
        context,
        target,
    )
    tested: dict[str, Any] | None = None
    if test is not None and say.is_main():
        tested = summary.test_language(model, test)
    finish(model, target, tested, summary.WRITTEN, quiet=quiet, json=json)
