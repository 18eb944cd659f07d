"""The network of piano rolls: it reads a roll step by step and says which notes sound next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.nn import Stack
from clew.tasks._compose.roll_notes import Independent, InTurn

State = Any  # what a reader carries: a Stack a tuple with one layer state per layer; None at first
RARE = 0.005  # share of the steps with fewer, or with more, notes than are ever written


class RollNetwork(nn.Module):
    """Says of each step of a piano roll, having read those before it, which notes sound.

    P(roll) = prod_t P(x_t | x_1 .. x_{t-1}), x_t (P,) zeros and ones, a one a note that sounds. The
    first step is foretold as well: before it the network reads a mark of the beginning.

    reader: what reads inputs (T, B, P + 1), a Stack or, without memory, a Window.
    notes: how the notes of one step hang together. "independent": each sounds by a chance of its
    own, given the steps before (the LSTM and GRU rows in Table 1 of Bai et al. 2018). "in turn":
    they are chosen one after the other, from the highest down, each given those above it (in the
    spirit of the RNN-NADE of Boulanger-Lewandowski et al. 2012); `note_size` is the width of that
    choice.
    remembered, rolls: the steps and the rolls learned from, for finding in them what was composed:
    `learned` holds their steps one after the other, packed to bits, `starts` where each begins.
    They play no part in what the network says.
    """

    polyphony: Tensor
    learned: Tensor
    starts: Tensor

    def __init__(
        self,
        reader: Stack | Window,
        pitches: int = 88,
        *,
        notes: Literal["in turn", "independent"] = "in turn",
        note_size: int = 128,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        remembered: int = 0,
        rolls: int = 0,
    ) -> None:
        super().__init__()
        self.pitches = pitches
        self.reader = reader
        self.input_dropout = nn.Dropout(input_dropout)
        self.dropout = nn.Dropout(dropout)
        self.output: Independent | InTurn
        if notes == "independent":
            self.output = Independent(reader.output_size, pitches)
        else:
            self.output = InTurn(reader.output_size, pitches, note_size)
        self.register_buffer("polyphony", torch.tensor([0, pitches]))
        width = -(-pitches // 8)
        self.register_buffer("learned", torch.zeros((remembered, width), dtype=torch.uint8))
        self.register_buffer("starts", torch.zeros(rolls, dtype=torch.int64))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.polyphony.device

    def count(self, rolls: Iterable[NDArray[Any]]) -> None:
        """Begin with how often each note sounds in these rolls (T, P), and with how many do.

        `polyphony`, the fewest and the most notes of a step that are ever written, leaves out what
        is found in fewer than one of 200 steps.
        """
        sounding, steps = np.zeros(self.pitches), 0
        together = np.zeros(self.pitches + 1, dtype=np.int64)  # steps with so many notes
        for roll in rolls:
            steps += len(roll)
            sounding += roll.sum(0, dtype=np.int64)
            together += np.bincount(roll.sum(1, dtype=np.int64), minlength=self.pitches + 1)
        below = np.cumsum(together)
        least, most = (int((below <= share * steps).sum()) for share in (RARE, 1 - RARE))
        with torch.no_grad():
            self.polyphony.copy_(torch.tensor([least, most] if steps else [0, self.pitches]))
            self.output.begin((sounding + 1) / (steps + 2))

    def remember(self, steps: NDArray[Any], starts: NDArray[Any]) -> None:
        """Keep the steps (N, P) of the rolls learned from, and where each begins (n,)."""
        self.learned = torch.from_numpy(np.packbits(steps != 0, axis=1)).to(self.device)
        self.starts = torch.from_numpy(starts.astype(np.int64)).to(self.device)

    def inputs(self, before: Tensor, start: bool) -> Tensor:
        """Steps (T, B, P) as they are read, (T, B, P + 1); `start`: the first is the mark."""
        mark = torch.zeros_like(before[..., :1])
        if start:
            mark[:1] = 1
        return torch.cat([before, mark], -1)

    def forward(
        self, x: Tensor, state: State = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read inputs (T, B, P + 1) from `state`: (features (T, B, H) of the next steps, state)."""
        features, state = self.reader(self.input_dropout(x), state, lengths=lengths)
        return self.dropout(features), state

    def nats(self, features: Tensor, notes: Tensor) -> Tensor:
        """-ln P of the notes (N, P) of each step, given its features (N, H): (N,)."""
        return self.output.nats(features, notes)


def build(
    *, cell: Literal["lstm", "gru", "rnn"], hidden_size: int, num_layers: int, pitches: int = 88,
    notes: Literal["in turn", "independent"] = "in turn", note_size: int = 128,
    dropout: float = 0.0, input_dropout: float = 0.0, residual: bool = False,
    layer_norm: bool = False, recurrent_dropout: float = 0.0, zoneout: float = 0.0,
    init: Literal["torch", "orthogonal", "chrono"] = "torch", t_max: int | None = None,
    remembered: int = 0, rolls: int = 0,
) -> RollNetwork:  # fmt: skip
    """A recurrent RollNetwork; the settings of its layers are those of a Stack."""
    reader = Stack(
        pitches + 1, hidden_size, num_layers, cell=cell, residual=residual, dropout=dropout,
        layer_norm=layer_norm, recurrent_dropout=recurrent_dropout, zoneout=zoneout, init=init,
        t_max=t_max,
    )  # fmt: skip
    return RollNetwork(
        reader, pitches, notes=notes, note_size=note_size, dropout=dropout,
        input_dropout=input_dropout, remembered=remembered, rolls=rolls,
    )  # fmt: skip


class Window(nn.Module):
    """A reader without memory: the last `steps` steps, whatever came before them.

    y_t = relu(W [x_{t-steps+1} .. x_{t-1} x_t] + b), zeros before the first.
    """

    def __init__(self, input_size: int, hidden_size: int, steps: int) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.steps = steps
        self.linear = nn.Linear(steps * input_size, hidden_size)

    def forward(
        self, x: Tensor, state: Tensor | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read (T, B, D) after the steps - 1 that `state` holds: (y (T, B, H), state).

        Beyond the lengths it reads on, and what it says there means nothing.
        """
        if state is None:
            state = x.new_zeros((self.steps - 1, *x.shape[1:]))
        x = torch.cat([state, x])
        count = len(x) - self.steps + 1
        seen = torch.cat([x[k : k + count] for k in range(self.steps)], -1)
        return torch.relu(self.linear(seen)), x[count:]
