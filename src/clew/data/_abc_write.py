"""The tokens of a tune as lines of ABC: bars in a row, notes of a beat together."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from clew.data._abc_key import beat
from clew.data._abc_lexer import Token
from clew.data._abc_repeats import misfits
from clew.data._abc_timing import Bar, Event

_WIDTH = 76
_TRAILING = ("tie", "broken", "close")  # what stays with the note before it
_OWN_LINE = "TN"  # fields that may not stand in brackets


def write_body(tokens: Sequence[Token], bars: Sequence[Bar], metre: str) -> str:
    """The lines below the key; `bars` are those of the tokens."""
    events = {event.token: event for bar in bars for event in bar.events}
    starts = _starts(bars)
    length = beat(metre)
    lines: list[str] = []
    line = cell = ""  # what is written, and the bar that is being written
    position: Fraction | None = None  # in the bar, behind the last note
    chord: Event | None = None
    for at, token in enumerate(tokens):
        if token.text[:3] == "[M:":
            length = beat(token.text[3:-1])
        if token.kind == "field" and (token.text[1] in _OWN_LINE or not cell):
            lines += [line + cell] if line + cell else []
            lines.append(token.text[1:-1])
            line = cell = ""
            continue
        trailing = token.kind in _TRAILING or token.text == ")"
        if position is not None and not trailing and chord is None:
            if length is not None and position % length == 0 and token.kind != "bar":
                cell += " "
            position = None
        if cell.endswith(".") and token.text[0] == "(":
            cell += " "  # a dot and a tuplet, no dotted slur
        cell += ":||:" if token.text == "::" else token.text  # some readers stumble over ::
        event = events.get(at)
        if token.kind == "open":
            chord = event
        elif token.kind == "close":
            event, chord = chord, None
        if event is not None and chord is None and not event.grace:
            position = starts[event.token] + event.duration
        if token.kind == "bar":
            position = None
            if line and len(line) + len(cell) > _WIDTH:
                lines.append(line)
                line = ""
            line, cell = line + cell, ""
    lines += [line + cell] if line + cell else []
    return "".join(text + "\n" for text in lines)


def _starts(bars: Sequence[Bar]) -> dict[int, Fraction]:
    """When each event begins in its bar, by its token."""
    misfits(bars)  # says how much of each bar was over when it began
    found: dict[int, Fraction] = {}
    for bar in bars:
        now = bar.start
        for event in bar.events:
            found[event.token] = now
            now += event.duration
    return found
