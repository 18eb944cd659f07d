"""Taggers as streams: a word in, the probabilities of its tags out."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from clew.errors import InputError
from clew.nn.stream import Array, not_copied, who
from clew.tasks._examples import check_text
from clew.tasks._tag.encoder import TagEncoder
from clew.tasks._tag.net import TaggerNetwork
from clew.tasks._tag.problem import row_probabilities

KNOWN = 50_000  # words whose letters are not read again


class TagStream:
    """Reads ``batch_size`` sentences word by word: the probabilities (K,) of each word's tags.

    Made by ``Tagger.stream``. The answers are in the order of ``names``, and have the bits of
    ``Tagger.predict_proba`` of the whole sentence. The weights are copied; they stay as they were
    when the stream was made. A word's letters are read whole when it comes; what is carried from
    word to word is the state of the layers.
    """

    def __init__(
        self, network: TaggerNetwork, encoder: TagEncoder, batch_size: int, dtype: Any
    ) -> None:
        self._network = copy.deepcopy(network).cpu().eval()
        self._encoder = encoder
        self._layers = self._network.stack.stream(batch_size, dtype)
        self._known: dict[str, Array] = {}
        self._width = int(network.stack.input_size)
        self.batch_size = batch_size
        self.names = list(encoder.tags)

    def push(self, word: Any, moves: Any = None) -> Array:
        """Reads a word of each sentence and returns (B, K); of a single one, given as text, (K,).

        moves: (B,) bool, who reads; the others keep their state, what is given for them is not
        read, and their rows of the answer are zeros.

        Raises:
            InputError: what is no word; the state is as it was before.
        """
        single = isinstance(word, str)
        given = [word] if single else word
        if not isinstance(given, list | tuple | np.ndarray) or len(given) != self.batch_size:
            one = self.batch_size == 1
            raise InputError(
                f"{word!r} for " + ("a sentence" if one else f"{self.batch_size} sentences"),
                where="word",
                expected="a word (str)" if one else f"a list of {self.batch_size} words",
            )
        mask = who(moves, self.batch_size, "moves")
        reads = np.ones(self.batch_size, bool) if mask is None else mask
        nothing = np.zeros(self._width, np.float32)
        rows = [self._vector(w) if r else nothing for w, r in zip(given, reads, strict=True)]
        y = self._layers.push(np.stack(rows), mask)
        found = row_probabilities(self._network, y) * reads[:, None]
        row: Array = found[0] if single else found
        return row

    def read(self, words: str | list[str]) -> Array:
        """Reads a text (cut at spaces) or a list of words of a single sentence: (T, K)."""
        if self.batch_size != 1:
            raise InputError(
                "one text for several sentences", where="words", hint="push, word by word"
            )
        found = words.split() if isinstance(words, str) else words
        rows = [self.push(word) for word in found]
        return np.stack(rows) if rows else np.zeros((0, len(self.names)))

    @property
    def state(self) -> Any:
        """A copy of what is carried, as arrays: of each layer h (1, B, H), or (h, c)."""
        return self._layers.state

    @state.setter
    def state(self, state: Any) -> None:
        self._layers.state = state

    def reset(self, mask: Any = None) -> None:
        """Forgets everything, or what those sentences carry that a (B,) bool mask names."""
        self._layers.reset(mask)

    def __reduce__(self) -> Any:
        raise not_copied(self, "model.stream()")

    def _vector(self, word: Any) -> Array:
        """What the layers read of a word (D,)."""
        found = self._known.get(word) if isinstance(word, str) else None
        if found is None:
            batch = self._encoder.encode_words([[check_text(word, "word")]]).batch([0])[0]
            with torch.no_grad():
                found = self._network.features(batch)[0, 0].numpy()
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[word] = found
        return found


def tagging(network: TaggerNetwork, encoder: TagEncoder, batch_size: int, dtype: Any) -> TagStream:
    """The stream of a tagger; InputError for one that has to see the whole sentence first."""
    if network.stack.bidirectional:
        raise InputError(
            "stream of a tagger that reads in both directions: it has to see the end first",
            where="bidirectional",
            expected="a tagger that was made with bidirectional=False, crf=False",
            hint="predict(X) reads whole sentences",
        )
    if network.crf is not None:
        raise InputError(
            "stream of a tagger with a CRF, which decides on all tags of a sentence together",
            where="crf",
            expected="a tagger that was made with crf=False",
        )
    return TagStream(network, encoder, batch_size, dtype)
