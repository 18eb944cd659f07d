"""What the fields of ABC say in numbers: keys as signatures, metres and lengths as fractions."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

LETTERS = "CDEFGAB"
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}  # semitones above C
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
SIGNS = {value: sign for sign, value in ACCIDENTALS.items()}

_SHARPS = "FCGDAEB"  # the order in which sharps are added; flats come from its end
_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}  # sharps of each major key
# How many sharps fewer than the major key on the same tonic, and how the mode is written.
_MODES = {
    "maj": (0, ""),
    "ion": (0, ""),
    "mix": (1, "mix"),
    "dor": (2, "dor"),
    "min": (3, "m"),
    "aeo": (3, "m"),
    "phr": (4, "phr"),
    "loc": (5, "loc"),
    "lyd": (-1, "lyd"),
}
_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)\s*(.*)", re.DOTALL)
_EXTRA = re.compile(r"(\^\^|__|[\^_=])([A-Ga-g])")
_CLEF = re.compile(r"\s*(clef\s*=\s*)?\"?(treble|bass|alto|tenor|perc|none)[-+0-9]*\"?(?=\s|$)")
_OPTION = re.compile(r"\s*(clef|middle|stafflines|staffscale|style|name|nm|sname)=(\"[^\"]*\"|\S+)")


class Key(NamedTuple):
    """A key: its canonical name ("D", "Am", "Ador", "D ^g") and what it does to each letter."""

    name: str
    tonic: int | None  # semitones above C
    mode: str  # "", "m", "mix", "dor", "phr", "loc", "lyd"
    signature: tuple[int, ...]  # (7,) semitones for C D E F G A B

    @property
    def sharps(self) -> int:
        """Sharps of the signature, flats as a negative number."""
        return sum(self.signature)


def _signed(fifths: int) -> list[int]:
    found = [0] * 7
    for i in range(abs(fifths)):
        letter = _SHARPS[i % 7] if fifths > 0 else _SHARPS[6 - i % 7]
        found[LETTERS.index(letter)] += 1 if fifths > 0 else -1
    return found


@lru_cache(256)
def parse_key(text: str) -> Key | str:
    """The key that the text of a K: field names, or what is wrong with it."""
    text = _OPTION.sub("", " " + text).strip()
    text = _CLEF.sub("", " " + text).strip()
    if text.lower() in ("", "none"):
        return Key("none", None, "", (0,) * 7)
    if text[:2] in ("HP", "Hp"):  # the pipes: both play f and c sharp; HP writes no signature
        return Key(text[:2], 9, "mix", tuple(_signed(2)))
    match = _KEY.fullmatch(text)
    if match is None:
        return f"there is no key {text!r}"
    letter, sign, word, rest = match.groups()
    mode = {"": "maj", "m": "min", "M": "maj"}.get(word, word[:3].lower())
    if word.lower() == "exp":
        mode = "maj"
    if mode not in _MODES:
        return f"there is no mode {word!r}"
    fewer, written = _MODES[mode]
    fifths = _FIFTHS[letter] + {"#": 7, "b": -7, "": 0}[sign] - fewer
    if abs(fifths) > 11:
        return f"there is no key {text!r}"
    signature = [0] * 7 if word.lower() == "exp" else _signed(fifths)
    extras = []
    for part in rest.split():
        extra = _EXTRA.fullmatch(part)
        if extra is None:
            return f"{part!r} in the key {text!r}"
        signature[LETTERS.index(extra[2].upper())] = ACCIDENTALS[extra[1]]
        extras.append(extra[1] + extra[2].lower())
    spelt = " exp" if word.lower() == "exp" else written
    name = " ".join([letter + sign + spelt, *extras])
    tonic = (STEPS[letter] + {"#": 1, "b": -1, "": 0}[sign]) % 12
    return Key(name, tonic, written, tuple(signature))


def key_at(tonic: int, mode: str) -> Key:
    """The key of a mode on `tonic` (semitones above C) with the fewest signs, rather sharps."""
    found = [
        key
        for letter in LETTERS
        for sign in ("", "#", "b")
        if isinstance(key := parse_key(letter + sign + mode), Key) and key.tonic == tonic % 12
    ]
    return min(found, key=lambda key: (abs(key.sharps), -key.sharps))


class Metre(NamedTuple):
    """A metre: its canonical text ("6/8", "none") and the length of its bar in whole notes."""

    text: str
    length: Fraction | None


_METRE = re.compile(r"\(?\s*(\d+(?:\s*\+\s*\d+)*)\s*\)?\s*/\s*(\d+)")


@lru_cache(256)
def parse_metre(text: str) -> Metre | str:
    """The metre that the text of an M: field names, or what is wrong with it."""
    text = text.strip()
    if text.lower() in ("none", ""):
        return Metre("none", None)
    text = {"C": "4/4", "C|": "2/2"}.get(text, text)
    match = _METRE.fullmatch(text)
    beats = [int(part) for part in match[1].split("+")] if match else []
    if match is None or not 0 < sum(beats) <= 64 or int(match[2]) not in (1, 2, 4, 8, 16, 32):
        return f"there is no metre {text!r}"
    spelt = str(beats[0]) if len(beats) == 1 else "(" + "+".join(map(str, beats)) + ")"
    return Metre(f"{spelt}/{match[2]}", Fraction(sum(beats), int(match[2])))


def parse_unit(text: str) -> Fraction | str:
    """The unit of length that the text of an L: field names, or what is wrong with it."""
    match = re.fullmatch(r"(\d{1,3})(?:\s*/\s*(\d{1,3}))?", text.strip())
    if match is None or int(match[1]) == 0 or int(match[2] or 1) == 0:
        return f"there is no length {text.strip()!r}"
    return Fraction(int(match[1]), int(match[2] or 1))


def default_unit(metre: Fraction | None) -> Fraction:
    """The unit of length where no L: field says one: 1/16 for metres below 3/4, else 1/8."""
    return Fraction(1, 16) if metre is not None and metre < Fraction(3, 4) else Fraction(1, 8)


def beat(metre: str) -> Fraction | None:
    """The length of a beat: notes within one are written together. 6/8: 3/8; 4/4: 1/2."""
    if metre == "none":
        return None
    if metre == "4/4":
        return Fraction(1, 2)
    beats, _, unit = metre.rpartition("/")
    if beats.isdigit() and int(beats) % 3 == 0 and (int(beats) > 3 or int(unit) >= 8):
        return Fraction(3, int(unit))
    return Fraction(1, min(4, int(unit)))
