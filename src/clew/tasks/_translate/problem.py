"""Training a translator: pairs as pieces, in batches of like length, and their loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import bucketed, pad
from clew.tasks._translate.net import TranslatorNetwork
from clew.train.problem import Evaluation

JUDGED = 4096  # held-out pairs that are scored while training, at most
CELLS = 1 << 12  # padded pieces in one batch of these: bounds the memory of their scores


class Store(Protocol):
    """Encoded pairs, in memory or on disk."""

    @property
    def lengths(self) -> NDArray[Any]:
        """Pieces of source and target of every pair, (N, 2)."""
        ...

    def pair(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The pieces of the source and of the target of a pair."""
        ...


class ListedPairs:
    """Encoded pairs in memory."""

    def __init__(
        self, sources: Sequence[NDArray[np.int32]], targets: Sequence[NDArray[np.int32]]
    ) -> None:
        self._sources, self._targets = sources, targets
        counts = [[len(s), len(t)] for s, t in zip(sources, targets, strict=True)]
        self.lengths: NDArray[Any] = np.array(counts, dtype=np.int64).reshape(-1, 2)

    def pair(self, index: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The pieces of the source and of the target of a pair."""
        return self._sources[index], self._targets[index]


@dataclass(frozen=True)
class Rows:
    """Some pairs of a store, as the network reads them: each side closed by its `end` piece.

    first: (N,) for each pair of the store the pair its conversation begins with, or None. The
    source of a turn is then all turns and replies before it and the turn, each closed by `end`, of
    which the last `longest` pieces are kept.
    """

    store: Store
    places: NDArray[Any]
    ends: tuple[int, int]
    longest: int
    first: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.places)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Pieces of source and target, `end` included, (n, 2)."""
        found = np.asarray(self.store.lengths[self.places], dtype=np.int64) + 1
        if self.first is not None:
            both = np.asarray(self.store.lengths, dtype=np.int64).sum(1) + 2
            before = np.concatenate([[0], np.cumsum(both)])
            earlier = before[self.places] - before[self.first[self.places]]
            found[:, 0] = np.minimum(found[:, 0] + earlier, self.longest + 1)
        return found

    def pair(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Source and target of one of these pairs."""
        place = int(self.places[number])
        source, target = self.store.pair(place)
        end = np.array([self.ends[0]], dtype=np.int64)
        parts = [source, end]
        if self.first is not None:
            length, at = len(source) + 1, place
            while at > self.first[place] and length <= self.longest:
                at -= 1
                turn, reply = self.store.pair(at)
                parts[:0] = [turn, end, reply, end]
                length += len(turn) + len(reply) + 2
        joined = np.concatenate(parts).astype(np.int64)
        return joined[-(self.longest + 1) :], np.append(target, self.ends[1])

    def batch(self, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sources (S, B) with lengths (B,), targets (T, B) with theirs."""
        pairs = [self.pair(number) for number in numbers.tolist()]
        return (*pad([source for source, _ in pairs]), *pad([target for _, target in pairs]))


class PairProblem:
    """Cross-entropy of each piece of the target after those before it and the source.

    teacher_forcing: the share of pieces that the decoder reads as they are at the end of training;
    it falls in a straight line from 1. The others are those that the network itself thought
    likeliest there, having read the truth (scheduled sampling in two passes: Bengio et al. 2015,
    Mihaylova & Martins 2019).
    """

    unit = "tokens"

    def __init__(
        self,
        network: TranslatorNetwork,
        train: Rows,
        held_out: Rows,
        *,
        batch_size: int,
        epochs: int,
        seed: int,
        label_smoothing: float = 0.0,
        teacher_forcing: float = 1.0,
    ) -> None:
        self.network = network
        self.train = train
        self.held_out = held_out
        self.batch_size = batch_size
        self.epochs = epochs
        self.seed = seed
        self.label_smoothing = label_smoothing
        self.teacher_forcing = teacher_forcing
        lengths = train.lengths
        # Like targets together, and among them like sources.
        self.keys = lengths[:, 1] * (lengths[:, 0].max() + 1) + lengths[:, 0]

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Any]:
        """The pairs of each batch and the share of the truth in what the decoder reads."""
        batches = bucketed(self.keys, self.batch_size * world, seed=self.seed, epoch=epoch)
        items: list[Any] = []
        for number, batch in enumerate(batches):
            done = (epoch + number / len(batches)) / self.epochs
            mine = batch[rank::world]
            items.append((mine, 1 - (1 - self.teacher_forcing) * done) if len(mine) else None)
        return items

    def loss(self, item: Any, carry: Any) -> tuple[Tensor, int, Any]:
        """Summed cross-entropy (nats) of the pieces of the pairs `item` names."""
        numbers, truth = item
        found = self._read(self.train, numbers, truth)
        return (self.network.nats(*found, self.label_smoothing), len(found[1]), None)

    def _read(self, rows: Rows, numbers: NDArray[np.int64], truth: float) -> tuple[Tensor, Tensor]:
        """Features (N, A) at every piece of the targets, and these pieces (N,)."""
        device = self.network.device
        x, sizes, y, steps = (part.to(device) for part in rows.batch(numbers))
        real = torch.arange(len(y), device=device)[:, None] < steps  # (T, B)
        memory = self.network.encode(x, sizes)
        begin = torch.full_like(y[:1], rows.ends[1])
        inputs = torch.cat([begin, y[:-1]])
        if truth < 1:
            with torch.no_grad():
                guessed = self.network.logits(self.network(inputs, memory)[0][:-1]).argmax(-1)
            own = torch.rand(guessed.shape, device=device) >= truth
            inputs = torch.cat([begin, torch.where(own, guessed, inputs[1:])])
        features, _ = self.network(inputs, memory)
        return features[real], y[real]

    def evaluate(self, full: bool = False) -> Evaluation:
        """Nats a piece, perplexity and the share of pieces foreseen, of held-out pairs.

        Of more than JUDGED pairs evenly chosen ones are scored, unless `full`.
        """
        rows = self.held_out
        nats, right, count = 0.0, 0, 0
        for numbers in held_out_batches(rows.lengths, len(rows) if full else JUDGED):
            features, pieces = self._read(rows, numbers, 1.0)
            nats += float(self.network.nats(features, pieces))
            right += int((self.network.logits(features).argmax(-1) == pieces).sum())
            count += len(pieces)
        return Evaluation(
            nats / count,
            {
                "nats_per_piece": nats / count,
                "perplexity": math.exp(min(nats / count, 700.0)),
                "accuracy": right / count,
            },
        )


def held_out_batches(lengths: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Evenly chosen numbers of at most `most` pairs, in batches of like length."""
    count = min(most, len(lengths))
    some = np.unique(np.linspace(0, len(lengths) - 1, count).round().astype(np.int64))
    some = some[np.lexsort((lengths[some, 0], lengths[some, 1]))]
    batches, start = [], 0
    while start < len(some):
        stop, longest = start + 1, int(lengths[some[start]].max())
        while stop < min(len(some), start + 256):
            longest = max(longest, int(lengths[some[stop]].max()))
            if longest * (stop + 1 - start) > CELLS:
                break
            stop += 1
        batches.append(some[start:stop])
        start = stop
    return batches
