"""A whole report, of models whose memory is known and of tiny models of every task."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import composers
import forecasters
import language_models
import numpy as np
import pytest
import taggers
import torch
import transcribers
import translators
from toys import between, delay, far, without_memory

from clew import Classifier, Forecaster, Tagger, Translator
from clew.errors import InputError
from clew.memory import Settings, examine, opened
from clew.memory.probes import Architecture, DelayedRecall, Learning, learn
from clew.memory.report_files import KINDS
from clew.tasks._forecast import problem

SMALL = Settings(reach=12, lags=6, cases=12)
EVERY = ["horizon", "gradient-by-lag", "gates", "linear-memory", "saliency", "saliency-by-distance",
         "states", "coloured-text"]  # fmt: skip
TEXTS = ["warm and funny", "dull and long", "a joy to watch", "a waste of time"] * 6


def classifier():
    small = {"hidden_size": 6, "embedding_size": 4, "epochs": 1, "baseline": False}
    return Classifier(**small), (TEXTS, ["good", "bad"] * 12)


def language():
    text = language_models.verses(30)
    return language_models.tiny(epochs=1).fit(text), text


def tagger():
    X, y = taggers.sentences(16)
    return Tagger(**{**taggers.TINY, "epochs": 1}), (X, y)


def translator():
    return Translator(**{**translators.TINY, "epochs": 1}), translators.pairs(16)


def forecaster():
    data = forecasters.panel()
    return Forecaster(**forecasters.TINY).fit(data), data


def transcriber():
    return transcribers.tiny(epochs=1), transcribers.spoken(8)


def composer():
    tunes = composers.parsed(8)
    return composers.tiny(epochs=1).fit(tunes), tunes


@pytest.mark.parametrize(
    "make", [classifier, language, tagger, translator, forecaster, transcriber, composer]
)
def test_every_task_has_a_report(make, monkeypatch):
    monkeypatch.setattr(problem, "LEAST", 6)
    model, data = make()
    if not hasattr(model, "network_"):
        model.fit(*data)
    report = examine(model, data, settings=SMALL)
    assert set(report.findings) - {"attention"} <= set(EVERY)
    assert {"horizon", "gradient-by-lag", "gates", "states"} <= set(report.findings)
    assert {*report.findings, *report.missing} == {*report.seconds}
    found = json.loads(json.dumps(report.data(), allow_nan=False))
    assert found["findings"]["horizon"]["data"]["horizon"] == report["horizon"].horizon
    words = report.words()
    assert words[0] == report.title
    assert report["horizon"].words()[0] in report.summary()
    assert all(line == "" or line.strip()[-1] in ".!:" for line in words[1:])


def test_a_foreign_module_has_a_report_of_noise_and_of_what_it_should_say():
    torch.manual_seed(0)
    report = examine(torch.nn.GRU(2, 5), settings=SMALL)
    assert list(report.findings) == [name for name in EVERY if name != "coloured-text"]
    x = [np.random.default_rng(k).standard_normal((9, 2)) for k in range(8)]
    subject = opened(torch.nn.GRU(2, 5), x, targets=[one[:, :1] for one in x],
                     readout=torch.nn.Linear(5, 1))  # fmt: skip
    assert "squared" in " ".join(examine(subject, settings=SMALL)["horizon"].words())
    with pytest.raises(InputError, match="side does not go with a torch module"):
        examine(torch.nn.GRU(2, 5), side="source")


@pytest.mark.parametrize("k", [0, 2, 5])
def test_the_summary_says_the_truth_of_a_delay_line(k):
    toy = without_memory() if k == 0 else delay(k)
    some = ("horizon", "linear")
    report = examine(toy, settings=Settings(some, reach=16, lags=8, cases=24))
    assert report["horizon"].horizon == k
    assert f"Looks back {k} symbol" in report.summary()[0]
    assert report.summary()[-1].endswith(
        f"what it uses (ablation) {k}, what a line reads off its state but not off the current "
        f"one {k}."
    )
    assert ("It uses no memory" in report.summary()[0]) == (k == 0)


@pytest.mark.parametrize(
    ("k", "lags", "says"),
    [
        (0, 4, "reaches nothing but the current symbol."),
        (1, 4, "falls below 1 % of its largest beyond 1 symbol back."),
        (
            2,
            4,
            "falls below 1 % of its largest beyond 2 symbols back; the answer hangs most, by "
            "gradient x input, on what stands 2 symbols back.",
        ),
        (1, 1, "is still more than 1 % of its largest 1 symbol back, as far as was looked."),
    ],
)
def test_the_summary_says_how_far_the_gradient_reaches(k, lags, says):
    report = examine(delay(k), settings=Settings(("gradient",), reach=8, lags=lags, cases=8))
    assert f"The gradient of the loss {says}" in report.summary()


def test_of_both_ways_the_horizon_is_that_of_each_side():
    report = examine(between(3), settings=Settings(("horizon",), reach=12, cases=24))
    assert report["horizon"].horizon == 3
    assert report.summary()[0].startswith("Looks back 3 symbols on each side")


def test_what_is_kept_but_not_used_is_told_apart():
    class Forgetful(type(delay(9))):
        """Keeps nine symbols, and is asked for the last."""

    toy = delay(9)
    one = delay(0)
    wide = torch.zeros(len(one.readout), toy.readout.shape[1], dtype=torch.float64)
    wide[:, : one.readout.shape[1]] = one.readout
    subject = Forgetful(toy.title, toy.reader, wide, one.target, toy.table)
    settings = Settings(("horizon", "linear"), reach=16, lags=12, cases=24)
    [line] = [line for line in examine(subject, settings=settings).summary() if "differ" in line]
    assert "its state keeps more (9) than it uses (0)" in line


def test_saliency_looks_further_back_than_the_horizon():
    toy = far(150, length=500)
    some = Settings(("horizon", "saliency"), reach=300, cases=12)
    report = examine(toy, settings=some)
    assert report["horizon"].horizon == 150
    found = report["saliency"]
    assert len(found.places) == 150 + 37
    assert found.places[np.nan_to_num(found.occlusion) != 0].tolist() == [-150]
    assert "100 % at one place alone, 150 symbols before it" in report.summary()[-1]
    # Without a horizon it looks as far as all that counts, within reason.
    report = examine(toy, settings=Settings(("saliency",), reach=200, cases=4))
    assert "100 % at one place alone, 150 symbols before it" in report.summary()[-1]


def test_the_case_that_is_shown_hangs_on_its_past_as_most_do():
    toy = far(80, length=400)
    cases = toy.cases(12, 120)
    for case in cases[:2]:
        case.inputs[case.at - 80] = len(toy.table) - 1  # its past tells it nothing
    settings = Settings(("saliency",), reach=120)
    kept = type("Kept", (type(toy),), {"cases": lambda self, count, reach, seed=0: cases})
    subject = kept(toy.title, toy.reader, toy.readout, toy.target, toy.table)
    assert "80 symbols before" in examine(subject, settings=settings)["saliency"].words()[0]
    first = replace(settings, sequence=1)
    assert examine(subject, settings=first)["saliency"].flat


def test_the_same_seed_gives_the_same_report_and_instruments_can_be_chosen():
    settings = Settings(("saliency", "horizon"), reach=8, lags=4, cases=6, seed=3)
    one, other = (examine(delay(2), settings=settings).data() for _ in range(2))
    assert list(one["findings"]) == ["horizon", "saliency", "saliency-by-distance"]
    del one["seconds"], other["seconds"]
    assert one == other
    assert one["settings"]["seed"] == 3


def test_the_model_of_a_probe_brings_its_own_sequences(tmp_path):
    probe = learn(DelayedRecall(letters=2, noise=2, before=1), Learning(2, steps=1, judged=4),
                  Architecture("rnn", 4))  # fmt: skip
    probe.save(tmp_path / "probe")
    few = Settings(("horizon",), reach=8, cases=8)
    for model in (probe, tmp_path / "probe"):
        report = examine(model, settings=few)
        assert report.task == "probe"
        assert report.note.startswith("It learnt a probe, to ")
        assert report.words()[1] == report.note
    with pytest.raises(InputError, match="data does not go with a probe"):
        examine(probe, "some text", settings=few)


def test_a_text_of_ones_own_is_looked_at_piece_by_piece():
    model, data = classifier()
    model.fit(*data)
    few = Settings(("saliency", "states"), cases=4, text="funny and dull", unit="1:2")
    report = examine(model, data, settings=few)
    assert report["saliency"].names == ["funny", "and", "dull"]
    assert (report["coloured-text"].unit, report["coloured-text"].names) == (
        "1:2",
        ["funny", "and", "dull"],
    )
    assert report["states"].units[0].startswith("1:")
    text = language()
    assert (
        "".join(examine(*text, settings=Settings(("saliency",), text="the"))["saliency"].names)
        == "the"
    )
    translate, pairs = translator()
    translate.fit(*pairs)
    found = examine(translate, pairs, side="source",
                    settings=Settings(("saliency",), text=pairs[0][0]))  # fmt: skip
    assert "".join(found["saliency"].names).replace("<end>", "").split() == pairs[0][0].split()


def test_what_cannot_be_measured_is_told():
    model, _ = language()
    report = examine(model, "ab", settings=SMALL)
    assert "gates" in report.findings
    assert "nothing before the character asked" in report.missing["horizon"]
    assert report.summary()[0].startswith("How far back it looks could not be measured: There is")
    with pytest.raises(InputError, match="no finding 'horizon': There is nothing"):
        report["horizon"]
    with pytest.raises(InputError, match="nothing before"):
        examine(model, "ab", settings=Settings(("horizon", "gradient")))
    alike = examine(model, "a" * 60, settings=SMALL)
    line = "All characters of the data are the same: they cannot show more than that."
    assert line in alike.summary()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"instruments": ("horizont",)}, "no instrument 'horizont'"),
        ({"instruments": ()}, "no instrument is named"),
        ({"reach": 0}, "reach is 0"),
        ({"lags": True}, "lags is True"),
        ({"cases": 2.5}, "cases is 2.5"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"epsilon": -1.0}, "epsilon is -1"),
        ({"sequence": 0}, "sequence is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"lags": 10_001}, "lags is 10,001\n.*\n.*10,000 at most"),
        ({"reach": 10**30}, "reach is 1,000,000,.*\n.*\n.*2,147,483,647 at most"),
        ({"text": "a", "sequence": 1}, "a text and a sequence"),
        ({"sequence": 99}, "no sequence 99"),
        ({"unit": "7:1"}, "no unit '7:1'"),
        ({"text": " "}, "a text does not go with"),
        ({"unit": "1:1", "instruments": ("saliency",)}, "none .* asked for looks at unit"),
        ({"text": "a", "instruments": ("gates",)}, "none .* looks at text"),
        ({"sequence": 1, "instruments": ("linear",)}, "none .* looks at sequence"),
        ({"epsilon": 0.1, "instruments": ("gates",)}, "none .* looks at epsilon"),
    ],
)
def test_refuses(wrong, says):
    with pytest.raises(InputError, match=says):
        examine(delay(2), settings=Settings(**{"cases": 4, "reach": 8, "lags": 4, **wrong}))


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    report = examine(delay(2), settings=Settings(("linear",), lags=4, cases=8))
    folder = tmp_path / "new" / "report"
    report.save(folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "report.html",
        "report.json",
        *(f"linear-memory.{kind}" for kind in ("json", "png", "svg")),
    }
    assert json.loads((folder / "report.json").read_text())["summary"] == report.summary()
    assert json.loads((folder / "linear-memory.json").read_text())["data"]["lags"] == 4
    assert (folder / "linear-memory.png").read_bytes().startswith(b"\x89PNG")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    report.save(folder)  # the same bytes, in place of the old
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    drawn = [before[f"linear-memory.{kind}"] for kind in KINDS]
    monkeypatch.setattr("clew.memory.report.pictures", lambda finding, *kinds: drawn)

    (tmp_path / "link").symlink_to(folder)
    report.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clew.memory.report_files._put", full)
    with pytest.raises(InputError, match="cannot be written: No space"):
        report.save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["report"]
    (tmp_path / "notes.txt").write_text("mine")
    for taken in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InputError, match="something else already"):
            report.save(taken)


def test_what_the_memory_does_not_suffice_for_is_left_out_and_told(monkeypatch):
    def lacks(*given, **more):
        raise MemoryError

    monkeypatch.setattr("clew.memory.report.gates", lacks)
    how = Settings(("horizon", "gates"), reach=8, lags=4, cases=8)
    report = examine(delay(2), settings=how)
    assert list(report.findings) == ["horizon"]
    assert report.missing["gates"].startswith(
        "There is not enough memory for it. Try fewer cases, less reach or fewer lags;"
    )
    monkeypatch.setattr("clew.memory.report.horizon", lacks)
    with pytest.raises(InputError, match="not enough memory for it"):
        examine(delay(2), settings=how)
    monkeypatch.setattr("clew.memory.report.opened", lacks)
    with pytest.raises(InputError, match="not enough memory for the data") as caught:
        examine(torch.nn.GRU(2, 3), settings=how)
    assert "a smaller part of the data" in caught.value.hint
