"""How a network learns a probe: from new sequences at every step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from clew.errors import InputError
from clew.memory.probes.batch import Batch, Probe, check_whole
from clew.memory.probes.judging import answered, judge
from clew.memory.probes.network import ProbeNetwork
from clew.train import Evaluation, State, TrainSettings
from clew.train.seeding import seed_for

HELD_OUT = -1  # where a seed says "step"


@dataclass(frozen=True)
class Learning:
    """How a network learns a probe.

    length: of what is learnt from, or the shortest and the longest, drawn by batch, evenly in
    their logarithm. steps: batches of `batch_size` new sequences, at most. learning_rate, warmup,
    final, clip, weight_decay, average, seed, device, time: as TrainSettings. target: the loss on
    held-out sequences at which the run ends; None: it runs to its end. every: steps between two
    looks at those; judged: how many there are.
    """

    length: int | tuple[int, int]
    steps: int = 2000
    batch_size: int = 32
    learning_rate: float = 5e-3
    warmup: float = 0.02
    final: float = 0.02
    clip: float | None = 1.0
    weight_decay: float = 0.0
    average: float = 0.0
    target: float | None = None
    time: float | None = None
    every: int = 100
    judged: int = 200
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "every", "judged"):
            check_whole(name, getattr(self, name), 1)
        ends = self.length if isinstance(self.length, tuple) else (self.length, self.length)
        if len(ends) != 2 or isinstance(self.length, list | str):
            raise InputError(
                f"length is {self.length!r}",
                where="length",
                expected="a whole number, or a pair of them, as (5, 100)",
            )
        for end in ends:
            check_whole("length", end, 1)
        if ends[0] > ends[1]:
            raise InputError(
                f"lengths from {ends[0]} to {ends[1]}", where="length", expected="the lesser first"
            )
        self.training()

    def training(self) -> TrainSettings:
        """The settings of the loop."""
        shared = {name: getattr(self, name) for name in (
            "learning_rate", "warmup", "final", "clip", "weight_decay", "average", "target",
            "time", "seed", "device",
        )}  # fmt: skip
        every = min(self.every, self.steps)
        return TrainSettings(epochs=-(-self.steps // every), **shared)

    def drawn(self, *where: int) -> tuple[int, int]:
        """The length of a batch, and the seed it is drawn by."""
        seed = seed_for(self.seed, *where)
        if isinstance(self.length, int):
            return self.length, seed
        low, high = (math.log(end) for end in self.length)
        share = np.random.default_rng([seed, 1]).random()
        return round(math.exp(low + share * (high - low))), seed


class ProbeProblem:
    """What the loop trains."""

    unit = "sequences"

    def __init__(self, probe: Probe, network: ProbeNetwork, learning: Learning) -> None:
        self.probe, self.network, self.learning = probe, network, learning
        count = max(1, round(learning.judged / learning.batch_size))
        self.held_out = [self._draw(*learning.drawn(HELD_OUT, k)) for k in range(count)]

    def _draw(self, length: int, seed: int) -> Batch:
        return self.probe.draw(self.learning.batch_size, length, seed)

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[tuple[int, int]]:
        """The number of each step, and the process that takes it."""
        every = min(self.learning.every, self.learning.steps)
        ends = min((epoch + 1) * every, self.learning.steps)
        return [(step, rank) for step in range(epoch * every, ends)]

    def loss(self, item: tuple[int, int], carry: State) -> tuple[Tensor, int, State]:
        """Summed loss of a new batch, and how many of its answers need memory.

        By those the mean is taken that is learnt from: by all, the many easy answers of a long
        sequence would leave those few almost no weight.
        """
        batch = self._draw(*self.learning.drawn(*item))
        loss, _ = answered(self.probe, self.network, batch)
        return loss.sum(), int(batch.scored.sum()), None

    def evaluate(self, full: bool = False) -> Evaluation:
        """Loss and accuracy on sequences that are never learnt from."""
        score = judge(self.probe, self.network, self.held_out)
        figures = {} if score.accuracy is None else {"accuracy": score.accuracy}
        return Evaluation(score.loss, figures)
