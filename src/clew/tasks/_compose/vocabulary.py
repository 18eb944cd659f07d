"""The tokens that a composer knows: those of the notation, and what stands before a tune."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

Notation = Literal["abc", "midi"]
NOTATIONS: tuple[Notation, ...] = ("abc", "midi")
START, END, UNKNOWN = 0, 1, 2
SPECIAL = ("<start>", "<end>", "<unk>")
_NAMES = {"notation", "tokens"}


class Vocabulary:
    """Tokens and their numbers: 0 stands before a tune, 1 after it, 2 for what is not known."""

    def __init__(self, notation: Notation, tokens: Sequence[str]) -> None:
        self.notation: Notation = notation
        self.tokens = (*SPECIAL, *tokens)
        self._number = {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._number

    def encode(self, tokens: Iterable[str]) -> NDArray[np.int64]:
        """Their numbers (n,), UNKNOWN for what is not known."""
        numbers = [self._number.get(token, UNKNOWN) for token in tokens]
        return np.array(numbers, dtype=np.int64)

    def number(self, token: str) -> int:
        """The number of a token that is known."""
        return self._number[token]

    def headed(self, name: str) -> list[str]:
        """What was seen in a field of the header: "M" gives its metres, "K" its keys."""
        mark = f"{name}:"
        return [token[len(mark) :] for token in self.tokens if token.startswith(mark)]

    def to_json(self) -> str:
        """The JSON of a model folder's tokenizer.json."""
        found = {"notation": self.notation, "tokens": list(self.tokens[len(SPECIAL) :])}
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """What `to_json` wrote; raises InputError for anything else."""
        try:
            found: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"this is not JSON ({error})") from None
        if not isinstance(found, dict) or set(found) != _NAMES:
            raise InputError("these are not a composer's tokens", expected=", ".join(_NAMES))
        notation, tokens = found["notation"], found["tokens"]
        if notation not in NOTATIONS:
            raise InputError(f"unknown notation {str(notation)[:40]!r}", expected="abc or midi")
        if (
            not isinstance(tokens, list)
            or not all(isinstance(token, str) and token for token in tokens)
            or len({*tokens, *SPECIAL}) != len(tokens) + len(SPECIAL)
        ):
            raise InputError("'tokens' is not a list of different texts")
        return cls(notation, tokens)
