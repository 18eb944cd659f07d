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
from clew.tasks._compose.recall import TuneIndex
from clew.tasks._compose.vocabulary import Vocabulary

_ABC = frozenset("abcdefgABCDEFG^_=zx")  # what notes and rests begin with
_MIDI = ("pitch:", "drum:", "length:")

# Of each network that was asked: the tokens, and the notes in them sorted, which takes a while.
_KNOWN: WeakKeyDictionary[TuneNetwork, tuple[Tensor, TuneIndex]] = WeakKeyDictionary()


class Memory:
    """The notes and rests of the tunes that a network remembers: bars, chord names, words aside."""

    def __init__(self, network: TuneNetwork, vocabulary: Vocabulary) -> None:
        self._network = network
        self._sounds = np.array([sounds(text, vocabulary) for text in vocabulary.tokens])

    def notes(self, tokens: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Those tokens that are notes or rests."""
        found = np.asarray(tokens, dtype=np.int64)
        return np.asarray(found[self._sounds[found]])

    @property
    def _index(self) -> TuneIndex:
        """The tunes that are remembered, sorted once for a network."""
        learned, known = self._network.learned, _KNOWN.get(self._network)
        if known is None or known[0] is not learned:
            starts = self._network.starts.cpu().numpy()
            tunes = np.split(learned.cpu().numpy(), starts[1:])
            known = (learned, TuneIndex.build([self.notes(tune) for tune in tunes]))
            _KNOWN[self._network] = known
        return known[1]

    def recall(self, tokens: Sequence[int]) -> Recall:
        """What of these tokens is in a tune that is remembered."""
        notes = self.notes(tokens)
        if len(notes) == 0:
            return Recall(0, 0, 0, None)
        span = self._index.longest(notes)
        return Recall(span.length, span.start, len(notes), span.tune if span.length else None)


def sounds(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a token is a note or a rest."""
    if vocabulary.notation == "midi":
        return text.startswith(_MIDI)
    return text[0] in _ABC and ":" not in text
