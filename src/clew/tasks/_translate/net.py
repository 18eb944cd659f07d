"""The network of translate: an encoder, attention to what it read, and a decoder that writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from clew.nn import (
    LSTM,
    AdditiveAttention,
    DotAttention,
    GeneralAttention,
    Stack,
    linear_cross_entropy,
)

Layers = tuple[Any, ...]  # the state of a Stack: h (1, B, H), or (h, c), of each layer
State = tuple[Layers, Tensor | None]  # of the decoder: its layers, and what is fed back (B, A)

Attention = Literal["additive", "general", "dot"] | None
ATTENTIONS = ("additive", "general", "dot")


@dataclass(frozen=True)
class Memory:
    """What the encoder keeps of B source sequences.

    outputs: (S, B, K), None without attention. lengths: (B,). ids: (S, B), what was read.
    state: of the decoder's layers, before it has written anything. keys: (S, B, Q) what queries are
    compared with, made of the outputs once where nothing is learned; hidden: (B, S) True beyond the
    lengths.
    """

    outputs: Tensor | None
    lengths: Tensor
    ids: Tensor
    state: Layers
    keys: Tensor | None = None
    hidden: Tensor | None = None

    def pick(self, indices: Tensor) -> Memory:
        """The memory of the sequences at these places (N,), any of them as often as wished."""
        return Memory(
            None if self.outputs is None else self.outputs.index_select(1, indices),
            self.lengths.index_select(0, indices),
            self.ids.index_select(1, indices),
            _picked(self.state, indices),
            None if self.keys is None else self.keys.index_select(1, indices),
            None if self.hidden is None else self.hidden.index_select(0, indices),
        )


class TranslatorNetwork(nn.Module):
    """Reads a sequence of pieces and says, after each piece of another, what comes next.

    The encoder's final states, of both directions, go through a learned bridge and become the
    decoder's first state. With attention (Bahdanau et al. 2015; Luong et al. 2015) each output h of
    the decoder asks what the encoder said at every step, and the context c that it gets makes with
    it the features a = tanh(W [c; h]), from which the next piece is scored. Without, a =
    tanh(W h): all that is known of the source must go through the bridge (Sutskever et al. 2014).

    input_feeding: the features of a step are part of the decoder's input at the next one (Luong
    et al. 2015), which costs training the decoder a step at a time. shared: one embedding for both
    sides. tie: the output layer is the embedding of the target (Press & Wolf 2017); the features
    then have its size A = E, else A = H. `end` is the piece after the last one, on both sides, and
    what the decoder reads first.
    """

    def __init__(
        self,
        encoder: Stack,
        decoder: Stack,
        *,
        source_size: int,
        target_size: int,
        embedding_size: int,
        attention: Attention,
        input_feeding: bool,
        shared: bool,
        tie: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.source = nn.Embedding(source_size, embedding_size)
        self.target = None if shared else nn.Embedding(target_size, embedding_size)
        hidden, width = decoder.hidden_size, encoder.output_size
        features = embedding_size if tie else hidden
        kinds = 2 if isinstance(decoder.layers[0], LSTM) else 1  # h, and c
        self.bridge = nn.ModuleList(
            nn.Linear(width, hidden) for _ in range(kinds * len(decoder.layers))
        )
        self.attention: nn.Module | None = None
        if attention == "additive":
            self.attention = AdditiveAttention(hidden, width, hidden)
        elif attention == "general":
            self.attention = GeneralAttention(hidden, width)
        elif attention == "dot":
            # The sizes of both sides need not agree: the outputs are brought to the decoder's.
            self.attention = DotAttention()
        narrow = attention == "dot" and width != hidden
        self.narrow = nn.Linear(width, hidden, bias=False) if narrow else None
        kept = 0 if attention is None else hidden if narrow else width
        self.combine = nn.Linear(kept + hidden, features, bias=False)
        self.input_feeding = input_feeding
        self.dropout = nn.Dropout(dropout)
        self.weight = None if tie else nn.Parameter(torch.empty(target_size, features))
        self.bias = nn.Parameter(torch.zeros(target_size))
        for table in (self.source, self.target):
            if table is not None:
                # As an output layer, an embedding of unit variance would begin with huge scores.
                nn.init.normal_(table.weight, std=embedding_size**-0.5)
        if self.weight is not None:
            nn.init.uniform_(self.weight, -(features**-0.5), features**-0.5)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.bias.device

    def count(self, pieces: Iterable[NDArray[Any]]) -> None:
        """Let the output layer begin with how often each piece occurs in targets."""
        counts = np.ones(len(self.bias))
        for some in pieces:
            counts += np.bincount(some, minlength=len(counts))
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))

    # Reading

    def read(
        self, x: Tensor, lengths: Tensor, state: Layers | None = None
    ) -> tuple[Tensor, Layers]:
        """The encoder's outputs (S, B, K) and final state for pieces (S, B), from a state."""
        y, final = self.encoder(self.dropout(self.source(x)), state, lengths=lengths)
        return y, final

    def encode(self, x: Tensor, lengths: Tensor) -> Memory:
        """What is kept of sources x (S, B) int64 of `lengths` (B,), each of one piece or more."""
        outputs, final = self.read(x, lengths)
        return self.remember(outputs, lengths, x, final)

    def remember(self, outputs: Tensor, lengths: Tensor, x: Tensor, final: Layers) -> Memory:
        """The memory of what `read` gave."""
        state = []
        kinds = len(self.bridge) // len(final)
        for number, layer in enumerate(final):
            made = []
            for kind, part in enumerate((layer,) if isinstance(layer, Tensor) else layer):
                bridge = self.bridge[number * kinds + kind]
                first = bridge(part.transpose(0, 1).flatten(1))  # (B, H)
                made.append((torch.tanh(first) if kind == 0 else first).unsqueeze(0))
            state.append(made[0] if len(made) == 1 else tuple(made))
        if self.attention is None:
            return Memory(None, lengths, x, tuple(state))
        kept = outputs if self.narrow is None else self.narrow(outputs)
        memory = Memory(kept, lengths, x, tuple(state))
        if torch.is_grad_enabled():
            return memory
        hidden = torch.arange(len(kept), device=kept.device) >= lengths.unsqueeze(1)
        return replace(memory, keys=self._keys(kept), hidden=hidden)

    def _keys(self, outputs: Tensor) -> Tensor:
        """What queries are compared with (S, B, Q): not made anew at every step of decoding."""
        if isinstance(self.attention, AdditiveAttention):
            keys: Tensor = self.attention.key(outputs)
            return keys
        if isinstance(self.attention, GeneralAttention):
            return outputs @ self.attention.weight.t()
        return outputs

    # Writing

    def start(self, memory: Memory) -> State:
        """The decoder's state before the first piece."""
        if not self.input_feeding:
            return memory.state, None
        return memory.state, self.bias.new_zeros(len(memory.lengths), self.combine.out_features)

    def pick(self, state: State, indices: Tensor) -> State:
        """The state of the sequences at these places (N,)."""
        layers, fed = state
        return _picked(layers, indices), None if fed is None else fed.index_select(0, indices)

    def step(
        self, tokens: Tensor, state: State, memory: Memory
    ) -> tuple[Tensor, State, Tensor | None]:
        """Read a piece of each sequence (B,): scores of the next (B, V), state, weights (B, S)."""
        features, state, weights = self._step(self._embed(tokens), state, memory)
        return self.logits(features), state, weights

    def forward(self, y: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """Read pieces y (T, B) one after the other: features (T, B, A), weights (T, B, S)."""
        inputs, state = self._embed(y), self.start(memory)
        if not self.input_feeding:
            h, _ = self.decoder(inputs, state[0])
            return self._features(h, memory)
        found, seen = [], list[Tensor]()
        for x_t in inputs:
            features, state, weights = self._step(x_t, state, memory)
            found.append(features)
            seen += [] if weights is None else [weights]
        return torch.stack(found), torch.stack(seen) if seen else None

    def logits(self, features: Tensor) -> Tensor:
        """Scores of every piece, (..., A) -> (..., V)."""
        return F.linear(features, self._output(), self.bias)

    def nats(self, features: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The summed cross-entropy of features (N, A) with the pieces that came, (N,)."""
        return linear_cross_entropy(
            features, self._output(), self.bias, targets, label_smoothing=smoothing, reduction="sum"
        )

    def _output(self) -> Tensor:
        return self._table().weight if self.weight is None else self.weight

    def _table(self) -> nn.Embedding:
        return self.source if self.target is None else self.target

    def _embed(self, y: Tensor) -> Tensor:
        found: Tensor = self.dropout(self._table()(y))
        return found

    def _step(
        self, x_t: Tensor, state: State, memory: Memory
    ) -> tuple[Tensor, State, Tensor | None]:
        layers, fed = state
        h, layers = self.decoder.step(x_t if fed is None else torch.cat([x_t, fed], 1), layers)
        features, weights = self._features(h, memory)
        return features, (layers, features if self.input_feeding else None), weights

    def _features(self, h: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """a = tanh(W [c; h]), (..., B, A), and the weights of attention (..., B, S)."""
        weights = None
        if self.attention is not None:
            if memory.keys is not None and h.dim() == 2:
                context, weights = self._look(h, memory)
            else:
                context, weights = self.attention(h, memory.outputs, lengths=memory.lengths)
            h = torch.cat([context, h], -1)
        return self.dropout(torch.tanh(self.combine(h))), weights

    def _look(self, h: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """What the attention layer gives for h (B, H), by keys that are there already."""
        assert memory.keys is not None
        assert memory.hidden is not None
        assert memory.outputs is not None
        if isinstance(self.attention, AdditiveAttention):
            asked = torch.tanh(self.attention.query(h) + memory.keys)  # (S, B, Q)
            scores = self.attention.score(asked).squeeze(-1)
        else:
            scores = torch.einsum("bk,sbk->sb", h, memory.keys)
        lowest = torch.finfo(scores.dtype).min
        weights = torch.softmax(scores.t().masked_fill(memory.hidden, lowest), 1)
        return torch.einsum("bs,sbk->bk", weights, memory.outputs), weights


def _picked(layers: Layers, indices: Tensor) -> Layers:
    return tuple(
        layer.index_select(1, indices)
        if isinstance(layer, Tensor)
        else tuple(part.index_select(1, indices) for part in layer)
        for layer in layers
    )
