"""How wrong transcripts are: word and character error rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clew.data.speech import tidy
from clew.errors import InputError, need


@dataclass(frozen=True)
class Errors:
    """The fewest changes that make an answer of what was said, and how long that was."""

    substitutions: int
    deletions: int
    insertions: int
    length: int

    @property
    def count(self) -> int:
        """All changes."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Changes as a share of the length, which may be more than 1.

        Where nothing at all was said it is 0 if nothing was heard, and else the number of
        insertions, as if one word (or character) had been said.
        """
        return self.count / max(1, self.length)


@dataclass(frozen=True)
class ErrorRates:
    """Errors over all recordings, by words and by characters; `wrong` recordings have one."""

    words: Errors
    characters: Errors
    recordings: int
    wrong: int

    @property
    def wer(self) -> float:
        """Word error rate: (substitutions + deletions + insertions) / words said."""
        return self.words.rate

    @property
    def cer(self) -> float:
        """Character error rate, where the spaces between words count as characters."""
        return self.characters.rate


def error_rates(said: Sequence[str], heard: Sequence[str]) -> ErrorRates:
    """Error rates of the texts `heard` where `said` was said, over all of them together.

    Words are what white space parts; characters those of the text with single spaces. Upper and
    lower case differ. A text may be empty: what is heard where nothing was said are insertions.
    Raises InputError where the numbers of texts differ, or there are none.
    """
    if len(said) != len(heard) or not said:
        raise InputError(
            f"{len(said)} texts that were said and {len(heard)} that were heard",
            expected="as many of the one as of the other, at least one",
        )
    jiwer = need("jiwer", extra="transcribe")
    references, answers = [tidy(text) for text in said], [tidy(text) for text in heard]
    return ErrorRates(
        words=_errors(jiwer.process_words(references, answers)),
        characters=_errors(jiwer.process_characters(references, answers)),
        recordings=len(references),
        wrong=sum(a != b for a, b in zip(references, answers, strict=True)),
    )


def _errors(found: Any) -> Errors:
    """Errors of the library's count."""
    length = found.hits + found.substitutions + found.deletions
    return Errors(found.substitutions, found.deletions, found.insertions, length)
