"""``clew fit translate``: learn to answer a sequence with a sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

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
from clew.cli.options import NETWORK, TEXT, TRAINING, Grouped, hyperparameters
from clew.cli.progress import reporter
from clew.errors import InputError

Row = tuple[str, list[str]]


def register(group: typer.Typer) -> None:
    """Add the command to ``clew fit``."""
    own = ("time", "attention", "baseline")
    command = hyperparameters("translate", "Translator", without=own)(translate)
    group.command("translate", cls=Grouped)(command)


def translate(
    context: typer.Context,
    data: Data,
    target: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Targets: line n belongs to line n of DATA."),
    ] = None,
    out: Out = None,
    source_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the sources. [guessed]")
    ] = None,
    target_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the targets. [guessed]")
    ] = None,
    conversation_column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Rows in a row with one value here are one conversation (needs --shared). [none]",
            rich_help_panel=TEXT,
        ),
    ] = None,
    validation: Validation = None,
    test: Test = None,
    attention: Annotated[
        Literal["additive", "general", "dot", "none"],
        typer.Option(
            help="How the decoder looks back: additive, general, dot or none. [general]",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = "general",
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline",
            help="Also train and score the same without attention: twice the work. [no]",
            rich_help_panel=TRAINING,
        ),
    ] = False,
    resume: Resume = False,
    time: Time = None,
    watch: Watch = False,
    quiet: Quiet = False,
    json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn to answer a text with a text: translate, summarise, reply.

    DATA is a table of two columns (TSV, CSV, JSON lines or Parquet, packed by gzip or xz or not),
    or a text file whose lines belong to those of --target.

    Example: clew fit translate pairs.tsv --out french.model --time 20m
    """
    data_exists(data, target, validation, test)
    if target is not None and (validation or test):
        raise InputError(
            "--target goes with DATA alone",
            where="--validation and --test",
            hint="put the pairs into one file: paste english.txt french.txt > pairs.tsv",
        )
    folder = out_folder(data, out, resume)
    from clew.data.pairs import PairFiles, read_pairs
    from clew.tasks.translate import Translator

    chosen = None if attention == "none" else attention
    model = possible(Translator(**settings, attention=chosen, baseline=baseline, time=time))
    columns = {
        "source": _column(source_column),
        "target": _column(target_column),
        "conversation": _column(conversation_column),
    }
    pairs = PairFiles.find(data if target is None else (data, target), **columns)
    held_out = None if validation is None else PairFiles.find(validation, **columns)
    apart = None if test is None else read_pairs(test, **columns)
    with_reporter = reporter(quiet=quiet, headline=str(data), watch=folder if watch else None)
    keep_work(
        lambda: model.fit(
            pairs, validation=held_out, out=folder, resume=resume, report=with_reporter
        ),
        with_reporter,
        context,
        folder,
    )
    tested: dict[str, Any] | None = None
    if apart is not None and say.is_main():
        tested = {**model.scores(apart), "pairs": len(apart)}
    finish(model, folder, tested, TRANSLATED, quiet=quiet, json=json)


def _column(name: str | None) -> str | int | None:
    """A column by its number, from 1, where that is what was typed."""
    return int(name) if name is not None and name.isdecimal() else name


def _table(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    score, baseline = metrics["score"], metrics["baseline"]
    keys = [key for key in ("bleu", "chrf", "perplexity") if key in score]
    names = {"bleu": "BLEU", "chrf": "chrF", "perplexity": "perplexity"}
    named = [("this model", score)]
    named += [(str(baseline["name"]), baseline)] if baseline else []
    rows: list[Row] = [(name, [f"{of[key]:.1f}" for key in keys]) for name, of in named]
    if tested:
        cells = [f"{tested[key]:.1f}" if key in tested else "" for key in keys]
        rows.append(("this model, on the test", cells))
    lines = summary.aligned("held out", [names[key] for key in keys], rows)
    count = f"{score['translated']:,} of " if "bleu" in score else ""
    count += summary.counted(score["pairs"], "pair")
    lines.append(f"on {count} held out" + (f", {tested['pairs']:,} tested" if tested else ""))
    return lines


TRANSLATED = summary.Summary(
    _table,
    ('clew predict PLACE "a sentence"', "clew predict PLACE --file sentences.txt > answers.txt"),
)
