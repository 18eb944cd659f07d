"""The vocabulary of text that came already cut into tokens."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer as Library
from tokenizers import models

from clew.data.text import PAD, UNKNOWN
from clew.errors import InputError


class Pieces:
    """Numbers for tokens: 0 is padding, 1 is unknown, then the most frequent first.

    Kept as the standard JSON of `tokenizers`: a word-level model that cuts nothing.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = list(vocabulary)
        # A token that spells "<pad>" is text, and unknown; it never becomes the padding.
        self._ids = {piece: i for i, piece in enumerate(self.vocabulary) if i > 1}

    @classmethod
    def train(cls, lists: Iterable[Sequence[str]], *, size: int, min_count: int) -> Pieces:
        """The `size` most frequent tokens (the two marks included) seen `min_count` times."""
        counts = Counter(token for tokens in lists for token in tokens)
        for mark in (PAD, UNKNOWN):
            counts.pop(mark, None)
        order = sorted(counts, key=lambda token: (-counts[token], token))
        kept = [token for token in order if counts[token] >= min_count]
        return cls([PAD, UNKNOWN, *kept[: max(0, size - 2)]])

    def __len__(self) -> int:
        return len(self.vocabulary)

    def encode_batch(self, lists: Iterable[Sequence[str]]) -> list[list[int]]:
        """The number of every token; 1 where it is not known."""
        return [[self._ids.get(token, 1) for token in tokens] for tokens in lists]

    def to_json(self) -> str:
        """The vocabulary as `tokenizers` JSON."""
        ids = {piece: i for i, piece in enumerate(self.vocabulary)}
        return str(Library(models.WordLevel(ids, unk_token=UNKNOWN)).to_str())

    @classmethod
    def from_json(cls, text: str) -> Pieces:
        """What `to_json` wrote. Raises InputError for anything else."""
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError("the tokenizer is not JSON") from error
        model = whole.get("model") if isinstance(whole, dict) else None
        ids = model.get("vocab") if isinstance(model, dict) else None
        if not isinstance(ids, dict) or whole.get("pre_tokenizer") is not None:
            raise InputError("the tokenizer is not a plain vocabulary of tokens")
        if any(type(i) is not int for i in ids.values()) or sorted(ids.values()) != list(
            range(len(ids))
        ):
            raise InputError("the tokenizer's numbers are not 0, 1, 2 and so on")
        vocabulary = sorted(ids, key=ids.__getitem__)
        if vocabulary[:2] != [PAD, UNKNOWN]:
            raise InputError(f"the tokenizer does not begin with {PAD} and {UNKNOWN}")
        return cls(vocabulary)
