"""A lesson's file as lines and blocks of code, and what is wrong with it, by its lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from clew.errors import InputError

__all__ = ["Code", "Line", "Piece", "Problem", "Problems", "pieces", "read_lines", "visible"]

# A fence may follow the mark of a list in the same line: "2. ```python".
_OPENS = re.compile(r"((?:\s*(?:\d+[.)]|[-*+])(?=\s))*\s*)(`{3,}(?=[^`]*$)|~{3,})\s*(.*?)\s*")


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Problem:
    """What is wrong in a line of a lesson's file: an "error", or a "note" that stops nobody."""

    path: Path
    line: int
    text: str
    kind: Literal["error", "note"] = "error"
    expected: str | None = None
    hint: str | None = None

    def error(self) -> InputError:
        """The same as an exception."""
        where = f"{self.path}:{self.line}"
        return InputError(self.text, where=where, expected=self.expected, hint=self.hint)

    def __str__(self) -> str:
        more = [("expected", self.expected), ("try", self.hint)]
        said = "".join(f"\n    {label}: {text}" for label, text in more if text)
        return f"{self.path}:{self.line}: {self.kind}: {self.text}{said}"


@dataclass
class Problems:
    """All that is wrong in one file, collected while it is read."""

    path: Path
    found: list[Problem] = field(default_factory=list)

    def error(
        self, line: int, text: str, *, expected: str | None = None, hint: str | None = None
    ) -> None:
        """Note what keeps the lesson from being used."""
        self.found.append(Problem(self.path, line, text, "error", expected, hint))

    def note(self, line: int, text: str, *, hint: str | None = None) -> None:
        """Note what looks like a slip, but stops nobody."""
        self.found.append(Problem(self.path, line, text, "note", None, hint))

    def errors(self) -> list[Problem]:
        """The errors by their lines."""
        return sorted((p for p in self.found if p.kind == "error"), key=lambda p: p.line)


@dataclass(frozen=True)
class Line:
    """A line outside of code, and its number."""

    number: int
    text: str

    @property
    def raw(self) -> list[str]:
        """The line as it stands in the file."""
        return [self.text]


@dataclass(frozen=True)
class Code:
    """A fenced block: the number of its fence, its info string, its code, its lines as they stand.

    ``code`` has no indentation of the list that it may stand in; each of its lines ends in "\\n".
    """

    number: int
    info: str
    code: str
    raw: list[str]
    closed: bool = True

    @property
    def language(self) -> str:
        """The first word of the info string, small: "python", or "" without one."""
        words = re.split(r"[\s{,]", self.info.strip("{. "), maxsplit=1)
        return words[0].lower()


Piece = Line | Code


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, whatever ends them; a byte order mark is left out.

    Raises InputError where the file cannot be read or is not such a text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"the lesson cannot be read: {reason}", where=str(path)) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"byte 0x{data[error.start]:02x} is no UTF-8",
            where=f"{path}:{line}",
            expected="a text file in UTF-8",
            hint="save the file anew, with the encoding UTF-8",
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError("the file holds a zero byte: it is no text", where=f"{path}:{line}")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def visible(text: str) -> str:
    r"""`text` with control characters as in \x1b: none of them reaches a terminal.

    In a Python string that is the same character; form feeds, which Python allows, are left out.
    """
    text = text.replace("\f", "")
    return _CONTROL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def _width(text: str) -> int:
    return len(text.expandtabs(4))


def _dedented(line: str, width: int) -> str:
    """`line` without its first `width` columns of blanks, or as many as there are of them."""
    if not width:
        return line
    column = 0
    for at, char in enumerate(line):
        if column >= width or char not in " \t":
            return " " * (column - width) + line[at:]
        column += 4 - column % 4 if char == "\t" else 1
    return " " * max(column - width, 0)


def _until_closed(lines: Sequence[str], at: int, mark: str, width: int) -> int:
    """Where the fence ends that opened before `at`: the line of the closing one, or the end."""
    closes = re.compile(rf"(\s*){re.escape(mark[0])}{{{len(mark)},}}\s*")
    for end in range(at, len(lines)):
        match = closes.fullmatch(lines[end]) if mark in lines[end] else None
        # A fence far to the right of its opening is part of the code, of a docstring perhaps.
        if match and _width(match[1]) <= width + 3:
            return end
    return len(lines)


def pieces(lines: Sequence[str], first: int, problems: Problems) -> list[Piece]:
    """The lines from number `first` on, with each fenced block as one piece (CommonMark, 4.5)."""
    found: list[Piece] = []
    at = 0
    while at < len(lines):
        fenced = "```" in lines[at] or "~~~" in lines[at]
        opened = _OPENS.fullmatch(lines[at]) if fenced else None
        if opened is None:
            found.append(Line(first + at, lines[at]))
            at += 1
            continue
        width = _width(opened[1])
        end = _until_closed(lines, at + 1, opened[2], width)
        inside = [_dedented(line, width) for line in lines[at + 1 : end]]
        closed = end < len(lines)
        code = "".join(f"{line}\n" for line in inside)
        found.append(Code(first + at, opened[3], code, list(lines[at : end + 1]), closed))
        if not closed:
            problems.error(
                first + at,
                f"the block of code that begins with {opened[2]} never ends",
                expected=f"a line {opened[2]} after the code",
            )
        at = end + 1
    return found
