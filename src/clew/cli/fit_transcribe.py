"""``clew fit transcribe``: learn to write what is said in recordings."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
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
    data_exists,
    finish,
    keep_work,
    out_folder,
    possible,
)
from clew.cli.options import Grouped, hyperparameters
from clew.cli.progress import reporter
from clew.cli.summary import Row, Summary, aligned, percent, verdict

if TYPE_CHECKING:
    from clew.data.speech import Recordings

CHUNK = 0.08  # seconds of sound that are read from a pipe at once


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
    with_reporter = reporter(quiet=quiet, headline=f"{data}: {len(train):,} recordings")
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
        tested = {"wer": rates.wer, "cer": rates.cer, "recordings": len(apart)}
    finish(model, target, tested, TRANSCRIBED, quiet=quiet, json=json)


def _part(
    path: Path, name: Literal["train", "dev", "test"], audio: str | None, text: str | None
) -> Recordings:
    """The part called so where `path` has parts, else all of it."""
    from clew.data.folders import parts
    from clew.data.speech import read_speech

    divided = path.is_dir() and bool(parts(path))
    return read_speech(path, audio=audio, text=text, split=name if divided else None)


def _table(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    score, baseline, held = metrics["score"], metrics["baseline"], metrics["held_out"]
    named = [("this model", score)]
    named += [(str(baseline["name"]), baseline)] if baseline else []
    named += [("this model, on the test", tested)] if tested else []
    rows: list[Row] = [(name, [percent(of["wer"]), percent(of["cer"])]) for name, of in named]
    lines = aligned("fewer is better", ["words wrong", "letters wrong"], rows)
    lines.append(
        f"on {held['recordings']:,} recordings held out"
        + (f", {tested['recordings']:,} of the test" if tested else "")
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


def rows(model: Any, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What ``clew predict`` says of each sound file: its text, and its words with their seconds.

    The path "-" is standard input: samples of 16 bits, one channel, at the model's rate, with a
    row for each word as soon as it is whole.
    """
    for path in paths:
        if path == "-":
            yield from _live(model)
            continue
        found = model.transcribe(path)
        for warning in found.warnings:
            say.note(f"{path}: {warning}")
        yield {"audio": path, "text": found.text, "words": [_word(word) for word in found.words]}


def _live(model: Any) -> Iterator[dict[str, Any]]:
    import numpy as np

    live = model.stream()
    pipe: Any = sys.stdin.buffer
    told, odd = 0, b""
    size = 2 * round(CHUNK * live.rate)
    while data := pipe.read1(size):
        data = odd + data
        odd = data[len(data) // 2 * 2 :]
        live.push(np.frombuffer(data, dtype="<i2", count=len(data) // 2))
        whole = live.words[told:-1]  # the last one may go on
        told += len(whole)
        for word in whole:
            yield {"audio": "-", "text": word.text, "words": [_word(word)]}
        sys.stdout.flush()
    live.finish()
    for word in live.words[told:]:
        yield {"audio": "-", "text": word.text, "words": [_word(word)]}


def _word(word: Any) -> dict[str, Any]:
    return {"text": word.text, "start": word.start, "end": word.end}


def line(row: dict[str, Any]) -> str:
    """How a row reads: the text alone, with the file before it."""
    return str(row["text"]) if row["audio"] == "-" else f"{row['audio']}\t{row['text']}"
