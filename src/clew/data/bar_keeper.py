"""What may come next in a tune, so that every bar gets full and every repeat is closed.

The rule is that of `clew.data.abc.check`, a little narrower: the bar lines that cut a bar cut it
where the pickup did, so that any section can be repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from clew.data._bar_rules import Rules
from clew.data._bar_tokens import State
from clew.errors import InputError

__all__ = ["BarKeeper", "State"]

Mask = NDArray[np.bool_]


class BarKeeper:
    """Says at each step of writing a tune which tokens keep it in its metre.

    vocabulary: texts of tokens as in `Tune.music`; others are never allowed. metre: such as "6/8";
    unit: the length of a note without a number, in whole notes. bars: how many there must be,
    a pickup and the short last bar that makes room for it counting as one; None: any number.
    end: the number of the token that ends a tune. pickups: which lengths (whole notes) a first bar
    may have besides a whole one; None: any.
    Raises InputError for no metre, and for a vocabulary that cannot fill a bar.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        metre: str,
        unit: Fraction,
        end: int,
        bars: int | None = None,
        pickups: Collection[Fraction] | None = None,
    ) -> None:
        if bars is not None and (isinstance(bars, bool) or not isinstance(bars, int) or bars < 1):
            raise InputError(f"bars={bars!r}", where="bars", expected="a whole number from 1")
        if not 0 <= end < len(vocabulary):
            raise InputError(f"end={end!r}", where="end", expected="the number of a token")
        self._rules = Rules(vocabulary, metre, unit, end, bars, pickups)
        entries = self._rules.entries
        self._ties = np.array([entry.kind == "tie" for entry in entries])
        self._breaks = np.array([entry.kind == "broken" for entry in entries])
        self._masks: dict[tuple[State, bool, bool], Mask] = {}

    def start(self) -> State:
        """Before the first token."""
        return State()

    def room(self, state: State) -> Fraction:
        """What is left in the bar, in whole notes."""
        return Fraction(self._rules.room(state), self._rules.ticks)

    def due(self, state: State) -> bool:
        """Whether the bar is full, so that a bar line must come."""
        return self._rules.room(state) == 0

    def allowed(self, state: State) -> Mask:
        """Which tokens may come next, (V,) bool, read-only; none only where `state.done`."""
        rules = self._rules
        free = not (state.chord or state.grace or state.wants != "any")
        tie = free and bool(self._ties.any()) and rules.may_tie(state)
        broken = free and bool(self._breaks.any()) and rules.may_break(state)
        key = self._key(state), tie, broken
        mask = self._masks.get(key)
        if mask is None:
            every = [not state.done and rules.may(key[0], entry) for entry in rules.entries]
            mask = np.array(every) | (self._ties & tie) | (self._breaks & broken)
            mask.setflags(write=False)
            self._masks[key] = mask
        return mask

    def step(self, state: State, token: int) -> State:
        """The state behind `token`, its number; raises InputError for what is not allowed."""
        if not 0 <= token < len(self._rules.entries) or not self.allowed(state)[token]:
            raise self._refused(state, token)
        return self._rules.after(state, self._rules.entries[token])

    def _key(self, state: State) -> State:
        """What of a state matters for what may come, but for a tie and >."""
        bars = 0 if self._rules.bars is None else max(state.bars, self._rules.bars - 3)
        return replace(
            state, bars=bars, name=state.name if state.tie else "",
            length=state.length if state.chord > 1 else 0,
        )  # fmt: skip

    def _refused(self, state: State, token: int) -> InputError:
        entries, room = self._rules.entries, self._rules.room(state)
        known = 0 <= token < len(entries)
        what = (
            f"{entries[token].text!r} cannot come here" if known else f"there is no token {token}"
        )
        if known and entries[token].kind in ("note", "rest") and entries[token].ticks > room:
            what = f"{entries[token].text!r} is too long for bar {state.bars + 1}"
        some = [
            e.text or "the end" for e, may in zip(entries, self.allowed(state), strict=True) if may
        ]
        return InputError(
            what,
            where=f"bar {state.bars + 1}, {self.room(state)} of a whole note left in it",
            expected="one of " + " ".join(some[:12]),
        )
