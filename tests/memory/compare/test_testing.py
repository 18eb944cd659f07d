"""On the very data that were held out a test must give the scores that the fit gave them."""

import json
import wave
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from clew import InputError
from clew.data.panel import read_panel
from clew.memory.compare import Plan, entrants
from clew.memory.compare.contest import Size, TaskContest

RNN = entrants(["rnn"], both=True)[0]
TUNE = "X:{0}\nT:t{0}\nM:4/4\nL:1/4\nK:C\n{1}|GABc|\n\n"
MONTHS = [f"{2000 + n // 12}-{n % 12 + 1:02},{n % 12 + n / 50}\n" for n in range(96)]
NAMES = {"classify": "a.csv", "tag": "a.conll", "language": "a.txt", "translate": "a.tsv",
         "forecast": "a.csv", "transcribe": "a.jsonl", "compose": "a.abc"}  # fmt: skip
SETTINGS = {
    "classify": {"embedding_size": 3},
    "tag": {"embedding_size": 3},
    "language": {"embedding_size": 3},
    "translate": {"embedding_size": 4, "unit": "char"},
    "forecast": {"horizon": 3},
    "transcribe": {"stack": 1},
    "compose": {"embedding_size": 3},
}


def write(task, folder, some):
    """Data with the numbers of `some` in them."""
    place = folder / NAMES[task]
    texts = {
        "classify": "text,label\n" + "".join(f"{'ab'[n % 2]} film {n},{n % 2}\n" for n in some),
        "tag": "".join(f"w{n} {'AB'[n % 2]}\nv{n} B\n\n" for n in some),
        "language": "".join(f"line {n}\n" for n in some) * 3,
        "translate": "".join(f"source {n}\ttarget {n}\n" for n in some),
        "forecast": "ds,y\n" + "".join(MONTHS[: 3 * max(some)]),
        "transcribe": "".join(
            json.dumps({"audio": f"{n}.wav", "text": "ab"[n % 2] * 2}) + "\n" for n in some
        ),
        "compose": "".join(TUNE.format(n, "CDEF" if n % 2 else "FEDC") for n in some),
    }
    place.write_text(texts[task])
    for n in some if task == "transcribe" else ():
        with wave.open(str(folder / f"{n}.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(8000)
            noise = np.random.default_rng(n).normal(0, 3000, 4000)
            out.writeframes(noise.astype(np.int16).tobytes())
    return str(place)


def contest(task, tmp_path, **more):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    learned = write(task, tmp_path / "one", range(1, 25))
    other = write(task, tmp_path / "other", range(5, 31))
    told = {"validation": other, "test": other, "epochs": 1, "settings": SETTINGS[task], **more}
    return TaskContest(Plan(task, (learned,), **told))


@pytest.mark.parametrize("task", [name for name in NAMES if name != "forecast"])
def test_a_test_is_scored_as_what_is_held_out(task, tmp_path):
    found = contest(task, tmp_path)
    learned = found.learn(RNN, Size(3), 0)
    assert learned.test == pytest.approx(learned.score, rel=1e-5)
    assert learned.tested == learned.held_out
    if task in ("classify", "tag", "transcribe"):
        assert learned.tested == 26


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_the_baseline_is_scored_there_too(task, tmp_path):
    baseline = contest(task, tmp_path).baseline()
    assert baseline.test == baseline.score
    assert baseline.score > 0.5


def test_n_grams_may_have_another_order_on_the_test(tmp_path):
    found = contest("language", tmp_path)
    model = found._model()
    grams = {"name": "2-grams", "bits_per_character": 1.5}
    found._small = lambda held: SimpleNamespace(metrics_={"baseline": grams})
    assert found._baseline_tested(model, "4-grams", found.figures[0]) == 1.5
    assert found._baseline_tested(model, "word counts", found.figures[0]) is None


def test_forecasts_are_tested_on_the_steps_after_those_learnt_from(tmp_path):
    found = contest("forecast", tmp_path, validation=None)
    model = found._small(None)
    scores = found._tested(model)
    # 72 months are learnt from, 90 are there: 6 windows of 3, and no more.
    truth = model.backtest(found.material.test, windows=6)
    assert scores["mase"] == truth.scores["this model"]["mase"]
    assert scores["others"]["seasonal naive"] == truth.scores["seasonal naive"]
    baseline = found.baseline()
    known = {truth.names.get(name, name).partition("(")[0]: of["mase"]
             for name, of in truth.scores.items()}  # fmt: skip
    assert baseline.test == known[baseline.name.partition("(")[0]]


def test_a_series_that_goes_no_further_is_no_test(tmp_path):
    found = contest("forecast", tmp_path, validation=None, settings={"horizon": 19})
    with pytest.raises(InputError, match="too few steps after those"):
        found._tested(found._small(None))


def test_a_test_without_a_score_is_told_of(tmp_path):
    found = contest("forecast", tmp_path, validation=None)
    # A series that stays the same has no naive error that MASE could divide by.
    (tmp_path / "flat.csv").write_text(
        "unique_id,ds,y\n" + "".join(f"flat,{month[:7]},1\n" for month in MONTHS)
    )
    found.material = replace(found.material, test=read_panel(tmp_path / "flat.csv"))
    with pytest.raises(InputError, match="on the test the MASE is nan"):
        found.learn(RNN, Size(2), 0)


def test_labels_that_nobody_learnt_are_told_before_anything_is_trained(tmp_path):
    place = write("classify", tmp_path, range(1, 25))
    (tmp_path / "b.csv").write_text("text,label\nanother film,7\n")
    with pytest.raises(InputError, match="the label '7' is not in the data to learn from"):
        TaskContest(Plan("classify", (place,), test=str(tmp_path / "b.csv")))
