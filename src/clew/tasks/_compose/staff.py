"""A tune as a picture of a staff: good enough to read and to play from."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from clew.data._abc_key import beat
from clew.data.abc import Tune, bars
from clew.tasks._compose.pictures import saved
from clew.tasks._compose.staff_layout import WIDTH, Placed, PlacedBar, lines, signature

_SPACE = 0.105  # inches between two lines of a staff
_LINE = 13.5  # spaces from one line of music to the next
_BLACK = "#101010"
_SIGNS = {"^^": "♯♯", "^": "♯", "=": "♮", "_": "♭", "__": "♭♭"}
# The treble clef, a stroke through these points; the G line is at height 1.
_CLEF = np.array([
    (0.1, 0.6), (-0.35, 0.95), (-0.2, 1.55), (0.4, 1.75), (0.95, 1.2), (0.75, 0.3), (0.0, 0.0),
    (-0.85, 0.35), (-1.1, 1.3), (-0.6, 2.4), (0.25, 3.3), (0.62, 4.3), (0.45, 5.2), (0.2, 5.5),
    (-0.1, 5.0), (-0.15, 4.0), (0.1, 2.0), (0.42, -0.4), (0.4, -1.3), (-0.05, -1.75), (-0.5, -1.4),
])  # fmt: skip


def staff_picture(tune: Tune, path: str | Path) -> None:
    """Draws a tune on staves (PNG, SVG or PDF by the ending): notes, chords, repeats, endings."""
    from matplotlib.figure import Figure

    length = beat(tune.metre_text)
    pages = list(lines(tune.tokens, bars(tune), length or Fraction(1, 4)))
    tall = _LINE * len(pages) + 3.0
    figure = Figure(figsize=((WIDTH + 4) * _SPACE, (tall + 2) * _SPACE))
    axes: Any = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(-2, WIDTH + 2)
    axes.set_ylim(-tall + 4, 6)
    axes.axis("off")
    pen = _Pen(axes)
    if tune.title:
        pen.write(WIDTH / 2, 3.2, tune.title, 2.2, align="center")
    for number, shape in enumerate(pages):
        pen.base = -_LINE * number - 7.0
        final = number == len(pages) - 1
        _line(pen, shape, tune.metre_text if number == 0 else "", final=final)
    saved(figure, path)


class _Pen:
    """Draws in spaces above the lowest line of the staff at `base`."""

    def __init__(self, axes: Any) -> None:
        self.axes, self.base = axes, 0.0

    def stroke(self, x: Any, y: Any, width: float = 0.8) -> None:
        self.axes.plot(
            x, np.asarray(y) + self.base, color=_BLACK, linewidth=width, solid_capstyle="butt"
        )

    def fill(self, x: Any, y: Any) -> None:
        self.axes.fill(x, np.asarray(y) + self.base, color=_BLACK, linewidth=0)

    def write(self, x: float, y: float, text: str, size: float, *, align: str = "left") -> None:
        self.axes.text(
            x, y + self.base, text, fontsize=size * _SPACE * 72, ha=align, va="center",
            color=_BLACK, parse_math=False,
        )  # fmt: skip

    def head(self, x: float, y: float, *, hollow: bool, size: float = 1.0) -> None:
        from matplotlib.patches import Ellipse

        face = "white" if hollow else _BLACK
        self.axes.add_patch(
            Ellipse(
                (x, y + self.base), 1.25 * size, 0.88 * size, angle=18, facecolor=face,
                edgecolor=_BLACK, linewidth=1.3 if hollow else 0.4, zorder=3,
            )
        )  # fmt: skip

    def dot(self, x: float, y: float, size: float = 0.18) -> None:
        turn = np.linspace(0, 2 * np.pi, 13)
        self.fill(x + size * np.cos(turn), y + size * np.sin(turn))


def _line(pen: _Pen, shape: list[PlacedBar], metre: str, *, final: bool) -> None:
    """One line of music."""
    right = shape[-1].right
    for line in range(5):
        pen.stroke([0, right], [line, line], 0.6)
    curve = _smooth(_CLEF)
    pen.stroke(1.6 + curve[:, 0], curve[:, 1], 1.8)
    pen.dot(1.25, -1.35, 0.3)
    x = _signature(pen, 3.4, shape[0])
    if "/" in metre:
        for y, digits in zip((3.0, 1.0), metre.split("/"), strict=True):
            pen.write(x + 1.3, y, digits.strip("()"), 2.3, align="center")
    opened: float | None = None  # where the ending that is open began
    named = [n for bar in shape for n in bar.notes if n.symbol]  # chord symbols: above their notes
    above = max([6.4, *(max(n.heights, default=0.0) + 1.7 for n in named)])
    for number, bar in enumerate(shape):
        if bar.signature is not None:
            _signature(pen, bar.signature, bar)
        _bar_line(pen, bar, last=number == len(shape) - 1 and not final)
        if bar.bar.begins in ("|:", "::") and number == 0:
            _repeat(pen, bar.left + 0.4, opens=True)
        opened = _ending(pen, bar, opened)
        _notes(pen, bar.notes, above)
    if opened is not None:
        pen.stroke([opened, right], [9.2, 9.2])
    _ties(pen, [note for bar in shape for note in bar.notes], right)


def _signature(pen: _Pen, x: float, bar: PlacedBar) -> float:
    for y, sign in signature(bar.bar):
        pen.write(x, y + (0.0 if sign > 0 else 0.25), "♯" if sign > 0 else "♭", 2.1)
        x += 0.95
    return x


def _bar_line(pen: _Pen, bar: PlacedBar, *, last: bool) -> None:
    """The line behind a bar; last: of a line of music, so that a section begins on the next."""
    x, kind = bar.right, bar.bar.ends
    if last and kind in ("|:", "::"):
        kind = "|" if kind == "|:" else ":|"
    if kind in (":|", "::"):
        _repeat(pen, x, opens=False)
    if kind in ("|:", "::"):
        _repeat(pen, x, opens=True)
    if kind in ("||", "|]"):
        pen.stroke([x - 0.55, x - 0.55], [0, 4], 0.9)
    if kind == "|]":
        pen.fill([x - 0.25, x, x, x - 0.25], [0, 0, 4, 4])
    elif kind not in ("", "[|") and kind[0] != "[":
        pen.stroke([x, x], [0, 4], 0.9)


def _repeat(pen: _Pen, x: float, *, opens: bool) -> None:
    side = 1 if opens else -1
    pen.fill([x, x + 0.25 * side, x + 0.25 * side, x], [0, 0, 4, 4])
    pen.stroke([x + 0.55 * side] * 2, [0, 4], 0.9)
    for y in (1.5, 2.5):
        pen.dot(x + 0.95 * side, y)


def _ending(pen: _Pen, bar: PlacedBar, opened: float | None) -> float | None:
    """The bracket above an ending; what is still open of it."""
    if bar.bar.ending:
        pen.stroke([bar.left + 0.3] * 2, [8.0, 9.2])
        pen.write(bar.left + 0.7, 8.4, bar.bar.ending + ".", 1.3)
        opened = bar.left + 0.3
    if opened is not None and bar.bar.ends in (":|", "::", "||", "|]", "|:"):
        pen.stroke([opened, bar.right - 0.3], [9.2, 9.2])
        return None
    return opened


def _notes(pen: _Pen, notes: Sequence[Placed], above: float) -> None:
    """The notes of a bar: heads, then stems and beams; above: the height of chord symbols."""
    groups: dict[int, list[Placed]] = {}
    tuplet: list[Placed] = []
    for note in notes:
        _heads(pen, note)
        if note.symbol:
            pen.write(note.x - 0.6, above, note.symbol.replace("+", "♯"), 1.5)
        if note.group >= 0:
            groups.setdefault(note.group, []).append(note)
        elif note.heights and note.base > 1:
            _single(pen, note)
        tuplet = [*tuplet, note] if note.event.tuplet else []
        if tuplet and len(tuplet) == note.event.tuplet:
            top = max([max(n.heights, default=2.0) for n in tuplet])
            middle = (tuplet[0].x + tuplet[-1].x) / 2
            below = np.mean([max(n.heights, default=2.0) for n in tuplet]) >= 2
            pen.write(middle, top + (1.1 if below else 4.2), str(len(tuplet)), 1.2, align="center")
            tuplet = []
    for group in groups.values():
        if len(group) == 1:
            _single(pen, group[0])
        else:
            _beamed(pen, group)


def _heads(pen: _Pen, note: Placed) -> None:
    if not note.heights:
        _rest(pen, note)
        return
    size = 0.62 if note.event.grace else 1.0
    for y, sign in zip(note.heights, note.event.signs, strict=True):
        for line in [*range(-1, int(np.ceil(y)) - 1, -1), *range(5, int(np.floor(y)) + 1)]:
            pen.stroke([note.x - 1.0, note.x + 1.0], [line, line], 0.7)
        pen.head(note.x, y, hollow=note.base <= 2, size=size)
        if sign.accidental:
            pen.write(note.x - 0.9, y + 0.1, _SIGNS[sign.accidental], 2.0 * size, align="right")
        for dot in range(note.dots):
            pen.dot(note.x + 1.05 + 0.5 * dot, y + (0.3 if float(y).is_integer() else 0.0))


def _upward(notes: Sequence[Placed]) -> bool:
    """Whether stems point upward: the notes lie below the middle line."""
    return float(np.mean([y for note in notes for y in note.heights])) < 2


def _single(pen: _Pen, note: Placed) -> None:
    up, small = _upward([note]), 0.6 if note.event.grace else 1.0
    up = up or note.event.grace
    x = note.x + (0.56 if up else -0.56) * small
    far = (max(note.heights) + 3.4 * small) if up else (min(note.heights) - 3.4)
    pen.stroke([x, x], [min(note.heights) if up else max(note.heights), far], 0.9)
    for flag in range(_beams(note)):
        y = far + (-0.8 if up else 0.8) * flag
        down = -1 if up else 1
        pen.stroke([x, x + 0.5 * small, x + 0.8 * small], [y, y + 0.7 * down, y + 1.6 * down], 1.5)


def _beams(note: Placed) -> int:
    return max(0, note.base.bit_length() - 3)


def _beamed(pen: _Pen, group: Sequence[Placed]) -> None:
    """Stems to a slanted beam, with more beams for shorter notes."""
    up = _upward(group)
    side = 1 if up else -1
    tips = np.array([max(n.heights) if up else min(n.heights) for n in group])
    x = np.array([n.x + 0.56 * side for n in group])
    slope = float(np.clip(tips[-1] - tips[0], -1.2, 1.2)) / max(float(x[-1] - x[0]), 1.0)
    rise = slope * (x - x[0])
    start = float((tips - rise).max() + 3.2) if up else float((tips - rise).min() - 3.2)
    ends = start + rise
    for note, at, end in zip(group, x, ends, strict=True):
        pen.stroke([at, at], [min(note.heights) if up else max(note.heights), end], 0.9)
    counts = [_beams(note) for note in group]
    for level in range(max(counts)):
        for i, count in enumerate(counts):
            if count <= level:
                continue
            if i + 1 < len(group) and counts[i + 1] > level:
                _beam(pen, x[i], x[i + 1], ends[i], ends[i + 1], level, side)
            elif (i == 0 or counts[i - 1] <= level) and level > 0:
                left = i > 0  # a short beam of its own, towards its neighbour
                other = x[i] + (-1.1 if left else 1.1)
                _beam(pen, x[i], other, ends[i], ends[i] + slope * (other - x[i]), level, side)


def _beam(pen: _Pen, a: float, b: float, ya: float, yb: float, level: int, side: int) -> None:
    low = -0.75 * level * side
    pen.fill([a, b, b, a], [ya + low, yb + low, yb + low - 0.48 * side, ya + low - 0.48 * side])


def _rest(pen: _Pen, note: Placed) -> None:
    x = note.x
    if note.base <= 2:
        low = 3.0 - 0.5 if note.base == 1 else 2.0
        pen.fill([x - 0.6, x + 0.6, x + 0.6, x - 0.6], [low, low, low + 0.5, low + 0.5])
    elif note.base == 4:
        pen.stroke(
            x + np.array([-0.3, 0.3, -0.2, 0.35, -0.3, 0.1]), [3.5, 2.8, 2.1, 1.4, 1.3, 0.7], 1.8
        )
    else:
        count = _beams(note)
        pen.stroke([x + 0.5, x - 0.1], [2.9, 1.5 - 0.8 * count], 0.9)
        for i in range(count):
            pen.dot(x - 0.25 - 0.2 * i, 2.7 - 0.9 * i, 0.27)
            pen.stroke(
                [x - 0.25 - 0.2 * i, x + 0.45 - 0.2 * i], [2.45 - 0.9 * i, 2.85 - 0.9 * i], 0.9
            )
    for dot in range(note.dots):
        pen.dot(x + 1.0 + 0.5 * dot, 2.5)


def _ties(pen: _Pen, notes: Sequence[Placed], right: float) -> None:
    """Arcs from tied notes to the next, or to the end of the line."""
    for i, note in enumerate(notes):
        if not note.event.tied:
            continue
        following = next((n for n in notes[i + 1 :] if not n.event.grace), None)
        end = following.x - 0.5 if following is not None else right
        for y in note.heights:
            side = -1 if _upward([note]) else 1
            turn = np.linspace(0, np.pi, 21)
            middle, half = (note.x + 0.5 + end) / 2, (end - note.x - 0.5) / 2
            pen.stroke(middle - half * np.cos(turn), y + side * (0.6 + 0.7 * np.sin(turn)), 1.1)


def _smooth(points: Any) -> Any:
    """A curve through points (Catmull and Rom, 1974), (N, 2)."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    time = np.linspace(0, 1, 12, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(
            0.5
            * (
                2 * b
                + (c - a) * time
                + (2 * a - 5 * b + 4 * c - d) * time**2
                + (3 * b - a - 3 * c + d) * time**3
            )
        )
    return np.concatenate([*parts, points[-1:]])
