"""The fit of a composer of notes: its settings, its network, its rival, its training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.errors import InputError
from clew.tasks import _estimator as shared
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.prepare import Prepared
from clew.tasks._compose.problem import TuneProblem, figures, tune_nats
from clew.tasks._compose.store import Part
from clew.tasks._compose.vocabulary import Vocabulary
from clew.tasks._folder import MODEL, Contents
from clew.tasks._ngrams import LIMIT, ngram_baseline
from clew.tasks._step import reading
from clew.tasks._work import Figures, Measured, evaluations, in_time, measured
from clew.train import Reporter, TrainSettings, on_main, sync, train
from clew.train.history import History

TITLES = {"abc": "tunes in ABC", "midi": "music in MIDI"}
EPOCHS, PATIENCE = 20, 5  # of tunes as tokens, where nothing is said
REMEMBERED = 4_000_000  # tokens of the tunes learned from that a model keeps, at most


def check_settings(model: Any) -> TrainSettings:
    """The loop's settings, once every constructor argument is known to be possible."""
    shared.check_choice(model, "notation", ("auto", "abc", "midi", "roll"))
    shared.check_choice(model, "notes", ("in turn", "independent"))
    shared.check_sizes(model, ("embedding_size", "hidden_size", "num_layers", "window",
                              "batch_size"))  # fmt: skip
    shared.check_shares(model, ("dropout", "recurrent_dropout", "zoneout", "held_out"))
    shared.check_cell(model)
    shared.check_flags(model, ("transpose", "residual", "layer_norm", "baseline"))
    if model.held_out == 0:
        raise InputError("held_out is 0", where="held_out", expected="more than 0, below 1")
    usual = {"epochs": EPOCHS, "patience": PATIENCE}
    return shared.train_settings(
        model, **{name: value for name, value in usual.items() if getattr(model, name) is None}
    )


def build(model: Any, vocabulary: int, remembered: int = 0, tunes: int = 0, *,
          learning: bool) -> TuneNetwork:  # fmt: skip
    """The network of an estimator's settings; `learning`: its first weights matter."""
    init: Any = model.init if learning else "torch"
    return TuneNetwork(
        vocabulary, embedding_size=int(model.embedding_size), hidden_size=int(model.hidden_size),
        num_layers=int(model.num_layers), cell=model.cell, residual=model.residual,
        dropout=model.dropout, layer_norm=model.layer_norm,
        recurrent_dropout=model.recurrent_dropout, zoneout=model.zoneout, init=init,
        t_max=max(3, int(model.window)) if init == "chrono" else None,
        remembered=remembered, tunes=tunes,
    )  # fmt: skip


def begin(model: Any, prepared: Prepared) -> TuneNetwork:
    """A network that has learned nothing but how often each token occurs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(model.seed))
        network = build(model, len(prepared.vocabulary), learning=True)
    network.count(prepared.train.pieces())
    return network


def rival(
    model: Any, prepared: Prepared, settings: TrainSettings, work: Path, begun: float,
    report: Reporter,
) -> tuple[TrainSettings, Measured]:  # fmt: skip
    """What n-grams over the same tokens reach, and the settings with the time that is left."""

    def measure() -> Figures:
        size = len(prepared.vocabulary)
        grams = ngrams(prepared.train, prepared.held_out, size)
        told = f"{grams['bits_per_token']:.3f} bits/token"
        report.message(f"{grams['name']}: {told}")
        return grams, {}

    mark = f"{prepared.fingerprint} {model.get_params()}"
    found = measured(work, mark, begun, measure if model.baseline else lambda: ({}, {}))
    return in_time(settings, found), found


def ngrams(train: Part, held_out: Part, size: int) -> dict[str, Any]:
    """The figures of the best of n-grams of the orders 2 to 5; they learn LIMIT tokens at most."""
    tokens, judged = train.last(LIMIT)[0], held_out.last(LIMIT)[0]
    grams = on_main(lambda: ngram_baseline(tokens, judged, size))
    orders, best = grams.pop("nats_per_token"), grams.pop("best")
    part = held_out
    return {
        "name": f"{best}-grams",
        **figures(orders[str(best)] * part.tokens, part),
        "order": best,
        "unigram": figures(orders["1"] * part.tokens, part),
        "nats_per_token_by_order": orders,
        **grams,
    }


def learn(
    model: Any, network: TuneNetwork, prepared: Prepared, settings: TrainSettings, *,
    own: dict[str, Any], out: Path | None, resume: bool, report: Reporter,
) -> History:  # fmt: skip
    """Train the network; the best weights are in it afterwards. own: the estimator's settings."""
    problem = TuneProblem(
        network, prepared.train, prepared.held_out, batch_size=int(model.batch_size),
        window=int(model.window), seed=settings.seed, moves=_moves(model, prepared.vocabulary),
    )  # fmt: skip
    look = evaluations(len(problem.plan(0, sync.rank(), sync.world())))
    return train(
        problem, dataclasses.replace(settings, evaluate_every=look), out=out, resume=resume,
        fingerprint={"data": prepared.fingerprint, **own}, report=report,
    )  # fmt: skip


def _moves(model: Any, vocabulary: Vocabulary) -> NDArray[np.int64] | None:
    """Into which keys events are moved while training; tunes in ABC are in one key already."""
    if not model.transpose or vocabulary.notation != "midi":
        return None
    from clew.tasks._compose.midi_tokens import moves

    return moves(vocabulary)


def fit(
    model: Any, prepared: Prepared, settings: TrainSettings, *, own: dict[str, Any], work: Path,
    out: Path | None, resume: bool, report: Reporter, begun: float,
) -> None:  # fmt: skip
    """Measure the rival and train: network_, history_, data_ and metrics_ of the estimator."""
    if prepared.left_out:
        count, first = len(prepared.left_out), prepared.left_out[0]
        tunes = "1 tune is" if count == 1 else f"{count:,} tunes are"
        report.message(f"{tunes} left out; the first: {first}")
    settings, before = rival(model, prepared, settings, work, begun, report)
    network = begin(model, prepared)
    model.network_ = network
    model.history_ = learn(
        model, network, prepared, settings, own=own, out=out, resume=resume, report=report
    )
    held = prepared.held_out
    with reading(network):
        nats = float(tune_nats(network, held, int(model.window)).sum())
    network.remember(*prepared.train.last(REMEMBERED))
    model.data_ = {
        "fingerprint": prepared.fingerprint,
        "tunes": len(prepared.train),
        "tokens": prepared.train.tokens,
        "characters": prepared.train.characters,
        "held_out": len(held),
        "vocabulary": len(prepared.vocabulary),
    }
    if prepared.left_out:
        model.data_["left_out"] = len(prepared.left_out)
    model.metrics_ = shared.build_metrics(
        figures(nats, held), baseline=before.baseline, window={},
        curve=model.history_.to_dict()["rows"], seconds=model.history_.seconds, network=network,
    )  # fmt: skip
    model.metrics_["held_out"] = {
        "tunes": len(held), "tokens": held.tokens, "characters": held.characters
    }  # fmt: skip


def own(model: Any) -> dict[str, Any]:
    """The constructor arguments that the loop does not know."""
    loop = {field.name for field in dataclasses.fields(TrainSettings)}
    chosen = {k: v for k, v in model.get_params(deep=False).items() if k not in loop}
    return dict(shared.plain(chosen))


def sizes(network: TuneNetwork) -> dict[str, Any]:
    """What config.json keeps of a network."""
    return {
        "vocabulary": len(network.bias),
        "remembered": len(network.learned),
        "tunes": len(network.starts),
    }


def check_sizes(contents: Contents, vocabulary: Vocabulary) -> tuple[int, int, int]:
    """Tokens known, tokens and tunes remembered of a model folder; raises InputError."""
    found = contents.network
    if set(found) != {"vocabulary", "remembered", "tunes"}:
        raise contents.bad("'network' does not describe a composer of notes")
    if found["vocabulary"] != len(vocabulary):
        raise contents.bad("'vocabulary' of 'network' is not the number of tokens")
    for name, tensor in (("remembered", "learned"), ("tunes", "starts")):
        entry = contents.entries.get(tensor)
        if type(found[name]) is not int or entry is None or entry.shape != (found[name],):
            raise contents.bad(f"{name!r} of 'network' is not the size of {tensor!r}")
    return len(vocabulary), found["remembered"], found["tunes"]


def check_grid(contents: Contents) -> int | None:
    """Steps a quarter of the piano rolls of a model folder; raises InputError."""
    grid = contents.config["data"].get("grid")
    if grid is not None and (type(grid) is not int or not 1 <= grid <= 1 << 16):
        raise contents.bad("'grid' of 'data' is no number of steps a quarter")
    return grid


def check_memory(contents: Contents, network: TuneNetwork) -> None:
    """Raise InputError where the tunes that a model remembers are not tunes of its tokens."""
    learned, starts = network.learned.cpu(), network.starts.cpu()
    tokens = len(network.bias)
    fit = len(starts) > 0 and len(learned) > 0 and int(starts[0]) == 0
    fit = fit and int(learned.min()) >= 0 and int(learned.max()) < tokens
    if not (fit and bool((starts.diff() > 0).all()) and int(starts[-1]) < len(learned)):
        raise contents.bad("the tunes that are remembered are none", name=MODEL)


def composing(network: Any, vocabulary: Vocabulary | None, common: bool, grid: int | None) -> Any:
    """What composes with a network: of ABC, of MIDI, or of piano rolls, which have no tokens."""
    if vocabulary is None:
        from clew.tasks._compose.roll_composing import RollComposing

        return RollComposing(network, grid)
    if vocabulary.notation == "midi":
        from clew.tasks._compose.midi_composing import MidiComposing

        return MidiComposing(network, vocabulary)
    from clew.tasks._compose.abc_composing import AbcComposing

    return AbcComposing(network, vocabulary, common)
