"""A feedforward network over the last k tokens: what a fixed memory gives, beside a recurrent one.

Bengio, Ducharme, Vincent & Jauvin, "A Neural Probabilistic Language Model" (2003): the embeddings
of the last k tokens side by side, one layer of tanh, and a score for every next token. It is
trained by the same loop as the recurrent network, on a small share of its time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.tasks._language.net import target_nats
from clew.tasks._step import reading
from clew.train import Evaluation, TrainSettings, train

HIDDEN = 256  # units of its one layer; a quarter of it where the vocabulary is large
_BLOCK = 32  # neighbouring tokens that are foreseen together in a batch: one read of the corpus
_BLOCKS = 8  # blocks in a batch
_GLANCE = 8192  # held-out tokens scored while training
_STEPS = 1000  # training steps at least, if there is time: short texts are read more often
_PIECE = 8192  # tokens scored at a time


class WindowNetwork(nn.Module):
    """Scores the next token from the last `context`: U tanh(W [e(t-k) .. e(t-1)] + d) + b."""

    def __init__(
        self,
        vocabulary_size: int,
        *,
        context: int,
        embedding_size: int = 32,
        hidden_size: int = 256,
    ) -> None:
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.hidden = nn.Linear(context * embedding_size, hidden_size)
        self.output = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, history: Tensor) -> Tensor:
        """Features (N, H) of the last tokens (N, k), oldest first, id 0 before the text begins."""
        beside: Tensor = self.embedding(history).flatten(1)  # (N, k * embedding_size)
        return torch.tanh(self.hidden(beside))

    def nats(
        self, history: Tensor, targets: Tensor, reduction: Literal["none", "sum"] = "none"
    ) -> Tensor:
        """-ln P of each target (N,) after its history (N, k), or their sum."""
        weight, bias = self.output.weight, self.output.bias
        return target_nats(self(history), weight, bias, targets, reduction)


def views(tokens: NDArray[Any], start: int, stop: int, context: int) -> tuple[Tensor, Tensor]:
    """The tokens from `start` to `stop` (N,), and before each the last `context` (N, k)."""
    before = max(0, start - context)
    piece = np.asarray(tokens[before:stop], dtype=np.int64)
    piece = np.concatenate([np.zeros(context - (start - before), dtype=np.int64), piece])
    history = sliding_window_view(piece, context)[: stop - start]
    return torch.from_numpy(history.copy()), torch.from_numpy(piece[context:].copy())


class Blocks(Sequence[NDArray[np.int64]]):
    """The batches of one epoch, drawn when asked for: where each block of tokens begins."""

    def __init__(self, size: int, seed: int, epoch: int, rank: int, world: int) -> None:
        self._size, self._seed, self._epoch = size, seed, epoch
        self._rank, self._world = rank, world

    def __len__(self) -> int:
        return max(1, self._size // (_BLOCK * _BLOCKS))

    @overload
    def __getitem__(self, index: int) -> NDArray[np.int64]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.int64]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.int64] | list[NDArray[np.int64]]:
        """The batches by number."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        generator = np.random.default_rng((self._seed, self._epoch, index % len(self)))
        last = max(0, self._size - _BLOCK)
        blocks = generator.integers(0, last, size=_BLOCKS * self._world, endpoint=True)
        return blocks[self._rank :: self._world]


class WindowProblem:
    """What the loop trains: `network` on blocks drawn from `tokens`, judged on `held_out`."""

    unit = "tokens"

    def __init__(
        self, network: WindowNetwork, tokens: NDArray[Any], held_out: NDArray[Any], *, seed: int
    ) -> None:
        self.network: nn.Module = network
        self._window = network
        self._tokens = tokens
        self._held_out = held_out
        self._seed = seed

    def plan(self, epoch: int, rank: int, world: int) -> Blocks:
        """The epoch's batches for this process."""
        return Blocks(len(self._tokens), self._seed, epoch, rank, world)

    def loss(self, item: NDArray[np.int64], carry: Any) -> tuple[Tensor, int, None]:
        """The summed nats over the tokens of the blocks; nothing is carried."""
        size = len(self._tokens)
        pairs = [
            views(self._tokens, start, min(start + _BLOCK, size), self._window.context)
            for start in item.tolist()
        ]
        device = self._window.output.bias.device
        targets = torch.cat([target for _, target in pairs]).to(device)
        history = torch.cat([history for history, _ in pairs]).to(device)
        return self._window.nats(history, targets, reduction="sum"), len(targets), None

    def evaluate(self, full: bool = False) -> Evaluation:
        """Nats a token over the held-out part, or over its beginning."""
        tokens = self._held_out if full else self._held_out[:_GLANCE]
        nats = window_nats(self._window, tokens) / len(tokens)
        return Evaluation(nats, {"nats_per_token": nats})


def window_nats(network: WindowNetwork, tokens: NDArray[Any]) -> float:
    """The sum of -ln P over the tokens, each after the last `context` before it."""
    total = 0.0
    device = network.output.bias.device
    with reading(network):
        for start in range(0, len(tokens), _PIECE):
            stop = min(start + _PIECE, len(tokens))
            history, targets = views(tokens, start, stop, network.context)
            total += float(
                network.nats(history.to(device), targets.to(device)).sum(dtype=torch.float64)
            )
    return total


def window_baseline(
    tokens: NDArray[Any],
    held_out: NDArray[Any],
    vocabulary_size: int,
    *,
    seconds: float,
    context: int = 8,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, Any]:
    """Train a fixed-window network for about `seconds` and score the held-out tokens.

    Gives {"nats_per_token": .., "context": tokens seen, "parameters": .., "seconds": ..}. How far
    it gets in the time depends on the machine; it is a yardstick, no part of the model.
    """
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = HIDDEN if vocabulary_size <= 1000 else HIDDEN // 4  # the output layer takes long
        network = WindowNetwork(vocabulary_size, context=context, hidden_size=hidden)
    counts = 1.0 + np.bincount(tokens, minlength=vocabulary_size)
    with torch.no_grad():  # it need not learn first which tokens are frequent
        network.output.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
    problem = WindowProblem(network, tokens, held_out, seed=seed)
    batches = len(problem.plan(0, 0, 1))
    settings = TrainSettings(
        epochs=max(10, -(-_STEPS // batches)),
        learning_rate=6e-3,
        seed=seed,
        device=device,
        time=max(0.1, seconds),
        evaluate_every=max(100, batches),
    )
    train(problem, settings)
    return {
        "nats_per_token": window_nats(network, held_out) / len(held_out),
        "context": context,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": time.perf_counter() - began,
    }
