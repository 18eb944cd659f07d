"""How a network of piano rolls writes: the opening is read, then every step is drawn and read."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.errors import InputError
from clew.nn import Stack
from clew.tasks._compose.roll_net import RollNetwork
from clew.tasks._compose.roll_notes import Drawing


@dataclass(frozen=True)
class RollWriting:
    """How a roll is written; raises InputError for values that mean nothing.

    steps: how many are written. temperature: 1 draws by the network's probabilities, less is
    bolder, 0 takes the likeliest notes. polyphony: the fewest and the most notes of a step; None
    is what all but a few steps of the training rolls have. seed: None draws one.
    """

    steps: int = 64
    temperature: float = 1.0
    polyphony: tuple[int, int] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        _whole("steps", self.steps, 0)
        number = isinstance(self.temperature, int | float) and not isinstance(
            self.temperature, bool
        )
        if not number or not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise InputError(
                f"temperature is {self.temperature!r}",
                where="temperature",
                expected="0 (the likeliest notes) or more; 1 draws by the model's probabilities",
            )
        if self.seed is not None:
            _whole("seed", self.seed, 0)
        if self.polyphony is not None:
            try:
                least, most = self.polyphony
            except (TypeError, ValueError):
                least = most = -1
            for count in (least, most):
                _whole("polyphony", count, 0)
            if least > most:
                raise InputError(
                    f"polyphony is {self.polyphony!r}",
                    where="polyphony",
                    expected="the fewest notes, then the most",
                )


def write(
    network: RollNetwork, opening: NDArray[Any] | None, how: RollWriting
) -> Iterator[NDArray[np.uint8]]:
    """The steps (P,), zeros and ones, that follow the opening (T, P), one after the other.

    Memory does not grow with their number. Raises InputError for an opening of another shape, and
    more notes a step than there are pitches.
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
    least, most = how.polyphony or network.polyphony.tolist()
    if most > network.pitches:
        raise InputError(
            f"polyphony is {how.polyphony!r}",
            where="polyphony",
            expected=f"at most {network.pitches} notes",
        )
    drawing = Drawing(how.temperature, least, most)
    return _written(network, reader, opened, how, drawing)


def _written(
    network: RollNetwork, reader: Stack, opened: NDArray[Any], how: RollWriting, drawing: Drawing
) -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(secrets.randbits(63) if how.seed is None else how.seed)
    stream = reader.stream()  # packs the weights once; the bits of the whole
    x_t = np.zeros(network.pitches + 1, np.float32)
    x_t[-1] = 1  # the mark of the beginning
    y_t = stream.push(x_t)
    x_t[-1] = 0
    for step in opened:
        x_t[:-1] = step
        y_t = stream.push(x_t)
    for _ in range(how.steps):
        with torch.inference_mode():
            features = torch.from_numpy(y_t).to(network.device)
            x_t[:-1] = network.output.draw(features, drawing, random)
        yield x_t[:-1].astype(np.uint8)
        y_t = stream.push(x_t)


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name} is {value!r}", where=name, expected=f"a whole number of {least} or more"
        )
