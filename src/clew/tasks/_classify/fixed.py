"""What a fixed memory gives: a feedforward network that sees the ends of a sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from clew.tasks._classify.labelling import Examples, LabelProblem, probabilities
from clew.tasks._classify.tfidf import figures
from clew.train.loop import train
from clew.train.settings import TrainSettings

ENDS = 8  # steps seen at either end


class FixedWindow(nn.Module):
    """Two layers over the first and the last `ENDS` steps side by side; the middle is not seen.

    forward: x (T, B) ids or (T, B, D) features, lengths (B,) -> scores (B, C).
    """

    def __init__(
        self, vocabulary: int | None, features: int, hidden_size: int, classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = None
        if vocabulary is not None:
            self.embedding = nn.Embedding(vocabulary, features, padding_idx=0)
            nn.init.normal_(self.embedding.weight[1:], std=0.1)
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * ENDS * features, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, classes),
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Scores (B, C)."""
        if x.shape[0] == 0:
            x = x.new_zeros((1, *x.shape[1:]))
        if self.embedding is not None:
            x = self.embedding(x)  # (T, B, D)
        steps = torch.arange(ENDS, device=x.device)[:, None]  # (K, 1)
        places = torch.cat([steps.expand(-1, len(lengths)), lengths - ENDS + steps])  # (2 K, B)
        real = (places >= 0) & (places < lengths)
        places = places.clamp(0, x.shape[0] - 1)[:, :, None].expand(-1, -1, x.shape[2])
        seen = x.gather(0, places) * real[:, :, None]  # (2 K, B, D)
        scores: Tensor = self.layers(seen.transpose(0, 1).flatten(1))
        return scores


def window_baseline(
    examples: Examples,
    held_out: Examples,
    settings: TrainSettings,
    *,
    vocabulary: int | None,
    features: int,
    hidden_size: int,
    classes: int,
    dropout: float,
    batch_size: int,
) -> dict[str, Any]:
    """Train a FixedWindow with the loop that trains the recurrent network; its held-out figures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = FixedWindow(vocabulary, features, hidden_size, classes, dropout)
    problem = LabelProblem(network, examples, held_out, batch_size=batch_size, seed=settings.seed)
    history = train(problem, settings)
    network.eval()
    return {
        "name": f"feedforward, first and last {ENDS}",
        **figures(probabilities(network, held_out.sequences), held_out.classes),
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 3),
    }
