"""What ``clew predict`` prints of each kind of model: rows for programs, a line for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """How a model answers: one row for each input, and how a row reads as a line.

    whole: standard input, or a text file, is one input rather than one a line.
    """

    rows: Callable[[Any, list[str]], Iterable[Row]]
    line: Callable[[Row], str]
    whole: bool = False


def _labels(model: Any, texts: list[str]) -> Iterator[Row]:
    probabilities = model.predict_proba(texts)
    for text, row in zip(texts, probabilities, strict=True):
        best = int(row.argmax())
        yield {
            "text": text,
            "label": str(model.classes_[best]),
            "probability": round(float(row[best]), 4),
        }


def _surprises(model: Any, texts: list[str]) -> Iterator[Row]:
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


ANSWERS = {
    "Classifier": Answer(
        _labels, lambda row: f"{row['label']}\t{row['probability']:.3f}\t{_short(row['text'])}"
    ),
    "LanguageModel": Answer(
        _surprises,
        lambda row: f"{row['bits_per_character']:.3f} bits/char\t{_short(row['text'])}",
        whole=True,
    ),
}
