"""How a composer writes: each token is a step, drawn among those that keep the bar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.errors import InputError
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.vocabulary import START, UNKNOWN, Vocabulary
from clew.tasks._draw import Drawing, choose
from clew.tasks._step import reading, stepper


class Keeper(Protocol):
    """What says which tokens keep the bar: clew.data.bar_keeper.BarKeeper, or that of events."""

    def start(self) -> Any:
        """Where a tune begins."""
        ...

    def allowed(self, state: Any) -> NDArray[np.bool_]:
        """Which tokens may come next (V,)."""
        ...

    def step(self, state: Any, token: int) -> Any:
        """Where a token leads; raises InputError for one that may not come."""
        ...


class Pen:
    """A network that has read the beginning of a tune and may go on."""

    def __init__(self, network: TuneNetwork) -> None:
        self._network = network
        with reading(network):
            self._step = stepper(network, None)
        self.scores = self.read(START)

    def read(self, token: int) -> Tensor:
        """Read one token; the scores (V,) of the next one, in double precision on the CPU."""
        with reading(self._network):
            scores = self._step(token).detach().to(device="cpu", dtype=torch.float64, copy=True)
        if not bool(torch.isfinite(scores).all()):
            raise InputError(
                "the network's scores are not finite",
                hint="train it anew at a smaller learning rate",
            )
        self.scores = scores
        return scores

    def draw(self, allowed: NDArray[np.bool_], how: Drawing, chance: torch.Generator) -> int:
        """Choose one of the tokens that are allowed, (V,)."""
        scores = self.scores.masked_fill(torch.from_numpy(~allowed), -math.inf)
        return choose(scores, how, chance)


def write(
    pen: Pen, keeper: Keeper, prompt: Sequence[int], how: Drawing, chance: torch.Generator
) -> Iterator[int]:
    """The tokens that follow `prompt` to the end of the tune, one a step.

    Raises InputError for a prompt that does not keep the bar.
    """
    state = keeper.start()
    for token in prompt:
        state = keeper.step(state, token)
        pen.read(token)
    while not state.done:
        token = pen.draw(keeper.allowed(state), how, chance)
        state = keeper.step(state, token)
        yield token
        if not state.done:
            pen.read(token)


def numbers(tokens: Sequence[str], shown: Sequence[str], vocabulary: Vocabulary) -> list[int]:
    """The numbers of a prompt's tokens; raises InputError naming the first that is not known.

    shown: the same tokens as they were given.
    """
    found: list[int] = vocabulary.encode(tokens).tolist()
    for place, (number, text) in enumerate(zip(found, shown, strict=True), 1):
        if number == UNKNOWN:
            raise InputError(
                f"the prompt holds {text!r}, which no tune learned from has in its key",
                where=f"prompt, token {place} of {len(shown)}",
                hint="leave it out, or write it otherwise",
            )
    return found


def numbered(vocabulary: Vocabulary, mark: str) -> dict[int, int]:
    """The tokens of a header that hold a number, such as "bars:16": token -> that number."""
    return {
        vocabulary.number(f"{mark}:{text}"): int(text)
        for text in vocabulary.headed(mark)
        if text.isdecimal()
    }


def bars_token(
    pen: Pen, vocabulary: Vocabulary, bars: int | None, how: Drawing, chance: torch.Generator
) -> tuple[int, int]:
    """The token that tells the network how many bars there will be, and their number.

    Where none is asked for it is drawn; a number that no tune had is told by the nearest one.
    """
    known = numbered(vocabulary, "bars")
    if bars is not None:
        token = min(known, key=lambda token: (abs(known[token] - bars), known[token]))
        return token, bars
    allowed = np.zeros(len(vocabulary), dtype=np.bool_)
    allowed[list(known)] = True
    token = pen.draw(allowed, how, chance)
    return token, known[token]
