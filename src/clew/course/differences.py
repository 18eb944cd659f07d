"""Two outputs compared: where they first differ, side by side, and what the difference looks like.

Numbers are compared at the precision at which the expected ones are printed: within half a unit of
the last place where there are two decimals or more (0.333 takes 0.33312); with fewer, the values
must be the same up to rounding errors of sums (1e-12). Blanks at line ends, empty lines at the end,
and how many blanks stand in a row do not count; those that a line begins with do, unless a number
follows.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest

NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w])")
ROUNDING = 1e-12  # what sums of doubles in another order may differ by
CONTEXT = 2  # lines shown around the first difference
SHOWN = 200  # characters of a line that are looked at where it is shown


@dataclass(frozen=True)
class Difference:
    """The first difference of two outputs: `line` from 1, `column` of the learner's line from 0."""

    expected: tuple[str, ...]
    said: tuple[str, ...]
    line: int
    column: int

    def lines(self, width: int = 79) -> list[str]:
        """Both outputs around the first difference, side by side where they fit."""
        first = max(0, self.line - 1 - CONTEXT)
        last = min(max(len(self.expected), len(self.said)), self.line + CONTEXT)
        begin = max(0, self.column - 20) if self.column > width // 2 - 12 else 0
        rows = [
            (number + 1, _part(self.expected, number, begin), _part(self.said, number, begin))
            for number in range(first, last)
        ]
        half = (width - 11) // 2
        long = max(len(text) for row in rows for text in row[1:])
        return self._stacked(rows, width, begin) if long > half else self._beside(rows, begin)

    def _beside(self, rows: list[tuple[int, str, str]], begin: int) -> list[str]:
        left = max(len("expected"), *(len(row[1]) for row in rows)) + 3
        found = [f"{'line':>6}  {'expected':{left}}yours"]
        for number, expected, said in rows:
            mark = ">" if number == self.line else " "
            found.append(f"{mark}{number:5d}  {expected:{left}}{said}".rstrip())
            if number == self.line:
                found.append(" " * (8 + left + self.column - begin) + "^")
        return found

    def _stacked(self, rows: list[tuple[int, str, str]], width: int, begin: int) -> list[str]:
        _, expected, said = next(row for row in rows if row[0] == self.line)
        room = width - 12
        return [
            f"line {self.line}:", f"> expected  {_cut(expected, room)}",
            f">    yours  {_cut(said, room)}", " " * (12 + self.column - begin) + "^",
        ]  # fmt: skip

    def advice(self) -> str:
        """What the difference looks like, in a sentence; nothing where it looks like nothing."""
        from clew.course.advice import of_difference

        return of_difference(self)


def difference(expected: str, said: str) -> Difference | None:
    """The first difference between what was expected and what was said; None if there is none."""
    wanted, found = split(expected), split(said)
    for number, (one, other) in enumerate(zip_longest(wanted, found), 1):
        if one is None or other is None:
            return Difference(wanted, found, number, 0)
        column = differs(one, other)
        if column is not None:
            return Difference(wanted, found, number, column)
    return None


def split(text: str) -> tuple[str, ...]:
    """The lines of a text without blanks at their ends and empty lines at its end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def differs(expected: str, said: str) -> int | None:
    """The column of `said` at which two lines differ, or None."""
    ours, theirs = parts(expected), parts(said)
    pairs = zip_longest(ours, theirs, fillvalue=("", len(said)))
    for number, ((text, _), (own, column)) in enumerate(pairs):
        if number % 2:  # they come in turn
            if not (text and own and same_number(text, own)):
                return column
        elif _plain(text, first=number == 0) != _plain(own, first=number == 0):
            same = 0
            while same < min(len(text), len(own)) and text[same] == own[same]:
                same += 1
            return column + same
    return None


def parts(line: str) -> list[tuple[str, int]]:
    """A line cut into texts and numbers in turn, each with its column, blanks before it left out.

    The first is a text, and may be empty.
    """
    found, at = [], 0
    for match in NUMBER.finditer(line):
        found += [(line[at : match.start()], at), (match[0], match.start())]
        at = match.end()
    found.append((line[at:], at))
    if len(found) > 1 and found[0][0].isspace():
        found[0] = ("", 0)
    return found


def _plain(text: str, *, first: bool) -> str:
    lead = len(text) - len(text.lstrip(" \t")) if first else 0
    return text[:lead] + re.sub(r"[ \t]+", " ", text[lead:])


def decimals(text: str) -> int:
    """Places after the point at which a number is printed; negative for 1e+20."""
    exponent = Decimal(text).as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def same_number(expected: str, said: str) -> bool:
    """Whether a number is the expected one at the precision at which that is printed."""
    if re.fullmatch(r"[+-]?\d+", expected) and re.fullmatch(r"[+-]?\d+", said):
        return Decimal(expected) == Decimal(said)  # however many digits they have
    one, other = float(expected), float(said)
    if math.isinf(one) or math.isinf(other):
        return one == other
    places = decimals(expected)
    half = 0.5 * 10.0**-places * (1 + 1e-6) if 2 <= places <= 300 else 0.0
    return abs(one - other) <= max(half, ROUNDING * (abs(one) or 1.0))


def shown(text: str) -> str:
    """A text of one line as a terminal may show it: nothing in it moves the cursor."""
    text = text.expandtabs(4)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _part(lines: tuple[str, ...], number: int, begin: int) -> str:
    if number >= len(lines):
        return "(no line)"
    return shown(lines[number][begin : begin + SHOWN])


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
