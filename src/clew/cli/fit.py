"""``clew fit``: train a model, show how it goes, and say what came of it."""

from __future__ import annotations

import contextlib
import json as jsonlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clew.cli import say, summary
from clew.cli.options import RUN, Grouped, hyperparameters
from clew.cli.progress import Live, reporter
from clew.errors import InputError, Interrupted

if TYPE_CHECKING:
    from clew.data.tables import Labelled

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")]


def register(app: typer.Typer) -> None:
    """Add ``clew fit`` and its tasks to `app`."""
    app.add_typer(group, name="fit", help="Train a model: clew fit TASK DATA --out MODEL")


def _register_tasks() -> None:
    classified = hyperparameters("classify", "Classifier", without=("time",))(classify)
    group.command("classify", cls=Grouped)(classified)
    written = hyperparameters("language", "LanguageModel", without=("time",))(language)
    group.command("language", cls=Grouped)(written)


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
    _data_exists(data, validation, test)
    target = _out(data, out, resume)
    from clew import Classifier
    from clew.data.tables import read_labelled

    model = _possible(Classifier(**settings, time=time))
    train = read_labelled(data, text=text, label=label)
    held_out = None if validation is None else _part(validation, "dev", text, label, train)
    apart = None if test is None else _part(test, "test", text, label, train)
    with_reporter = reporter(quiet=quiet, headline=f"{data}: {len(train.sequences):,} texts")
    _keep_work(
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
    _finish(model, target, tested, quiet=quiet, json=json)


def language(
    context: typer.Context,
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Text files, or folders.")],
    out: Out = None,
    validation: Validation = None,
    test: Test = None,
    resume: Resume = False,
    time: Time = None,
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
    _data_exists(*data, validation, test)
    target = _out(data[0], out, resume)
    from clew import LanguageModel
    from clew.data.corpus import iter_text

    model = _possible(LanguageModel(**settings, time=time))
    if test is not None:  # what is wrong with it is better known before the training than after
        for _ in iter_text(test):
            pass
    with_reporter = reporter(quiet=quiet, headline=" ".join(map(str, data)))
    _keep_work(
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
    _finish(model, target, tested, quiet=quiet, json=json)


def _possible(model: Any) -> Any:
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


def _data_exists(*paths: Path | None) -> None:
    """Refuse a missing file before the seconds that loading torch takes."""
    for path in paths:
        if path is not None and not path.exists():
            near = [p.name for p in path.parent.glob(f"{path.name[:3]}*")] if path.name else []
            hint = f"did you mean {path.parent / near[0]}?" if near else "check the name"
            raise InputError("there is no such file or folder", where=str(path), hint=hint)


def _out(data: Path, out: Path | None, resume: bool) -> Path:
    """The folder to write to, refused before any data is read if something is there."""
    from clew.tasks._estimator import open_out

    target = out if out is not None else Path(data.name.split(".")[0] + ".model")
    open_out(target, resume)
    return target


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


def _keep_work(
    work: Callable[[], object], shown: Any, context: typer.Context, target: Path
) -> None:
    """Run a fit; when it is interrupted say what is kept and how to go on."""
    try:
        with contextlib.ExitStack() as terminal:
            if isinstance(shown, Live):
                terminal.callback(shown.close)
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


def _finish(
    model: Any, target: Path, tested: dict[str, Any] | None, *, quiet: bool, json: bool
) -> None:
    if not say.is_main():
        return
    if json:
        metrics = {**model.metrics_, "model": str(target)}
        if tested is not None:
            metrics["test"] = tested
        say.result(jsonlib.dumps(metrics))
    elif not quiet:
        summary.show(model, target, tested)


_register_tasks()
