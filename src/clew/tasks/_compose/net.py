"""The network of tunes: embedding, recurrent stack, a score for each token that may come next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from clew.nn import Stack, linear_cross_entropy

State = Any  # what a Stack carries: a tuple with one layer state per layer, or None for zeros


class TuneNetwork(nn.Module):
    """Says of each token of a tune, having read those before it, which it may be.

    P(tune) = prod_t P(x_t | x_1 .. x_{t-1}); the first is foretold after token 0, which stands
    before every tune.

    remembered, tunes: the tunes learned from, for finding in them what was composed: `learned`
    holds their tokens one after the other, `starts` where each begins. They play no part in what
    the network says.
    """

    learned: Tensor
    starts: Tensor

    def __init__(
        self,
        vocabulary_size: int,
        *,
        embedding_size: int,
        hidden_size: int,
        num_layers: int = 1,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        residual: bool = False,
        dropout: float = 0.0,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        t_max: int | None = None,
        remembered: int = 0,
        tunes: int = 0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.stack = Stack(
            embedding_size, hidden_size, num_layers, cell=cell, residual=residual,
            dropout=dropout, layer_norm=layer_norm, recurrent_dropout=recurrent_dropout,
            zoneout=zoneout, init=init, t_max=t_max,
        )  # fmt: skip
        features = self.stack.output_size
        self.weight = nn.Parameter(torch.empty(vocabulary_size, features))
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        nn.init.uniform_(self.weight, -(features**-0.5), features**-0.5)
        self.register_buffer("learned", torch.zeros(remembered, dtype=torch.int32))
        self.register_buffer("starts", torch.zeros(tunes, dtype=torch.int64))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.bias.device

    def count(self, pieces: Iterable[NDArray[Any]]) -> None:
        """Begin with how often each token occurs in all `pieces`, counted once more than it is."""
        size = len(self.bias)
        counts = np.ones(size)
        for piece in pieces:
            counts += np.bincount(piece, minlength=size)
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))

    def remember(self, tokens: NDArray[Any], starts: NDArray[Any]) -> None:
        """Keep the tokens (N,) of the tunes learned from, and where each begins (n,)."""
        self.learned = torch.from_numpy(tokens.astype(np.int32)).to(self.device)
        self.starts = torch.from_numpy(starts.astype(np.int64)).to(self.device)

    def forward(
        self, before: Tensor, state: State = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read tokens (T, B) from `state`: (features (T, B, H) of those that follow, state)."""
        x = self.dropout(self.embedding(before))
        features, state = self.stack(x, state, lengths=lengths)
        return self.dropout(features), state

    def step(self, before: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read one token of each tune, (B,): (features (B, H) of the next one, state)."""
        features, state = self.stack.step(self.dropout(self.embedding(before)), state)
        return self.dropout(features), state

    def logits(self, features: Tensor) -> Tensor:
        """One score for each token: (..., H) -> (..., V)."""
        return F.linear(features, self.weight, self.bias)

    def nats(
        self, features: Tensor, targets: Tensor, reduction: Literal["none", "sum"] = "none"
    ) -> Tensor:
        """-ln P of every target: features (N, H), targets (N,) -> (N,), or their sum."""
        return linear_cross_entropy(features, self.weight, self.bias, targets, reduction=reduction)
