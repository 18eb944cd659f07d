"""What is asked of a composer of piano rolls, and how it comes to be a piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.data.files import decoded, existing
from clew.data.rolls import LOWEST, Roll, notes_from_roll, roll_of, roll_of_steps
from clew.errors import InputError
from clew.tasks._compose.composing import Request
from clew.tasks._compose.composition import Composition, Recall
from clew.tasks._compose.recall import TransposedIndex
from clew.tasks._compose.roll_net import RollNetwork
from clew.tasks._compose.roll_writing import RollWriting, write
from clew.tasks._draw import generator

BARS, METRE = 16, "4/4"  # of a piece, where none are asked for


class RollComposing:
    """A network of piano rolls at work; grid: steps a quarter note, None where it is not known.

    A piece of b bars has b * metre * 4 * grid steps, with one step a quarter where `grid` is None.
    """

    def __init__(self, network: RollNetwork, grid: int | None) -> None:
        self._network, self._grid = network, grid

    def compose(self, request: Request) -> Iterator[Composition]:
        """The pieces that are asked for, the prompt included."""
        chance = generator(request.seed)
        for _ in range(request.n):
            opening, rest = self._begun(request, chance)
            steps = np.concatenate([opening, *(step[None] for step in rest)])
            roll = roll_of_steps(steps, grid=self._grid)
            yield Composition(None, notes_from_roll(roll), self.recall(steps))

    def writing(self, request: Request) -> Iterator[str]:
        """The steps that follow the prompt, as they come: the pitches (MIDI) of each."""
        _, rest = self._begun(request, generator(request.seed))
        for step in rest:
            yield " ".join(str(LOWEST + key) for key in np.flatnonzero(step))

    def recall(self, steps: NDArray[Any]) -> Recall:
        """The longest run of these steps (T, P) that a roll learned from has, in whatever key."""
        span = self._index.longest(*_in_any_key(steps))
        tune = span.tune if span.length else None
        return Recall(span.length, span.start, len(steps), tune, "steps")

    @cached_property
    def _index(self) -> TransposedIndex:
        """The rolls learned from."""
        starts, pitches = self._network.starts.cpu().numpy(), self._network.pitches
        rolls = np.split(self._network.learned.cpu().numpy(), starts[1:])
        return TransposedIndex(
            _in_any_key(np.unpackbits(roll, axis=1, count=pitches)) for roll in rolls
        )

    def _begun(
        self, request: Request, chance: torch.Generator
    ) -> tuple[NDArray[np.uint8], Iterator[NDArray[np.uint8]]]:
        """The opening, and the steps that follow it."""
        if request.key is not None:
            raise InputError("a piano roll has no key", where="key", expected="none")
        opening = self._opening(request.prompt)
        steps = (request.bars or BARS) * self._bar(request.metre or METRE)
        if len(opening) > steps:
            raise InputError(
                f"the prompt is of {len(opening)} steps, the piece of {steps}", where="prompt",
                expected="a shorter one, or more bars",
            )  # fmt: skip
        how = RollWriting(steps - len(opening), request.draw)
        return opening, write(self._network, opening, how, chance)

    def _bar(self, metre: str) -> int:
        """Steps of a bar."""
        beats, slash, unit = metre.partition("/")
        if not (slash and beats.isdecimal() and unit.isdecimal() and int(beats) and int(unit)):
            raise InputError(f"{metre!r} is no metre", where="metre", expected="such as 4/4 or 6/8")
        steps = Fraction(int(beats), int(unit)) * 4 * (self._grid or 1)
        if steps.denominator != 1:
            raise InputError(
                f"a bar of {metre} has no whole number of steps: {self._grid or 1} are a quarter",
                where="metre", expected="another metre",
            )  # fmt: skip
        return int(steps)

    def _opening(self, prompt: Any) -> NDArray[np.uint8]:
        if prompt is None:
            return np.zeros((0, self._network.pitches), np.uint8)
        if isinstance(prompt, str | Path):  # as typed at the command line, or in a file
            text = prompt if isinstance(prompt, str) else "".join(decoded(existing(prompt)))
            try:
                prompt = json.loads(text)
            except (ValueError, RecursionError):
                prompt = text[:60]
        if not isinstance(prompt, Roll | list | tuple):
            raise InputError(
                f"the prompt is {prompt!r:.80}", where="prompt",
                expected="a Roll, or a list of steps, each a list of pitches: [[60, 64], [59, 62]]",
            )  # fmt: skip
        roll = prompt if isinstance(prompt, Roll) else roll_of(prompt, where="prompt")
        return roll.steps.astype(np.uint8)


def _in_any_key(steps: NDArray[Any]) -> tuple[list[bytes], list[int | None]]:
    """What sounds in each step (T, P) above its lowest note, as bytes, and which that is."""
    width = steps.shape[1]
    rows = np.pad(steps != 0, ((0, 0), (0, width)))
    sounding: NDArray[np.bool_] = np.any(rows, axis=1)
    lowest = np.where(sounding, rows.argmax(1), 0)
    moved = np.take_along_axis(rows, lowest[:, None] + np.arange(width), axis=1)
    kinds = [row.tobytes() for row in np.packbits(moved, axis=1)]
    pairs = zip(lowest.tolist(), sounding.tolist(), strict=True)
    return kinds, [low if sounds else None for low, sounds in pairs]
