"""``clew fit tag``: learn to put a tag on each word of a sentence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from clew.cli import say
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
from clew.cli.options import NETWORK, Grouped, hyperparameters
from clew.cli.progress import reporter
from clew.cli.summary import Row, Summary, aligned, counted, percent, verdict

Column = Annotated[str | None, typer.Option(metavar="COLUMN")]


def register(group: typer.Typer) -> None:
    """Add the command to ``clew fit``."""
    command = hyperparameters("tag", "Tagger", without=("time", "crf"))(tag)
    group.command("tag", cls=Grouped)(command)


def tag(
    context: typer.Context,
    data: Data,
    out: Out = None,
    word_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Name or number of the words' column. [the first]"),
    ] = None,
    tag_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Name or number of the tags' column. [the last; upos]"),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Learn this label of each sentence as well. [none]"),
    ] = None,
    crf: Annotated[
        bool | None,
        typer.Option(
            "--crf/--no-crf",
            help="Decide on all tags of a sentence together. [where tags are spans]",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
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
    """Learn to put a tag on each word of a sentence.

    DATA is a CoNLL file, a word and its tag on each line and an empty line after each sentence; or
    CoNLL-U; or JSON lines {"tokens": [...], "tags": [...]}. It may be packed by gzip. With --label
    the sentence as a whole gets a label too, from the same network.

    Example: clew fit tag train.conllu --validation dev.conllu --out tagger.model --time 10m
    """
    data_exists(data, validation, test)
    target = out_folder(data, out, resume)
    from clew.tasks.tag import Tagger

    model = possible(Tagger(**settings, crf=crf, time=time))
    columns = {"y": _column(tag_column), "labels": label, "word": _column(word_column)}
    train, test = _part(data, "train"), test and _part(test, "test")
    validation = validation and _part(validation, "dev")
    if test is not None:
        _readable(test, **columns)
    with_reporter = reporter(quiet=quiet, headline=str(data), watch=target if watch else None)
    keep_work(
        lambda: model.fit(
            train, **columns, validation=validation, out=target, resume=resume, report=with_reporter
        ),
        with_reporter,
        context,
        target,
    )
    tested: dict[str, Any] | None = None
    if test is not None and say.is_main():
        tested = model.evaluate(test, **columns)
    finish(model, target, tested, TAGGED, quiet=quiet, json=json)


def _part(path: Path, name: Literal["train", "dev", "test"]) -> Path:
    """The part called so of a folder that has parts, else all of it."""
    from clew.data.folders import part, parts

    return part(path, name) if path.is_dir() and parts(path) else path


def _readable(test: Path, y: Any, labels: Any, word: Any) -> None:
    """Raise InputError for what is broken in it now, not when the training is over."""
    from clew.data.tagged import iter_tagged

    for _ in iter_tagged(test, word=word, tag=y, label=labels):
        pass


def _column(typed: str | None) -> str | int | None:
    """A column as it was typed: a number where it is one."""
    if typed is not None and typed.removeprefix("-").isdecimal():
        return int(typed)
    return typed


FIGURES = {"accuracy": "words", "f1": "spans (F1)", "label_accuracy": "sentences"}


def _table(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    score, others = metrics["score"], [metrics[k] for k in ("window", "baseline") if metrics[k]]
    keys = [name for name in FIGURES if name in score]
    named = [("this model", score)] + [(str(other["name"]), other) for other in others]
    if tested:
        named.append(("this model, on the test", tested))
    rows: list[Row] = [
        (name, [percent(of[key]) if key in of else "" for key in keys]) for name, of in named
    ]
    lines = aligned("right", [FIGURES[key] for key in keys], rows)
    held, words = (counted(score[f"{of}s"], of) for of in ("sentence", "word"))
    lines.append(f"on {held} held out, {words}")
    if tested and tested.get("unseen"):
        lines.append(
            f"{int(tested['unseen']):,} of the tags and labels of the test were not there in "
            "training: they count as mistakes"
        )
    if others:
        figure = "f1" if "f1" in score else "accuracy"
        best = max(others, key=lambda other: float(other[figure]))
        count, share = score["sentences"], score[figure]
        # Mistakes come by the sentence rather than by the word, so sentences are what is counted.
        noise = math.sqrt(2 * (share * (1 - share) + 1 / (count + 2)) / (count + 2))
        unit = "points of F1" if figure == "f1" else "points of accuracy"
        gain = (share - best[figure]) * 100
        lines += ["", *verdict(gain, noise * 100, unit, str(best["name"]))]
    return lines


TAGGED = Summary(
    _table,
    ('clew predict PLACE "a sentence to tag"', "clew predict PLACE --file lines.txt --json"),
)
