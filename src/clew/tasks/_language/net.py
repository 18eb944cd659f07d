"""The network of the language task: embedding, recurrent stack, a score for each next token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from clew.errors import InputError
from clew.nn import Stack, linear_cross_entropy

State = Any  # what a Stack carries: a tuple with one layer state per layer, or None for zeros

# Scores that are alive at once while the loss is computed. 36 MB of float32, because glibc gives
# back at once what is larger than 32 MB, and smaller pieces would leave holes in the heap.
_LOGITS = 9_000_000


class LanguageNetwork(nn.Module):
    """Reads tokens, and says after each what may come next.

    `forward` gives features (T, B, H), `logits` turns features into one score a token of the
    vocabulary. Before the first token there is nothing to read: the network then answers with
    `log_frequency` (V,), how often each token occurs in the text it learned from, so that every
    text, from its first token on, has a probability.

    With `tie` the output layer uses the embedding's weights (Press & Wolf 2017; Inan et al. 2017),
    which needs `embedding_size == hidden_size`.
    """

    log_frequency: Tensor

    def __init__(
        self,
        vocabulary_size: int,
        *,
        embedding_size: int,
        hidden_size: int,
        num_layers: int = 1,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        residual: bool = False,
        tie: bool = False,
        dropout: float = 0.0,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        t_max: int | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.stack = Stack(
            embedding_size,
            hidden_size,
            num_layers,
            cell=cell,
            residual=residual,
            dropout=dropout,
            layer_norm=layer_norm,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            init=init,
            t_max=t_max,
        )
        features = self.stack.output_size
        if tie and features != embedding_size:
            raise InputError(
                "with tie the output layer is the embedding, and the sizes must match",
                expected=f"embedding_size == {features}, not {embedding_size}",
                hint=f"embedding_size={features}, or tie=False",
            )
        self.weight = None if tie else nn.Parameter(torch.empty(vocabulary_size, features))
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        if self.weight is None:
            # as an output layer an embedding of unit variance would begin with huge scores
            nn.init.normal_(self.embedding.weight, std=features**-0.5)
        else:
            nn.init.uniform_(self.weight, -(features**-0.5), features**-0.5)
        uniform = torch.full((vocabulary_size,), -float(np.log(vocabulary_size)))
        self.register_buffer("log_frequency", uniform)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.bias.device

    def count(self, pieces: Iterable[NDArray[Any]]) -> None:
        """Set `log_frequency` by the tokens in all `pieces`, each counted once more than it is.

        The output layer begins with it, too, so that it need not learn what is frequent first.
        """
        size = len(self.bias)
        counts = np.ones(size)
        for piece in pieces:
            counts += np.bincount(piece, minlength=size)
        with torch.no_grad():
            self.log_frequency.copy_(torch.from_numpy(np.log(counts / counts.sum())))
            self.bias.copy_(self.log_frequency)

    def forward(self, tokens: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read tokens (T, B) from `state`: (features (T, B, H), state)."""
        features, state = self.stack(self.dropout(self.embedding(tokens)), state)
        return self.dropout(features), state

    def step(self, tokens: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read one token of each sequence, (B,): (features (B, H), state)."""
        features, state = self.stack.step(self.dropout(self.embedding(tokens)), state)
        return self.dropout(features), state

    def logits(self, features: Tensor) -> Tensor:
        """One score for each token of the vocabulary: (..., H) -> (..., V)."""
        weight = self.embedding.weight if self.weight is None else self.weight
        return F.linear(features, weight, self.bias)

    def nats(
        self, features: Tensor, targets: Tensor, reduction: Literal["none", "sum"] = "none"
    ) -> Tensor:
        """-ln P of every target: features (..., H), targets (...) -> (...), or their sum."""
        weight = self.embedding.weight if self.weight is None else self.weight
        return target_nats(features, weight, self.bias, targets, reduction)


def target_nats(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    reduction: Literal["none", "sum"] = "none",
) -> Tensor:
    """-ln of the softmax of `features @ weight.T + bias` at every target.

    features: (..., H), weight: (V, H), bias: (V,), targets: (...), of which the result has the
    shape unless it is the sum. For large vocabularies the scores never lie in memory all at once:
    other devices than the CPU make them, and in the backward pass make them again, a piece at a
    time.
    """
    if features.device.type == "cpu":
        return linear_cross_entropy(features, weight, bias, targets, reduction=reduction)
    nats = _in_pieces(features, weight, bias, targets)
    return nats if reduction == "none" else nats.sum()


def _in_pieces(features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    rows = features.reshape(-1, features.shape[-1])  # (N, H)
    flat = targets.reshape(-1)  # (N,)
    piece = max(1, _LOGITS // len(bias))
    if len(rows) <= piece:
        return _target_nats(rows, weight, bias, flat).reshape(targets.shape)
    parts = []
    for start in range(0, len(rows), piece):
        few = (rows[start : start + piece], weight, bias, flat[start : start + piece])
        if torch.is_grad_enabled():
            again = checkpoint(_target_nats, *few, use_reentrant=False, preserve_rng_state=False)
            parts.append(cast(Tensor, again))
        else:
            parts.append(_target_nats(*few))
    return torch.cat(parts).reshape(targets.shape)


def _target_nats(rows: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(rows, weight, bias), targets, reduction="none")
