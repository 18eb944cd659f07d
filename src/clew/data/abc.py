"""Tunes in ABC notation: files become tokens, exact durations and bars, and tunes become text.

What is read is ABC 2.1 of one voice, as collections of folk music write it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NoReturn

from clew.data import _abc_change, _abc_repeats, _abc_sound, _abc_timing
from clew.data._abc_files import FIELD, Lines, abc_files, tunes_of, uncommented
from clew.data._abc_key import Key, default_unit, parse_key, parse_metre, parse_unit
from clew.data._abc_lexer import Kind, Lexer, Token
from clew.data._abc_timing import Bar, Event
from clew.data._abc_write import write_body
from clew.data.notes import Notes
from clew.errors import InputError

__all__ = [
    "Bar", "Event", "Kind", "Token", "Tune",
    "bars", "check", "iter_tunes", "parse", "read_tunes", "sounding", "tune_of", "write",
    "write_tunes",
]  # fmt: skip


@dataclass(frozen=True)
class Tune:
    """A tune: the fields above its music, and its music as tokens, each spelt in one way only.

    fields: (letter, text) in the order of the file, such as ("T", "The Hen"); metre_text: "6/8", or
    "none" where it is free; key: "D", "Am", "Ador"; unit: the length of a note without a number
    behind it, in whole notes; path, line: where it begins.
    """

    fields: tuple[tuple[str, str], ...]
    tokens: tuple[Token, ...]
    metre_text: str = "4/4"
    key: str = "C"
    unit: Fraction = Fraction(1, 8)
    path: str = ""
    line: int = 0

    @property
    def number(self) -> str:
        """Of the field X:."""
        return self.field("X") or ""

    @property
    def title(self) -> str:
        """Of the first field T:, which may be missing."""
        return self.field("T") or ""

    @property
    def metre(self) -> Fraction | None:
        """The length of a bar in whole notes; None in free metre."""
        found = parse_metre(self.metre_text)
        assert not isinstance(found, str)
        return found.length

    @property
    def music(self) -> tuple[str, ...]:
        """The texts of the tokens to learn from: notation with its changes of key and metre.

        Words about the music are left out, and lengths are in `unit` throughout.
        """
        return tuple(
            token.text
            for token in _abc_change.in_unit(self.tokens, self.unit, self.unit)
            if token.kind != "text" and (token.kind != "field" or token.text[1] in "KM")
        )

    def field(self, letter: str) -> str | None:
        """The text of the first field of that letter; None where there is none."""
        return next((value for name, value in self.fields if name == letter), None)

    def place(self) -> str:
        """Where it stands: file:line, tune number and title."""
        name = f"tune {self.number} {self.title}".strip()
        return f"{self.path}:{self.line}, {name}" if self.path else name

    def in_unit(self, unit: Fraction) -> Tune:
        """The same tune with its lengths written in another unit (L:), in whole notes."""
        return replace(self, tokens=_abc_change.in_unit(self.tokens, self.unit, unit), unit=unit)

    def transposed(self, semitones: int) -> Tune:
        """The same tune higher or lower, spelt as the key with the fewest signs has it.

        Raises InputError for a tune without a key, and for notes that leave the range of MIDI.
        """
        if semitones == 0:
            return self
        key, tokens = _abc_change.transposed(self.tokens, _key(self.key), semitones, self.place())
        changed = replace(self, tokens=tokens, key=key.name)
        bars(changed)
        return changed

    def __str__(self) -> str:
        return write(self)


def iter_tunes(
    path: str | Path,
    *,
    observe: Callable[[bytes], Any] | None = None,
    failed: Callable[[InputError], Any] | None = None,
) -> Iterator[Tune]:
    """The tunes of a file, or of the .abc files in a folder, one by one.

    `observe` is called with the bytes as they are read. Raises InputError that names file, line
    and tune for whatever does not parse; with `failed`, a tune that does not parse, or a file that
    is no text, is left out and its error given to `failed`.
    """
    for file in abc_files(path):
        try:
            for defaults, lines, stray in tunes_of(file, observe):
                try:
                    tune = _tune(lines, str(file), defaults, stray)
                except InputError as error:
                    if failed is None:
                        raise
                    failed(error)
                    continue
                yield tune
        except InputError as error:
            if failed is None:
                raise
            failed(error)


def read_tunes(path: str | Path, *, errors: Literal["raise", "skip"] = "raise") -> list[Tune]:
    """All tunes of a file or folder, see `iter_tunes`; "skip" leaves out what does not parse."""
    if errors not in ("raise", "skip"):
        raise InputError(f"errors={errors!r}", expected='"raise" or "skip"')
    left_out: list[InputError] = []
    return list(iter_tunes(path, failed=left_out.append if errors == "skip" else None))


def parse(
    text: str, *, where: str = "", metre: str = "4/4", key: str = "C", unit: Fraction | None = None
) -> Tune:
    """One tune from a text; a fragment without X: and K: is music in `metre`, `key` and `unit`."""
    lines = list(enumerate(text.splitlines(), 1))
    starts = [number for number, line in lines if line.startswith("X:")]
    if len(starts) > 1:
        raise InputError(
            f"{len(starts)} tunes where one is wanted", where=f"{where or 'text'}:{starts[1]}"
        )
    if not any(line[:2] == "K:" for _, line in lines):
        fields = [
            line for line in lines if FIELD.match(line[1]) and line[1][0] not in "ABCDEFGabcdefg"
        ]
        given = "".join(line[0] for _, line in fields)
        usual = (("X", "1"), ("M", metre), ("L", unit))
        header = [(1, f"{k}:{v}") for k, v in usual if v is not None and k not in given]
        lines = [*header, *fields, (1, f"K:{key}"), *(x for x in lines if x not in fields)]
    return _tune([(n, x.rstrip()) for n, x in lines if x.strip()], where, [])


def tune_of(
    tokens: Iterable[str],
    *,
    metre: str,
    unit: Fraction,
    key: str,
    title: str = "",
    number: int = 1,
    fields: Iterable[tuple[str, str]] = (),
) -> Tune:
    """A tune from the texts of its tokens; raises InputError if they do not parse."""
    header = [f"X:{number}", *([f"T:{title}"] if title else [])]
    header += [f"{letter}:{value}" for letter, value in fields]
    header += [f"M:{metre}", f"L:{unit}", f"K:{key}"]
    return parse("\n".join([*header, " ".join(tokens)]))


def bars(tune: Tune) -> list[Bar]:
    """The bars of a tune as they are written, each with its length, its due length, its events."""
    return _abc_timing.timed(
        tune.tokens, unit=tune.unit, metre=tune.metre_text, key=_key(tune.key), fail=_failing(tune)
    )


def check(tune: Tune) -> list[str]:
    """What of a tune does not hold its metre, a line for each bar; empty where all of it does.

    The rule: played with its repeats, every plain bar line falls where a bar is full; a bar that
    a repeat, a double line, an ending or a new part cuts goes on behind it; a tune may begin with
    a pickup, and its last bar is whole or leaves room for the pickup of the tune or a section.
    """
    return _abc_repeats.misfits(bars(tune))


def sounding(tune: Tune, *, unfold: bool = True) -> Notes:
    """What a tune sounds like: its notes, track 0, and its chord symbols softly, track 1.

    unfold: with its repeats. The tempo is that of the field Q:, or usual for its metre.
    """
    found = re.search(r"(?:(\d+)/(\d+)\s*=\s*)?(\d+)\s*(?:\"[^\"]*\"\s*)?$", tune.field("Q") or "")
    tempo = None
    if found is not None and 0 < int(found[3]) <= 1000 and int(found[2] or 1) > 0:
        unit = Fraction(int(found[1]), int(found[2])) if found[1] else tune.unit
        tempo = float(int(found[3]) * unit * 4)
    notes = _abc_sound.sounding(tune.tokens, bars(tune), tune.metre_text, tempo, unfold)
    return replace(notes, keys=((0, tune.key),))


def write(tune: Tune) -> str:
    """A tune as text in ABC 2.1, from its line X: on; what is read back has the same tokens."""
    header = [(k, v) for k, v in tune.fields if k not in "XTMLK"]
    titles = [("T", v) for k, v in tune.fields if k == "T"]
    last = [("M", tune.metre_text), ("L", str(tune.unit)), ("K", tune.key)]
    every = [("X", tune.number or "1"), *titles, *header, *last]
    body = write_body(tune.tokens, bars(tune), tune.metre_text)
    return "".join(f"{letter}:{value}\n" for letter, value in every) + body


def write_tunes(tunes: Iterable[Tune], path: str | Path) -> None:
    """Tunes into a file of ABC, an empty line between them."""
    try:
        Path(path).write_text("\n".join(write(tune) for tune in tunes), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write: {error.strerror}", where=str(path)) from error


def _key(name: str) -> Key:
    found = parse_key(name)
    if isinstance(found, str):
        raise InputError(found, where="key", expected="a key such as G, Em or Ador")
    return found


def _failing(tune: Tune) -> Callable[[str, str, int], NoReturn]:
    return _failure(tune.path, f"tune {tune.number} {tune.title}".strip())


def _failure(path: str, name: str) -> Callable[[str, str, int], NoReturn]:
    def fail(what: str, expected: str, line: int) -> NoReturn:
        where = f"{path}:{line}, {name}" if path else f"line {line}, {name}"
        raise InputError(what, where=where, expected=expected)

    return fail


def _tune(lines: Lines, path: str, defaults: Lines, stray: int = 0) -> Tune:
    first = lines[0][0] if lines else 1
    fields: list[tuple[str, str]] = []
    said = {line[0]: (number, uncommented(line[2:]).strip()) for number, line in defaults}
    title = next((uncommented(x[2:]).strip() for _, x in lines if x.startswith("T:")), "")
    number = next((uncommented(x[2:]).strip() for _, x in lines if x.startswith("X:")), "?")
    fail = _failure(path, f"tune {number} {title}".strip())
    if stray:
        fail(
            "music behind an empty line, which ends a tune",
            "X: at the start of each tune, and no empty line within", stray,
        )  # fmt: skip
    body = len(lines)
    for i, (at, line) in enumerate(lines):
        text = uncommented(line)
        if not text.strip():
            continue
        match = FIELD.fullmatch(text)
        if match is None:
            fail("music before the key of the tune", "the field K: above the music", at)
        fields.append((match[1], match[2].strip()))
        if match[1] in "MLK":
            said[match[1]] = (at, match[2].strip())
        if match[1] == "K":
            body = i + 1
            break
    if "K" not in said:
        fail("the tune has no key", "a field such as K:G as the last above the music", first)
    metre = parse_metre(said.get("M", (first, "none" if "M" not in said else ""))[1])
    key = parse_key(said["K"][1])
    for found, letter in ((metre, "M"), (key, "K")):
        if isinstance(found, str):
            fail(
                found, f"a field such as {'M:6/8' if letter == 'M' else 'K:Ador'}", said[letter][0]
            )
    assert not isinstance(metre, str)
    assert not isinstance(key, str)
    unit = parse_unit(said["L"][1]) if "L" in said else default_unit(metre.length)
    if isinstance(unit, str):
        fail(unit, "a field such as L:1/8", said["L"][0])
    lexer = Lexer(fail, metre.text)
    for at, line in lines[body:]:
        match = FIELD.fullmatch(uncommented(line))
        if match is not None and match[1] not in "ABCDEFGabcdefg":
            lexer.field(match[1], match[2], at)
        else:
            lexer.line(line, at)
    lexer.finish(lines[-1][0] if lines else 1)
    tune = _folded(
        Tune(tuple(fields), tuple(lexer.tokens), metre.text, key.name, unit, path, first)
    )
    if not any(token.kind in ("note", "rest", "wholes") for token in tune.tokens):
        fail("the tune has no notes", "music below the key", first)
    bars(tune)  # raises what the lexer cannot see: tuplets and ties
    return tune


def _folded(tune: Tune) -> Tune:
    """Fields of key, metre and unit above the first note belong to the header."""
    tokens = list(tune.tokens)
    changed: dict[str, Any] = {}
    at = 0
    while at < len(tokens) and tokens[at].kind in ("field", "text"):
        letter, value = tokens[at].text[1], tokens[at].text[3:-1]
        if tokens[at].kind == "field" and letter in "KML":
            name = {"K": "key", "M": "metre_text", "L": "unit"}[letter]
            changed[name] = Fraction(value) if letter == "L" else value
            del tokens[at]
        else:
            at += 1
    return replace(tune, tokens=tuple(tokens), **changed) if changed else tune
