"""The fit of a composer of piano rolls: what is learned from, its rivals, its network."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.tasks import _estimator as shared
from clew.tasks._compose.roll_baseline import Choice, by_frequency, by_window
from clew.tasks._compose.roll_data import PreparedRolls, Unpacked, read
from clew.tasks._compose.roll_net import RollNetwork, build
from clew.tasks._compose.roll_problem import RollProblem, Rolls, each, lengths_of, score
from clew.tasks._folder import Contents
from clew.tasks._work import Figures, Measured, evaluations, in_time, measured
from clew.train import Reporter, TrainSettings, sync, train
from clew.train.history import History

FIGURE = "nats_per_step"  # of metrics.json, that decides
NOTE_SIZE = 128  # width of the choice of notes in turn
MOVED = 5  # semitones up or down, at most: with all twelve keys, as few as can be
STEPS, MOST = 1500, 100  # of a fit of few rolls: steps, and epochs at most
REMEMBERED = 1_000_000  # steps of the rolls learned from that a model keeps, at most


def evaluate(network: RollNetwork, tunes: Any) -> dict[str, Any]:
    """Nats a step of rolls, of a file its part test where it has one; see Score.figures."""
    rolls = Unpacked(read(tunes, "test", "tunes"))
    return {
        **score(network, rolls).figures(),
        "tunes": len(rolls),
        "steps": int(lengths_of(rolls).sum()),
    }


def paced(model: Any, settings: TrainSettings, rolls: int) -> TrainSettings:
    """Settings for so many rolls, where nobody said how often they are to be read.

    Until some STEPS are made: rolls are often few. They are not stopped before either, for the
    rate of learning falls to the end, and what is best comes then.
    """
    if model.epochs is None:
        epochs = math.ceil(STEPS / math.ceil(rolls / int(model.batch_size)))
        settings = dataclasses.replace(settings, epochs=min(max(epochs, settings.epochs), MOST))
    return settings if model.patience is not None else dataclasses.replace(settings, patience=None)


def make(
    model: Any, pitches: int, remembered: int = 0, rolls: int = 0, *, learning: bool
) -> RollNetwork:
    """The network of an estimator's settings; `learning`: its first weights matter."""
    init: Any = model.init if learning else "torch"
    return build(
        cell=model.cell, hidden_size=int(model.hidden_size), num_layers=int(model.num_layers),
        pitches=pitches, notes=model.notes, note_size=NOTE_SIZE, dropout=model.dropout,
        residual=model.residual, layer_norm=model.layer_norm,
        recurrent_dropout=model.recurrent_dropout, zoneout=model.zoneout, init=init,
        t_max=max(3, int(model.window)) if init == "chrono" else None,
        remembered=remembered, rolls=rolls,
    )  # fmt: skip


def begin(model: Any, prepared: PreparedRolls) -> RollNetwork:
    """A network that has learned nothing but how often each note sounds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(model.seed))
        network = make(model, prepared.pitches, learning=True)
    network.count(each(prepared.train))
    return network


def rivals(
    model: Any, prepared: PreparedRolls, settings: TrainSettings, work: Path, begun: float,
    report: Reporter,
) -> tuple[TrainSettings, Measured]:  # fmt: skip
    """What is reached without memory, and the settings with the time that is left."""

    def measure() -> Figures:
        counted = sync.on_main(lambda: by_frequency(prepared.train, prepared.held_out))
        how = Choice(
            prepared.pitches, model.notes, NOTE_SIZE, int(model.hidden_size), float(model.dropout),
            int(model.batch_size), MOVED if model.transpose else 0,
        )  # fmt: skip
        seen = by_window(prepared.train, prepared.held_out, settings, how)
        for found in (counted, seen):
            report.message(f"{found['name']}: {found[FIGURE]:.3f} nats a step")
        return counted, seen

    mark = f"{prepared.fingerprint} {model.get_params()}"
    found = measured(work, mark, begun, measure if model.baseline else lambda: ({}, {}))
    return in_time(settings, found), found


def learn(
    model: Any, network: RollNetwork, prepared: PreparedRolls, settings: TrainSettings, *,
    own: dict[str, Any], out: Path | None, resume: bool, report: Reporter,
) -> History:  # fmt: skip
    """Train the network; the best weights are in it afterwards. own: the estimator's settings."""
    problem = RollProblem(
        network, prepared.train, prepared.held_out, batch_size=int(model.batch_size),
        seed=settings.seed, transpose=MOVED if model.transpose else 0, window=int(model.window),
    )  # fmt: skip
    look = evaluations(len(problem.plan(0, sync.rank(), sync.world())))
    return train(
        problem, dataclasses.replace(settings, evaluate_every=look), out=out, resume=resume,
        fingerprint={"data": prepared.fingerprint, **own}, report=report,
    )  # fmt: skip


def fit(
    model: Any, prepared: PreparedRolls, settings: TrainSettings, *, own: dict[str, Any],
    work: Path, out: Path | None, resume: bool, report: Reporter, begun: float,
) -> None:  # fmt: skip
    """Measure the rivals and train: network_, history_, data_ and metrics_ of the estimator."""
    settings = paced(model, settings, len(prepared.train))
    settings, before = rivals(model, prepared, settings, work, begun, report)
    network = begin(model, prepared)
    model.network_ = network
    model.history_ = learn(
        model, network, prepared, settings, own=own, out=out, resume=resume, report=report
    )
    figures = score(network.eval(), prepared.held_out).figures()
    network.remember(*last(prepared.train, REMEMBERED))
    model.data_ = {
        "fingerprint": prepared.fingerprint,
        "tunes": len(prepared.train),
        "steps": int(lengths_of(prepared.train).sum()),
        "held_out": len(prepared.held_out),
        "grid": prepared.grid,
    }
    model.metrics_ = shared.build_metrics(
        figures, baseline=before.baseline, window=before.window,
        curve=model.history_.to_dict()["rows"], seconds=model.history_.seconds, network=network,
    )  # fmt: skip


def last(rolls: Rolls, limit: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The steps (N, P) of the last rolls that have at most `limit` together, and their starts."""
    lengths = lengths_of(rolls)
    count = max(1, int(np.searchsorted(np.cumsum(lengths[::-1]), limit, side="right")))
    chosen = [np.asarray(rolls[n], np.uint8) for n in range(len(lengths) - count, len(lengths))]
    starts = np.concatenate([[0], np.cumsum(lengths[-count:])[:-1]])
    return np.concatenate(chosen), starts


def sizes(network: RollNetwork) -> dict[str, Any]:
    """What config.json keeps of a network."""
    return {
        "pitches": network.pitches,
        "remembered": len(network.learned),
        "tunes": len(network.starts),
    }


def check_sizes(contents: Contents) -> tuple[int, int, int]:
    """Pitches, steps and rolls remembered of a model folder; InputError where they cannot be."""
    found = contents.network
    if set(found) != {"pitches", "remembered", "tunes"}:
        raise contents.bad("'network' does not describe a composer of piano rolls")
    pitches = found["pitches"]
    if type(pitches) is not int or not 1 <= pitches <= 128:
        raise contents.bad("'pitches' of 'network' is no number of pitches", expected="1 to 128")
    width = (-(-pitches // 8),)
    for name, tensor, rest in (("remembered", "learned", width), ("tunes", "starts", ())):
        entry = contents.entries.get(tensor)
        if type(found[name]) is not int or entry is None or entry.shape != (found[name], *rest):
            raise contents.bad(f"{name!r} of 'network' is not the size of {tensor!r}")
    return pitches, found["remembered"], found["tunes"]


def check_memory(contents: Contents, network: RollNetwork) -> None:
    """Raise InputError where the rolls that a model remembers are none, or its polyphony is."""
    starts, (least, most) = network.starts.cpu(), network.polyphony.tolist()
    fit = len(starts) > 0 and int(starts[0]) == 0 and bool((starts.diff() > 0).all())
    if not (fit and int(starts[-1]) < len(network.learned)):
        raise contents.bad("the rolls that are remembered are none")
    if not 0 <= least <= most <= network.pitches:
        raise contents.bad("'polyphony' is not the fewest and the most notes of a step")
