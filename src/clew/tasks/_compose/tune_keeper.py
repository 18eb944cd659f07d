"""What a composer of ABC may write: what keeps the bar, and every reader takes alike."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from clew.data.bar_keeper import BarKeeper, State

Mask = NDArray[np.bool_]


class TuneKeeper:
    """A BarKeeper that leaves out what is right but read in several ways, or a mere whim.

    Repeats go back to a sign |: or to the start of the tune, never to a double line, which not
    every program takes for the start of a section. The key stays. Nothing but notes and rests
    stands in a tuplet, and a chord has two notes. Where nothing else would keep the bar, these may
    be written after all; an opening may have them in any case.
    """

    def __init__(
        self, vocabulary: Sequence[str], *, metre: str, unit: Fraction, bars: int, end: int
    ) -> None:
        self._keeper = BarKeeper(vocabulary, metre=metre, unit=unit, bars=bars, end=end)

        def mask(*texts: str) -> Mask:
            return np.array([text in texts for text in vocabulary])

        self._repeats = mask(":|", "::", "[1")
        self._close = mask("]")
        self._keys = np.array([text.startswith("[K:") for text in vocabulary])
        self._marks = np.array([text.startswith('"') for text in vocabulary]) | mask("[")

    def start(self) -> State:
        """Before the first token."""
        return self._keeper.start()

    def step(self, state: State, token: int) -> State:
        """The state behind a token; raises InputError for one that does not keep the bar."""
        return self._keeper.step(state, token)

    def allowed(self, state: State) -> Mask:
        """Which tokens may come next, (V,); none only where `state.done`."""
        found = self._keeper.allowed(state)
        wanted = found & ~self._keys
        if not state.repeat and state.section >= 0 and state.ending == 0:
            wanted &= ~self._repeats
        if state.tuplet[2]:
            wanted &= ~self._marks
        if state.chord == 2:  # one note so far
            wanted &= ~self._close
        return wanted if wanted.any() else found
