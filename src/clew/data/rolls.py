"""Piano rolls: at each step, which of the 88 keys of a piano sound."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clew.data.files import existing, listed, text_of, unreadable
from clew.data.notes import Notes, notes_of
from clew.errors import InputError

LOWEST, KEYS = 21, 88  # A0 to C8
Split = Literal["train", "valid", "test"]
_SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Roll:
    """A piece as a piano roll, a bit for each key and step.

    bits: (T, 11) uint8, the keys from the lowest on, eight to a byte; grid: steps a quarter note,
    None where it is not known.
    """

    bits: NDArray[np.uint8]
    grid: int | None = None

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def steps(self) -> NDArray[np.bool_]:
        """Which keys sound, (T, 88), from A0 (21 in MIDI) to C8 (108)."""
        return np.unpackbits(self.bits, axis=1, count=KEYS).astype(np.bool_)

    @property
    def pitches(self) -> list[list[int]]:
        """The pitches of each step, ascending."""
        return [(np.flatnonzero(row) + LOWEST).tolist() for row in self.steps]


def roll_of_steps(steps: Any, *, grid: int | None = None) -> Roll:
    """A roll of an array (T, 88) of zeros and ones; raises InputError for other arrays."""
    values = np.asarray(steps)
    if values.ndim != 2 or values.shape[1] != KEYS:
        raise InputError(f"a roll of shape {values.shape}", expected=f"(T, {KEYS})")
    if values.dtype != np.bool_ and not np.isin(values, (0, 1)).all():
        raise InputError("a roll has other values than 0 and 1", expected="zeros and ones")
    return Roll(np.packbits(values.astype(np.bool_), axis=1), grid)


def roll_of(piece: Any, *, grid: int | None = None, where: str = "piece") -> Roll:
    """A roll of steps, each a list of pitches of MIDI; raises InputError naming the step."""
    if not isinstance(piece, Sequence) or isinstance(piece, str):
        raise InputError(
            f"a piece is {type(piece).__name__}", where=where, expected="a list of steps"
        )
    steps = np.zeros((len(piece), KEYS), dtype=np.bool_)
    for number, step in enumerate(piece):
        if not isinstance(step, Sequence) or isinstance(step, str):
            raise InputError(
                f"a step is {step!r:.40}",
                where=f"{where}, step {number}",
                expected="a list of pitches",
            )
        for pitch in step:
            whole = isinstance(pitch, (int, np.integer)) and not isinstance(pitch, bool)
            if not whole or not LOWEST <= pitch < LOWEST + KEYS:
                raise InputError(
                    f"there is no key {pitch!r:.40} on a piano",
                    where=f"{where}, step {number}",
                    expected=f"whole numbers from {LOWEST} to {LOWEST + KEYS - 1}",
                )
            steps[number, pitch - LOWEST] = True
    return roll_of_steps(steps, grid=grid)


def read_rolls(
    path: str | Path, split: Split | None = None, *, grid: int | None = None
) -> list[Roll]:
    """The rolls of a JSON file (or one packed by gzip), all at once.

    - {"train": [pieces], "valid": [...], "test": [...]}, of which `split` picks a part; None: train
    - [pieces], without parts

    A piece is a list of steps, a step a list of pitches, 21 to 108, empty where nothing sounds.
    Raises InputError naming file, part, piece and step for whatever is broken.
    """
    if split not in (None, *_SPLITS):
        raise InputError(f"split={split!r}", where="split", expected='"train", "valid" or "test"')
    source, found = existing(path), _json(existing(path))
    if isinstance(found, dict):
        name = split or "train"
        names = {"valid": ("valid", "validation", "dev")}.get(name, (name,))
        part = next((found[n] for n in names if n in found), None)
        if part is None:
            raise InputError(
                f"there is no part {name!r}", where=str(source),
                expected="one of " + listed(map(str, found)),
            )  # fmt: skip
        place = f"{source}, {name}"
    elif split in (None, "train"):
        part, place = found, str(source)
    else:
        raise InputError(f"the file has no parts, so no {split!r}", where=str(source))
    if not isinstance(part, list):
        raise InputError("these are no pieces", where=place, expected="a list of pieces")
    if not part:
        raise InputError("there are no pieces", where=place, expected="at least one")
    rolls = []
    for number, piece in enumerate(part):
        where = f"{place}, piece {number}"
        roll = roll_of(piece, grid=grid, where=where)
        if not len(roll):
            raise InputError("the piece has no steps", where=where, expected="at least one")
        rolls.append(roll)
    return rolls


def _json(path: Path) -> Any:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except gzip.BadGzipFile as error:
        raise InputError(f"the compressed file is damaged: {error}", where=str(path)) from error
    except EOFError as error:
        raise InputError("the compressed file is cut short", where=str(path)) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not data:
        raise InputError("the file is empty", where=str(path), expected="JSON")
    try:
        return json.loads(text_of(path, data))
    except json.JSONDecodeError as error:
        raise InputError(
            f"this is no JSON: {error.msg}",
            where=f"{path}:{error.lineno}",
            expected='{"train": [pieces], ...}, a piece a list of steps, a step a list of pitches',
        ) from error
    except RecursionError as error:
        raise InputError("this JSON is nested too deeply", where=str(path)) from error


def roll_from_notes(notes: Notes, *, grid: int = 4) -> Roll:
    """What sounds at each step, `grid` steps a quarter; without drums and notes off the piano."""
    notes = notes.on_grid(grid)
    steps = np.zeros((notes.end, KEYS), dtype=np.bool_)
    for start, duration, pitch, _, program, _ in notes.rows():
        if program < 128 and LOWEST <= pitch < LOWEST + KEYS:
            steps[start : start + duration, pitch - LOWEST] = True
    return roll_of_steps(steps, grid=grid)


def notes_from_roll(roll: Roll, *, grid: int | None = None, tempo: float = 100.0) -> Notes:
    """Notes of a roll: a key that sounds in steps on end is one note. grid: steps a quarter."""
    steps = np.zeros((len(roll) + 2, KEYS), dtype=np.int8)
    steps[1:-1] = roll.steps
    change = np.diff(steps, axis=0)  # 1 where a note begins, -1 where it ends
    rows = []
    for key in np.flatnonzero(steps.any(axis=0)):
        begins, ends = np.flatnonzero(change[:, key] > 0), np.flatnonzero(change[:, key] < 0)
        rows += [(a, b - a, LOWEST + key, 80, 0, 0) for a, b in zip(begins, ends, strict=True)]
    return notes_of(rows, ticks=grid or roll.grid or 1, tempos=((0, float(tempo)),))
