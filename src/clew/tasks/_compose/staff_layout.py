"""Where each note of a tune stands on its staves: lines of bars, and places along them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from clew.data._abc_key import LETTERS
from clew.data.abc import Bar, Event, Token

WIDTH = 66.0  # of a line of music, in spaces between two lines of a staff
_BOTTOM = 4 * 7 + 2  # E4, on the lowest line, in steps of the scale above C0
# Where sharps and flats stand in a signature, in steps above the lowest line.
SHARPS = (8, 5, 9, 6, 3, 7, 4)
FLATS = (4, 7, 3, 6, 2, 5, 1)
_SHARP_ORDER = "FCGDAEB"


@dataclass
class Placed:
    """A note, chord or rest on a line: x, and heights in spaces above the lowest line."""

    event: Event
    x: float
    heights: list[float]
    base: int  # 1 a whole note, 2 a half, 4 a quarter, ...
    dots: int
    symbol: str = ""
    group: int = -1  # notes of one number are beamed together


@dataclass
class PlacedBar:
    """A bar on a line: where it begins and ends."""

    bar: Bar
    left: float
    right: float
    signature: float | None = None  # where the signature of a new key begins
    notes: list[Placed] = field(default_factory=list)


def height(letter: str, octave: int) -> float:
    """Spaces above the lowest line: E4 is 0, F4 one half."""
    return (octave * 7 + LETTERS.index(letter) - _BOTTOM) / 2


def written(duration: Fraction) -> tuple[int, int]:
    """The note (4 a quarter) and the dots that write a duration, the next shorter if none does."""
    base = 1
    while base < 128 and Fraction(1, base) > duration:
        base *= 2
    rest = duration - Fraction(1, base)
    dots = 0
    while dots < 2 and rest >= Fraction(1, base << (dots + 1)):
        dots += 1
        rest -= Fraction(1, base << dots)
    return base, dots


def signature(bar: Bar) -> list[tuple[float, int]]:
    """Heights and signs (1 sharp, -1 flat) of the signature of a bar's key."""
    if bar.key is None or bar.key.name.startswith("HP"):
        return []
    signs = dict(zip(LETTERS, bar.key.signature, strict=True))
    found = [(SHARPS[i] / 2, 1) for i, x in enumerate(_SHARP_ORDER) if signs[x] > 0]
    return found + [(FLATS[i] / 2, -1) for i, x in enumerate(_SHARP_ORDER[::-1]) if signs[x] < 0]


def lines(
    tokens: Sequence[Token], bars: Sequence[Bar], beam: Fraction | None
) -> Iterator[list[PlacedBar]]:
    """The bars of each line, spread over its width; `beam`: notes within it have one beam."""
    shape: list[PlacedBar] = []
    right = _head(bars[0], first=True) if bars else 0.0
    previous = bars[0] if bars else None
    for number, bar in enumerate(bars):
        until = bars[number + 1].first if number + 1 < len(bars) else len(tokens)
        placed = _place(tokens, bar, until, beam)
        changed = previous is not None and bar.key != previous.key
        extra = len(signature(bar)) + 1.0 if changed else 0.0
        if shape and right + extra + placed.right > WIDTH:
            yield _spread(shape)
            shape, right, extra = [], _head(bar, first=False), 0.0
        _move(placed, right + extra)
        placed.left = right
        placed.signature = right + 0.8 if extra else None
        shape.append(placed)
        right, previous = placed.right, bar
    if shape:
        yield _spread(shape) if right > 0.72 * WIDTH else shape


def _head(bar: Bar, *, first: bool) -> float:
    """The room for clef, signature and, on the first line, the metre."""
    return 3.6 + len(signature(bar)) + (2.8 if first else 0.0)


def _place(tokens: Sequence[Token], bar: Bar, until: int, beam: Fraction | None) -> PlacedBar:
    """A bar from 0 on, with the room that its notes need."""
    found = PlacedBar(bar, 0.0, 0.0)
    symbols = _symbols(tokens, bar, until)
    x, time, group = 2.3 if bar.begins in ("|:", "::") else 1.3, bar.start, 0
    for event in bar.events:
        dotted = event.duration * Fraction(*_stretch(event)) if event.tuplet else event.duration
        base, dots = (8, 0) if event.grace else written(dotted)
        if any(sign.accidental for sign in event.signs):
            x += 1.0
        heights = [height(sign.letter, sign.octave) for sign in event.signs]
        placed = Placed(event, x, heights, base, dots, symbols.get(event.token, ""))
        within = int(time / beam) if beam is not None else -1
        if heights and base > 4 and not event.grace and beam is not None:
            same = found.notes and found.notes[-1].group >= 0 and group == within
            placed.group = found.notes[-1].group if same else event.token
            group = within
        found.notes.append(placed)
        room = 1.2 if event.grace else 1.5 + 2.6 * float(event.duration * 4) ** 0.55
        x += max(room, 0.75 * len(placed.symbol)) if placed.symbol else room
        time += event.duration
    found.right = x + 0.3
    return found


def _stretch(event: Event) -> tuple[int, int]:
    """By what a note of a tuplet is written longer than it sounds."""
    usual = {2: (2, 3), 3: (3, 2), 4: (4, 3), 6: (3, 1), 8: (8, 3)}
    return usual.get(event.tuplet, (event.tuplet, 2))


def _symbols(tokens: Sequence[Token], bar: Bar, until: int) -> dict[int, str]:
    """The chord symbols of a bar, by the token of the note below each."""
    found: dict[int, str] = {}
    waiting = ""
    begins = {event.token for event in bar.events}
    for at in range(bar.first, until):
        if tokens[at].kind == "symbol":
            waiting = tokens[at].text.strip('"')
        elif at in begins and waiting:
            found[at], waiting = waiting, ""
    return found


def _move(placed: PlacedBar, by: float) -> None:
    placed.left += by
    placed.right += by
    for note in placed.notes:
        note.x += by


def _spread(shape: list[PlacedBar]) -> list[PlacedBar]:
    """A line drawn out to the full width, behind its clef."""
    start, end = shape[0].left, shape[-1].right
    factor = (WIDTH - start) / max(end - start, 1.0)
    for bar in shape:
        bar.left = start + (bar.left - start) * factor
        bar.right = start + (bar.right - start) * factor
        if bar.signature is not None:
            bar.signature = bar.left + 0.8
        for note in bar.notes:
            note.x = start + (note.x - start) * factor
    return shape
