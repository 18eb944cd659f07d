"""The tunes that a model learned from, and what of a new one is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from clew.tasks._compose.composition import Recall
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.recall import TransposedIndex, TuneIndex
from clew.tasks._compose.vocabulary import Vocabulary

_ABC = frozenset("abcdefgABCDEFG^_=zx")  # what notes and rests begin with
_MIDI = ("pitch:", "drum:", "length:")

# Of each network that was asked: the tokens, and what looks up notes in them, which takes a while.
_KNOWN: WeakKeyDictionary[TuneNetwork, tuple[Tensor, TuneIndex | TransposedIndex]] = (
    WeakKeyDictionary()
)


class Memory:
    """The notes and rests of the tunes that a network remembers: bars, chord names, words aside.

    Of events a note is its pitch and its length, in whatever key; tokens of ABC are in one key.
    """

    def __init__(self, network: TuneNetwork, vocabulary: Vocabulary) -> None:
        self._network, self._vocabulary = network, vocabulary
        self._events = vocabulary.notation == "midi"
        self._sounds = np.array([sounds(text, vocabulary) for text in vocabulary.tokens])

    def notes(self, tokens: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Those tokens that are notes or rests."""
        found = np.asarray(tokens, dtype=np.int64)
        return np.asarray(found[self._sounds[found]])

    def _moved(self, notes: NDArray[np.int64]) -> tuple[list[str], list[int | None]]:
        """Of the tokens of notes of events their lengths, with drums as they are, and pitches."""
        texts = [self._vocabulary.tokens[token] for token in notes.tolist()]
        kinds: list[str] = []
        heights: list[int | None] = []
        for pitch, length in zip(texts[::2], texts[1::2], strict=False):
            drum = pitch.startswith("drum:")
            kinds.append(f"{pitch} {length}" if drum else length)
            heights.append(None if drum else int(pitch.removeprefix("pitch:")))
        return kinds, heights

    @property
    def _index(self) -> TuneIndex | TransposedIndex:
        """The tunes that are remembered, sorted once for a network."""
        learned, known = self._network.learned, _KNOWN.get(self._network)
        if known is None or known[0] is not learned:
            starts = self._network.starts.cpu().numpy()
            tunes = [self.notes(tune) for tune in np.split(learned.cpu().numpy(), starts[1:])]
            index = (
                TransposedIndex(map(self._moved, tunes)) if self._events else TuneIndex.build(tunes)
            )
            known = (learned, index)
            _KNOWN[self._network] = known
        return known[1]

    def recall(self, tokens: Sequence[int]) -> Recall:
        """What of these tokens is in a tune that is remembered."""
        notes, index = self.notes(tokens), self._index
        if isinstance(index, TuneIndex):
            count, span = len(notes), index.longest(notes)
        else:
            count, span = len(notes) // 2, index.longest(*self._moved(notes))
        return Recall(span.length, span.start, count, span.tune if span.length else None)


def sounds(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a token is a note or a rest."""
    if vocabulary.notation == "midi":
        return text.startswith(_MIDI)
    return text[0] in _ABC and ":" not in text
