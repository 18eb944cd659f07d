"""Where attention looked: the weights of every piece that was written over the pieces read."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.tasks._picture import drawn

_SHOWN = 0.1  # weights below are not written out
_LABELLED = 150  # pieces that still get labels in a picture
_LONGEST = 30  # characters of a label
_MISSING = "\N{WHITE SQUARE}"
_INNER = "'\N{RIGHT SINGLE QUOTATION MARK}-\N{REPLACEMENT CHARACTER}"  # within a word


@dataclass(frozen=True)
class Alignment:
    """Attention of each of T target pieces over S source pieces: weights (T, S), rows sum to 1.

    joined: the pieces are cut out of texts, the space before a word being part of it; if not, each
    is a word.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: NDArray[np.float32]
    joined: bool = True

    def words(self) -> Alignment:
        """The same between whole words: summed over the pieces read, the mean of those written.

        Punctuation stands alone. What spaces alone were given belongs to the word after them.
        """
        if not self.joined:
            return self
        rows, columns = _starts(self.target), _starts(self.source)
        weights = np.asarray(self.weights, dtype=np.float64)
        summed = np.add.reduceat(weights, columns, axis=1) if columns else weights
        sizes = np.diff([*rows, len(self.target)])
        mean = np.add.reduceat(summed, rows, axis=0) / sizes[:, None] if rows else summed
        return replace(
            self,
            source=_together(self.source, columns),
            target=_together(self.target, rows),
            weights=mean.astype(np.float32),
            joined=False,
        )

    def text(self) -> str:
        """A line for each target piece: the source pieces it looked at, the most first."""
        target, source = [_visible(p) for p in self.target], [_visible(p) for p in self.source]
        width = max(map(_width, target), default=0)
        lines = []
        for piece, row in zip(target, self.weights, strict=True):
            order = np.argsort(-row, kind="stable")[:3]
            looks = [f"{source[i]} {row[i]:.2f}" for n, i in enumerate(order)
                     if n == 0 or row[i] >= _SHOWN]  # fmt: skip
            lines.append(f"{piece}{' ' * (width - _width(piece))}  {', '.join(looks)}".rstrip())
        return "\n".join(lines)

    def picture(self, path: str | Path | None = None) -> bytes:
        """A heat map, target pieces downwards, source pieces across: PNG, or what `path` ends in.

        Written to `path` where one is given. Raises InputError where it cannot be.
        """
        return drawn(path, self._drawn)

    def _drawn(self, kind: str) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        rows, columns = self.weights.shape
        cell = min(0.28, 30 / max(rows, columns, 1))  # inches
        beside, above = (_room(pieces) for pieces in (self.target, self.source))
        size = (max(1.0, cell * columns) + beside, max(1.0, cell * rows) + above)
        picture = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(picture)
        axes = picture.subplots()
        if rows and columns:
            axes.imshow(self.weights, cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto")
        families, known = _fonts([*self.source, *self.target])
        for axis, pieces in ((axes.xaxis, self.source), (axes.yaxis, self.target)):
            labels = [_printable(piece, known) for piece in pieces[:_LABELLED]]
            axis.set_ticks(range(len(labels)) if len(pieces) <= _LABELLED else [])
            if len(pieces) <= _LABELLED:
                axis.set_ticklabels(labels, fontfamily=families, fontsize=9, parse_math=False)
        axes.xaxis.tick_top()
        axes.tick_params(axis="x", rotation=90)
        axes.tick_params(length=0)
        if max(rows, columns) <= _LABELLED:
            for number in range(1, rows):
                axes.axhline(number - 0.5, color="0.9", linewidth=0.5)
            for number in range(1, columns):
                axes.axvline(number - 0.5, color="0.9", linewidth=0.5)
        buffer = io.BytesIO()
        picture.savefig(buffer, format=kind, dpi=150)
        return buffer.getvalue()


def _starts(pieces: Sequence[str]) -> list[int]:
    """The pieces that begin a word: one with a space before it, or a mark of punctuation."""
    found = [0] if pieces else []
    for place, (before, piece) in enumerate(pairwise(pieces), 1):
        if not before.strip() and before != "\n":
            continue  # spaces, which the word after them is written with
        if not piece or piece[0].isspace() or _mark(piece) or _mark(before):
            found.append(place)
    return found


def _mark(piece: str) -> bool:
    """Whether a piece is punctuation, other than what stands within words."""
    inner = piece.strip()
    return bool(inner) and not any(c.isalnum() or c in _INNER or _combining(c) for c in inner)


def _combining(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _together(pieces: Sequence[str], starts: list[int]) -> tuple[str, ...]:
    ends = [*starts[1:], len(pieces)][: len(starts)]
    return tuple("".join(pieces[a:b]).strip(" ") for a, b in zip(starts, ends, strict=True))


def _visible(piece: str) -> str:
    """A piece as it is shown: without the space before it; white space alone as a sign."""
    if not piece.strip():
        signs = {"\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}", "": ""}
        return signs.get(piece, "\N{OPEN BOX}")
    return "".join(c if c.isprintable() else _MISSING for c in piece.strip())


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(_combining(c) for c in text)


def _room(pieces: Sequence[str]) -> float:
    """Inches that the labels of an axis take."""
    return 0.4 + 0.1 * min(_LONGEST, max(map(_width, map(_visible, pieces)), default=0))


def _printable(piece: str, known: set[str]) -> str:
    text = _visible(piece)
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join(c if c in known or c == "…" else _MISSING for c in text)


def _fonts(pieces: Iterable[str]) -> tuple[list[str], set[str]]:
    """Font families that hold as many of the characters as any do, and these characters.

    matplotlib's own has most alphabets; for others the fonts of the machine are looked through. A
    character that none holds would be drawn as an empty box, with a warning each.
    """
    from matplotlib import font_manager

    wanted = {c for piece in pieces for c in _visible(piece)}
    families = ["DejaVu Sans"]
    known = wanted & _characters(_file("DejaVu Sans"))
    for entry in font_manager.fontManager.ttflist:
        if known == wanted:
            break
        if entry.name in families or entry.style != "normal" or "Last Resort" in entry.name:
            continue
        more = (wanted - known) & _characters(entry.fname)
        # The family is asked for by its name, which may lead to another file of it.
        if more and _file(entry.name) == entry.fname:
            families.append(entry.name)
            known |= more
    return families, known


def _file(family: str) -> str:
    from matplotlib import font_manager

    return str(font_manager.findfont(font_manager.FontProperties(family=[family])))


def _characters(path: str) -> set[str]:
    """Every character that the font in this file has a sign for."""
    from matplotlib import font_manager

    return set(map(chr, font_manager.get_font(path).get_charmap()))
