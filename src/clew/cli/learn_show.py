"""Lessons and challenges as a plain terminal shows them: wrapped, with bold where it is welcome."""

from __future__ import annotations

import os
import pydoc
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from clew.cli import say

WIDEST = 80
ITEM = re.compile(r"(\s*(?:[-*+]|\d+[.)])\s+)(.*)")
HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)\s*#*\s*")
PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]*)[^)]*\)")
CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
NARROW = 8  # columns that a column of a table keeps
KEPT = 40  # characters of `code` that are kept together in one line
HIDDEN = {" ": "\x00", "*": "\x01", "_": "\x02"}  # of `code` while text is wrapped around it
# `**bold**` may stand in *it*. No sign can be read in two ways, so that it is quickly told.
EMPHASIS = (
    re.compile(r"(?<![\w*])\*(?=[^\s*])((?:[^*]|\*\*)+?)(?<=[^\s*])\*(?![\w*])"),
    re.compile(r"(?<!\w)_(?=[^\s_])([^_]+)(?<=\S)_(?!\w)"),
)
RULED = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")
STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "cyan": "36"}


def width() -> int:
    """Columns to fill."""
    return max(30, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns - 1))


def styled(text: str, style: str) -> str:
    """`text` in a style where colours are welcome, else as it is."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if text and say.colours(sys.stdout) else text


def link(path: Path) -> str:
    """A path that a terminal which knows links opens at a click; else the path."""
    if not say.colours(sys.stdout):
        return str(path)
    return f"\x1b]8;;{path.absolute().as_uri()}\x1b\\{path}\x1b]8;;\x1b\\"


def page(lines: Sequence[str]) -> None:
    """Print; through the user's pager where a terminal is too short."""
    text = "\n".join(lines)
    if sys.stdin.isatty() and sys.stdout.isatty():
        rows = shutil.get_terminal_size((WIDEST, 24)).lines
        if len(lines) > rows - 2:
            os.environ.setdefault("LESS", "-R")  # its own way to show styles
            pydoc.pager(text + "\n")
            return
    say.result(text)


def blocks(found: Sequence[Any], room: int) -> list[str]:
    """The lines of a lesson's blocks: texts, code, and containers with a bar beside them."""
    lines: list[str] = []
    for block in found:
        if block.kind == "container":
            name = block.name.replace("-", " ").capitalize()
            title = f"{name}: {block.title}" if block.title else name
            inside = blocks(block.blocks, room - 2) or [""]
            lines += [styled(title, "bold"), *(f"| {line}".rstrip() for line in inside), ""]
        elif block.kind == "code":
            mark = "  > " if block.language == "output" else "    "
            code = block.text.rstrip("\n").split("\n")
            lines += [*((mark + line).rstrip() for line in code), ""]
        else:
            lines += [*markdown(block.text, room), ""]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def markdown(text: str, room: int) -> list[str]:
    """The lines of a Markdown text without its marks, wrapped to `room` columns."""
    lines: list[str] = []
    below = False  # a heading
    for kind, part in _paragraphs(text):
        # Headings may stand without blank lines in the file, and are seen by them without colours.
        if lines and lines[-1] and (below or kind == "heading") and (part or kind != "as it is"):
            lines.append("")
        below = kind == "heading"
        if kind == "as it is":
            lines.append(part)
        elif kind == "heading":
            lines.append(styled(_plain(part), "bold"))
        elif kind == "table":
            lines += _table(part.split("\n"), room)
        elif kind == "quotation":
            lines += _bold([_inline(part)])
        else:
            match = ITEM.fullmatch(part) if kind == "item" else None
            first, rest = (match[1], match[2]) if match else ("", part)
            lines += _bold(_wrapped(_inline(rest), max(20, room), first))
    return lines


def _wrapped(text: str, room: int, first: str) -> list[str]:
    """Lines of at most `room` columns, the marks ``**`` not counted; a longer word stays whole."""
    lines, left = [first.rstrip("\n")], room - len(first)
    begun = False
    for word in text.split():
        long = len(word.replace("**", ""))
        if begun and long + 1 > left:
            lines.append(" " * len(first))
            left, begun = room - len(first), False
        lines[-1] += " " * begun + word
        left -= long + begun
        begun = True
    return lines


def _table(rows: Sequence[str], room: int) -> list[str]:
    """A table with its columns aligned, the text in them wrapped where it is too wide."""
    cells = [
        [_plain(cell) for cell in _cells(row)] for number, row in enumerate(rows) if number != 1
    ]
    rules = _cells(rows[1])
    count = max(map(len, cells))
    cells = [row + [""] * (count - len(row)) for row in cells]
    widths = [max(1, *(len(row[place]) for row in cells)) for place in range(count)]
    while sum(widths) + 2 * (count - 1) > room and max(widths) > NARROW:
        widths[widths.index(max(widths))] -= 1
    right = [place < len(rules) and rules[place].endswith(":") for place in range(count)]
    right = [side and rules[place][0] != ":" for place, side in enumerate(right)]
    lines = []
    for number, row in enumerate(cells):
        parts = [textwrap.wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
        for own in zip_longest(*parts, fillvalue=""):
            sides = zip(own, widths, right, strict=True)
            line = "  ".join(text.rjust(size) if r else text.ljust(size) for text, size, r in sides)
            lines.append(styled(line.rstrip(), "bold") if number == 0 else line.rstrip())
        if number == 0:
            lines.append("  ".join("-" * size for size in widths))
    return lines


def _cells(row: str) -> list[str]:
    row = row.strip().removeprefix("|")
    row = row[:-1] if row.endswith("|") and not row.endswith("\\|") else row
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]


def _plain(text: str) -> str:
    return _restored(_inline(text).replace("**", ""))


def _paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of headings, items of lists, paragraphs, and lines that stay as they are."""
    kind, held = "", ""
    fence = ""
    lines = text.split("\n")
    for line, after in zip_longest(lines, lines[1:], fillvalue=""):
        bare = line.strip()
        mark = re.match(r"(```+|~~~+)", bare)
        if fence or mark:
            if held:
                yield kind, held
                held = ""
            if not fence and mark:
                fence = mark[1]
            elif bare.startswith(fence) and not bare.strip(fence[0]):
                fence = ""
            else:
                yield "as it is", f"    {line}"
            continue
        if bare and not held and kind != "item" and line.startswith(("    ", "\t")):
            yield "as it is", line  # code that is only indented
            continue
        heading, item = HEADING.fullmatch(line), ITEM.fullmatch(line)
        if held and kind == "table" and bare[:1] == "|":
            held += "\n" + bare
            continue
        joins = (
            bool(held)
            and kind != "table"
            and bool(bare)
            and not (heading or item)
            and bare[0] not in "|>"
        )
        if joins:
            held += " " + bare
            continue
        if held:
            yield kind, held
            held = ""
        if heading:
            yield "heading", heading[1]
        elif bare[:1] == "|" and after.strip()[:1] == "|" and RULED.fullmatch(after.strip()):
            kind, held = "table", bare
        elif not bare or bare[0] == "|":
            yield "as it is", bare
        elif bare[0] == ">":
            yield "quotation", bare
        else:
            kind, held = ("item", line.rstrip()) if item else ("text", bare)
    if held:
        yield kind, held


def _inline(text: str) -> str:
    """Text without the marks of pictures and links; `code` is kept together and as it stands."""
    done, at = [], 0
    for span in CODE.finditer(text):
        code = _hidden(span[0], "*_")
        done += [_links(text[at : span.start()]), code]
        if len(code) <= KEPT:
            done[-1] = _hidden(code, " ")
        at = span.end()
    text = "".join([*done, _links(text[at:])]).replace("***", "**")
    for emphasis in EMPHASIS:
        text = emphasis.sub(r"\1", text)
    return text


def _links(text: str) -> str:
    text = re.sub(r"\\([*_])", lambda found: HIDDEN[found[1]], text)
    text = PICTURE.sub(lambda found: f"[picture: {found[1]}]", text)
    return LINK.sub(
        lambda found: f"{found[1]} ({_hidden(found[2], '*_')})" if "://" in found[2] else found[1],
        text,
    )


def _hidden(text: str, signs: str) -> str:
    for sign in signs:
        text = text.replace(sign, HIDDEN[sign])
    return text


def _restored(text: str) -> str:
    for sign, hidden in HIDDEN.items():
        text = text.replace(hidden, sign)
    return text


def _bold(lines: Sequence[str]) -> list[str]:
    """``**words**`` in bold, also where they go on in the next line."""
    found, on = [], False
    colours = say.colours(sys.stdout)
    for line in lines:
        first, *rest = line.split("**")
        out = ("\x1b[1m" if on and colours else "") + first
        for piece in rest:
            on = not on
            out += (("\x1b[1m" if on else "\x1b[0m") if colours else "") + piece
        found.append(_restored(out) + ("\x1b[0m" if on and colours else ""))
    return found
