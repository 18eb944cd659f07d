"""Music of public data: piano rolls of Bach's chorales.

`run_jsb(data)` reads jsb-chorales-quarter.json (czhuang/JSB-Chorales-dataset) from
data/music/jsb_chorales: four-part chorales in quarter notes, as split by Boulanger-Lewandowski et
al. 2012. Negative log-likelihood a step, in nats, of all 88 notes; the mean over all steps of all
chorales but the first of each, as Bai et al. 2018 count it (LSTM 8.45, GRU 8.43 in their Table 1,
with independent notes).
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clew.tasks._compose.roll_baseline import STEPS, Choice, by_frequency, train_window
from clew.tasks._compose.roll_net import build
from clew.tasks._compose.roll_problem import RollProblem, score
from clew.train.loop import train
from clew.train.settings import TrainSettings

LOWEST = 21  # the MIDI pitch of the first of 88 keys
# Chosen on the validation chorales.
NETWORK: dict[str, Any] = {"cell": "lstm", "hidden_size": 256, "num_layers": 1, "dropout": 0.4}
TRAINING: dict[str, Any] = {"epochs": 100, "learning_rate": 0.01, "average": 0.995}
BATCH, TRANSPOSE = 8, 5
FIGURES = ("nats_per_step", "nats_per_step_of_a_roll", "nats_per_step_with_first")


def chorales(file: Path) -> dict[str, list[np.ndarray]]:
    """The parts train, valid and test: of each chorale an array (T, 88), zeros and ones."""
    found = {}
    for part, pieces in json.loads(file.read_text()).items():
        found[part] = [np.zeros((len(piece), 88), np.uint8) for piece in pieces]
        for roll, piece in zip(found[part], pieces, strict=True):
            for t, pitches in enumerate(piece):
                roll[t, [pitch - LOWEST for pitch in pitches]] = 1
    return found


def run_jsb(data: Path, seed: int = 0, quick: bool = False) -> dict[str, float]:
    """Nats a step of the test chorales: notes independent and in turn, with and without keys moved.

    The weights are those of the epoch that is best on the validation chorales.
    """
    parts = chorales(data / "music/jsb_chorales/jsb-chorales-quarter.json")
    learned, valid, test = (parts[name] for name in ("train", "valid", "test"))
    settings = TrainSettings(**TRAINING, seed=seed, time=15 if quick else None)
    tell("how often each note sounds", by_frequency(learned, test))
    for notes in ("independent", "in turn"):
        how = Choice(
            pitches=88, notes=notes, note_size=128, hidden_size=256, dropout=0.4, batch_size=BATCH,
            transpose=TRANSPOSE,
        )  # fmt: skip
        window, _ = train_window(learned, valid, settings, how)
        tell(f"notes {notes}, the last {STEPS} steps only", score(window, test).figures())
    result = {}
    for notes, transpose in (("independent", TRANSPOSE), ("in turn", TRANSPOSE),
                             ("independent", 0), ("in turn", 0)):  # fmt: skip
        began = time.perf_counter()
        torch.manual_seed(seed)
        network = build(**NETWORK, notes=notes)
        network.count(learned)
        problem = RollProblem(
            network, learned, valid, batch_size=BATCH, seed=seed, transpose=transpose
        )
        history = train(problem, settings)
        minutes = (time.perf_counter() - began) / 60
        figures = score(network, test).figures()
        keys = f"moved by up to {transpose} semitones" if transpose else "as they stand"
        told = f"notes {notes}, {keys}: valid {history.best:.3f}, {minutes:.1f} min"
        tell(told, figures)
        result[f"{notes}, {transpose}"] = figures["nats_per_step"]
    return result


def tell(what: str, figures: dict[str, Any]) -> None:
    """A line of nats a step, counted in three ways."""
    nats, of_a_roll, with_first = (figures[name] for name in FIGURES)
    print(
        f"{what}; test {nats:.3f} nats a step "
        f"(mean of the chorales {of_a_roll:.3f}, with the first steps {with_first:.3f})",
        flush=True,
    )
