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
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest

# Nothing in it is tried twice: a line of 100,000 digits is read as fast as any other.
NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,6}+)?(?!\w)")
ROUNDING = 1e-12  # what sums of doubles in another order may differ by
CONTEXT = 2  # lines shown around the first difference


@dataclass(frozen=True)
class Difference:
    """The first difference of two outputs: in `line`, from 1.

    ``column``, from 0, is where it is in the learner's line, ``wanted`` where in the expected one.
    """

    expected: tuple[str, ...]
    said: tuple[str, ...]
    line: int
    column: int
    wanted: int

    def lines(self, width: int = 79) -> list[str]:
        """Both outputs around the first difference, side by side where that line fits."""
        wanted, said = (_line(text, self.line - 1) for text in (self.expected, self.said))
        half = (width - 11) // 2
        if max(len(wanted), len(said)) > half:
            return self._stacked(wanted, said, width - 12)
        return self._beside(half)

    def _beside(self, half: int) -> list[str]:
        first = max(0, self.line - 1 - CONTEXT)
        last = min(max(len(self.expected), len(self.said)), self.line + CONTEXT)
        rows = [
            (number, cut(_line(self.expected, number), half), cut(_line(self.said, number), half))
            for number in range(first, last)
        ]
        left = max(len("expected"), *(len(row[1]) for row in rows)) + 3
        found = [f"{'line':>6}  {'expected':{left}}yours"]
        for number, expected, said in rows:
            mark = ">" if number == self.line - 1 else " "
            found.append(f"{mark}{number + 1:5d}  {expected:{left}}{said}".rstrip())
            if mark == ">":
                found.append(" " * (8 + left + self._shown_at()) + "^")
        return found

    def _stacked(self, wanted: str, said: str, room: int) -> list[str]:
        """Each line from where its difference can be seen."""
        begin = begins(_place(self.expected, self.line - 1, self.wanted), room)
        at = self._shown_at()
        own = begins(at, room)
        return [
            f"line {self.line}:", f"> expected  {cut(wanted, room, begin)}",
            f">    yours  {cut(said, room, own)}", " " * (12 + at - own) + "^",
        ]  # fmt: skip

    def _shown_at(self) -> int:
        """The column of the learner's line as it is shown."""
        return _place(self.said, self.line - 1, self.column)

    def advice(self, code: str = "") -> str:
        """What the difference looks like, in a sentence; nothing where it looks like nothing.

        code: what printed the output.
        """
        from clew.course.advice import of_difference

        return of_difference(self, code)


def difference(expected: str, said: str) -> Difference | None:
    """The first difference between what was expected and what was said; None if there is none."""
    wanted, found = split(expected), split(said)
    for number, (one, other) in enumerate(zip_longest(wanted, found), 1):
        if one is None or other is None:
            return Difference(wanted, found, number, 0, 0)
        at = differs(one, other)
        if at is not None:
            return Difference(wanted, found, number, at[1], at[0])
    return None


def split(text: str) -> tuple[str, ...]:
    """The lines of a text without blanks at their ends and empty lines at its end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def differs(expected: str, said: str) -> tuple[int, int] | None:
    """The columns of `expected` and of `said` at which two lines differ, or None."""
    ends = ("", len(expected)), ("", len(said))
    pairs = zip_longest(parts(expected), parts(said))
    for number, (one, other) in enumerate(pairs):
        (text, at), (own, column) = one or ends[0], other or ends[1]
        if number % 2:  # they come in turn
            if not (text and own and same_number(text, own)):
                return at, column
        elif place := _first(text, own, lead=number == 0):
            return at + place[0], column + place[1]
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


def _first(text: str, own: str, *, lead: bool) -> tuple[int, int] | None:
    """Where two texts differ, several blanks as one; with `lead` those before them count."""
    one, other = _signs(text, lead=lead), _signs(own, lead=lead)
    for (sign, at), (its, column) in zip_longest(one, other, fillvalue=("", -1)):
        if sign != its:
            return (at if at >= 0 else len(text)), (column if column >= 0 else len(own))
    return None


def _signs(text: str, *, lead: bool) -> Iterator[tuple[str, int]]:
    """Each sign of a text with its column; of blanks in a row the first, as a blank."""
    begin = len(text) - len(text.lstrip(" \t")) if lead else 0
    yield from ((text[at], at) for at in range(begin))
    for match in re.finditer(r"[ \t]+|[^ \t]", text[begin:]):
        yield " " if match[0][0] in " \t" else match[0], begin + match.start()


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


def _line(lines: tuple[str, ...], number: int) -> str:
    return shown(lines[number]) if number < len(lines) else "(no line)"


def _place(lines: tuple[str, ...], number: int, column: int) -> int:
    """Where a column of a line is once the line is shown."""
    return len(shown(lines[number][:column])) if number < len(lines) else 0


def begins(place: int, room: int) -> int:
    """From where on a line is shown in `room` columns, so that one of it is seen, in the middle."""
    return 0 if place < room - 8 else place - room // 2


def cut(text: str, room: int, begin: int = 0) -> str:
    """`text` from `begin` on, in `room` columns, with a mark where something is left out."""
    part = text[begin:]
    part = "…" + part[1:] if begin else part
    return part if len(part) <= room else part[: max(0, room - 1)] + "…"
