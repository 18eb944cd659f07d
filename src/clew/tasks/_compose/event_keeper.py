"""What may come next among events, so that bars follow one another and every note has a length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clew.data._abc_key import parse_metre
from clew.errors import InputError
from clew.tasks._compose.midi_tokens import GRID

Mask = NDArray[np.bool_]

# What may follow what; "bar" and the end also ask how many bars there are.
_FOLLOWS = {
    "start": ("tempo", "bar"),
    "tempo": ("bar",),
    "bar": ("at", "program", "velocity", "pitch", "drum", "bar", "end"),
    "at": ("program", "velocity", "pitch", "drum"),
    "program": ("velocity", "pitch", "drum"),
    "velocity": ("pitch", "drum"),
    "pitch": ("length",),
    "length": ("at", "program", "velocity", "pitch", "drum", "bar", "end"),
}


@dataclass(frozen=True, slots=True)
class State:
    """Where in a piece one is; `bars` have begun; `done`: the end was taken.

    at: steps into the bar, -1 before the first position of a piece is said; sounding: the pitches
    that begin here; drums: notes are those of drums.
    """

    last: str = "start"
    bars: int = 0
    at: int = -1
    drums: bool = False
    sounding: frozenset[int] = frozenset()
    done: bool = False


class EventKeeper:
    """Says at each step which events of a vocabulary may come next; there is always one.

    A piece has `bars` bars of `metre`; positions in a bar ascend, a pitch sounds once at each, the
    last notes end with the last bar if there is a length for that. Raises InputError for a metre
    off the grid and a vocabulary without bars, positions or notes.
    """

    def __init__(self, vocabulary: Sequence[str], *, metre: str, bars: int, end: int) -> None:
        found = parse_metre(metre)
        length = None if isinstance(found, str) else found.length
        if length is None or (4 * GRID * length).denominator != 1:
            raise InputError(f"there are no bars of {metre!r}", where="metre")
        self.bars, self._full = bars, int(4 * GRID * length)
        names, numbers = [], []
        for text in vocabulary:
            name, _, value = text.partition(":")
            known = text == "bar" or (name in _NAMES and value.isdecimal())
            names.append(name if known else "")
            numbers.append(int(value) if known and value else 0)
        names[end] = "end"
        self._names, self._values = names, np.array(numbers)
        self._masks = {name: np.array([other == name for other in names]) for name in _NAMES}
        self._has = {name: bool(mask.any()) for name, mask in self._masks.items()}
        if not (self._has["bar"] and self._has["at"] and self._has["length"]) or not (
            self._has["pitch"] or self._has["program"]
        ):
            raise InputError(
                "these events are no music", where="vocabulary", expected="bars, notes"
            )

    def start(self) -> State:
        """Before the first event."""
        return State()

    def allowed(self, state: State) -> Mask:
        """Which events may come next, (V,)."""
        found = np.zeros(len(self._names), dtype=np.bool_)
        for name in _FOLLOWS[state.last]:
            if self._may(state, name):
                found |= self._masks[name] & self._fit(state, name)
        return found

    def step(self, state: State, token: int) -> State:
        """The state behind an event; raises InputError for one that cannot come here."""
        name, value = self._names[token], int(self._values[token])
        if name == "bar" and state.bars >= self.bars:
            raise InputError(
                f"there are more bars than {self.bars}", where=f"bar {state.bars + 1}",
                expected="fewer in the prompt, or more asked for",
            )  # fmt: skip
        fits = name in _FOLLOWS[state.last] and not (name == "at" and value >= self._full)
        if state.done or not fits:
            raise InputError(
                f"a {name or 'token of the header'} cannot come here",
                where=f"bar {state.bars}", expected=" or ".join(_FOLLOWS[state.last]),
            )  # fmt: skip
        if name == "end":
            return replace(state, done=True)
        if name == "bar":
            at = 0 if state.bars else -1
            return replace(state, last=name, bars=state.bars + 1, at=at, sounding=frozenset())
        if name == "at":
            return replace(state, last=name, at=value, sounding=frozenset())
        if name == "program":
            drums = value == _DRUMS
            return replace(state, last=name, drums=drums, sounding=frozenset())
        if name in ("pitch", "drum"):
            return replace(state, last="pitch", sounding=state.sounding | {value})
        return replace(state, last=name)

    def _may(self, state: State, name: str) -> bool:
        if name == "bar":
            return state.bars < self.bars
        if name == "end":
            return state.bars == self.bars
        if name in ("pitch", "drum"):
            return (name == "drum") == state.drums and state.at >= 0
        if name == "velocity":  # a note is to follow
            note = "drum" if state.drums else "pitch"
            return state.at >= 0 and bool((self._masks[note] & self._fit(state, note)).any())
        return name != "program" or state.at >= 0

    def _fit(self, state: State, name: str) -> Mask:
        """Which events have a number that fits, (V,)."""
        values = self._values
        if name == "at":
            return (values > state.at) & (values < self._full)
        if name in ("pitch", "drum"):
            return ~np.isin(values, list(state.sounding))
        if name == "program":  # a program that has notes to play
            drums = values == _DRUMS
            return np.where(drums, self._has["drum"], self._has["pitch"])
        if name == "length" and state.bars == self.bars:
            short: Mask = self._masks[name] & (values <= self._full - state.at)
            least: Mask = values == values[self._masks[name]].min()
            return short if short.any() else least
        return np.ones(len(values), dtype=np.bool_)


_DRUMS = 128
_NAMES = ("tempo", "bar", "at", "program", "velocity", "pitch", "drum", "length", "end")
