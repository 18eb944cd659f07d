"""The notes of one step: how likely they are together, and how some are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from clew.errors import InputError
from clew.tasks._draw import Draw, choose

Array = np.ndarray[Any, Any]
_PLAIN = Draw()
_TOGETHER = (-1, 4, 8, 16, 1 << 16)  # steps with so many notes at most are scored together


@dataclass(frozen=True)
class Polyphony:
    """How many notes a step that is written has: never fewer than `least`, nor more than `most`."""

    least: int
    most: int


class Independent(nn.Module):
    """Every note by a chance of its own: P(x) = prod_k p_k^x_k (1 - p_k)^(1 - x_k)."""

    def __init__(self, features: int, pitches: int) -> None:
        super().__init__()
        self.scores = nn.Linear(features, pitches)

    def begin(self, chances: NDArray[np.float64]) -> None:
        """Begin with the chance of each note (P,)."""
        self.scores.bias.copy_(torch.from_numpy(np.log(chances / (1 - chances))))

    def nats(self, features: Tensor, notes: Tensor) -> Tensor:
        """-ln P of notes (N, P), given features (N, H): (N,)."""
        scores = self.scores(features)
        return F.binary_cross_entropy_with_logits(scores, notes, reduction="none").sum(-1)

    def draw(
        self, features: Tensor, how: Draw, polyphony: Polyphony, generator: torch.Generator
    ) -> Array:
        """Notes (P,) of one step, zeros and ones, given its features (H,).

        By P(x | least <= sum x <= most) exactly: first how many, then note by note.
        """
        scores = _finite(self.scores(features)).numpy()
        least, most = polyphony.least, polyphony.most
        notes = np.zeros(len(scores), np.uint8)
        if how.temperature == 0:
            order = np.argsort(-scores, kind="stable")
            notes[order[: min(max(int((scores > 0).sum()), least), most)]] = 1
            return notes
        scores = scores / how.temperature
        off, on = -np.logaddexp(0, scores), -np.logaddexp(0, -scores)
        # ways[k, c]: ln of the chance that c of the notes k, k + 1, .. sound
        ways = np.full((len(scores) + 1, most + 1), -math.inf)
        ways[-1, 0] = 0.0
        for k in reversed(range(len(scores))):
            ways[k] = off[k] + ways[k + 1]
            ways[k, 1:] = np.logaddexp(ways[k, 1:], on[k] + ways[k + 1, :-1])
        left = least + choose(torch.from_numpy(ways[0, least:]), _PLAIN, generator)
        random = torch.rand(len(scores), generator=generator, dtype=torch.float64).tolist()
        for k, chance in enumerate(random):
            if left and chance < math.exp(on[k] + ways[k + 1, left - 1] - ways[k, left]):
                notes[k] = 1
                left -= 1
        return notes


class InTurn(nn.Module):
    """Note after note, from the highest down, until no more follows.

    P(x) = prod_j P(n_j | n_1 > .. > n_{j-1}), the last of them "no more". The scores of the j-th
    are V relu(A h + sum_{i<j} U[n_i]) + b, of the notes below n_{j-1} and of "no more".
    """

    def __init__(self, features: int, pitches: int, size: int) -> None:
        super().__init__()
        self.pitches = pitches
        self.reading = nn.Linear(features, size)
        self.chosen = nn.Embedding(pitches, size)
        nn.init.normal_(self.chosen.weight, std=size**-0.5)
        self.scores = nn.Linear(size, pitches + 1)  # the last is "no more"

    def begin(self, chances: NDArray[np.float64]) -> None:
        """Begin with the chance of each note (P,)."""
        self.scores.bias.copy_(torch.from_numpy(np.log(np.append(chances, 1.0))))

    def nats(self, features: Tensor, notes: Tensor) -> Tensor:
        """-ln P of notes (N, P), given features (N, H): (N,)."""
        counts = notes.sum(1)
        found = features.new_zeros(len(notes))
        for fewer, most in pairwise(_TOGETHER):  # a step of many notes takes no memory from others
            rows = ((counts > fewer) & (counts <= most)).nonzero()[:, 0]
            if len(rows):
                found = found.index_copy(0, rows, self._nats(features[rows], notes[rows]))
        return found

    def _nats(self, features: Tensor, notes: Tensor) -> Tensor:
        turns = _in_turn(notes)  # (N, J), P where there is none
        there = turns < self.pitches
        chosen = self.chosen(turns.masked_fill(~there, 0)).cumsum(1)  # (N, J, M)
        chosen = F.pad(chosen, (0, 0, 1, 0))  # (N, J + 1, M): of none, of the first, ..
        scores = self.scores(torch.relu(self.reading(features)[:, None] + chosen))
        above = F.pad(turns, (1, 0), value=self.pitches)  # the note before each, P: none yet
        numbers = torch.arange(self.pitches + 1, device=scores.device)
        shut = (numbers >= above[..., None]) & (numbers < self.pitches)
        targets = F.pad(turns, (0, 1), value=self.pitches)
        nats = F.cross_entropy(
            scores.masked_fill(shut, -math.inf).flatten(0, 1), targets.flatten(), reduction="none"
        )  # fmt: skip
        # "no more" is said once
        return nats.reshape(targets.shape).mul(F.pad(there, (1, 0), value=True)).sum(1)

    def draw(
        self, features: Tensor, how: Draw, polyphony: Polyphony, generator: torch.Generator
    ) -> Array:
        """Notes (P,) of one step, zeros and ones, given its features (H,)."""
        notes = np.zeros(self.pitches, np.uint8)
        hidden, above = self.reading(features), self.pitches
        for drawn in range(polyphony.most):
            scores = _finite(self.scores(torch.relu(hidden)))
            scores[above:-1] = -math.inf
            missing = polyphony.least - drawn
            if missing > 0:  # one must sound, and leave room below for those that must follow
                scores[: missing - 1] = -math.inf
                scores[-1] = -math.inf
            note = choose(scores, how, generator)
            if note == self.pitches:
                break
            notes[note] = 1
            hidden, above = hidden + self.chosen.weight[note], note
        return notes


def _in_turn(notes: Tensor) -> Tensor:
    """The numbers of the notes (N, P) that sound, from the highest down, then P: (N, J)."""
    pitches = notes.shape[1]
    most = int(notes.sum(1).max()) if len(notes) else 0
    numbers = torch.arange(1, pitches + 1, device=notes.device)
    found = (notes > 0).mul(numbers).topk(most, 1).values
    return torch.where(found == 0, pitches, found - 1)


def _finite(scores: Tensor) -> Tensor:
    """Scores on the CPU in double precision."""
    found = scores.detach().to(device="cpu", dtype=torch.float64, copy=True)
    if not bool(torch.isfinite(found).all()):
        raise InputError(
            "the network's scores are not finite", hint="train it anew at a smaller learning rate"
        )
    return found
