"""``clew fit classify``: learn to put a label on a text, or on a series of numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
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
    Watch,
    data_exists,
    finish,
    keep_work,
    out_folder,
    possible,
)
from clew.cli.options import Grouped, hyperparameters
from clew.cli.predict_series import columns_of
from clew.cli.progress import reporter
from clew.errors import InputError

if TYPE_CHECKING:
    from clew.data.labelled_series import LabelledSeries
    from clew.data.tables import Labelled

Part = Literal["dev", "test"]


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
    id_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Which series a row is of. [unique_id]")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When a row is. [ds]")
    ] = None,
    value_columns: Annotated[
        str | None,
        typer.Option(metavar="COLUMNS", help="What is read of a series, as a,b,c. [all others]"),
    ] = None,
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
    """Learn to put a label on a text, or on a series of numbers.

    DATA is a CSV, TSV, JSON lines or Parquet table, a file of "label sentence" lines, a folder
    LABEL/*.txt or a folder of LABEL.txt files, or the IMDb archive aclImdb_v1.tar.gz.

    Series are a .ts file of the UCR/UEA archive, a table with a row for each time of each series
    (columns unique_id, ds, the values, label), JSON lines with a list under series, or an .npz file
    with X and y.

    Examples:

      clew fit classify reviews.csv --out reviews.model --time 3m

      clew fit classify gestures_TRAIN.ts --test gestures_TEST.ts --out gestures.model
    """
    data_exists(data, validation, test)
    target = out_folder(data, out, resume)
    from clew import Classifier

    model = possible(Classifier(**settings, time=time))
    read, count, tested_by = _reader(
        model, data, text, label, id_column, time_column, value_columns
    )
    train = read(data, None)
    held_out = None if validation is None else _part(validation, "dev", read, train)
    apart = None if test is None else _part(test, "test", read, train)
    with_reporter = reporter(
        quiet=quiet, headline=f"{data}: {count(train)}", watch=target if watch else None
    )
    keep_work(
        lambda: model.fit(
            train.sequences,
            train.labels,
            validation=None if held_out is None else (held_out.sequences, held_out.labels),
            columns=getattr(train, "columns", None),
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
        tested = tested_by(model, train, apart)
    words = SERIES if tested_by is _test_series else summary.CLASSIFIED
    finish(model, target, tested, words, quiet=quiet, json=json)


def _reader(
    model: Any,
    data: Path,
    text: str | None,
    label: str | None,
    unique_id: str | None,
    ds: str | None,
    columns: str | None,
) -> tuple[Callable[..., Any], Callable[[Any], str], Callable[..., dict[str, Any]]]:
    """What reads a part of such data, says how much it is, and scores a model on another."""
    from clew.data.labelled_series import holds_series, read_series
    from clew.data.tables import read_labelled

    if not (unique_id or ds or columns or holds_series(data)):

        def texts(path: Path, split: Part | None, like: Labelled | None = None) -> Labelled:
            return read_labelled(path, text=text, label=label, split=split)

        return texts, lambda part: summary.counted(len(part), "text"), summary.test_classifier
    if text is not None:
        raise InputError(
            "there are no texts in a table of series", where="--text", hint="leave the option out"
        )

    def series(
        path: Path, split: Part | None, like: LabelledSeries | None = None
    ) -> LabelledSeries:
        found = read_series(
            path, unique_id=unique_id, ds=ds, label=label, values=columns_of(columns), split=split,
            known=None if like is None else like.columns,
        )  # fmt: skip
        _sound(found, path, gaps=model.missing == "mask")
        return found

    return series, _size, _test_series


def _sound(found: LabelledSeries, path: Path, *, gaps: bool) -> None:
    if found.labels is None:
        raise InputError(
            "the series have no labels", where=str(path), expected="a label for each",
            hint="name their column: --label COLUMN" if found.channels else None,
        )  # fmt: skip
    if not gaps and (place := found.gap) is not None:
        raise InputError(
            "a value is missing", where=place, expected="a number everywhere",
            hint="--missing mask reads what is missing as the mean, and marks it",
        )  # fmt: skip


def _size(part: LabelledSeries) -> str:
    steps = [len(values) for values in part.sequences]
    long = f"{min(steps):,} to {max(steps):,}" if min(steps) < max(steps) else f"{min(steps):,}"
    width = part.sequences[0].shape[1]
    long += " step" + "s" * (long != "1")
    return f"{len(part):,} series of {long}, {summary.counted(width, 'channel')}"


def _test_series(model: Any, train: LabelledSeries, apart: LabelledSeries) -> dict[str, Any]:
    """Accuracy of the model, and of the regression, on series that played no part in the fit."""
    from clew.tasks._classify.summaries import series_baseline

    found: dict[str, Any] = {
        "accuracy": model.score(apart.sequences, apart.labels),
        "examples": len(apart),
    }
    if model.baseline:
        learned, other = (
            model._encoder.encode(model._encoder.check(part.sequences)) for part in (train, apart)
        )
        assert train.labels is not None
        assert apart.labels is not None
        found["baseline"] = series_baseline(learned, train.labels, other, apart.labels)
    return found


def _part(path: Path, name: Part, read: Callable[..., Any], train: Any) -> Any:
    """The part called so where `path` has parts, else all of it; its labels those of `train`."""
    from clew.data.folders import is_archive, parts

    divided = is_archive(path) or (path.is_dir() and bool(parts(path)))
    found = read(path, name if divided else None, train)
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


def _series_told(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    lines = summary.CLASSIFIED.table(metrics, tested)
    return [re.sub(r" texts? held out", " series held out", line) for line in lines]


SERIES = summary.Summary(
    _series_told,
    ("clew predict PLACE --file series.ts", "clew predict PLACE --file series.csv --format csv"),
)
