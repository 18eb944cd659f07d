"""Problems small enough to be followed by hand, for the tests of what watches a training run."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from clew.nn import Stack
from clew.train import Evaluation, TrainSettings


class Problem(nn.Module):
    """Numbers of like length side by side; a Stack, and a head on every step or the last one.

    It is the network too. where: "every" step has a loss, only the "last", or the final "state".
    """

    unit = "sequences"

    def __init__(
        self, *, cell="gru", layers=1, both_ways=False, where="every", lengths=(9, 5, 7, 0),
        batches=4, seed=0, head=None, dropout=0.0,
    ):  # fmt: skip
        super().__init__()
        torch.manual_seed(seed)
        self.stack = Stack(3, 5, layers, cell=cell, bidirectional=both_ways, dropout=dropout)
        self.head = nn.Linear(self.stack.output_size if where != "state" else 5, 1)
        if head is not None:
            nn.init.constant_(self.head.weight, head)
        random = np.random.default_rng(1)
        self.lengths = torch.tensor(lengths)
        size = (batches, max(lengths), len(lengths), 3)
        self.x = torch.from_numpy(random.normal(size=size)).float()
        self.y = torch.from_numpy(random.normal(size=size[:3])).float()
        self.where, self.batches = where, batches

    @property
    def network(self):
        return self

    def plan(self, epoch, rank, world):
        return list(range(self.batches))

    def errors(self, x, batch, lengths=None):
        """(T, B) squared errors of each step, zero beyond the lengths; of x (T, B, 3)."""
        lengths = self.lengths if lengths is None else lengths
        y, state = self.stack(x, lengths=lengths)
        if self.where == "state":
            last = state[-1]
            h = last if isinstance(last, torch.Tensor) else last[0]
            return (self.head(h[0])[:, 0] - self.y[batch, 0, : x.shape[1]]).square()[None]
        steps = torch.arange(len(x)).unsqueeze(1)
        real = steps < lengths if self.where == "every" else steps == lengths - 1
        return (self.head(y)[..., 0] - self.y[batch, : len(x), : x.shape[1]]).square() * real

    def loss(self, item, carry):
        total = self.errors(self.x[item], item).sum()
        return total, int(self.lengths.sum()), None

    def evaluate(self, full=False):
        total = float(self.errors(self.x[0], 0).sum())
        return Evaluation(total, {"error": total})


def settings(**changes):
    return TrainSettings(
        **{"epochs": 2, "learning_rate": 0.02, "device": "cpu", "clip": None, **changes}
    )
