"""Training and using a network that gives a whole sequence one label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clew.data.batches import bucketed, pad
from clew.tasks._classify.scaling import lengths as lengths_of
from clew.tasks._classify.tfidf import figures
from clew.train.problem import Evaluation
from clew.train.settings import TrainSettings

CELLS = 32_768  # padded steps in one batch of predictions: bounds its memory
STEPS, LOOK, MOST = 400, 25, 60  # of a fit of few series: steps, steps between scores, epochs


@dataclass(frozen=True)
class Examples:
    """Encoded sequences, ids (T,) or features (T, D), and their classes (N,)."""

    sequences: Sequence[np.ndarray]
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.sequences)


def paced(settings: TrainSettings, examples: int, batch_size: int) -> TrainSettings:
    """Settings for so many series where nobody said how often they are to be read.

    Until some STEPS are made: series are often few. Scores of few are looked at every LOOK steps.
    """
    steps = math.ceil(examples / batch_size)
    epochs = min(max(math.ceil(STEPS / steps), settings.epochs), MOST)
    return replace(settings, epochs=epochs, evaluate_every=LOOK if steps < LOOK else None)


class LabelProblem:
    """Cross-entropy of a label, on batches of sequences of like length.

    `network` maps (x (T, B) or (T, B, D), lengths (B,)) to scores (B, C). One of `world` ranks
    takes every `world`-th sequence of batches `world` times as large.
    """

    unit = "sequences"

    def __init__(
        self,
        network: nn.Module,
        train: Examples,
        held_out: Examples,
        *,
        batch_size: int,
        seed: int,
        word_dropout: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        self.network = network
        self.train = train
        self.held_out = held_out
        self.batch_size = batch_size
        self.seed = seed
        self.word_dropout = word_dropout
        self.label_smoothing = label_smoothing
        self.lengths = lengths_of(train.sequences)

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Any]:
        """Places of the examples of each batch; None where this rank has none."""
        batches = bucketed(self.lengths, self.batch_size * world, seed=self.seed, epoch=epoch)
        mine = (batch[rank::world] for batch in batches)
        return [places if len(places) else None for places in mine]

    def loss(self, item: Any, carry: Any) -> tuple[Tensor, int, Any]:
        """Summed cross-entropy (nats) of the examples at the places `item`."""
        x, lengths = pad([self.train.sequences[place] for place in item])
        if self.word_dropout and not x.is_floating_point():
            # A known word now and then becomes the unknown one, which so gets a meaning.
            hidden = (torch.rand(x.shape) < self.word_dropout) & (x > 1)
            x = x.masked_fill(hidden, 1)
        device = next(self.network.parameters()).device
        scores = self.network(x.to(device), lengths.to(device))  # (B, C)
        truth = torch.from_numpy(self.train.classes[item]).to(device)
        loss = F.cross_entropy(scores, truth, reduction="sum", label_smoothing=self.label_smoothing)
        return loss, len(item), None

    def evaluate(self, full: bool = False) -> Evaluation:
        """Accuracy, macro F1 and log loss (nats an example) of the held-out examples.

        The loss decides: counts of mistakes on a few hundred examples are mostly chance.
        """
        found = figures(probabilities(self.network, self.held_out.sequences), self.held_out.classes)
        return Evaluation(found["log_loss"], found)


def probabilities(network: nn.Module, sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Probabilities (N, C), float64, of encoded sequences; `network` is in eval mode."""
    lengths = lengths_of(sequences)
    order = np.argsort(lengths, kind="stable")
    device = next(network.parameters()).device
    rows: list[np.ndarray] = []
    start = 0
    with torch.no_grad():
        while start < len(order):
            stop = start + 1
            while stop < min(len(order), start + 256) and (
                int(lengths[order[stop]]) * (stop + 1 - start) <= CELLS
            ):
                stop += 1
            x, steps = pad([sequences[place] for place in order[start:stop]])
            scores = network(x.to(device), steps.to(device))  # (B, C)
            rows.append(torch.softmax(scores.cpu().double(), 1).numpy())
            start = stop
    found: np.ndarray = np.concatenate(rows)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return found[back]
