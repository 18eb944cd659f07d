"""Training a composer: tunes in batches of like length, long ones read a window at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.data.batches import bucketed
from clew.tasks._compose.net import State, TuneNetwork
from clew.tasks._compose.store import Part, real
from clew.train.problem import Evaluation

JUDGED = 2048  # held-out tunes that are scored while training, at most
CELLS = 1 << 14  # padded tokens in one batch of these: bounds the memory of their features
_RELEASE = 64  # batches read between two times that pages of mapped files are given back


@dataclass(frozen=True)
class Item:
    """One step of training: these tunes, from token `start` to `stop`."""

    numbers: NDArray[np.int64]
    start: int
    stop: int
    moved: NDArray[np.int64] | None = None  # rows of `moves`


class TuneProblem:
    """Cross-entropy of each token of a tune after those before it.

    Tunes of more than `window` tokens are read so many at a time; the state is carried, and only
    the gradient stops between them (truncated backpropagation, Williams & Peng 1990). moves: what
    each token becomes in other keys, (keys, V): every tune is read in one of them, drawn anew in
    each epoch.
    """

    unit = "tokens"

    def __init__(
        self, network: TuneNetwork, train: Part, held_out: Part, *, batch_size: int, window: int,
        seed: int, moves: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        self.network: nn.Module = network
        self._tunes = network
        self.train, self.held_out = train, held_out
        self.batch_size, self.window, self.seed = batch_size, window, seed
        self.moves = moves
        self._read = 0

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Item | None]:
        """The tunes of each batch, long ones in several steps one after the other."""
        lengths = self.train.lengths
        items: list[Item | None] = []
        draw = np.random.default_rng([self.seed & 0xFFFFFFFFFFFFFFFF, epoch, 1])
        keys = None if self.moves is None else draw.integers(len(self.moves), size=len(lengths))
        for batch in bucketed(lengths, self.batch_size * world, seed=self.seed, epoch=epoch):
            mine = batch[rank::world]
            own = int(lengths[mine].max()) if len(mine) else 0
            for start in range(0, int(lengths[batch].max()), self.window):
                there = start < own  # every process has as many steps
                moved = None if keys is None else keys[mine]
                item = Item(mine, start, start + self.window, moved)
                items.append(item if there else None)
        return items

    def loss(self, item: Item, carry: State) -> tuple[Tensor, int, State]:
        """The summed nats of these tokens, and the states that the tunes are left in."""
        self._read += 1
        if self._read % _RELEASE == 0:
            self.train.store.release()
        before = carry if item.start else None
        features, tokens, state = read(self._tunes, self.train, item, before, self.moves)
        return self._tunes.nats(features, tokens, reduction="sum"), len(tokens), state

    def evaluate(self, full: bool = False) -> Evaluation:
        """Nats a token, bits a character and perplexity of held-out tunes.

        Of more than JUDGED tunes evenly chosen ones are scored, unless `full`.
        """
        part = self.held_out
        if not full and len(part) > JUDGED:
            chosen = np.linspace(0, len(part) - 1, JUDGED).round().astype(np.int64)
            part = Part(part.store, part.places[np.unique(chosen)])
        nats = math.fsum(tune_nats(self._tunes, part, self.window).tolist())
        return Evaluation(nats / part.tokens, figures(nats, part))


def figures(nats: float, part: Part) -> dict[str, float]:
    """The figures that stand side by side, from the nats of all tokens of some tunes."""
    token, character = nats / part.tokens, nats / max(1, part.characters)
    return {
        "nats_per_token": token,
        "nats_per_character": character,
        "bits_per_token": token / math.log(2),
        "bits_per_character": character / math.log(2),
        "perplexity": math.exp(min(token, 700.0)),
    }


def read(
    network: TuneNetwork, part: Part, item: Item, state: State,
    moves: NDArray[np.int64] | None = None,
) -> tuple[Tensor, Tensor, State]:  # fmt: skip
    """Features (N, H) where there is a token in `item`, those tokens (N,), and the state."""
    tables = None if moves is None or item.moved is None else moves[item.moved]
    parts = part.batch(item.numbers, item.start, item.stop, tables)
    before, tokens, lengths = (each.to(network.device) for each in parts)
    features, state = network(before, state, lengths=lengths)
    there = real(lengths, len(tokens))
    return features[there], tokens[there], state


def tune_nats(network: TuneNetwork, part: Part, window: int) -> NDArray[np.float64]:
    """The sum of -ln P of the tokens of each tune, (n,); the network in eval mode, no gradients."""
    found = np.zeros(len(part))
    for numbers in alike(part.lengths):
        state: State = None
        for start in range(0, int(part.lengths[numbers].max()), window):
            item = Item(numbers, start, start + window)
            features, tokens, state = read(network, part, item, state)
            nats = network.nats(features, tokens).double().cpu().numpy()
            lengths = np.clip(part.lengths[numbers] - start, 0, window)
            there = np.arange(int(lengths.max()))[:, None] < lengths  # (T, B), as in `read`
            owner = np.broadcast_to(np.arange(len(numbers)), there.shape)[there]
            found[numbers] += np.bincount(owner, weights=nats, minlength=len(numbers))
    return found


def alike(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The numbers of all tunes, in batches of like length of CELLS tokens at most."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * lengths[order[stop]] <= CELLS:
            stop += 1
        yield order[start:stop]
        start = stop
