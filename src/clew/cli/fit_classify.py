"""``clew fit classify``: learn to put a label on a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clew.cli import say, summary
from clew.cli.fits import (
    Data,
    Json,
    Out,
    Quiet,
    Resume,
    Test,
    Time,
    Validation,
    data_exists,
    finish,
    keep_work,
    out_folder,
    possible,
)
from clew.cli.options import Grouped, hyperparameters
from clew.cli.progress import reporter
from clew.errors import InputError

if TYPE_CHECKING:
    from clew.data.tables import Labelled


def register(group: typer.Typer) -> None:
    """Add the command to ``clew fit``."""
    command = hyperparameters("classify", "Classifier", without=("time",))(classify)
    group.command("classify", cls=Grouped)(command)


def classify(
    context: typer.Context,
    data: Data,
    out: Out = None,
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the texts. [guessed]")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the labels. [guessed]")
    ] = None,
    validation: Validation = None,
    test: Test = None,
    resume: Resume = False,
    time: Time = None,
    quiet: Quiet = False,
    json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn to put a label on a text.

    DATA is a CSV, TSV, JSON lines or Parquet table, a file of "label sentence" lines, a folder
    LABEL/*.txt or a folder of LABEL.txt files, or the IMDb archive aclImdb_v1.tar.gz.

    Example: clew fit classify reviews.csv --out reviews.model --time 3m
    """
    data_exists(data, validation, test)
    target = out_folder(data, out, resume)
    from clew import Classifier
    from clew.data.tables import read_labelled

    model = possible(Classifier(**settings, time=time))
    train = read_labelled(data, text=text, label=label)
    held_out = None if validation is None else _part(validation, "dev", text, label, train)
    apart = None if test is None else _part(test, "test", text, label, train)
    with_reporter = reporter(quiet=quiet, headline=f"{data}: {len(train.sequences):,} texts")
    keep_work(
        lambda: model.fit(
            train.sequences,
            train.labels,
            validation=None if held_out is None else (held_out.sequences, held_out.labels),
            out=target,
            resume=resume,
            report=with_reporter,
        ),
        with_reporter,
        context,
        target,
    )
    tested: dict[str, Any] | None = None
    if apart is not None and say.is_main():
        tested = summary.test_classifier(model, train, apart)
    finish(model, target, tested, summary.CLASSIFIED, quiet=quiet, json=json)


def _part(
    path: Path, name: Literal["dev", "test"], text: str | None, label: str | None, train: Labelled
) -> Labelled:
    """The part called so where `path` has parts, else all of it; its labels those of `train`."""
    from clew.data.folders import is_archive, parts
    from clew.data.tables import read_labelled

    divided = is_archive(path) or (path.is_dir() and bool(parts(path)))
    found = read_labelled(path, text=text, label=label, split=name if divided else None)
    known = set(train.labels)
    for place, own in zip(found.where, found.labels, strict=True):
        if own not in known:
            some = ", ".join(repr(each) for each in sorted(known)[:10])
            raise InputError(
                f"the label {own!r} is not in the data to learn from",
                where=place,
                expected=some + (", ..." if len(known) > 10 else ""),
            )
    return found
