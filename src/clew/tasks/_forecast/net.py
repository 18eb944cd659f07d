"""The network of the forecast task: a recurrent stack, and a head that looks some steps ahead."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.nn import Stack
from clew.tasks._forecast.likelihoods import Likelihood
from clew.tasks._forecast.scaling import INPUTS, LEADS

State = Any  # what a Stack carries, or None for zeros

BASIS = 8  # functions of the step ahead


def basis(horizon: int) -> NDArray[np.float32]:
    """Smooth functions of the step ahead, (K, 8): a constant, a line, a root and bumps in log k."""
    lead = np.arange(1, horizon + 1, dtype=np.float64)
    share = lead / horizon
    place = np.log(lead) / max(np.log(horizon), 1.0)
    centres = np.linspace(0.0, 1.0, BASIS - 3)
    bumps = np.exp(-0.5 * ((place[:, np.newaxis] - centres) * (BASIS - 4)) ** 2)
    smooth = np.stack([np.ones_like(share), share, np.sqrt(share)], axis=1)
    return np.concatenate([smooth, bumps], axis=1).astype(np.float32)


class Member(nn.Module):
    """One network: h_t of the stack, and from it what is said of each of K steps ahead.

    The output for step t + k is made of h_t and the inputs at t, of k, and of what is known of t +
    k: u = relu(A [h_t, x_t] + B b(k) + C f_{t+k} + D l_{t,k} + c), out = E u; to its first part
    (the location) b(k)^T G [h_t, x_t] + w^T l_{t,k} is added. E, G and w begin with zeros: before
    anything is learned the forecast is the naive one.
    """

    basis: Tensor

    def __init__(self, inputs: int, known: int, horizon: int, outputs: int, *,
                 hidden_size: int, num_layers: int, cell: Literal["lstm", "gru", "rnn"],
                 dropout: float, **layer: Any) -> None:  # fmt: skip
        super().__init__()
        self.stack = Stack(inputs, hidden_size, num_layers, cell=cell, dropout=dropout, **layer)
        width, now = hidden_size, hidden_size + INPUTS
        self.dropout = nn.Dropout(dropout)
        self.now = nn.Linear(now, width)
        self.lead = nn.Linear(BASIS, width, bias=False)
        self.known = nn.Linear(known, width, bias=False) if known else None
        self.ahead = nn.Linear(LEADS, width, bias=False)
        self.out = nn.Linear(width, outputs, bias=False)
        self.line = nn.Linear(now, BASIS, bias=False)
        self.straight = nn.Linear(LEADS, 1, bias=False)
        self.register_buffer("basis", torch.from_numpy(basis(horizon)), persistent=False)
        for part in (self.out, self.line, self.straight):
            nn.init.zeros_(part.weight)

    def forward(
        self, x: Tensor, state: State = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read x (T, B, D): what the head needs of every step (T, B, H + 5), and the state."""
        y, state = self.stack(x, state, lengths=lengths)
        return torch.cat([y, x[..., :INPUTS]], dim=-1), state

    def head(self, now: Tensor, known: Tensor | None, leads: Tensor) -> Tensor:
        """Outputs (N, K, P) of N origins.

        now: (N, H + 5) as `forward` gave it. known: (N, K, F) of the steps ahead, None without any.
        leads: (N, K, 2).
        """
        steps = leads.shape[1]
        table = self.basis[:steps]
        u = self.now(now).unsqueeze(1) + self.lead(table) + self.ahead(leads)
        if self.known is not None and known is not None:
            u = u + self.known(known)
        out = self.out(self.dropout(torch.relu(u)))
        place = self.line(now) @ table.T + self.straight(leads).squeeze(-1)
        return torch.cat([out[..., :1] + place.unsqueeze(-1), out[..., 1:]], dim=-1)


class ForecastNetwork(nn.Module):
    """Members that learn side by side, and what all of them share.

    spread: (K,) how far the naive forecast is usually off at each step ahead, in scales; factor:
    (2,) by which intervals are stretched below and above the median, found on held-out data;
    linkage: how much of an error of one step is found again in the next (see decoding).
    """

    spread: Tensor
    factor: Tensor
    linkage: Tensor

    def __init__(self, inputs: int, known: int, horizon: int, likelihood: Likelihood, *,
                 members: int, **member: Any) -> None:  # fmt: skip
        super().__init__()
        self.likelihood, self.horizon = likelihood, horizon
        self.members = nn.ModuleList(
            Member(inputs, known, horizon, likelihood.outputs, **member) for _ in range(members)
        )
        self.register_buffer("spread", torch.ones(horizon))
        self.register_buffer("factor", torch.ones(2))
        self.register_buffer("linkage", torch.zeros(1))
        self.ends: nn.Module | None = None  # where the series stood, once it has learned

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.spread.device

    def forward(
        self, x: Tensor, state: State = None, lengths: Tensor | None = None
    ) -> tuple[list[Tensor], State]:
        """Read x (T, B, D) with every member: what their heads need, and their states."""
        found = [
            member(x, None if state is None else state[k], lengths)
            for k, member in enumerate(self.members)
        ]
        return [now for now, _ in found], tuple(after for _, after in found)

    def head(self, now: list[Tensor], known: Tensor | None, leads: Tensor) -> Tensor:
        """Outputs (M, N, K, P) of every member at N origins."""
        pairs: Any = zip(self.members, now, strict=True)
        return torch.stack([member.head(part, known, leads) for member, part in pairs])
