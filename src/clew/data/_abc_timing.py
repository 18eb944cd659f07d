"""When each note of a tune sounds and how high it is: exact fractions, accidentals, bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from clew.data._abc_key import ACCIDENTALS, LETTERS, STEPS, Key, parse_key, parse_metre
from clew.data._abc_lexer import NOTE, Fail, Token, length_of, octave_of, tuplet_of

_NONE = Fraction(0)
# How much longer and shorter the two notes around >, >> and >>> become.
BROKEN = {1: Fraction(1, 2), 2: Fraction(3, 4), 3: Fraction(7, 8)}


class Sign(NamedTuple):
    """A note as it is written: letter, octave (middle C is in 4), accidental, pitch that sounds."""

    letter: str
    octave: int
    accidental: str
    pitch: int  # MIDI: middle C is 60


@dataclass(slots=True)
class Event:
    """A note, chord or rest as it stands in a tune; grace notes stand before what they adorn."""

    token: int  # where it begins among the tokens
    duration: Fraction  # of a whole note; 0 for a grace note
    signs: list[Sign] = field(default_factory=list)  # none for a rest
    tied: bool = False  # to the next
    tuplet: int = 0  # p of the tuplet it is in
    grace: bool = False


@dataclass(slots=True)
class Bar:
    """A stretch between two bar lines.

    length: of its notes; due: of a bar of its metre, None in free metre; start: how much of the bar
    was over when it began, which is 0 but behind a repeat, a double line or an ending that cut
    one; begins, ends: the bar lines and endings around it.
    """

    number: int
    line: int
    due: Fraction | None
    begins: str = ""
    ends: str = ""
    length: Fraction = _NONE
    start: Fraction = _NONE
    events: list[Event] = field(default_factory=list)
    ending: str = ""
    first: int = 0  # the first of its tokens
    key: Key | None = None


class _Run:
    """What is carried from token to token."""

    def __init__(self, unit: Fraction, metre: str, key: Key, fail: Fail) -> None:
        self.unit, self.metre, self.key, self.fail = unit, metre, key, fail
        self.signs: dict[str, int] = {}  # accidentals of this bar
        self.held: dict[tuple[str, int], int] = {}  # pitches of tied notes, by letter and octave
        self.tuplet = (0, 0, 0)  # p, q, notes left
        self.broken: Fraction | None = None  # what the next note is multiplied by
        self.grace = self.chord = False


def timed(
    tokens: Sequence[Token], *, unit: Fraction, metre: str, key: Key, fail: Fail
) -> list[Bar]:
    """The bars of a tune with their events; `fail` is called with what is wrong."""
    run = _Run(unit, metre, key, fail)
    bars = [_bar(run, 1, tokens[0].line if tokens else 0, "", 0)]
    previous: Event | None = None  # what > lengthens
    event: Event | None = None
    for at, token in enumerate(tokens):
        kind, bar = token.kind, bars[-1]
        if kind == "note":
            sign, length = _note(run, token)
            if run.chord:
                assert event is not None
                if not event.signs and not run.grace:
                    event.duration = _duration(run, event, length)
                event.signs.append(sign)
                continue
            event = Event(at, _NONE, [sign], grace=run.grace)
            bar.events.append(event)
            if not run.grace:
                event.duration = _duration(run, event, length)
                previous = event
        elif kind == "rest":
            event = Event(at, _NONE, grace=run.grace)
            if not run.grace:
                event.duration = _duration(run, event, parts("a" + token.text[1:])[3])
            bar.events.append(event)
            previous = event
        elif kind == "open":
            event, run.chord = Event(at, _NONE, grace=run.grace), True
            bar.events.append(event)
        elif kind == "close":
            run.chord = False
            previous = event
        elif kind == "tie":
            if event is None or not event.signs:
                fail("a tie - without a note before it", "a note, then -", token.line)
            event.tied = True
            for sign in event.signs:
                run.held[sign.letter, sign.octave] = sign.pitch
        elif kind == "broken":
            _break(run, previous, token)
        elif kind == "tuplet":
            if run.tuplet[2]:
                fail("a tuplet within a tuplet", _notes_left(run), token.line)
            run.tuplet = tuplet_of(token.text, run.metre)
        elif kind == "grace":
            run.grace = token.text == "{"
        elif kind == "wholes":
            due = bar.due or Fraction(1)
            bar.events.append(Event(at, due * int(token.text[1:] or 1)))
        elif kind in ("bar", "ending"):
            if run.tuplet[2] or run.broken is not None:
                wanted = "a note behind > or <" if run.broken is not None else _notes_left(run)
                fail(f"a bar line too soon: {token.text}", wanted, token.line)
            run.signs = {}
            if kind == "bar" and not bar.events and bar.ending == "":
                bar.begins = token.text if bar.begins in ("", "|") else bar.begins
                bar.first = at + 1
                continue
            if kind == "ending" and not bar.events:
                bar.ending, bar.first = token.text[1:], at + 1
                continue
            bar.ends = token.text
            bars.append(_bar(run, len(bars) + 1, token.line, token.text, at + 1))
            if kind == "ending":
                bars[-1].ending = token.text[1:]
        elif kind == "field":
            _field(run, bar, token)
            if token.text[1] == "P" and not bar.events and len(bars) > 1 and bars[-2].ends == "|":
                bars[-2].ends = bar.begins = "||"  # a part begins
    if run.tuplet[2]:
        fail("a tuplet that is not full", _notes_left(run), tokens[-1].line)
    return _measured(bars)


def _bar(run: _Run, number: int, line: int, begins: str, first: int) -> Bar:
    metre = parse_metre(run.metre)
    assert not isinstance(metre, str)
    return Bar(number, line, metre.length, begins=begins, first=first, key=run.key)


def _measured(bars: list[Bar]) -> list[Bar]:
    """With their lengths; what is behind the last bar line and sounds nothing is no bar."""
    if len(bars) > 1 and not bars[-1].events:
        bars.pop()
    for bar in bars:
        bar.length = sum((event.duration for event in bar.events), _NONE)
    return bars


@lru_cache(4096)
def parts(text: str) -> tuple[str, str, int, Fraction]:
    """Accidental, letter, octave and length in units of a note."""
    match = NOTE.fullmatch(text)
    assert match is not None
    length = length_of(match, 4)
    assert length is not None
    return match[1] or "", match[2].upper(), octave_of(match), length


@lru_cache(4096)
def _times(length: Fraction, unit: Fraction, above: int, below: int) -> Fraction:
    return length * unit * Fraction(above, below)


def _note(run: _Run, token: Token) -> tuple[Sign, Fraction]:
    accidental, letter, octave, length = parts(token.text)
    natural = 12 * (octave + 1) + STEPS[letter]
    held = run.held.pop((letter, octave), None) if not run.grace else None
    if accidental:
        run.signs[letter] = ACCIDENTALS[accidental]
    if held is not None and not accidental:
        pitch = held
    else:
        pitch = natural + run.signs.get(letter, run.key.signature[LETTERS.index(letter)])
    if not run.grace and not run.chord:
        run.held.clear()
    if not 0 <= pitch <= 127:
        run.fail(f"{token.text} is out of reach", "notes of MIDI, from C,,,,, on", token.line)
    return Sign(letter, octave, accidental, pitch), length


def _duration(run: _Run, event: Event, length: Fraction) -> Fraction:
    p, q, left = run.tuplet
    if left:
        event.tuplet = p
        run.tuplet = (p, q, left - 1)
    found = _times(length, run.unit, q if left else 1, p if left else 1)
    if run.broken is not None:
        found *= run.broken
        run.broken = None
    return found


def _break(run: _Run, previous: Event | None, token: Token) -> None:
    if previous is None or run.broken is not None or run.grace:
        run.fail(f"{token.text} without a note before it", "a note, then > or <", token.line)
    part = BROKEN[len(token.text)]
    longer = token.text[0] == ">"
    previous.duration *= 1 + part if longer else 1 - part
    run.broken = 1 - part if longer else 1 + part


def _field(run: _Run, bar: Bar, token: Token) -> None:
    value = token.text[3:-1]
    if token.text[1] == "K":
        key = parse_key(value)
        assert not isinstance(key, str)
        run.key = key
        if not bar.events:
            bar.key = key
    elif token.text[1] == "M":
        metre = parse_metre(value)
        assert not isinstance(metre, str)
        run.metre = metre.text
        bar.due = metre.length
    elif token.text[1] == "L":
        run.unit = Fraction(value)


def _notes_left(run: _Run) -> str:
    left = run.tuplet[2]
    return f"{left} more note{'s' if left != 1 else ''} of the tuplet"
