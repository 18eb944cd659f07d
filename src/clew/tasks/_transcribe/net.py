"""The networks of transcribe: recurrent layers over frames of sound, and what has no memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.data.features import Frames, stacked
from clew.nn import Stack

AROUND = 4  # steps on either side that the network without memory sees
_LEAST = 0.1  # nats: a band that varies less says nothing, and is not blown up


@dataclass(frozen=True, eq=False)
class Front:
    """What is done to frames (T, M) before a network reads them: mean 0, variance 1, side by side.

    mean, scale: (M,). together: how many frames make one step.
    """

    mean: Frames
    scale: Frames
    together: int

    def normal(self, frames: Frames) -> Frames:
        """Frames (T, M) less the mean, in deviations."""
        found: Frames = (frames - self.mean) * self.scale
        return found

    def steps(self, frames: Frames) -> Frames:
        """What the network reads, (ceil(T / together), together M)."""
        return self.stacked(self.normal(frames))

    def stacked(self, frames: Frames) -> Frames:
        """Normal frames side by side."""
        return stacked(frames, self.together)


class TranscriberNetwork(nn.Module):
    """Log-probabilities of every unit, and of none (id 0, the blank), at every step of a sound.

    A step is `together` log-mel frames (M,) side by side, D = together M numbers; mean and scale of
    the frames learned from lie with the weights.

    forward: x (T, B, D), lengths (B,) -> (T, B, V).
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, reader: Stack | Around, *, bins: int, together: int, units: int, dropout: float
    ) -> None:
        super().__init__()
        self.reader = reader
        self.together = together
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(reader.output_size, units)
        self.register_buffer("mean", torch.zeros(bins))
        self.register_buffer("scale", torch.ones(bins))

    def measure(self, mean: NDArray[Any], deviation: NDArray[Any]) -> None:
        """Take the mean and the deviation (M,) of the frames to learn from."""
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(1.0 / np.maximum(deviation, _LEAST)))

    def front(self) -> Front:
        """What is done to frames before they are read."""
        return Front(self.mean.cpu().numpy().copy(), self.scale.cpu().numpy().copy(), self.together)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities (T, B, V)."""
        y = self.reader(x, lengths=lengths)[0]  # (T, B, H)
        return F.log_softmax(self.output(self.dropout(y)), dim=-1)


class Head:
    """Log-probabilities (V,) of what the layers say of one step (H,), in double precision.

    Made step by step: the bits do not depend on how many steps are read at once.
    """

    def __init__(self, layer: nn.Linear) -> None:
        self._weight = layer.weight.detach().cpu().double().numpy().copy()
        self._bias = layer.bias.detach().cpu().double().numpy().copy()

    def __call__(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Log-probabilities (T, V) of outputs (T, H)."""
        found = np.empty((len(y), len(self._bias)))
        for t, row in enumerate(y.astype(np.float64)):
            scores = self._weight @ row + self._bias
            scores -= scores.max()
            found[t] = scores - np.log(np.exp(scores).sum())
        return found


class Around(nn.Module):
    """Two feedforward layers over `AROUND` steps on either side, in place of a memory.

    forward: x (T, B, D), zeros beyond the lengths -> ((T, B, H), ()).
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.window = nn.Conv1d(input_size, hidden_size, 2 * AROUND + 1, padding=AROUND)
        self.hidden = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, tuple[()]]:
        """Outputs (T, B, H), and no state."""
        y = torch.relu(self.window(x.permute(1, 2, 0))).permute(2, 0, 1)
        return torch.relu(self.hidden(y)), ()
