"""What a transcriber is measured against: feedforward layers that see a few steps around each."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from clew.tasks._transcribe.net import AROUND, Around, TranscriberNetwork
from clew.tasks._transcribe.problem import Learning, SpeechProblem, judged
from clew.tasks._transcribe.said import Said
from clew.tasks._transcribe.units import Units
from clew.train import sync
from clew.train.loop import train
from clew.train.settings import TrainSettings

WINDOW_TIME = 0.15  # share of a fit's `time`
EPOCHS = 5  # at most, of the network without memory
USED_TIME, LEAST_TIME = 0.95, 0.1  # shares of `time`: before the model is written, for learning


def without_memory(
    learned: Said,
    apart: Said,
    units: Units,
    settings: TrainSettings,
    how: Learning,
    *,
    together: int,
    hidden_size: int,
    dropout: float,
) -> dict[str, Any]:
    """Train the network with a window in place of its memory; its held-out figures."""
    bins = learned.store.flat.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = TranscriberNetwork(
            Around(bins * together, hidden_size), bins=bins, together=together,
            units=len(units), dropout=dropout,
        )  # fmt: skip
    network.measure(*learned.store.spread(learned.places))
    limit = None if settings.time is None else WINDOW_TIME * settings.time
    history = train(
        SpeechProblem(network, learned, apart, units, how),
        dataclasses.replace(settings, epochs=min(settings.epochs, EPOCHS), time=limit),
    )
    return {
        "name": f"feedforward, {AROUND} steps on either side",
        **sync.on_main(lambda: judged(network, apart, units)),
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 3),
    }


def time_left(settings: TrainSettings, spent: float, baseline: bool) -> TrainSettings:
    """The settings with what is left of `time` after `spent` seconds; a little is for writing."""
    if settings.time is None:
        return settings
    most = (USED_TIME - WINDOW_TIME * baseline) * settings.time
    time = max(min(USED_TIME * settings.time - spent, most), LEAST_TIME * settings.time)
    return dataclasses.replace(settings, time=time)
