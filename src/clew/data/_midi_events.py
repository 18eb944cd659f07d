"""Notes as events, one after another, on a grid: bars, positions in them, and what sounds there.

    tempo:120 metre:6/8 bar at:0 program:0 velocity:5 pitch:62 length:12
    at:12 pitch:69 length:24 bar ...

A note is `pitch`, then `length`, in steps of the grid; what stands before it holds until it is
said anew: `at`, how many steps into the bar it begins; `program`; `velocity`, one of eight classes.
`bar` begins a bar of the last `metre` (4/4 where there is none) and puts `at` to 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clew.data.notes import Notes, notes_of
from clew.errors import InputError

_MOST_BARS = 10_000
_VELOCITIES = 8


def to_events(notes: Notes, *, grid: int = 12) -> list[str]:
    """The events of notes, `grid` steps a quarter; without loss for notes that are on the grid.

    Velocities become the middle of one of eight classes, tracks of one program one, tempos the
    first. Raises InputError for a metre that is off the grid and for music of too many bars.
    """
    notes = notes.on_grid(grid)
    found = [f"tempo:{max(1, round(notes.tempos[0][1]))}"] if notes.tempos else []
    bars = _bars(notes, grid)
    start, end, metre = next(bars)
    found += [f"metre:{metre}", "bar"]
    at = program = loud = -1
    said = metre
    for begins, duration, pitch, velocity, voice, _ in notes.rows():
        while begins >= end:
            start, end, metre = next(bars)
            found += [f"metre:{metre}"] if metre != said else []
            found.append("bar")
            said, at = metre, 0
        if begins - start != at and (begins > start or at > 0 or at < 0):
            at = begins - start
            found.append(f"at:{at}")
        if voice != program:
            program = voice
            found.append(f"program:{voice}")
        if velocity * _VELOCITIES // 128 != loud:
            loud = velocity * _VELOCITIES // 128
            found.append(f"velocity:{loud}")
        found += [f"pitch:{pitch}", f"length:{duration}"]
    return found


def _bars(notes: Notes, grid: int) -> Iterator[tuple[int, int, str]]:
    """Start, end and metre of bar after bar; a metre that changes within a bar waits."""
    changes = sorted(notes.metres)
    start, metre, length = 0, "4/4", 4 * grid
    for _ in range(_MOST_BARS):
        while changes and changes[0][0] <= start:
            _, beats, unit = changes.pop(0)
            metre, length = f"{beats}/{unit}", _length(beats, unit, grid)
        yield start, start + length, metre
        start += length
    raise InputError(f"the music has more than {_MOST_BARS} bars", where=f"tick {start}")


def _length(beats: int, unit: int, grid: int) -> int:
    length, rest = divmod(4 * grid * beats, unit)
    if rest or length < 1:
        raise InputError(
            f"a bar of {beats}/{unit} is no whole number of steps", where=f"grid={grid}",
            expected="a finer grid, such as 24",
        )  # fmt: skip
    return length


def from_events(events: Iterable[str], *, grid: int = 12) -> Notes:
    """The notes that events stand for; raises InputError naming the event that does not fit."""
    rows: list[tuple[int, ...]] = []
    tempos: list[tuple[int, float]] = []
    metres: list[tuple[int, int, int]] = []
    start, length, at, program, velocity = 0, 0, 0, 0, _VELOCITIES * 5 // 8
    next_length, pitch, begun = 4 * grid, -1, False
    for number, event in enumerate(events):
        name, _, value = event.partition(":")
        where = f"event {number}: {event}"
        if (name == "length") != (pitch >= 0):
            raise InputError("a pitch and its length belong together", where=where)
        if name == "bar":
            start, length, at, begun = start + length, next_length, 0, True
        elif name == "metre":
            beats, _, unit = value.partition("/")
            next_length = _length(_number(beats, 1, 255, where), _number(unit, 1, 64, where), grid)
            metres.append((start + length, int(beats), int(unit)))
        elif name == "tempo":
            tempos.append((start + length, float(_number(value, 1, 1000, where))))
        elif not begun:
            raise InputError("music before the first bar", where=where, expected="bar")
        elif name == "at":
            at = _number(value, 0, length - 1, where)
        elif name == "program":
            program = _number(value, 0, 128, where)
        elif name == "velocity":
            velocity = _number(value, 0, _VELOCITIES - 1, where)
        elif name == "pitch":
            pitch = _number(value, 0, 127, where)
        elif name == "length":
            steps = _number(value, 1, 1 << 20, where)
            loud = (2 * velocity + 1) * 64 // _VELOCITIES
            rows.append((start + at, steps, pitch, loud, program, program))
            pitch = -1
        else:
            raise InputError(f"there is no event {event!r}", where=where)
    return notes_of(rows, ticks=grid, tempos=tuple(tempos) or ((0, 120.0),), metres=tuple(metres))


def _number(text: str, low: int, high: int, where: str) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise InputError(f"{text!r} is out of place", where=where, expected=f"{low} to {high}")
    return int(text)
