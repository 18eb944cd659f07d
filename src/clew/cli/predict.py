"""``clew predict``: what a model makes of texts given as arguments, in a file, or by a pipe."""

from __future__ import annotations

import csv
import io
import json as jsonlib
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from clew.cli import say
from clew.cli.answers import ANSWERS, Answer, Search
from clew.cli.options import Grouped
from clew.cli.predict_forecast import KIND as FORECASTER
from clew.cli.predict_forecast import Ahead, predict_forecast
from clew.cli.predict_series import Named, reads_series, series_line, series_rows
from clew.errors import InputError

TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
NOTHING = Answer(lambda model, texts, how: [], str)  # no option of a search
AT_ONCE = 256  # texts read from a pipe before the answers to them are printed


def register(app: typer.Typer) -> None:
    """Add ``clew predict`` to `app`."""
    app.command(cls=Grouped, short_help="What a model makes of texts or recordings.")(predict)


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a trained model.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUT ...]", help="Texts.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the texts from a file: a table, or lines."),
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the texts. [guessed]")
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Which series a row is of. [as it learned]"),
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When a row is. [as it learned]")
    ] = None,
    value_columns: Annotated[
        str | None,
        typer.Option(metavar="COLUMNS", help="What is read of a series, as a,b. [as it learned]"),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Answers that a search follows at once. [translators 5, transcribers 1]",
            show_default=False,
        ),
    ] = None,
    language_model: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="A language model that helps a transcriber's search."),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Steps that a forecaster looks ahead. [as it learned]",
            show_default=False,
        ),
    ] = None,
    future: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table of what a forecaster is told ahead."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw what a forecaster says, as PNG, SVG or PDF."),
    ] = None,
    form: Annotated[
        Literal["text", "csv", "jsonl"],
        typer.Option("--format", help="How to print. [text]", show_default=False),
    ] = "text",
    json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Say what a model makes of texts: arguments, a file, or standard input, one text a line.

    A classifier answers with a label and its probability, a tagger with a tag for each word, a
    translator with its answer. A language model answers with bits per character (how surprised it
    is; fewer is better), and reads standard input or a text file whole. A classifier of series is
    given the name of a file of series. A transcriber is given the names of sound files, which
    --file finds in the column audio of a manifest, or - for samples of 16 bits from standard input.
    A forecaster says how the series that it learned from go on, or those in a table.

    Examples:

      clew predict reviews.model "a warm and funny film"

      clew predict reviews.model --file new.csv --format csv > answers.csv

      cat lines.txt | clew predict reviews.model --json

      clew predict sales.model sales.csv --horizon 7 --picture sales.png
    """
    if inputs and file is not None:
        raise InputError("texts are given twice", where="INPUT and --file", hint="one of the two")
    from clew import load

    loaded = load(model)
    kind, how = type(loaded).__name__, Search(beam, language_model)
    ahead = Ahead(horizon, future, picture)
    named = Named(id_column, time_column, value_columns)
    if not reads_series(loaded):
        named.refuse(kind)
    if kind == FORECASTER:
        NOTHING.check(kind, how)
        form = "jsonl" if json else form
        predict_forecast(loaded, inputs or [], file, ahead, form, Printer(form, str).row)
        return
    ahead.refuse(kind)
    if kind not in ANSWERS:
        raise InputError(
            "this model writes, and has nothing to predict", where=str(model),
            hint=f"clew generate {model}",
        )  # fmt: skip
    answer = ANSWERS[kind]
    answer.check(kind, how)
    if reads_series(loaded):
        printer = Printer("jsonl" if json else form, series_line)
        for row in series_rows(loaded, _only(inputs, file), named):
            printer.row(row)
        return
    if not inputs and file is None and sys.stdin.isatty():
        raise InputError(
            "there is no text to predict",
            expected="texts as arguments, --file FILE, or a pipe",
            hint=f'clew predict {model} "a text"',
        )
    printer = Printer("jsonl" if json else form, answer.line)
    texts = iter(inputs) if inputs else _read(file, text, answer)
    while some := list(islice(texts, AT_ONCE)):
        for row in answer.rows(loaded, some, how):
            printer.row(row)
        sys.stdout.flush()


def _only(inputs: list[str] | None, file: Path | None) -> Path | None:
    """The one file that was named, with --file or without."""
    if not inputs:
        return file
    if len(inputs) > 1:
        raise InputError(f"{len(inputs)} files were named", where="INPUT", expected="one")
    return Path(inputs[0])


def _read(file: Path | None, column: str | None, answer: Answer) -> Iterator[str]:
    whole = answer.whole
    if file is not None:
        if answer.column and file.suffix.lower() in TABLES:
            return _paths(file, column or answer.column)
        from clew.data.corpus import read_text
        from clew.data.tables import read_texts

        if whole and file.suffix.lower() not in TABLES:
            return iter([read_text(file)])
        return iter(read_texts(file, text=column))
    lines = _piped()
    return iter(["".join(lines)]) if whole else (line.rstrip("\r\n") for line in lines)


def _paths(table: Path, column: str) -> Iterator[str]:
    """What a column names, relative to the table."""
    from clew.data.tables import read_texts

    return (str(table.parent / name) for name in read_texts(table, text=column))


def _piped() -> Iterator[str]:
    """The lines of standard input, with their ends, whatever the locale takes bytes for."""
    offset = 0
    for raw in sys.stdin.buffer:
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise InputError(
                f"this is not UTF-8 text: byte {offset + problem.start} is 0x"
                f"{raw[problem.start]:02x}",
                where="standard input",
                hint="iconv -f latin1 -t utf-8 before the pipe, if that is what it is",
            ) from None
        yield line if offset else line.removeprefix("\ufeff")
        offset += len(raw)


class Printer:
    """Prints rows of like keys as text for people, as CSV with a header, or as JSON lines."""

    def __init__(self, form: str, line: Callable[[dict[str, Any]], str]) -> None:
        self._format = form
        self._text = line
        self._first = True

    def row(self, row: dict[str, Any]) -> None:
        """Print one row."""
        if self._format == "jsonl":
            say.result(jsonlib.dumps(row, ensure_ascii=False))
        elif self._format == "csv":
            if self._first:
                say.result(self._line(list(row)))
            say.result(self._line([_flat(value) for value in row.values()]))
        else:
            say.result(self._text(row))
        self._first = False

    @staticmethod
    def _line(values: list[Any]) -> str:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(values)
        return line.getvalue()


def _flat(value: Any) -> Any:
    """What fits a cell: words with spaces between, JSON for what has parts of its own."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    return jsonlib.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
