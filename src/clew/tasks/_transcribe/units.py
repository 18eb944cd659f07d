"""The units that a transcriber writes: characters, words or byte pairs of what it learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data._vocabulary import lower
from clew.data.text import Tokenizer, Unit
from clew.errors import InputError
from clew.tasks._folder import TOKENIZER, Contents
from clew.tasks._header import check_tokenizer

UNKNOWN = 1
_NAMES = {"char": "characters", "word": "words", "bpe": "byte pairs"}


class Units:
    """Numbers for the units of texts; 0 is none of them, the blank of CTC."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.name = _NAMES[tokenizer.unit]

    @classmethod
    def learn(cls, texts: Iterable[str], unit: Unit, size: int, lowercase: bool) -> Units:
        """The units of these texts; raises InputError where nothing is said in them."""
        texts = list(texts)
        if not any(texts):
            raise InputError("nothing is said in any recording", where="y", expected="some text")
        spoken = (_spaced(text, unit) for text in texts)
        tokenizer = Tokenizer.train(spoken, unit, size=size, lowercase=lowercase, keep_spaces=True)
        check_tokenizer(tokenizer.to_json().encode("utf-8"), len(tokenizer), "y")
        return cls(tokenizer)

    @classmethod
    def read(cls, contents: Contents) -> Units:
        """The units that a model folder keeps; raises InputError where it does not describe any."""
        if contents.tokenizer is None:
            raise contents.bad(f"there is no {TOKENIZER}", expected="one, for a transcriber")
        try:
            tokenizer = Tokenizer.from_json(contents.tokenizer)
        except InputError as error:
            raise contents.bad(error.what, name=TOKENIZER, expected=error.expected) from error
        if contents.network != {"units": len(tokenizer)}:
            raise contents.bad("'units' of 'network' is not the size of the tokenizer")
        if not tokenizer.keep_spaces:
            raise contents.bad("the tokenizer keeps no spaces", name=TOKENIZER)
        return cls(tokenizer)

    def __len__(self) -> int:
        return len(self.tokenizer)

    def text(self, text: str) -> str:
        """The text as it would be written where every unit is heard right."""
        return lower(text) if self.tokenizer.lowercase else text

    def encode(self, text: str) -> NDArray[np.int64]:
        """The units (n,) of a text; UNKNOWN where one is not known."""
        return np.array(self.tokenizer.encode(_spaced(text, self.tokenizer.unit)), dtype=np.int64)

    def decode(self, units: Sequence[int]) -> str:
        """The text of units."""
        return self.spell(units).strip()

    def spell(self, units: Sequence[int]) -> str:
        """The text of units with the spaces around it."""
        return self.tokenizer.decode(units) if len(units) else ""

    def unknown(self, texts: Iterable[str]) -> list[str]:
        """The units of texts that are not known, in order of their names."""
        spaced = (_spaced(text, self.tokenizer.unit) for text in texts)
        return sorted({piece for text in spaced for _, piece in self.tokenizer.unknown(text)})


def writable(log_probs: NDArray[Any]) -> NDArray[Any]:
    """Log-probabilities (T, V) of what may be written: never of an unknown unit.

    Rare words are learned as unknown ones. What is likeliest after them is written in their place.
    """
    found = log_probs.copy()
    found[:, UNKNOWN] = -np.inf
    return found


def _spaced(text: str, unit: Unit) -> str:
    """A word has the space before it as a part: the first one of a text gets one as well."""
    return f" {text}" if unit != "char" and text else text
