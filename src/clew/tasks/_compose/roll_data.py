"""Piano rolls as a fit takes them: read, divided, empty ones left out."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clew.data.rolls import Roll, read_rolls
from clew.errors import InputError
from clew.tasks._compose.roll_problem import Rolls, each, lengths_of
from clew.tasks._compose.store import divide


class Unpacked(Sequence[NDArray[Any]]):
    """Rolls as arrays (T, 88), unpacked when asked for."""

    def __init__(self, rolls: Sequence[Roll]) -> None:
        self._rolls = rolls

    def __len__(self) -> int:
        return len(self._rolls)

    def __getitem__(self, index: Any) -> Any:
        return self._rolls[index].steps


@dataclass(frozen=True, eq=False)
class Some(Sequence[NDArray[Any]]):
    """Some of the rolls, by their places (n,)."""

    rolls: Rolls
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        return self.rolls[int(self.places[index])]


@dataclass(frozen=True, eq=False)
class PreparedRolls:
    """What a fit learns from, and what it is judged on."""

    train: Rolls
    held_out: Rolls
    grid: int | None = None  # steps a quarter note

    @cached_property
    def pitches(self) -> int:
        """P, of every roll."""
        return int(self.train[0].shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """Sha-256 of what is learned from and what is held out."""
        digest = hashlib.sha256()
        for part in (self.train, self.held_out):
            digest.update(b"part")
            for roll in each(part):
                digest.update(_bytes(roll))
        return digest.hexdigest()


def given(data: Any, validation: Any, share: float, seed: int) -> PreparedRolls:
    """What a fit is given: a .json file of piano rolls, or a list of Roll.

    Of a file with the parts train and valid these are learned from and held out, unless there is
    another `validation`. Raises InputError as `read_rolls`, and where rolls differ in their grid.
    """
    rolls = read(data, "train", "data")
    aside: Sequence[Roll] | None
    if validation is not None:
        aside = read(validation, "valid", "validation")
    else:
        aside = None if isinstance(data, list | tuple) else _part(data, "valid")
    grids = {roll.grid for roll in [*rolls, *(aside or ())]}
    if len(grids) > 1:
        raise InputError(
            "rolls of different grids: " + ", ".join(sorted(map(str, grids))) + " steps a quarter",
            expected="the same for all",
        )
    other = None if aside is None else Unpacked(aside)
    prepared = prepare_rolls(Unpacked(rolls), other, share, seed)
    return dataclasses.replace(prepared, grid=grids.pop() if grids else None)


def read(data: Any, split: Literal["train", "valid", "test"], name: str) -> Sequence[Roll]:
    """The rolls of a list, or of a file: this part of it where it has it, else train or all."""
    if isinstance(data, str | Path):
        found = _part(data, split)
        return read_rolls(data) if found is None else found
    if isinstance(data, list | tuple) and all(isinstance(each, Roll) for each in data):
        return data
    raise InputError(
        f"this is no list of rolls but {type(data).__name__}", where=name,
        expected="a .json file of piano rolls, or a list of Roll (clew.data.rolls)",
    )  # fmt: skip


def _part(path: Any, split: Literal["train", "valid", "test"]) -> Sequence[Roll] | None:
    try:
        return read_rolls(path, split)
    except InputError as error:
        # Of the file as a whole: it is sound, or reading train would say so, but lacks the part.
        if error.where == str(Path(path)) and split != "train":
            return None
        raise


def prepare_rolls(rolls: Rolls, validation: Rolls | None, share: float, seed: int) -> PreparedRolls:
    """Hold out a share of the different rolls, or take `validation`; empty ones are left out.

    Raises InputError where there are too few, or where none has a second step.
    """
    whole = _with_steps(rolls)
    if validation is None:
        keys = [hashlib.sha256(_bytes(roll)).digest()[:8] for roll in each(whole)]
        train, held = divide(np.frombuffer(b"".join(keys), "<u8"), share, seed)
        prepared = PreparedRolls(Some(whole, train), Some(whole, held))
    else:
        prepared = PreparedRolls(whole, _with_steps(validation))
    for part, words in ((prepared.train, "to learn from"), (prepared.held_out, "held out")):
        longest = max((len(roll) for roll in each(part)), default=0)
        if longest < 2:
            what = "there is no piano roll" if longest == 0 else "no piano roll has a second step"
            raise InputError(f"{what} {words}", expected="at least one of two steps")
    return prepared


def _with_steps(rolls: Rolls) -> Rolls:
    lengths = lengths_of(rolls)
    return rolls if bool((lengths > 0).all()) else Some(rolls, np.flatnonzero(lengths))


def _bytes(roll: NDArray[Any]) -> bytes:
    """A roll as bytes: its shape, then its bits."""
    return np.array(roll.shape, "<i8").tobytes() + np.packbits(roll != 0).tobytes()
