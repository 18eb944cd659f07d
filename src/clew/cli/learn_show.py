"""Lessons and challenges as a plain terminal shows them: wrapped, with bold where it is welcome."""

from __future__ import annotations

import os
import pydoc
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clew.cli import say

WIDEST = 80
ITEM = re.compile(r"(\s*(?:[-*+]|\d+[.)])\s+)(.*)")
HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)\s*#*\s*")
PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]*)[^)]*\)")
CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
KEPT = 40  # characters of `code` that are kept together in one line
HIDDEN = {" ": "\x00", "*": "\x01"}  # signs of `code` while the text around them is wrapped
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
    for kind, part in _paragraphs(text):
        if kind == "as it is":
            lines.append(part)
        elif kind == "heading":
            lines.append(styled(_restored(_inline(part).replace("**", "")), "bold"))
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


def _paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of headings, items of lists, paragraphs, and lines that stay as they are."""
    kind, held = "", ""
    fence = ""
    for line in text.split("\n"):
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
        joins = bool(held) and bool(bare) and not (heading or item) and bare[0] not in "|>"
        if joins:
            held += " " + bare
            continue
        if held:
            yield kind, held
            held = ""
        if heading:
            yield "heading", heading[1]
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
        code = span[0].replace("*", HIDDEN["*"])
        done += [_links(text[at : span.start()]), code]
        if len(code) <= KEPT:
            done[-1] = code.replace(" ", HIDDEN[" "])
        at = span.end()
    return "".join([*done, _links(text[at:])])


def _links(text: str) -> str:
    text = PICTURE.sub(lambda found: f"[picture: {found[1]}]", text)
    return LINK.sub(
        lambda found: f"{found[1]} ({found[2]})" if "://" in found[2] else found[1], text
    )


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
