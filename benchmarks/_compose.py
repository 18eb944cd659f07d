"""Music of public data: piano rolls of Bach's chorales, and folk tunes in ABC.

`jsb` and `run_jsb(data)` read jsb-chorales-quarter.json (czhuang/JSB-Chorales-dataset) from
data/music/jsb_chorales: four-part chorales in quarter notes, as split by Boulanger-Lewandowski et
al. 2012. Negative log-likelihood a step, in nats, of all 88 notes; the mean over all steps of all
chorales but the first of each, as Bai et al. 2018 count it (LSTM 8.45, GRU 8.43 in their Table 1,
with independent notes).

`run_nottingham(data)` reads the .abc files of the Nottingham Music Database, cleaned
(jukedeck/nottingham-dataset), from data/music/nottingham_abc, learns from nine tenths of the
tunes, and composes new ones.
Whether they parse and hold their metre is judged twice: by music21, and by Clew's reader of ABC.
"""

import statistics
import time
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

from clew.data.abc import check, parse
from clew.tasks.compose import Composer
from clew.train import Lines

# Chosen on the validation chorales; of all others the defaults.
JSB: dict[str, Any] = {
    "num_layers": 1, "epochs": 100, "batch_size": 8, "learning_rate": 0.01, "weight_decay": 0.01,
    "average": 0.995, "patience": None,
}  # fmt: skip
FIGURES = ("nats_per_step", "nats_per_step_of_a_roll", "nats_per_step_with_first")


def jsb(data: Path, notes: str, transpose: bool, **settings: Any) -> dict[str, Any]:
    """Learn from the chorales, with JSB and what else is set: nats a step of the test.

    The weights are those of the epoch that is best on the validation chorales, which the figures
    without memory are of.
    """
    file = data / "music/jsb_chorales/jsb-chorales-quarter.json"
    began = time.perf_counter()
    model = Composer(notes=notes, transpose=transpose, **{**JSB, **settings}).fit(file)
    minutes = (time.perf_counter() - began) / 60
    weights = model.metrics_["parameters"]
    keys = "in other keys as well" if transpose else "as they stand"
    print(f"notes {notes}, chorales {keys}: {weights:,} weights, {minutes:.1f} min", flush=True)
    rows = {"valid": model.metrics_["score"], "test": model.evaluate(file)}
    for part in ("baseline", "window"):
        if row := model.metrics_[part]:
            rows[f"valid, {row['name']}"] = row
    for name, row in rows.items():
        nats, of_a_roll, with_first = (row[figure] for figure in FIGURES)
        print(
            f"  {name}: {nats:.3f} nats a step (mean of the chorales {of_a_roll:.3f}, "
            f"with the first steps {with_first:.3f})", flush=True,
        )  # fmt: skip
    return {"test": rows["test"]["nats_per_step"], "weights": weights, "minutes": minutes,
            "cell": model.cell}  # fmt: skip


def run_jsb(data: Path, seed: int = 0, quick: bool = False) -> None:
    """Nats a step, notes independent and in turn, with and without keys moved."""
    for notes in ("independent", "in turn"):
        for transpose in (True, False):
            jsb(data, notes, transpose, baseline=transpose, seed=seed, time=15 if quick else None)


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
