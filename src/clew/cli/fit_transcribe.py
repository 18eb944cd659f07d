"""``clew fit transcribe``: learn to write what is said in recordings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
from clew.cli.options import Grouped, hyperparameters
from clew.cli.progress import reporter
from clew.cli.summary import Row, Summary, aligned, counted, percent, verdict

if TYPE_CHECKING:
    from clew.data.speech import Recordings


def register(group: typer.Typer) -> None:
    """Add the command to ``clew fit``."""
    command = hyperparameters("transcribe", "Transcriber", without=("time",))(transcribe)
    group.command("transcribe", cls=Grouped)(command)


def transcribe(
    context: typer.Context,
    data: Data,
    out: Out = None,
    audio: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the sound files. [guessed]")
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the texts. [guessed]")
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
    """Learn to write what is said in recordings.

    DATA is a manifest, JSON lines {"audio": "a.wav", "text": "what is said"} or a table with such
    columns; or a folder with X.txt beside each X.wav, or with *.trans.txt as LibriSpeech has them.

    Example: clew fit transcribe train.jsonl --test test.jsonl --out speech.model --time 20m
    """
    data_exists(data, validation, test)
    target = out_folder(data, out, resume)
    from clew.tasks.transcribe import Transcriber

    model = possible(Transcriber(**settings, time=time))
    train = _part(data, "train", audio, text)
    held_out = None if validation is None else _part(validation, "dev", audio, text)
    apart = None if test is None else _part(test, "test", audio, text)
    if apart is not None:
        _readable(apart, model.sample_rate)
    with_reporter = reporter(
        quiet=quiet, headline=f"{data}: {len(train):,} recordings", watch=target if watch else None
    )
    keep_work(
        lambda: model.fit(
            train, validation=held_out, out=target, resume=resume, report=with_reporter
        ),
        with_reporter,
        context,
        target,
    )
    tested: dict[str, Any] | None = None
    if apart is not None and say.is_main():
        rates = model.error_rates(apart)
        unknown = {"units": model.units_.name, "unknown": model.units_.unknown(apart.texts)}
        tested = {"wer": rates.wer, "cer": rates.cer, "recordings": len(apart), **unknown}
    finish(model, target, tested, TRANSCRIBED, quiet=quiet, json=json)


def _part(
    path: Path, name: Literal["train", "dev", "test"], audio: str | None, text: str | None
) -> Recordings:
    """The part called so where `path` has parts, else all of it."""
    from clew.data.folders import parts
    from clew.data.speech import read_speech

    divided = path.is_dir() and bool(parts(path))
    return read_speech(path, audio=audio, text=text, split=name if divided else None)


def _readable(test: Recordings, rate: int) -> None:
    """Raise InputError for a sound that is broken now, not when the training is over."""
    from clew.tasks._transcribe.heard import heard

    given = heard(test)
    for index in range(len(given)):
        given.read(index, rate)


def _table(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    score, baseline, held = metrics["score"], metrics["baseline"], metrics["held_out"]
    named = [("this model", score)]
    named += [(str(baseline["name"]), baseline)] if baseline else []
    named += [("this model, on the test", tested)] if tested else []
    rows: list[Row] = [(name, [percent(of["wer"]), percent(of["cer"])]) for name, of in named]
    lines = aligned("fewer is better", ["words wrong", "letters wrong"], rows)
    lines.append(
        f"on {counted(held['recordings'], 'recording')} held out"
        + (f", {tested['recordings']:,} of the test" if tested else "")
    )
    if tested and tested["unknown"]:
        from clew.data.files import listed

        some = listed(map(repr, tested["unknown"]), 10)
        lines.append(
            f"{tested['units']} of the test that were not there in training are errors: {some}"
        )
    if baseline:
        # Of the difference of two shares of the same words, each of which is right or wrong.
        count = max(1, held["words"])
        share = (min(1.0, score["wer"]) * count + 1) / (count + 2)
        noise = 100 * math.sqrt(2 * share * (1 - share) / count)
        gain = 100 * (baseline["wer"] - score["wer"])
        lines += ["", *verdict(gain, noise, "points of wrong words", str(baseline["name"]))]
    return lines


TRANSCRIBED = Summary(
    _table,
    ("clew predict PLACE recording.wav", "clew predict PLACE *.wav --json"),
)
