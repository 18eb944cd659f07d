"""Music of MIDI files as tokens to learn: a header, then events, see clew.data.midi.to_events.

The metre stands in the header, and notes of drums are `drum:36`, so that what is moved to another
key leaves them where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data._midi_events import from_events, to_events
from clew.data.midi import iter_midi
from clew.data.notes import DRUMS, Notes
from clew.errors import InputError
from clew.tasks._compose.store import Written
from clew.tasks._compose.vocabulary import UNKNOWN, Vocabulary

GRID = 12  # steps a quarter note
METRE, BARS = "M:", "bars:"
MOVED = 5  # semitones up or down while training: with 0 eleven of the twelve keys


def pieces(data: Any, failed: Callable[[InputError], None] | None) -> Iterator[Written]:
    """The tokens of each piece; `failed` gets the errors of files that cannot be read."""
    if isinstance(data, str | Path):
        every: Iterable[Notes] = (notes for _, notes in iter_midi(data, failed=failed))
    else:
        every = data
    for notes in every:
        yield written(notes)


def written(notes: Notes) -> Written:
    """The tokens of a piece, its header before them; its characters are those of its events."""
    metre, events = opened(notes)
    bars = events.count("bar")
    characters = sum(map(len, events)) + len(events) - 1  # with a space between two
    return Written([METRE + metre, f"{BARS}{bars}", *events], characters)


def opened(notes: Notes) -> tuple[str, list[str]]:
    """The first metre of a piece, and its events without it."""
    if len(notes) == 0:
        raise InputError("there are no notes in a piece", expected="at least one")
    found = to_events(notes, grid=GRID)
    at = next(n for n, event in enumerate(found) if event.startswith("metre:"))
    events, drums = [], False
    for event in [*found[:at], *found[at + 1 :]]:
        if event.startswith("program:"):
            drums = event == f"program:{DRUMS}"
        events.append(event.replace("pitch:", "drum:") if drums else event)
    return found[at].removeprefix("metre:"), events


def notes_of(metre: str, events: Sequence[str]) -> Notes:
    """The notes of events without their first metre."""
    plain = [event.replace("drum:", "pitch:") for event in events]
    return from_events([f"metre:{metre}", *plain], grid=GRID)


def moves(vocabulary: Vocabulary) -> NDArray[np.int64]:
    """What each token becomes in another key: (2 MOVED + 1, V), UNKNOWN where it is not known."""
    found = np.tile(np.arange(len(vocabulary)), (2 * MOVED + 1, 1))
    for number, token in enumerate(vocabulary.tokens):
        if token.startswith("pitch:"):
            pitch = int(token.removeprefix("pitch:"))
            for row, up in enumerate(range(-MOVED, MOVED + 1)):
                other = f"pitch:{pitch + up}"
                known = other in vocabulary
                found[row, number] = vocabulary.number(other) if known else UNKNOWN
    return found
