"""The rules by which `clew.data.bar_keeper` lets one token of a tune follow another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import lcm

from clew.data._abc_key import parse_metre
from clew.data._abc_lexer import tuplet_of
from clew.data._bar_tokens import Entry, State, lexed_token, pitch_name
from clew.errors import InputError

_GRACES = 4  # notes in a group of grace notes
_CHORD = 6  # notes in a chord
_DECORATIONS = 2  # in a row


class Rules:
    """What a vocabulary can do in a metre: whether a token may come, and the state behind it."""

    def __init__(
        self,
        vocabulary: Sequence[str],
        metre: str,
        unit: Fraction,
        end: int,
        bars: int | None,
        pickups: Collection[Fraction] | None,
    ) -> None:
        found = parse_metre(metre)
        if isinstance(found, str) or found.length is None:
            raise InputError(
                f"no bars to keep: {metre!r}", where="metre", expected="a metre such as 6/8"
            )
        self.metre, self.bars = found.text, bars
        every = [lexed_token(text, found.text) for text in vocabulary]
        tuplets = [tuplet_of(text, found.text) for kind, text, _ in every if kind == "tuplet"]
        fractions = [found.length, *(unit * length for _, _, length in every)]
        self.ticks = lcm(*(x.denominator for x in fractions)) * lcm(1, *(p for p, _, _ in tuplets))
        self.full = int(found.length * self.ticks)
        self.entries = [
            Entry(kind, text, int(length * unit * self.ticks), pitch_name(kind, text))
            for kind, text, length in every
        ]
        self.entries[end] = Entry("end", "", 0, "")
        self._pickups: set[int] | None = None
        if pickups is not None:
            self._pickups = {int(x * self.ticks) for x in pickups if x * self.ticks % 1 == 0}
        self._texts = {e.text for e in self.entries}
        self._by_name: dict[str, set[int]] = {}
        for entry in self.entries:
            if entry.kind == "note":
                self._by_name.setdefault(entry.name, set()).add(entry.ticks)
        self._fills = self._filling()
        self._tuplet_fills = self._filling_tuplets()

    def _filling(self) -> list[bool]:
        """Which rooms in a bar, (full + 1,), notes can fill; rests are not counted on."""
        lengths = sorted(set().union(*self._by_name.values()))
        fills = [True] + [False] * self.full
        for ticks in range(1, self.full + 1):
            fills[ticks] = any(x <= ticks and fills[ticks - x] for x in lengths)
        if not fills[self.full]:
            raise InputError(
                f"the notes of the vocabulary cannot fill a bar of {self.metre}",
                where="vocabulary",
                hint="choose a metre that was learnt",
            )
        if "|" not in self._texts:
            raise InputError("the vocabulary has no bar line |", where="vocabulary")
        return fills

    def _filling_tuplets(self) -> Callable[[int, int, int, int], bool]:
        """Whether `left` more notes of a tuplet p:q can leave a room that notes can fill."""
        lengths = sorted(set().union(*self._by_name.values()))

        @cache
        def fills(room: int, left: int, p: int, q: int) -> bool:
            if left == 0:
                return self._fills[room]
            return any(
                x * q % p == 0 and x * q // p <= room and fills(room - x * q // p, left - 1, p, q)
                for x in lengths
            )

        return fills

    def left(self, state: State) -> int:
        """Bars that are still to be filled; some where their number is open."""
        return 3 if self.bars is None else self.bars - state.bars

    def room(self, state: State) -> int:
        """Ticks left in the bar."""
        last = self.left(state) == 0 and state.pickup > 0
        return (state.pickup if last else self.full) - state.phase

    def _section(self, state: State) -> int:
        return state.pickup if state.section < 0 else state.section

    def may(self, state: State, entry: Entry) -> bool:
        """Whether `entry` may come; a tie and > are asked for by themselves."""
        kind, text = entry.kind, entry.text
        if kind == "end":
            return self._may_end(state)
        if state.wants in ("end", "done"):
            return False
        if state.wants == "second":
            return kind == "ending" and text == "[2"
        if state.chord:
            return self._in_chord(state, entry)
        if state.grace:
            if text == "}":
                return state.grace > 1
            return kind == "note" and state.grace <= _GRACES
        if kind in ("note", "rest"):
            return self._may_note(state, entry)
        if kind == "bar":
            return self._may_line(state, text)
        if kind == "ending":
            return self._may_ending(state, text)
        if text == ")":
            return state.slur and state.note
        return self.room(state) > 0 and self._may_prefix(state, kind, text)

    def _may_prefix(self, state: State, kind: str, text: str) -> bool:
        """Whether what stands before a note may come; there is room for a note."""
        if kind == "tuplet":
            if state.tuplet[2] or state.broken or state.tie:
                return False
            p, q, notes = tuplet_of(text, self.metre)
            return self._tuplet_fills(self.room(state), notes, p, q)
        if kind == "symbol":
            return not state.symbol
        if kind == "decoration":
            return state.decorations < _DECORATIONS
        if text == "{":
            return not (state.graced or state.tie) and "}" in self._texts
        if text == "(":
            return not (state.slur or state.tie) and ")" in self._texts
        if kind == "open":
            return not state.tie and "]" in self._texts
        # A new key stands behind a bar line, before anything that belongs to the note.
        plain = not (state.tie or state.symbol or state.decorations or state.graced)
        return kind == "field" and text[:3] == "[K:" and state.line and plain and state.pickup >= 0

    def _sounds(self, state: State, ticks: int) -> int:
        """How long a note of so many ticks is here; -1 if it does not come out even."""
        p, q, left = state.tuplet
        return ticks if not left else ticks * q // p if ticks * q % p == 0 else -1

    def _fits(self, state: State, ticks: int) -> bool:
        """Whether a note of so many ticks, as written, leaves a bar that can be filled."""
        if state.broken and ticks != state.broken:
            return False
        room, sounds = self.room(state), self._sounds(state, ticks)
        if not 0 < sounds <= room:
            return False
        p, q, left = state.tuplet
        if left:
            return self._tuplet_fills(room - sounds, left - 1, p, q)
        return self._fills[room - sounds]

    def _may_note(self, state: State, entry: Entry) -> bool:
        if state.tie and not (entry.kind == "note" and entry.name in _same(state.name)):
            return False
        return self._fits(state, entry.ticks)

    def _in_chord(self, state: State, entry: Entry) -> bool:
        if entry.text == "]":
            return state.chord > 1
        if entry.kind != "note" or state.chord > _CHORD:
            return False
        return entry.ticks == state.length if state.chord > 1 else self._fits(state, entry.ticks)

    def may_break(self, state: State) -> bool:
        """Whether > or < may come: two notes of one length, whichever gets more of it."""
        room = self.room(state)
        joins = state.note and state.length > 0 and not (state.tuplet[2] or state.tie)
        return joins and state.length <= room and self._fills[room - state.length]

    def may_tie(self, state: State) -> bool:
        """Whether a tie may come."""
        if not state.note or state.tie or not state.name or state.broken:
            return False
        room = self.room(state)
        lengths = {x for name in _same(state.name) for x in self._by_name.get(name, ())}
        if room > 0:
            return any(self._fits(state, x) for x in lengths)
        return self._may_line(state, "|") and any(
            self._fits(self.after(state, Entry("bar", "|", 0, "")), x) for x in lengths
        )

    def _may_line(self, state: State, text: str) -> bool:
        """Whether a bar line may come."""
        if not state.note and not (state.pickup < 0 and state.line and text == "|:"):
            return False
        if state.tuplet[2] or state.broken or (state.tie and text != "|"):
            return False
        if state.line:  # nothing but |: may begin a tune
            return state.phase == 0 and not state.repeat and ":|" in self._texts
        if state.pickup < 0:
            return self._may_first(state, text)
        full = state.phase == self.full
        if not full and state.phase != state.pickup:
            return False
        left = self.left(state) - full
        phase = 0 if full else state.phase
        at_section = phase == self._section(state)
        if left == 0 and phase in (0, state.pickup):
            return self._may_last(state, text, phase, at_section)
        if state.tie:
            return full
        if state.ending == 1:
            second = left == 1 and self._section(state) == 0 and full  # [2 needs the last bar
            if text == ":|":
                return at_section
            return text == "|" and full and not second
        return self._may_inside(state, text, full, at_section)

    def _may_first(self, state: State, text: str) -> bool:
        """The first bar line of a tune."""
        short = state.phase < self.full
        if short and self._pickups is not None and state.phase not in self._pickups:
            return False
        if self.left(state) == 1 and state.phase == self.full:  # its only bar
            if state.slur:
                return False
            return text == ":|" if state.repeat else text in self._lasts(True)
        if short and not self._fills[self.full - state.phase]:
            return False
        opens = text == "|:" and not state.repeat and ":|" in self._texts
        return text == "|" or (opens and self.left(state) > 1)

    def _may_inside(self, state: State, text: str, full: bool, at_section: bool) -> bool:
        """A bar line between the first and the last, outside of a first ending."""
        if text == "|":
            return full
        if text in (":|", "::"):
            closes = at_section and not state.fresh and state.ending == 0
            return closes and (text == ":|" or ":|" in self._texts)
        if text == "|:":
            return not state.repeat and ":|" in self._texts
        if self.bars is None and text == "|]":
            return not state.repeat and not state.slur
        return text == "||" and not state.repeat

    def _may_last(self, state: State, text: str, phase: int, at_section: bool) -> bool:
        """The bar line where all bars are full; the pickup's complement may still follow."""
        goes_on = phase == 0 and state.pickup > 0
        if state.slur and not goes_on:
            return False
        if state.ending == 1:
            return text == ":|" if at_section else text == "|" and goes_on
        if state.repeat:
            return text == ":|" if at_section else text == "|" and goes_on
        if state.slur or state.tie:
            return text == "|"
        return text in self._lasts(at_section and state.ending == 0) or (text == "|" and goes_on)

    def _lasts(self, repeats: bool) -> set[str]:
        """The lines that may end a tune; a plain one where the vocabulary has no other."""
        found = {"|]", "||"} & self._texts
        if repeats:
            found |= {":|"} & self._texts
        return found or {"|"}

    def _may_ending(self, state: State, text: str) -> bool:
        if not (text == "[1" and state.line and state.phase == 0 and state.ending == 0):
            return False
        whole = {"[1", "[2"} <= self._texts and ":|" in self._texts
        bare = not (state.symbol or state.decorations or state.graced or state.tie or state.slur)
        left = self.left(state) >= (2 if self._section(state) == 0 else 1)
        return whole and bare and left and not state.fresh and state.pickup >= 0

    def _may_end(self, state: State) -> bool:
        if state.wants == "end":
            return True
        over = self.bars is None and state.line and not state.repeat and state.ending != 1
        behind = state.wants == "any" and not state.slur and state.pickup >= 0
        strong = state.fresh or not {"||", "|]", ":|"} & self._texts
        return over and behind and strong and state.phase in (0, state.pickup)

    def after(self, state: State, entry: Entry) -> State:
        """The state behind `entry`, which may come."""
        kind, text = entry.kind, entry.text
        if kind == "end":
            return replace(state, wants="done")
        if kind in ("note", "rest"):
            return self._after_note(state, entry)
        if kind == "bar":
            return self._after_line(state, text)
        if kind == "ending":
            return replace(state, ending=int(text[1]), wants="any", line=False, note=False)
        if kind == "tie":
            return replace(state, tie=True, note=self.room(state) == 0)
        if kind == "broken":
            return replace(state, broken=state.length, note=False)
        if text == ")":
            return replace(state, slur=False)
        return self._after_prefix(state, kind, text)

    def _after_prefix(self, state: State, kind: str, text: str) -> State:
        state = replace(state, note=False, line=state.line and kind == "field")
        if kind == "tuplet":
            return replace(state, tuplet=tuplet_of(text, self.metre))
        if kind == "symbol":
            return replace(state, symbol=True)
        if kind == "decoration":
            return replace(state, decorations=state.decorations + 1)
        if text == "{":
            return replace(state, grace=1)
        if text == "}":
            return replace(state, grace=0, graced=True)
        if text == "(":
            return replace(state, slur=True)
        if text == "[":
            return replace(state, chord=1)
        if text == "]":
            return self._sounded(replace(state, chord=0, name=""), state.length)
        return replace(state, line=False)  # a key: only one

    def _after_note(self, state: State, entry: Entry) -> State:
        if state.grace:
            return replace(state, grace=state.grace + 1)
        if state.chord:
            return replace(state, chord=state.chord + 1, length=entry.ticks)
        after = self._sounded(replace(state, name=entry.name), entry.ticks)
        return after if entry.kind == "note" else replace(after, length=0)

    def _sounded(self, state: State, ticks: int) -> State:
        p, q, left = state.tuplet
        return replace(
            state, phase=state.phase + self._sounds(state, ticks), note=True, line=False,
            length=0 if left or state.broken else ticks,  # such a note takes no > itself
            wants="any", tie=False, broken=0, symbol=False, decorations=0, graced=False,
            tuplet=(p, q, left - 1) if left > 1 else (0, 0, 0),
        )  # fmt: skip

    def _after_line(self, state: State, text: str) -> State:
        if state.pickup < 0 and state.line:  # |: at the very start
            return replace(state, repeat=True, line=False, wants="any", section=-1)
        full = state.phase == self.full or state.pickup < 0
        pickup = (self.full - state.phase) % self.full if state.pickup < 0 else state.pickup
        phase = 0 if full else state.phase
        bars = state.bars + full
        after = replace(
            state, phase=phase, pickup=pickup, bars=bars, line=True, note=False, wants="any",
            name=state.name if state.tie else "", length=0, fresh=state.fresh and not full,
        )  # fmt: skip
        if (
            self.bars is not None
            and bars == self.bars
            and self._is_last(state, text, phase, pickup)
        ):
            return replace(after, wants="end")
        if text == ":|" and state.ending == 1:
            return replace(after, wants="second", phase=0, repeat=False)
        if text == "|]":
            return replace(after, wants="end")
        if text != "|":
            return replace(after, section=phase, fresh=True, repeat=text in ("|:", "::"), ending=0)
        return after

    def _is_last(self, state: State, text: str, phase: int, pickup: int) -> bool:
        if state.ending == 1:
            return False
        if text != "|":
            return True
        return phase == pickup and not (phase == 0 and pickup > 0)


def _same(name: str) -> tuple[str, str]:
    """How the note that `name` is tied to may be written: with its accidental or without."""
    return name, name.lstrip("^_=")
