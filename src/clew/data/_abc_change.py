"""A tune in another unit of length, and in another key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from clew.data._abc_key import ACCIDENTALS, LETTERS, SIGNS, STEPS, Key, key_at, parse_key
from clew.data._abc_lexer import NOTE, Token, length_of, spelt_length, spelt_pitch
from clew.errors import InputError

_CHORD = re.compile(r"(\"\(?)([A-G])([#b+]?)(.*?)(?:/([A-Ga-g])([#b+]?))?(\)?\")")


def in_unit(tokens: Sequence[Token], unit: Fraction, wanted: Fraction) -> tuple[Token, ...]:
    """Tokens with lengths in `wanted` instead of `unit`, without changes of the unit between."""
    found: list[Token] = []
    for token in tokens:
        if token.kind == "field" and token.text[1] == "L":
            unit = Fraction(token.text[3:-1])
        elif token.kind in ("note", "rest") and unit != wanted:
            head = re.match(r"(\^\^|\^|__|_|=)?[A-Ga-gzx][,']*", token.text)
            match = NOTE.fullmatch("a" + token.text[head.end() :]) if head else None
            assert head is not None
            assert match is not None
            length = length_of(match, 4)
            assert length is not None
            found.append(replace(token, text=head[0] + spelt_length(length * unit / wanted)))
        else:
            found.append(token)
    return tuple(found)


class _Shift:
    """From one key to another: how far on the staff, and between which signatures."""

    def __init__(self, key: Key, semitones: int, where: str) -> None:
        if key.tonic is None or " " in key.name or key.name in ("HP", "Hp"):
            raise InputError(
                f"a tune in the key {key.name!r} cannot be transposed", where=where,
                expected="a key with a tonic and a mode",
            )  # fmt: skip
        self.semitones = semitones
        self.old, self.new = key, key_at(key.tonic + semitones, key.mode)
        before, after = key.name[0], self.new.name[0]
        low = STEPS[before] + _sign(key.name[1:2]) + semitones  # the new tonic above C4
        octave, rest = divmod(low - STEPS[after] - _sign(self.new.name[1:2]), 12)
        assert rest == 0
        self.steps = LETTERS.index(after) - LETTERS.index(before) + 7 * octave

    def note(self, token: Token, where: str) -> Token:
        """A note higher or lower."""
        match = NOTE.fullmatch(token.text)
        assert match is not None
        index = LETTERS.index(match[2].upper())
        octave = 4 + match[2].islower() + match[3].count("'") - match[3].count(",")
        raised, place = divmod(index + self.steps, 7)
        sign = ""
        if match[1]:
            height = ACCIDENTALS[match[1]] - self.old.signature[index] + self.new.signature[place]
            if height not in SIGNS:
                raise InputError(f"{token.text} cannot be spelt in {self.new.name}", where=where)
            sign = SIGNS[height]
        pitch = spelt_pitch(LETTERS[place], octave + raised)
        return replace(token, text=sign + pitch + "".join(match.group(4, 5, 6)))

    def symbol(self, token: Token) -> Token:
        """A chord symbol higher or lower; one that names no chord stays as it is."""
        match = _CHORD.fullmatch(token.text)
        if match is None:
            return token
        before, letter, sign, kind, bass, bass_sign, after = match.groups()
        text = before + self._root(letter, sign) + kind
        if bass:
            low = self._root(bass.upper(), bass_sign)
            text += "/" + (low.lower() if bass.islower() else low)
        return replace(token, text=text + after)

    def _root(self, letter: str, sign: str) -> str:
        index = LETTERS.index(letter)
        place = (index + self.steps) % 7
        height = STEPS[letter] + _sign(sign) + self.semitones - STEPS[LETTERS[place]]
        height = (height + 6) % 12 - 6
        if abs(height) > 1:  # a simpler name for it
            pitch = (STEPS[letter] + _sign(sign) + self.semitones) % 12
            names = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
            return names[pitch]
        return LETTERS[place] + {-1: "b", 0: "", 1: "+" if sign == "+" else "#"}[height]


def _sign(text: str) -> int:
    return {"#": 1, "+": 1, "b": -1}.get(text, 0)


def transposed(
    tokens: Sequence[Token], key: Key, semitones: int, where: str
) -> tuple[Key, tuple[Token, ...]]:
    """The new key and the tokens, `semitones` higher."""
    shift = first = _Shift(key, semitones, where)
    found: list[Token] = []
    for token in tokens:
        if token.kind == "note":
            token = shift.note(token, where)
        elif token.kind == "symbol":
            token = shift.symbol(token)
        elif token.kind == "field" and token.text[1] == "K":
            change = parse_key(token.text[3:-1])
            assert not isinstance(change, str)
            shift = _Shift(change, semitones, where)
            token = replace(token, text=f"[K:{shift.new.name}]")
        found.append(token)
    return first.new, tuple(found)
