"""Running text as parallel streams: how a language model reads its corpus while it learns.

The text is cut into as many long pieces as the batch has rows. All are read side by side, a window
of steps at a time; the state at the end of a window is where the next one begins, and only the
gradient stops between them (truncated backpropagation through time, Williams & Peng 1990).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.data.corpus import Corpus
from clew.errors import InputError
from clew.tasks._language.corpora import RELEASE
from clew.tasks._language.net import LanguageNetwork, State
from clew.tasks._language.scoring import parallel_nats
from clew.train import Evaluation


@dataclass(frozen=True)
class Window:
    """One step of training: `length` tokens of every stream, and the tokens that follow each."""

    begin: NDArray[np.int64]  # (B,) where each stream goes on
    length: int

    def read(self, tokens: NDArray[Any], device: torch.device) -> tuple[Tensor, Tensor]:
        """Inputs and targets, each (T, B), the targets one token ahead."""
        columns = [
            np.asarray(tokens[start : start + self.length + 1], dtype=np.int64)
            for start in self.begin
        ]
        both = torch.from_numpy(np.stack(columns, axis=1)).to(device)  # (T + 1, B)
        return both[:-1], both[1:]


class Streams(Sequence[Window]):
    """The windows of one epoch, made when asked for: a corpus may have millions.

    begin: (B,) first token of each stream. All streams have `length` steps, cut into windows of
    `window` steps or, so that none is a mere remainder, a little less.
    """

    def __init__(self, begin: NDArray[np.int64], length: int, window: int) -> None:
        self.begin = begin
        self.length = length
        self._windows = -(-length // window)

    def __len__(self) -> int:
        return self._windows

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        """The windows by number."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        start = index * self.length // self._windows
        stop = (index + 1) * self.length // self._windows
        return Window(self.begin + start, stop - start)


def plan_streams(
    size: int, *, batch_size: int, window: int, seed: int, epoch: int, rank: int = 0, world: int = 1
) -> Streams:
    """Cut `size` tokens into `batch_size * world` streams; give those of process `rank` of `world`.

    Each epoch begins at another token (drawn from seed and epoch, up to one window into the text),
    so that the cuts between windows fall elsewhere. A text too short for so many streams of a
    window each gets fewer of them. Raises InputError where not even one token could be predicted.
    """
    steps = size - 1  # predictions that the text allows
    streams = max(world, min(batch_size * world, steps // window))
    slack = min(window, steps // 10, max(0, steps - streams))
    offset = int(np.random.default_rng((seed, epoch)).integers(0, slack + 1))
    length = (steps - offset) // streams
    if length < 1:
        raise InputError(
            f"the text to learn from has only {size} tokens",
            expected=f"at least {world + 1}",
            hint="give more text",
        )
    begin = offset + np.arange(rank, streams, world, dtype=np.int64) * length
    return Streams(begin, length, window)


class LanguageProblem:
    """What the loop trains: `network` on the streams of `corpus`, judged on `held_out`.

    The state is carried from window to window, from zeros at the start of an epoch. `lengthy` is
    how many characters a held-out token has on average.
    """

    unit = "tokens"

    def __init__(
        self,
        network: LanguageNetwork,
        corpus: Corpus,
        held_out: NDArray[Any],
        *,
        lengthy: float,
        batch_size: int,
        window: int,
        seed: int,
    ) -> None:
        self.network: nn.Module = network
        self._language = network
        self._corpus = corpus
        self._held_out = held_out
        self._lengthy = lengthy
        self._batch_size = batch_size
        self._window = window
        self._seed = seed
        self._read = 0

    def plan(self, epoch: int, rank: int, world: int) -> Streams:
        """The epoch's windows for this process."""
        return plan_streams(
            len(self._corpus),
            batch_size=self._batch_size,
            window=self._window,
            seed=self._seed,
            epoch=epoch,
            rank=rank,
            world=world,
        )

    def loss(self, item: Window, carry: State) -> tuple[Tensor, int, State]:
        """The summed nats over a window of every stream, and the states they end in."""
        self._read += item.length * len(item.begin)
        if self._read >= RELEASE:
            self._read = 0
            self._corpus.release()
        inputs, targets = item.read(self._corpus.tokens, self._language.device)
        features, state = self._language(inputs, carry)
        nats = self._language.nats(features, targets, reduction="sum")
        return nats, targets.numel(), state

    def evaluate(self, full: bool = False) -> Evaluation:
        """Nats a token, bits a character and perplexity over the held-out part."""
        nats = parallel_nats(self._language, self._held_out) / len(self._held_out)
        return Evaluation(
            nats,
            {
                "nats_per_character": nats / self._lengthy,
                "bits_per_character": nats / self._lengthy / math.log(2),
                "perplexity": math.exp(min(nats, 700.0)),
            },
        )
