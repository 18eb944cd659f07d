"""Recordings read and written down: by the likeliest units, or by a search with a beam."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.data.features import Frames, Mel, log_mel
from clew.errors import InputError
from clew.tasks._transcribe.ctc import LogProbs, align
from clew.tasks._transcribe.ctc_beam import Search, search
from clew.tasks._transcribe.ctc_language import Speller
from clew.tasks._transcribe.heard import Heard
from clew.tasks._transcribe.net import TranscriberNetwork
from clew.tasks._transcribe.problem import log_probabilities
from clew.tasks._transcribe.transcript import Transcript, Written, words_of
from clew.tasks._transcribe.units import Units, writable


@dataclass(frozen=True)
class Decoding:
    """How texts are found; raises InputError for settings that mean nothing.

    beam: 1 takes the likeliest unit of each step. language_model, weight, bonus: see transcribe.
    """

    beam: int = 1
    language_model: Any = None
    weight: float = 0.5
    bonus: float = 0.0

    def __post_init__(self) -> None:
        Search(self.beam, weight=self.weight, bonus=self.bonus)
        if self.language_model is not None and self.beam == 1:
            raise InputError(
                "a language model has no say where only the likeliest units are taken",
                where="beam",
                expected="2 or more; 16 is usual",
            )

    def speller(self, units: Units) -> Speller | None:
        """The language model as the search asks it; raises InputError where it does not fit."""
        if self.language_model is None:
            return None
        unit = units.tokenizer.unit
        if unit == "bpe":
            raise InputError(
                "the transcriber writes byte pairs, of which no language model can be asked",
                where="language_model",
                expected='a transcriber with unit="char" or "word"',
            )
        names = [name.strip(" ") or " " for name in units.tokenizer.vocabulary]
        return Speller(self.language_model, names, unit, self.beam)


def transcripts(
    network: TranscriberNetwork, units: Units, heard: Heard, mel: Mel, decoding: Decoding
) -> Iterator[Transcript]:
    """What is said in each recording, in order; some are read side by side.

    Raises InputError for a sound that cannot be read, and a language model that does not fit.
    """
    front = network.front()
    about: deque[tuple[float, tuple[str, ...]]] = deque()  # of sounds whose text is still to come
    how = Search(decoding.beam, weight=decoding.weight, bonus=decoding.bonus)
    speller = decoding.speller(units)

    def steps() -> Iterator[Frames]:
        for index in range(len(heard)):
            sound = heard.read(index, mel.rate)
            about.append((sound.seconds, sound.warnings))
            yield front.steps(log_mel(sound.samples, mel))

    step = mel.seconds(front.together)
    for found in map(writable, log_probabilities(network.eval(), steps())):
        seconds, warnings = about.popleft()
        if decoding.beam == 1:
            written = Written(units, step)
            written.read(found)
            written.end()
            yield Transcript(written.text, written.words, written.score, seconds, warnings)
        else:
            yield _searched(found, units, step, how, speller, seconds, warnings)


def _searched(
    found: LogProbs, units: Units, step: float, how: Search, speller: Speller | None,
    seconds: float, warnings: tuple[str, ...],
) -> Transcript:  # fmt: skip
    best = search(found, how, language=speller)[0]
    spans = align(found, best.units).spans
    pieces = [(unit, *span) for unit, span in zip(best.units, spans, strict=True)]
    words = words_of(units, np.array(pieces, dtype=np.int64).reshape(-1, 3), step)
    return Transcript(units.decode(best.units), words, best.score, seconds, warnings)
