"""Where in a tune its writer is, and what each token of a vocabulary is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, NoReturn

from clew.data._abc_lexer import Kind, Lexer
from clew.data._abc_timing import parts
from clew.errors import InputError


@dataclass(frozen=True, slots=True)
class State:
    """Where in a tune one is; `bars` are full so far; `done`: the end was taken.

    phase: ticks of this bar that are over; pickup: where in a bar the tune began, -1 until its
    first bar line; section: where in a bar its section began, -1 for "with the pickup".
    """

    phase: int = 0
    bars: int = 0
    pickup: int = -1
    section: int = -1
    fresh: bool = True  # no bar of this section is full yet
    repeat: bool = False  # |: is open
    ending: int = 0  # 1 or 2 within [1 or [2
    wants: str = "any"  # "second" for [2, "end", "done"
    line: bool = True  # right behind a bar line, or at the start
    note: bool = False  # right behind a note, which - and > can join to the next
    length: int = 0  # ticks as written of that note
    name: str = ""  # of that note, or of the note that is tied: accidental, letter, octave
    tie: bool = False
    broken: int = 0  # ticks that the next note must have
    tuplet: tuple[int, int, int] = (0, 0, 0)  # p, q, notes left
    chord: int = 0  # notes in the open chord + 1
    grace: int = 0  # notes in the open group + 1
    graced: bool = False
    symbol: bool = False
    decorations: int = 0
    slur: bool = False

    @property
    def done(self) -> bool:
        """Whether the end of the tune was taken."""
        return self.wants == "done"


class Entry(NamedTuple):
    """A token of the vocabulary: ticks are those of a note or rest as it is written."""

    kind: Kind | str
    text: str
    ticks: int
    name: str  # of a note: accidental, letter, octave


def lexed_token(text: str, metre: str) -> tuple[Kind | str, str, Fraction]:
    """Kind, text and length in units of a token; the kind is "" for what is no notation."""
    lexer = Lexer(_refuse, metre)
    try:
        lexer.line(text, 0)
    except InputError:
        single = {"]": "close", "}": "grace"}.get(text, "")
        return single, text, Fraction(0)
    if len(lexer.tokens) != 1 or lexer.tokens[0].text != text:
        return "", text, Fraction(0)
    kind = lexer.tokens[0].kind
    if kind == "note":
        return kind, text, parts(text)[3]
    if kind == "rest":
        return kind, text, parts("a" + text[1:])[3]
    return kind, text, Fraction(0)


def _refuse(what: str, expected: str, line: int) -> NoReturn:
    raise InputError(what, expected=expected)


def pitch_name(kind: Kind | str, text: str) -> str:
    """A note without its length."""
    return text.rstrip("0123456789/") if kind == "note" else ""
