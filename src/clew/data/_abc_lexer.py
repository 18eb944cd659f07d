"""The notation of ABC 2.1 cut into tokens, each spelt in one way only.

"a6/4" and "a3/2", "a//" and "a/4", ":||:" and "::", "C|1" and "C|[1" are the same music, so they
become the same tokens. Spaces, line ends, comments and beams are layout and leave no token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NoReturn, TypeAlias

from clew.data._abc_key import parse_key, parse_metre, parse_unit

Kind: TypeAlias = Literal[
    "note", "rest", "wholes", "bar", "ending", "symbol", "text", "open", "close", "tuplet", "tie",
    "slur", "grace", "broken", "decoration", "field",
]  # fmt: skip
Fail: TypeAlias = Callable[[str, str, int], NoReturn]  # what is wrong, what was expected, line


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of notation: what it is, how it is written, and the line of the file."""

    kind: Kind
    text: str
    line: int = 0


LENGTH = r"(\d*)(/*)(\d*)"
NOTE = re.compile(r"(\^\^|\^|__|_|=)?([A-Ga-g])([,']*)" + LENGTH)
_REST = re.compile(r"([zx])" + LENGTH)
_TUPLET = re.compile(r"\(\s*(\d)(?::(\d?))?(?::(\d?))?(?![\d:])")
_BAR = re.compile(r"\.?(?::*\|[|:]*\]?|\[\|[:\]]?|::+)")
_ENDING = re.compile(r"\[\s*(\d+(?:[,.\-]\s*\d+)*)")
_LATE_ENDING = re.compile(r"\d+(?:[,.\-]\d+)*")  # right behind a bar line
_FIELD = re.compile(r"\[([A-Za-z]):([^\]]*)\]")
_DECORATION = re.compile(r"!([^!\s|]+)!|\+([a-zA-Z0-9.<>()]+)\+|([~.HJLMOPRSTuv])")
_LAYOUT = re.compile(r"[ \t`$*]+|y\d*")
_SPELT = re.compile(r"!([~.HJLMOPRSTuv])!")

# How many notes of a tuplet sound in the time of how many; None: 3 in compound metres, else 2.
_TUPLETS: dict[int, int | None] = {
    2: 3, 3: 2, 4: 3, 5: None, 6: 2, 7: None, 8: 3, 9: None,
}  # fmt: skip
# Fields that say how the music sounds; others are words about it.
SOUNDING = "KML"
_WORDS = "PQRNT"  # kept as tokens where they stand in the tune; all others are left out there


def length_of(match: re.Match[str], first: int) -> Fraction | None:
    """The length in units that groups `first` to `first` + 2 of a match of LENGTH name."""
    above, slashes, below = match.group(first, first + 1, first + 2)
    if (below and not slashes) or len(slashes) > (1 if below else 6) or len(above + below) > 6:
        return None
    divisor = int(below) if below else 1 << len(slashes)
    times = int(above or 1)
    return Fraction(times, divisor) if times and divisor else None


def spelt_length(length: Fraction) -> str:
    """A length as it stands behind a note: "", "2", "/2", "3/2"."""
    above = "" if length.numerator == 1 else str(length.numerator)
    return above if length.denominator == 1 else f"{above}/{length.denominator}"


def default_tuplet(notes: int, metre: str) -> int | None:
    """In the time of how many notes `notes` of a tuplet sound where it is not said."""
    if notes not in _TUPLETS:
        return None
    found = _TUPLETS[notes]
    if found is None:
        beats = metre.partition("/")[0]
        found = 3 if beats.isdigit() and int(beats) % 3 == 0 and int(beats) > 3 else 2
    return found


def tuplet_of(text: str, metre: str) -> tuple[int, int, int]:
    """p notes in the time of q, for the next r of them, of a token such as "(3" or "(3:2:2"."""
    parts = [*text[1:].split(":"), "", ""]
    p = int(parts[0])
    q = int(parts[1] or 0) or default_tuplet(p, metre) or 0
    return p, q, int(parts[2] or 0) or p


class Lexer:
    """Cuts lines of one tune into tokens, line after line.

    fail: is called with what is wrong, what was expected, and the line, and must raise.
    """

    def __init__(self, fail: Fail, metre: str) -> None:
        self.tokens: list[Token] = []
        self._fail = fail
        self._metre = metre
        self._voice = ""
        self._chord: int | None = None  # where the chord that is open began

    def field(self, letter: str, value: str, line: int) -> None:
        """A field within the tune, on a line of its own or in brackets."""
        value = value.strip()
        if letter in SOUNDING:
            value = self._sounding(letter, value, line)
        elif letter == "V":
            self._voice = self._voice or value
            if value.split()[:1] != self._voice.split()[:1]:
                self._fail("a second voice (V:)", "tunes of one voice", line)
            return
        elif letter not in _WORDS:
            return
        self.tokens.append(Token("field", f"[{letter}:{value.replace(']', ')')}]", line))

    def _sounding(self, letter: str, value: str, line: int) -> str:
        """The value of a field K:, M: or L: in its one spelling."""
        key, metre, unit = parse_key(value), parse_metre(value), parse_unit(value)
        if letter == "K" and not isinstance(key, str):
            return key.name
        if letter == "M" and not isinstance(metre, str):
            self._metre = metre.text
            return metre.text
        if letter == "L" and not isinstance(unit, str):
            return str(unit)
        wrong = {"K": key, "M": metre, "L": unit}[letter]
        return self._fail(str(wrong), f"a field such as {_EXAMPLE[letter]}", line)

    def line(self, text: str, line: int) -> None:
        """A line of music."""
        at = 0
        while at < len(text):
            if text[at] == "%":
                return
            if text[at] == "\\":
                if text[at + 1 :].partition("%")[0].strip():
                    self._fail(f"cannot read {text[at:][:12]!r}", "\\ only at the end", line)
                return
            at = self._token(text, at, line)

    def finish(self, line: int) -> None:
        """The tune ends here."""
        if self._chord is not None:
            self._fail("a chord [ that is not closed", "]", line)
        if sum((t.text == "{") - (t.text == "}") for t in self.tokens if t.kind == "grace"):
            self._fail("grace notes { that are not closed", "}", line)

    def _add(self, kind: Kind, text: str, line: int) -> None:
        self.tokens.append(Token(kind, text, line))

    def _token(self, text: str, at: int, line: int) -> int:
        """Takes what begins at `at`; where it ends."""
        match: re.Match[str] | None
        if match := _LAYOUT.match(text, at):
            return match.end()
        if match := NOTE.match(text, at):
            spelt = _spelt(match[0])
            if spelt is None:
                self._no_length(match[0], line)
            self._add("note", spelt, line)
        elif match := _BAR.match(text, at):
            self._bar(match[0].lstrip("."), line)
            if late := _LATE_ENDING.match(text, match.end()):
                self._add("ending", "[" + late[0], line)
                return late.end()
        elif match := re.compile(r'"([^"]*)"').match(text, at):
            self._quoted(match[1].strip(), line)
        elif match := _FIELD.match(text, at):
            if match[1] in "KMLPQRNTV":
                self.field(match[1], match[2], line)
        elif match := _ENDING.match(text, at):
            self._add("ending", "[" + re.sub(r"\s", "", match[1]), line)
        elif match := _TUPLET.match(text, at):
            self._tuplet(match, line)
        elif match := _REST.match(text, at):
            length = length_of(match, 2)
            if length is None:
                self._no_length(match[0], line)
            self._add("rest", match[1] + spelt_length(length), line)
        else:
            return self._sign(text, at, line)
        return match.end()

    def _sign(self, text: str, at: int, line: int) -> int:
        """Takes one of the short signs."""
        sign = text[at]
        pair = text[at : at + 2]
        match: re.Match[str] | None
        if sign == "[":
            if self._chord is not None:
                self._fail("a chord [ within a chord", "]", line)
            self._chord = len(self.tokens)
            self._add("open", "[", line)
        elif sign == "]":
            return self._close(text, at, line)
        elif pair in (".(", ".-"):
            self._add("slur" if pair == ".(" else "tie", pair[1], line)
            return at + 2
        elif sign in "()":
            self._add("slur", sign, line)
        elif sign == "-":
            self._add("tie", sign, line)
        elif sign in "{}":
            self._add("grace", sign, line)
            return at + 2 if pair == "{/" else at + 1
        elif match := re.compile(r">{1,3}|<{1,3}").match(text, at):
            self._add("broken", match[0], line)
            return match.end()
        elif match := re.compile(r"[ZX](\d{0,3})(?!\d)").match(text, at):
            self._add("wholes", "Z" + ("" if match[1] in ("", "1") else match[1]), line)
            return match.end()
        elif match := _DECORATION.match(text, at):
            name = match[1] or match[2]
            self._add("decoration", match[3] or _SPELT.sub(r"\1", f"!{name}!"), line)
            return match.end()
        else:
            end = min(len(text), at + 8)
            what = "another voice (&)" if sign == "&" else f"cannot read {text[at:end]!r}"
            self._fail(what, _expected(sign), line)
        return at + 1

    def _no_length(self, text: str, line: int) -> NoReturn:
        self._fail(f"no length of a note: {text!r}", "a length such as 2, /2 or 3/2", line)

    def _quoted(self, inner: str, line: int) -> None:
        if inner and inner[0] in "^_<>@":
            self._add("text", f'"{inner}"', line)
        elif inner:
            self._add("symbol", '"' + re.sub(r"\s+", "", inner) + '"', line)

    def _tuplet(self, match: re.Match[str], line: int) -> None:
        p = int(match[1])
        usual = default_tuplet(p, self._metre)
        q, r = int(match[2] or 0) or usual, int(match[3] or 0) or p
        if q is None:
            self._fail(f"a tuplet of {p} notes", "(2 to (9, or (p:q:r", line)
        plain = q == usual and r == p
        self._add("tuplet", f"({p}" if plain else f"({p}:{q}:{r}", line)

    def _bar(self, text: str, line: int) -> None:
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.kind == "bar":  # "|" at the end of a line and "|:" on the next
            self.tokens[-1] = Token("bar", _joined(last.text, canonical_bar(text)), line)
        else:
            self._add("bar", canonical_bar(text), line)

    def _close(self, text: str, at: int, line: int) -> int:
        """The end of a chord: the length behind it belongs to each of its notes."""
        if self._chord is None:
            self._fail("a ] that closes nothing", "a chord such as [CEG]", line)
        first, self._chord = self._chord, None
        inside = self.tokens[first + 1 :]
        if not any(token.kind == "note" for token in inside):
            self._fail("a chord without notes", "a chord such as [CEG]", line)
        match = re.compile(LENGTH).match(text, at + 1)
        assert match is not None
        times = length_of(match, 1)
        if times is None:
            self._fail(f"no length of a chord: {match[0]!r}", "a length such as 2 or /2", line)
        for i, token in enumerate(inside, first + 1):
            if token.kind not in ("note", "tie", "decoration"):
                self._fail(f"{token.text!r} in a chord", "notes only between [ and ]", line)
            if token.kind == "note" and times != 1:
                self.tokens[i] = Token("note", _times(token.text, times), token.line)
        self._add("close", "]", line)
        return match.end()


_EXAMPLE = {"K": "K:G or K:Ador", "M": "M:6/8", "L": "L:1/8"}


def _expected(sign: str) -> str:
    if sign == '"':
        return 'a chord symbol such as "Am", with both quotation marks'
    return "one voice" if sign == "&" else "notes, bar lines and signs of ABC 2.1"


@lru_cache(4096)
def _spelt(note: str) -> str | None:
    """A note in its one spelling; None if it has no length."""
    match = NOTE.fullmatch(note)
    assert match is not None
    length = length_of(match, 4)
    if length is None:
        return None
    return (match[1] or "") + spelt_pitch(match[2], octave_of(match)) + spelt_length(length)


def octave_of(match: re.Match[str]) -> int:
    """The octave of a note; that of middle C is 4."""
    return 4 + match[2].islower() + match[3].count("'") - match[3].count(",")


def spelt_pitch(letter: str, octave: int) -> str:
    """A letter and its octave as ABC writes them: "C," is 3, "C" 4, "c" 5, "c'" 6."""
    if octave > 4:
        return letter.lower() + "'" * (octave - 5)
    return letter.upper() + "," * (4 - octave)


def _times(note: str, times: Fraction) -> str:
    match = NOTE.fullmatch(note)
    assert match is not None
    length = length_of(match, 4)
    assert length is not None
    return "".join((match[1] or "", match[2], match[3], spelt_length(length * times)))


def canonical_bar(text: str) -> str:
    """One of | || |] [| |: :| :: for a run of bar lines and colons."""
    closes = text.startswith(":") or "::" in text
    opens = text.endswith(":") or "::" in text or (":" in text and not closes)
    if closes or opens:
        return "::" if closes and opens else ":|" if closes else "|:"
    if text.startswith("["):
        return "[|"
    return "|]" if text.endswith("]") else "||" if len(text) > 1 else "|"


def _joined(first: str, second: str) -> str:
    """One bar line for two with nothing between."""
    closes = ":|" in (first, second) or "::" in (first, second)
    opens = "|:" in (first, second) or "::" in (first, second)
    if closes or opens:
        return "::" if closes and opens else ":|" if closes else "|:"
    return first if second == "|" else second


def notes_in(tokens: list[Token] | tuple[Token, ...]) -> Iterator[re.Match[str]]:
    """The parts (accidental, letter, octave, length) of each note."""
    for token in tokens:
        if token.kind == "note":
            match = NOTE.fullmatch(token.text)
            assert match is not None
            yield match
