"""The fit of a translator: its network, its training, the same without attention, the figures."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.errors import InputError, Interrupted
from clew.nn import Stack
from clew.tasks import _estimator as shared
from clew.tasks._translate.answers import Speaker, judge
from clew.tasks._translate.data import Prepared
from clew.tasks._translate.net import ATTENTIONS, Attention, TranslatorNetwork
from clew.tasks._translate.problem import PairProblem, Rows
from clew.tasks._translate.sides import Sides
from clew.tasks._work import Measured, evaluations, measured
from clew.train import Reporter, TrainSettings, checkpoint, sync, train
from clew.train.history import History

USED_TIME, LEAST_TIME = 0.95, 0.1  # shares of `time`: before the last scores, for learning
WITHOUT = "the same without attention"
SCORED = 500  # held-out pairs that are translated in the end, at most


def check_settings(model: Any) -> TrainSettings:
    """The loop's settings, once every constructor argument is known to be possible."""
    shared.check_sizes(model, ("vocabulary_size", "min_count", "max_length", "embedding_size",
                              "hidden_size", "num_layers", "batch_size"))  # fmt: skip
    shared.check_shares(
        model, ("dropout", "label_smoothing", "recurrent_dropout", "zoneout", "held_out")
    )
    shared.check_choice(model, "unit", ("bpe", "word", "char"))
    shared.check_choice(model, "unknown", ("copy", "keep"))
    if model.attention is not None:
        check_attention(model.attention)
    shared.check_cell(model)
    shared.check_flags(model, ("shared", "lowercase", "bidirectional", "input_feeding", "tie",
                              "layer_norm", "baseline"))  # fmt: skip
    if model.baseline and model.attention is None:
        raise InputError(
            "the baseline is the same without attention, and there is none to leave out",
            where="baseline",
            expected="False, or an attention: " + ", ".join(ATTENTIONS),
        )
    forced = model.teacher_forcing
    if isinstance(forced, bool) or not isinstance(forced, int | float) or not 0 <= forced <= 1:
        raise InputError(
            f"teacher_forcing is {forced!r}", where="teacher_forcing", expected="0 to 1"
        )
    if model.held_out == 0:
        raise InputError("held_out is 0", where="held_out", expected="more than 0, below 1")
    if model.shared and model.lowercase:
        raise InputError(
            "lowercase is True with a shared vocabulary: answers would be lowercase, too",
            where="lowercase",
            expected="shared=False, or lowercase=False",
        )
    if model.input_feeding and model.recurrent_dropout:
        raise InputError(
            "recurrent_dropout with input_feeding, whose decoder goes a step at a time",
            where="recurrent_dropout",
            expected="0, or input_feeding=False",
        )
    return shared.train_settings(model)


def check_attention(name: Any) -> None:
    """Raise InputError for an attention that there is not."""
    if name not in ATTENTIONS:
        raise InputError(
            f"attention is {name!r}",
            where="attention",
            expected=", ".join(ATTENTIONS) + " or None",
        )


def build(model: Any, sides: Sides, attention: Attention, longest: int | None) -> TranslatorNetwork:
    """The network of an estimator's settings.

    longest: steps, for chrono initialisation; None where weights will be read from a file.
    """
    init = model.init if longest is not None else "torch"
    hidden, size = int(model.hidden_size), int(model.embedding_size)
    layers: dict[str, Any] = {
        "cell": model.cell, "dropout": model.dropout, "layer_norm": model.layer_norm,
        "recurrent_dropout": model.recurrent_dropout, "zoneout": model.zoneout, "init": init,
        "t_max": max(3, longest or 3) if init == "chrono" else None,
    }  # fmt: skip
    width = (hidden + 1) // 2 if model.bidirectional else hidden
    fed = (size if model.tie else hidden) if model.input_feeding else 0
    number = int(model.num_layers)
    return TranslatorNetwork(
        Stack(size, width, number, bidirectional=model.bidirectional, **layers),
        Stack(size + fed, hidden, number, **layers),
        source_size=sides.source.size, target_size=sides.target.size, embedding_size=size,
        attention=attention, input_feeding=model.input_feeding, shared=sides.shared,
        tie=model.tie, dropout=model.dropout,
    )  # fmt: skip


def begin(model: Any, prepared: Prepared, attention: Attention) -> TranslatorNetwork:
    """A network that has learned nothing but how often each piece occurs."""
    lengths = prepared.train.lengths
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(model.seed))
        network = build(model, prepared.sides, attention, int(lengths.max()))
    network.count(_targets(prepared.train))
    return network


def _targets(rows: Rows, some: int = 4096) -> Iterator[NDArray[Any]]:
    """The pieces of all targets, those of some pairs at a time."""
    for start in range(0, len(rows), some):
        stop = min(start + some, len(rows))
        yield np.concatenate([rows.pair(number)[1] for number in range(start, stop)])


def learn(
    model: Any, network: TranslatorNetwork, prepared: Prepared, settings: TrainSettings, *,
    out: Path | None, resume: bool, report: Reporter,
) -> History:  # fmt: skip
    """Train the network; the best weights are in it afterwards."""
    problem = PairProblem(
        network, prepared.train, prepared.held_out,
        batch_size=int(model.batch_size), epochs=settings.epochs, seed=settings.seed,
        label_smoothing=model.label_smoothing, teacher_forcing=model.teacher_forcing,
    )  # fmt: skip
    look = evaluations(len(problem.plan(0, sync.rank(), sync.world())))
    own = {field.name for field in dataclasses.fields(TrainSettings)}
    chosen = {k: v for k, v in model.get_params(deep=False).items() if k not in own}
    return train(
        problem, dataclasses.replace(settings, evaluate_every=look), out=out, resume=resume,
        fingerprint={"data": prepared.fingerprint, **shared.plain(chosen)}, report=report,
    )  # fmt: skip


def figures(
    model: Any, network: TranslatorNetwork, prepared: Prepared, history: History, report: Reporter
) -> dict[str, Any]:
    """What the best weights reach on held-out pairs, and how close some translations are."""
    best = next(row for row in reversed(history.rows) if row["best"])
    found = {name: best[name] for name in ("nats_per_piece", "perplexity", "accuracy")}
    speaker = Speaker(network, prepared.sides, int(model.max_length), model.unknown == "copy")
    try:
        scores = sync.on_main(lambda: judge(speaker, prepared.held_out, prepared.original, SCORED))
    except InputError as error:
        report.message(f"translations are not scored: {error.what}; {error.hint}")
        scores = {}
    return {**found, **scores, "pairs": len(prepared.held_out)}


class _Within:
    """Passes on what a run in `place` tells, which lies within `folder`: it names the folder."""

    def __init__(self, report: Reporter, place: Path | None, folder: Path | None) -> None:
        self._report, self._names = report, (str(place), str(folder))
        self.start, self.step = report.start, report.step
        self.evaluated, self.done = report.evaluated, report.done

    def message(self, text: str) -> None:
        """Something a person should read."""
        self._report.message(text.replace(*self._names))


def without_attention(
    model: Any, prepared: Prepared, settings: TrainSettings, *,
    work: Path, folder: Path | None, begun: float, report: Reporter,
) -> tuple[TrainSettings, Measured]:  # fmt: skip
    """What the network reaches without attention, and the settings with the time that is left."""

    def measure() -> tuple[dict[str, Any], dict[str, Any]]:
        limit = None if settings.time is None else USED_TIME / 2 * settings.time
        network = begin(model, prepared, None)
        place = None if folder is None else work / "without"
        begun_before = place is not None and sync.on_main(lambda: checkpoint.exists(place))
        report.message(f"first {WITHOUT}")
        history = learn(
            model, network, prepared, dataclasses.replace(settings, time=limit),
            out=place, resume=begun_before, report=_Within(report, place, folder),
        )  # fmt: skip
        found = figures(model, network, prepared, history, report)
        told = (
            f"BLEU {found['bleu']:.1f}"
            if "bleu" in found
            else f"{found['nats_per_piece']:.4f} nats"
        )
        report.message(f"{WITHOUT}: {told}")
        if place is not None and sync.is_main():
            shutil.rmtree(place, ignore_errors=True)
        return {"name": WITHOUT, **found}, {}

    mark = f"{prepared.fingerprint} {model.get_params()}"
    try:
        found = measured(work, mark, begun, measure if model.baseline else lambda: ({}, {}))
    except KeyboardInterrupt as stop:
        if isinstance(stop, Interrupted) or checkpoint.exists(work / "without"):
            raise Interrupted(folder=folder) from None
        raise
    if settings.time is None:
        return settings, found
    rest = max(USED_TIME * settings.time - found.seconds, LEAST_TIME * settings.time)
    return dataclasses.replace(settings, time=rest), found
