"""The text of a lesson: Markdown, code, and containers such as ``:::definition``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from clew.course._pieces import Code, Line, Piece, Problems

__all__ = ["Block", "read_blocks"]

CONTAINERS = ("definition", "try-it", "challenge")
_OPENS = re.compile(r"\s{0,3}:{3,}(\s*)(\{?\.?[A-Za-z][\w-]*)(.*)")
_CLOSES = re.compile(r"\s{0,3}:{3,}\s*")
_CLOSES_WITH_TEXT = re.compile(r"\s{0,3}:{3,}\s+(\S.*)")


@dataclass(frozen=True)
class Block:
    """A part of a lesson's text and the number of its first line.

    Of "text", ``text`` is Markdown; of "code" it is the code, in ``language``, and ``source`` is
    the block with its fences; a "container" has its ``name`` ("definition"), perhaps a ``title``,
    and ``blocks`` of its own.
    """

    kind: Literal["text", "code", "container"]
    line: int
    text: str = ""
    language: str = ""
    source: str = ""
    name: str = ""
    title: str = ""
    blocks: tuple[Block, ...] = ()

    def markdown(self) -> str:
        """The block as plain Markdown: a container becomes a quotation with its name above."""
        if self.kind == "text":
            return self.text
        if self.kind == "code":
            return self.source
        name = self.name.replace("-", " ").replace("_", " ").capitalize()
        head = f"**{name}: {self.title}**" if self.title else f"**{name}**"
        inner = "\n\n".join([head, *(block.markdown() for block in self.blocks)])
        return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))


@dataclass
class _Open:
    """A container that has not been closed yet, or the lesson itself."""

    line: int = 0
    name: str = ""
    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    pending: list[Line] = field(default_factory=list)

    def flush(self) -> None:
        texts = [line.text for line in self.pending]
        text = "\n".join(texts)
        if text.strip():
            blank = next(i for i, line in enumerate(texts) if line.strip())
            block = Block("text", self.pending[blank].number, text.strip("\n").rstrip())
            self.blocks.append(block)
        self.pending.clear()

    def closed(self) -> Block:
        self.flush()
        return Block(
            "container", self.line, name=self.name, title=self.title, blocks=tuple(self.blocks)
        )


def _title(rest: str) -> str:
    """The words behind a container's name, in any of the usual brackets: [A], {title="A"}."""
    text = rest.strip()
    named = re.search(r"""\btitle\s*=\s*(?:"([^"]*)"|'([^']*)')""", text)
    if named:
        return (named[1] or named[2] or "").strip()
    if text.startswith("{") or re.fullmatch(r"[\w-]+=\S*", text):
        return ""  # an id or a class, for other tools
    return re.sub(r"\A\[(.*)\]\Z", r"\1", text).strip().strip("\"'")


def _opening(line: Line, inside: bool) -> tuple[str, str, bool] | None:
    """Name and title of the container that a line opens, and whether it ends in that line."""
    match = _OPENS.fullmatch(line.text)
    if match is None:
        return None
    name = match[2].lstrip("{.").lower()
    if match[1] and inside and name not in CONTAINERS:
        return None  # "::: and on goes the text" closes
    rest = "{" + match[3] if match[2][0] == "{" else match[3]
    ends = re.fullmatch(r"(.*?)\s:{3,}\s*", rest)
    return name, _title(ends[1] if ends else rest), ends is not None


def read_blocks(pieces: Sequence[Piece], problems: Problems) -> tuple[Block, ...]:
    """The blocks of a lesson's text; containers may hold containers."""
    stack = [_Open()]

    def close() -> None:
        block = stack.pop().closed()
        stack[-1].blocks.append(block)

    for piece in pieces:
        top = stack[-1]
        if isinstance(piece, Code):
            top.flush()
            source = "\n".join(piece.raw)
            top.blocks.append(Block("code", piece.number, piece.code, piece.language, source))
            continue
        if ":::" not in piece.text:
            top.pending.append(piece)
            continue
        inside = len(stack) > 1
        opening = _opening(piece, inside)
        with_text = _CLOSES_WITH_TEXT.fullmatch(piece.text)
        if opening:
            name, title, ends = opening
            top.flush()
            # A container of one line has no text but its title.
            text = [Line(piece.number, title)] if ends else []
            stack.append(_Open(piece.number, name, "" if ends else title, pending=text))
            close_to = get_close_matches(name, CONTAINERS, 1, 0.75)
            if close_to and name not in CONTAINERS:
                problems.note(piece.number, f":::{name} has no meaning", hint=f":::{close_to[0]}?")
            if ends:
                close()
        elif _CLOSES.fullmatch(piece.text) or with_text:
            if not inside:
                problems.error(
                    piece.number,
                    "::: closes nothing",
                    expected="a line such as :::definition before it",
                )
                continue
            close()
            if with_text:
                stack[-1].pending.append(Line(piece.number, with_text[1]))
        else:
            top.pending.append(piece)
    while len(stack) > 1:
        left = stack[-1]
        problems.error(left.line, f":::{left.name} never ends", expected="a line ::: after it")
        close()
    stack[0].flush()
    return tuple(stack[0].blocks)
