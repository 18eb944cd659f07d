"""What a network of piano rolls is measured against: how often each note sounds, and a window."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from clew.tasks._compose.roll_net import RollNetwork, Window
from clew.tasks._compose.roll_problem import RollProblem, Rolls, Score, each, score
from clew.train.loop import train
from clew.train.settings import TrainSettings

STEPS = 8  # that the window sees
WINDOW_TIME = 0.1  # share of a fit's `time`
EPOCHS = 30  # at most, of the window's network


def by_frequency(learned: Rolls, held_out: Rolls) -> dict[str, Any]:
    """Figures of chances that never change: how often each note sounds in the rolls learned."""
    chances = frequencies(learned)
    on, off = np.log(chances), np.log1p(-chances)
    nats = [-(off.sum() + roll.astype(np.float64) @ (on - off)) for roll in each(held_out)]
    return {"name": "how often each note sounds", **Score(nats).figures()}


def frequencies(rolls: Rolls) -> NDArray[np.float64]:
    """The share of the steps in which each note sounds (P,), counted once and left out once more.

    So that nothing is certain.
    """
    sounding: Any = 1
    steps = 2
    for roll in each(rolls):
        sounding = sounding + roll.sum(0, dtype=np.int64)
        steps += len(roll)
    return np.asarray(sounding / steps, dtype=np.float64)


@dataclass(frozen=True)
class Choice:
    """What the window's network shares with the recurrent one: see RollNetwork and RollProblem."""

    pitches: int
    notes: Literal["in turn", "independent"]
    note_size: int
    hidden_size: int
    dropout: float
    batch_size: int
    transpose: int


def by_window(
    learned: Rolls, held_out: Rolls, settings: TrainSettings, how: Choice
) -> dict[str, Any]:
    """Figures of a network that sees the last STEPS steps, trained by the same loop."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = RollNetwork(
            Window(how.pitches + 1, how.hidden_size, STEPS), how.pitches, notes=how.notes,
            note_size=how.note_size, dropout=how.dropout,
        )  # fmt: skip
    network.count(each(learned))
    limit = None if settings.time is None else WINDOW_TIME * settings.time
    settings = dataclasses.replace(settings, epochs=min(settings.epochs, EPOCHS), time=limit)
    problem = RollProblem(
        network, learned, held_out, batch_size=how.batch_size, seed=settings.seed,
        transpose=how.transpose,
    )  # fmt: skip
    history = train(problem, settings)
    return {
        "name": f"feedforward, the last {STEPS} steps",
        **score(network, held_out).figures(),
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 3),
    }
