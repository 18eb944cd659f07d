"""What ``clew predict`` prints of each kind of model: rows for programs, a line for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.cli import say
from clew.errors import InputError

Row = dict[str, Any]

SOUND_FILES = (b"RIFF", b"fLaC", b"OggS")  # what such a file begins with
CHUNK = 0.08  # seconds of sound that are read from a pipe at once


@dataclass(frozen=True)
class Search:
    """How the likeliest text is looked for; None is what the model does by itself."""

    beam: int | None = None
    language_model: Path | None = None


@dataclass(frozen=True)
class Answer:
    """How a model answers: one row for each input, and how a row reads as a line.

    whole: standard input, or a text file, is one input rather than one a line. options: those of
    Search that there are for such a model. column: what of a table they are, if not a text.
    """

    rows: Callable[[Any, list[str], Search], Iterable[Row]]
    line: Callable[[Row], str]
    whole: bool = False
    options: tuple[str, ...] = ()
    column: str | None = None

    def check(self, kind: str, how: Search) -> None:
        """Raise InputError for an option that such a model has no use for."""
        for name in ("beam", "language_model"):
            if getattr(how, name) is not None and name not in self.options:
                raise InputError(
                    f"a {kind} has no use for this", where=f"--{name.replace('_', '-')}",
                    hint="leave the option out",
                )  # fmt: skip


def _labels(model: Any, texts: list[str], how: Search) -> Iterator[Row]:
    probabilities = model.predict_proba(texts)
    for text, row in zip(texts, probabilities, strict=True):
        best = int(row.argmax())
        yield {
            "text": text,
            "label": str(model.classes_[best]),
            "probability": round(float(row[best]), 4),
        }


def _surprises(model: Any, texts: list[str], how: Search) -> Iterator[Row]:
    for text in texts:
        score = model.score(text)
        yield {
            "text": text,
            "bits_per_character": round(score.bits_per_character, 4),
            "perplexity": round(score.perplexity, 4),
            "characters": score.characters,
        }


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= 60 else shown[:59] + "…"


def _tags(model: Any, texts: list[str], how: Search) -> Iterator[Row]:
    sentences = [text.split() for text in texts]
    labels = None if model.labels_ is None else model.predict_labels(sentences)
    for index, (words, tags) in enumerate(zip(sentences, model.predict(sentences), strict=True)):
        row: Row = {"tokens": words, "tags": tags}
        if labels is not None:
            row["label"] = str(labels[index])
        yield row


def _tagged(row: Row) -> str:
    pairs = " ".join(f"{w}/{t}" for w, t in zip(row["tokens"], row["tags"], strict=True))
    return f"{row['label']}\t{pairs}" if "label" in row else pairs


def _translations(model: Any, texts: list[str], how: Search) -> Iterator[Row]:
    answers = model.predict(texts, beam=5 if how.beam is None else how.beam)
    for text, answer in zip(texts, answers, strict=True):
        yield {"text": text, "answer": answer}


def _transcripts(model: Any, paths: list[str], how: Search) -> Iterator[Row]:
    """The path "-" is standard input: 16-bit samples, one channel, at the model's rate."""
    from clew import load

    speller = None if how.language_model is None else load(how.language_model)
    for path in paths:
        if path == "-":
            yield from _live(model, how)
            continue
        found = model.transcribe(path, beam=how.beam or 1, language_model=speller)
        for warning in found.warnings:
            say.note(f"{path}: {warning}")
        yield {"audio": path, "text": found.text, "words": [_word(word) for word in found.words]}


def _live(model: Any, how: Search) -> Iterator[Row]:
    import numpy as np

    if how.beam is not None or how.language_model is not None:
        raise InputError(
            "what is heard live is written at once, without a search",
            where="--beam, --language-model",
            hint="leave them out, or name a sound file",
        )
    live = model.stream()
    pipe: Any = sys.stdin.buffer
    told, odd = 0, b""
    size = 2 * round(CHUNK * live.rate)
    first = True
    while data := pipe.read1(size):
        if first and data.startswith(SOUND_FILES):
            raise InputError(
                "this is a sound file, not its samples",
                where="standard input",
                expected=f"samples of 16 bits, one channel, {live.rate:,} a second",
                hint="give the name of the file, without -",
            )
        first = False
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


def _word(word: Any) -> Row:
    return {"text": word.text, "start": word.start, "end": word.end}


def _heard(row: Row) -> str:
    return str(row["text"]) if row["audio"] == "-" else f"{row['audio']}\t{row['text']}"


ANSWERS = {
    "Classifier": Answer(
        _labels, lambda row: f"{row['label']}\t{row['probability']:.3f}\t{_short(row['text'])}"
    ),
    "LanguageModel": Answer(
        _surprises,
        lambda row: f"{row['bits_per_character']:.3f} bits/char\t{_short(row['text'])}",
        whole=True,
    ),
    "Tagger": Answer(_tags, _tagged),
    "Transcriber": Answer(_transcripts, _heard, options=("beam", "language_model"), column="audio"),
    "Translator": Answer(_translations, lambda row: str(row["answer"]), options=("beam",)),
}
