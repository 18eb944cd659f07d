"""Music of public data: piano rolls of Bach's chorales, and folk tunes in ABC.

`run_jsb(data)` reads jsb-chorales-quarter.json (czhuang/JSB-Chorales-dataset) from
data/music/jsb_chorales: four-part chorales in quarter notes, as split by Boulanger-Lewandowski et
al. 2012. Negative log-likelihood a step, in nats, of all 88 notes; the mean over all steps of all
chorales but the first of each, as Bai et al. 2018 count it (LSTM 8.45, GRU 8.43 in their Table 1,
with independent notes).

`run_nottingham(data)` reads the .abc files of the Nottingham Music Database, cleaned
(jukedeck/nottingham-dataset), from data/music/nottingham_abc, learns from nine tenths of the
tunes, and composes new ones.
Whether they parse and hold their metre is judged twice: by music21, and by Clew's reader of ABC.
"""

import json
import statistics
import time
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clew.data.abc import check, parse
from clew.tasks._compose.roll_baseline import STEPS, Choice, by_frequency, train_window
from clew.tasks._compose.roll_net import build
from clew.tasks._compose.roll_problem import RollProblem, score
from clew.tasks.compose import Composer
from clew.train import Lines
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


def run_nottingham(data: Path, seed: int = 0, quick: bool = False, count: int = 100) -> int:
    """Of `count` composed tunes, how many parse and hold their metre in every bar by both."""
    began = time.perf_counter()
    model = Composer(seed=seed, time=60 if quick else None)
    model.fit(data / "music/nottingham_abc", errors="skip", report=Lines())
    minutes = (time.perf_counter() - began) / 60
    reached, rival = model.metrics_["score"], model.metrics_["baseline"]
    for name, row in (("this model", reached), (rival["name"], rival)):
        print(f"{name}: {row['nats_per_character']:.4f} nats a character of the tunes held out")
    tunes = model.compose(n=10 if quick else count, seed=seed)
    good = 0
    for tune in tunes:
        ours, theirs = check(parse(tune.abc)), fault(tune.abc)
        good += not ours and not theirs
        for judge, said in (("Clew", ours), ("music21", theirs)):
            if said:
                print(f"{judge}: {said}\n{tune.abc}")
    spans = [tune.recall.longest for tune in tunes]
    copies = sum(tune.recall.copied for tune in tunes)
    print(
        f"{good} of {len(tunes)} parse and hold their metre in every bar; longest verbatim span: "
        f"median {statistics.median(spans):.0f} notes, at most {max(spans)}; "
        f"exact copies: {copies}; {minutes:.1f} min of training"
    )
    return good


def fault(abc: str) -> str:
    """What music21 finds wrong with a tune, "" for nothing: it parses, and its bars are full.

    As it is played, with its repeats, a bar is full at every plain bar line. A bar that a repeat, a
    double line or an ending cuts goes on behind it; the last bar and the pickup are one.
    """
    from music21 import converter, exceptions21

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            played = converter.parse(abc, format="abc").parts[0].expandRepeats()
    except (exceptions21.Music21Exception, ValueError, IndexError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    measures = [
        each for each in played.getElementsByClass("Measure") if each.duration.quarterLength
    ]
    if not measures:
        return "there is no bar"
    first, full = (_exact(length) for length in (measures[0].duration, measures[0].barDuration))
    position, pickups = Fraction(0), {first % full}
    for k, measure in enumerate(measures):
        length, full = _exact(measure.duration), _exact(measure.barDuration)
        if k == 0 and length < full:
            continue
        if position == 0 and length < full:
            pickups.add(length)
        position += length
        cut = k == len(measures) - 1 or measure.rightBarline or measures[k + 1].leftBarline
        if position > full or (position < full and not cut):
            return f"bar {measure.number} has {position} quarters of {full}"
        position %= full
    if position and full - position not in pickups:
        return f"the last bar has {position} quarters of {full}"
    return ""


def _exact(duration: Any) -> Fraction:
    return Fraction(duration.quarterLength).limit_denominator(960)
