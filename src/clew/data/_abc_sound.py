"""What a tune sounds like: its notes with repeats, and its chord symbols softly below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from clew.data._abc_key import STEPS, beat
from clew.data._abc_lexer import Token
from clew.data._abc_repeats import misfits, played
from clew.data._abc_timing import Bar, Event
from clew.data.notes import Notes, notes_of

TICKS = 480  # of a quarter note
_PROGRAM, _CHORDS = 73, 24  # flute, guitar
_GRACE = Fraction(1, 48)  # of a whole note
_SOFT = 45
_SYMBOL = re.compile(r"\(?([A-G])([#b+]?)([^/()]*)(?:/([A-Ga-g])([#b+]?))?\)?")
# The first name that fits tells the chord: semitones above its root.
_CHORD: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"maj7|M7", (0, 4, 7, 11)),
    (r"(m|min|-)7", (0, 3, 7, 10)),
    (r"(m|min|-)6", (0, 3, 7, 9)),
    (r"dim|d$|o|°", (0, 3, 6)),
    (r"aug|\+", (0, 4, 8)),
    (r"sus2", (0, 2, 7)),
    (r"sus", (0, 5, 7)),
    (r"m|min|-", (0, 3, 7)),
    (r"7|9|11|13", (0, 4, 7, 10)),
    (r"6", (0, 4, 7, 9)),
    (r"", (0, 4, 7)),
)


def sounding(
    tokens: Sequence[Token], bars: Sequence[Bar], metre: str, tempo: float | None, unfold: bool
) -> Notes:
    """The notes of a tune; track 0 is the tune, track 1 what its chord symbols say."""
    misfits(bars)  # says how much of each bar was over when it began
    order = list(played(bars)) if unfold else list(range(len(bars)))
    rows: list[tuple[int, ...]] = []
    chords: list[tuple[Fraction, tuple[int, ...]]] = []
    held: dict[int, int] = {}  # the row of each pitch that is tied to the next note
    now = bars[order[0]].start if order else Fraction(0)  # a pickup is the end of a bar
    for at in order:
        bar = bars[at]
        symbols = _symbols(tokens, bars, at)
        if chords:
            chords.append((now, chords[-1][1]))  # struck again in each bar
        place, graces = bar.start, 0
        for event in bar.events:
            if event.grace:
                graces += 1
                continue
            if event.token in symbols:
                chords.append((now, symbols[event.token]))
            rows += _graces(bar, event, graces, now)
            graces = 0
            held = _note(rows, held, event, now, _loudness(place, metre))
            now += event.duration
            place += event.duration
    rows += _accompaniment(chords, now)
    beats, _, unit = metre.partition("/")
    known = ((0, sum(map(int, re.findall(r"\d+", beats))), int(unit)),) if unit else ()
    return notes_of(rows, ticks=TICKS, tempos=((0, tempo or _tempo(metre)),), metres=known)


def _ticks(time: Fraction) -> int:
    return round(time * 4 * TICKS)


def _tempo(metre: str) -> float:
    """Quarter notes a minute: 110 beats in jigs and their kind, 90 half notes in reels."""
    return {"4/4": 180.0, "2/2": 180.0}.get(
        metre, 165.0 if beat(metre) == Fraction(3, 8) else 120.0
    )


def _loudness(place: Fraction, metre: str) -> int:
    length = beat(metre)
    if place == 0:
        return 96
    return 86 if length is not None and place % length == 0 else 76


def _note(
    rows: list[tuple[int, ...]], held: dict[int, int], event: Event, now: Fraction, loud: int
) -> dict[int, int]:
    """Adds the notes of an event, or makes those longer that are tied to it."""
    start = _ticks(now)
    length = _ticks(now + event.duration) - start
    tied: dict[int, int] = {}
    for sign in event.signs:
        if sign.pitch in held:
            number = held[sign.pitch]
            rows[number] = (rows[number][0], rows[number][1] + length, *rows[number][2:])
        else:
            number = len(rows)
            rows.append((start, length, sign.pitch, loud, _PROGRAM, 0))
        if event.tied:
            tied[sign.pitch] = number
    return tied


def _graces(bar: Bar, event: Event, count: int, now: Fraction) -> list[tuple[int, ...]]:
    """The grace notes before an event, which sound just before it."""
    if not count:
        return []
    last = bar.events.index(event)
    length = _ticks(_GRACE)
    rows: list[tuple[int, ...]] = []
    for i, grace in enumerate(bar.events[last - count : last]):
        start = max(0, _ticks(now) - (count - i) * length)
        rows += [(start, length, sign.pitch, 70, _PROGRAM, 0) for sign in grace.signs]
    return rows


def _symbols(tokens: Sequence[Token], bars: Sequence[Bar], at: int) -> dict[int, tuple[int, ...]]:
    """The chords of a bar, by the token of the note that each stands at."""
    until = bars[at + 1].first if at + 1 < len(bars) else len(tokens)
    found: dict[int, tuple[int, ...]] = {}
    waiting: tuple[int, ...] | None = None
    events = {event.token for event in bars[at].events if not event.grace}
    for i in range(bars[at].first, until):
        if tokens[i].kind == "symbol":
            waiting = chord_pitches(tokens[i].text.strip('"')) or waiting
        elif i in events and waiting is not None:
            found[i], waiting = waiting, None
    return found


def chord_pitches(name: str) -> tuple[int, ...]:
    """The pitches of a chord symbol, its bass first; none for what names no chord."""
    match = _SYMBOL.fullmatch(name)
    if match is None:
        return ()
    sign = {"#": 1, "+": 1, "b": -1, "": 0}
    kind = match[3]
    alter = match[2]
    if alter == "+" and not kind:
        alter, kind = "", "+"  # C+ is an augmented chord, but f+ below a stroke is f sharp
    root = STEPS[match[1]] + sign[alter]
    intervals = next(steps for pattern, steps in _CHORD if re.match(pattern, kind))
    bass = STEPS[match[4].upper()] + sign[match[5]] if match[4] else root
    low = 36 + (bass - 4) % 12 + 4  # E2 to D#3
    return (low, *(48 + (root + step - 4) % 12 + 4 for step in intervals))


def _accompaniment(
    chords: Sequence[tuple[Fraction, tuple[int, ...]]], end: Fraction
) -> list[tuple[int, ...]]:
    """Chords held until the next; where two begin at once the later holds."""
    rows: list[tuple[int, ...]] = []
    for i, (start, pitches) in enumerate(chords):
        until = chords[i + 1][0] if i + 1 < len(chords) else end
        length = _ticks(until) - _ticks(start)
        if length > 0:
            rows += [(_ticks(start), length, pitch, _SOFT, _CHORDS, 1) for pitch in set(pitches)]
    return rows
