"""The tunes that a model learned from, and what of a new one is in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.tasks._compose.composition import Recall
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.vocabulary import Vocabulary

_ABC = frozenset("abcdefgABCDEFG^_=zx")  # what notes and rests begin with
_MIDI = ("pitch:", "drum:", "length:")


class Memory:
    """The notes and rests of the tunes that a network remembers: bars, chord names, words aside."""

    def __init__(self, network: TuneNetwork, vocabulary: Vocabulary) -> None:
        self._network = network
        self._sounds = np.array([sounds(text, vocabulary) for text in vocabulary.tokens])

    def notes(self, tokens: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Those tokens that are notes or rests."""
        found = np.asarray(tokens, dtype=np.int64)
        return np.asarray(found[self._sounds[found]])

    @cached_property
    def _index(self) -> Any:
        from clew.tasks._compose.recall import TuneIndex

        learned = self._network.learned.cpu().numpy()
        starts = self._network.starts.cpu().numpy()
        return TuneIndex.build([self.notes(tune) for tune in np.split(learned, starts[1:])])

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
