"""A short cut for ASCII text, which cuts and numbers words and BPE several times faster.

The library's regular expressions are what takes the time. On ASCII Python's own mean the same, and
most words of a text have been seen before in it; `tests/data/test_text.py` holds the two to equal
ids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from tokenizers import Tokenizer as Library
from tokenizers import pre_tokenizers

from clew.data._vocabulary import Unit

_MEMORY = 1 << 18  # different BPE pieces remembered; a text seldom has more that come again

_SPACES = r"[^\S\n]+(?=[^\S\n])|[^\S\n]"
_WORD_KEEPING = re.compile(r"\n| ?\w+(?:'\w+)*| ?[^\w\s]|" + _SPACES, re.ASCII)
_WORD_DROPPING = re.compile(r"\w+(?:'\w+)*|'(?:s|re|ve|ll|d|m|t)\b|[^\w\s]", re.ASCII)
_BYTES = re.compile(
    r"\n|'(?:s|t|re|ve|m|ll|d)\b| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|" + _SPACES, re.ASCII
)


class Words:
    """Numbers ASCII text in words, as the library's tokenizer with this vocabulary would."""

    def __init__(self, vocabulary: Sequence[str], keep_spaces: bool) -> None:
        self._ids = {piece: i for i, piece in enumerate(vocabulary)}
        self._pattern = _WORD_KEEPING if keep_spaces else _WORD_DROPPING

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, which must be ASCII and in the case of letters of the vocabulary."""
        ids = self._ids
        return [ids.get(piece, 1) for piece in self._pattern.findall(text)]


class Pairs:
    """Numbers ASCII text in byte pairs, as the library's tokenizer would."""

    def __init__(self, library: Library) -> None:
        self._pieces = _Pieces(library)

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, which must be ASCII and in the case of letters of the vocabulary."""
        if len(self._pieces) > _MEMORY:
            self._pieces.clear()
        return list(chain.from_iterable(map(self._pieces.__getitem__, _BYTES.findall(text))))


class _Pieces(dict[str, list[int]]):
    """The ids of pieces, found when first asked for."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._model = library.model
        spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        self._alphabet = {i: spell.pre_tokenize_str(chr(i))[0][0] for i in range(128)}

    def __missing__(self, piece: str) -> list[int]:
        found = [token.id for token in self._model.tokenize(piece.translate(self._alphabet))]
        self[piece] = found
        return found


def shortcut(
    library: Library, unit: Unit, vocabulary: Sequence[str], keep_spaces: bool
) -> Words | Pairs | None:
    """What numbers ASCII text of this tokenizer; None for characters, which need no short cut."""
    if unit == "char":
        return None
    return Words(vocabulary, keep_spaces) if unit == "word" else Pairs(library)
