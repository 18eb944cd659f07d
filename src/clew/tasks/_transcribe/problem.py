"""Training a network to write what it hears: connectionist temporal classification.

Graves, Fernández, Gomez & Schmidhuber, "Connectionist Temporal Classification" (2006): the loss is
-ln of the probability of all ways in which the units of a text can lie along the steps of a sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import bucketed, pad
from clew.data.features import Frames
from clew.tasks._transcribe.ctc import frames_needed, greedy
from clew.tasks._transcribe.net import Head, TranscriberNetwork
from clew.tasks._transcribe.said import Said
from clew.tasks._transcribe.scores import error_rates
from clew.tasks._transcribe.units import Units, writable
from clew.tasks._transcribe.variation import Variation
from clew.train.problem import Evaluation

CELLS = 16_384  # padded steps read at once: bounds the memory of reading
JUDGED = 500  # recordings held out that are scored while training, at most


@dataclass(frozen=True)
class Learning:
    """How a network learns: recordings in a batch, how they are varied; floor: of the frames."""

    batch_size: int
    seed: int
    floor: float
    variation: Variation


class SpeechProblem:
    """What the loop trains: `network` on batches of recordings of like length."""

    unit = "units"

    def __init__(
        self,
        network: TranscriberNetwork,
        train: Said,
        held_out: Said,
        units: Units,
        how: Learning,
    ) -> None:
        self.network: torch.nn.Module = network
        self._transcriber = network
        self._front = network.front()
        self._train, self._held_out, self._units = train, held_out, units
        self._how = how

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Any]:
        """Places of the recordings of each batch; None where this rank has none."""
        size = self._how.batch_size * world
        batches = bucketed(self._train.lengths, size, seed=self._how.seed, epoch=epoch)
        mine = (batch[rank::world] for batch in batches)
        return [places if len(places) else None for places in mine]

    def loss(self, item: Any, carry: Any) -> tuple[Tensor, int, None]:
        """The summed nats of what is said, and how many units that is, the ends counted too."""
        # Seeded by the step, so that a resumed run draws what an undisturbed one draws.
        draw = np.random.default_rng(int(torch.randint(2**62, (1,))))
        targets = [self._train.units[place] for place in item.tolist()]
        x, lengths = pad([self._varied(place, draw) for place in item.tolist()])
        device = self._transcriber.output.weight.device
        found = self._transcriber(x.to(device), lengths.to(device))  # (T, B, V)
        sizes = torch.tensor([len(target) for target in targets])
        together = torch.from_numpy(np.concatenate(targets)).to(device)
        nats = F.ctc_loss(found, together, lengths, sizes, reduction="sum")
        return nats, int(sizes.sum()) + len(targets), None

    def _varied(self, place: int, draw: np.random.Generator) -> Frames:
        frames, front, variation = self._train.frames(place), self._front, self._how.variation
        least = frames_needed(self._train.units[place].tolist()) * front.together
        frames = variation.stretched(frames, least, self._how.floor, draw)
        return front.stacked(variation.masked(front.normal(frames), draw))

    def evaluate(self, full: bool = False) -> Evaluation:
        """Nats a unit, and the rates of wrong words and characters, of the held-out recordings."""
        found = judged(self._transcriber, self._held_out, self._units, None if full else JUDGED)
        return Evaluation(found["nats_per_unit"], found)


def judged(
    network: TranscriberNetwork, part: Said, units: Units, most: int | None = None
) -> dict[str, float]:
    """Nats a unit, word error rate and character error rate on (the first of) these recordings."""
    count = len(part) if most is None else min(most, len(part))
    front = network.front()
    steps = (front.steps(part.frames(index)) for index in range(count))
    nats, number, texts = 0.0, 0, []
    for target, found in zip(part.units[:count], log_probabilities(network, steps), strict=True):
        loss = F.ctc_loss(
            torch.from_numpy(found), torch.from_numpy(target), torch.tensor([len(found)]),
            torch.tensor([len(target)]), reduction="sum",
        )  # fmt: skip
        nats, number = nats + float(loss), number + len(target) + 1
        texts.append(units.decode(greedy(writable(found)).units))
    rates = error_rates([units.text(text) for text in part.texts[:count]], texts)
    return {"wer": rates.wer, "cer": rates.cer, "nats_per_unit": nats / max(1, number)}


def log_probabilities(
    network: TranscriberNetwork, sounds: Iterator[Frames] | Sequence[Frames]
) -> Iterator[NDArray[np.float64]]:
    """Log-probabilities (T, V) of every sound (T, D), in order; some are read side by side."""
    head = Head(network.output)
    waiting: list[Frames] = []
    for sound in sounds:
        longest = max(len(sound), *(len(each) for each in waiting), 0)
        if waiting and longest * (len(waiting) + 1) > CELLS:
            yield from _read(network, head, waiting)
            waiting = []
        waiting.append(sound)
    if waiting:
        yield from _read(network, head, waiting)


def _read(
    network: TranscriberNetwork, head: Head, sounds: list[Frames]
) -> Iterator[NDArray[np.float64]]:
    x, lengths = pad(sounds)
    device = network.output.weight.device
    with torch.no_grad():
        if len(x):
            y = network.reader(x.to(device), lengths=lengths.to(device))[0].cpu().numpy()
        else:
            y = np.zeros((0, len(sounds), network.output.in_features), dtype=np.float32)
    for b, length in enumerate(lengths.tolist()):
        yield head(y[:length, b])
