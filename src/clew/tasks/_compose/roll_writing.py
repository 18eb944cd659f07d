"""How a network of piano rolls writes: the opening is read, then every step is drawn and read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.errors import InputError
from clew.nn import Stack
from clew.tasks._compose.roll_net import RollNetwork
from clew.tasks._compose.roll_notes import Independent, Polyphony
from clew.tasks._draw import Draw, check_whole, generator


@dataclass(frozen=True)
class RollWriting:
    """How a roll is written; raises InputError for values that mean nothing.

    steps: how many are written. draw: temperature, 0 for the likeliest notes, and seed; top_k and
    top_p where notes are drawn in turn. polyphony: the fewest and the most notes of a step; None is
    what all but a few steps of the training rolls have.
    """

    steps: int = 64
    draw: Draw = field(default_factory=Draw)
    polyphony: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_whole("steps", self.steps, 0)
        if self.polyphony is None:
            return
        try:
            least, most = self.polyphony
        except (TypeError, ValueError):
            least, most = 1, 0
        check_whole("polyphony", least, 0)
        check_whole("polyphony", most, 0)
        if least > most:
            raise InputError(
                f"polyphony must not be {self.polyphony!r}",
                where="polyphony",
                expected="the fewest notes, then the most",
            )


def write(
    network: RollNetwork,
    opening: NDArray[Any] | None,
    how: RollWriting,
    chance: torch.Generator | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """The steps (P,), zeros and ones, that follow the opening (T, P), one after the other.

    chance: what is drawn from, in place of the seed. Memory does not grow with their number. Raises
    InputError for an opening of another shape, and more notes a step than there are pitches.
    """
    reader = network.reader
    if not isinstance(reader, Stack):
        raise InputError("only a recurrent network writes")
    opened = np.zeros((0, network.pitches), np.float32) if opening is None else np.asarray(opening)
    if opened.ndim != 2 or opened.shape[1] != network.pitches or not np.isin(opened, (0, 1)).all():
        raise InputError(
            f"the opening has shape {opened.shape}",
            where="opening",
            expected=f"(T, {network.pitches}), zeros and ones",
        )
    polyphony = Polyphony(*(how.polyphony or network.polyphony.tolist()))
    if polyphony.most > network.pitches:
        raise InputError(
            f"polyphony must not be {how.polyphony!r}",
            where="polyphony",
            expected=f"at most {network.pitches} notes",
        )
    if isinstance(network.output, Independent) and (how.draw.top_k or how.draw.top_p):
        raise InputError(
            "top_k and top_p choose one of many, and these notes are independent",
            where="top_p" if how.draw.top_p else "top_k",
            expected="a temperature",
        )
    random = generator(how.draw.seed) if chance is None else chance
    return _written(network, reader, opened, how, polyphony, random)


def _written(
    network: RollNetwork, reader: Stack, opened: NDArray[Any], how: RollWriting,
    polyphony: Polyphony, random: torch.Generator,
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    stream = reader.stream()  # packs the weights once; the bits of the whole
    x_t = np.zeros(network.pitches + 1, np.float32)
    x_t[-1] = 1  # the mark of the beginning
    y_t = stream.push(x_t)
    x_t[-1] = 0
    for step in opened:
        x_t[:-1] = step
        y_t = stream.push(x_t)
    for written in range(1, how.steps + 1):
        with torch.inference_mode():
            features = torch.from_numpy(y_t).to(network.device)
            x_t[:-1] = network.output.draw(features, how.draw, polyphony, random)
        yield x_t[:-1].astype(np.uint8)
        if written < how.steps:
            y_t = stream.push(x_t)
