"""Runs of a Transcriber: repeated, stopped, resumed, out of time."""

import os
import signal

import pytest
import torch
from classifiers import Told, equal, weights
from transcribers import spoken, tiny, write_manifest

from clew.errors import InputError, Interrupted
from clew.tasks import load
from clew.tasks._transcribe import frame_store as _frame_store
from clew.tasks._transcribe.problem import SpeechProblem


def test_same_seed_same_weights_and_the_users_generator_is_left_alone():
    X, y = spoken(24)
    before = torch.random.get_rng_state()
    first, second = (weights(tiny(dropout=0.2).fit(X, y)) for _ in range(2))
    assert equal(first, second)
    assert not equal(first, weights(tiny(dropout=0.2, seed=1).fit(X, y)))
    assert not equal(first, weights(tiny(dropout=0.2, speed=0.0).fit(X, y)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("at", [1, 4])
def test_stopped_and_resumed_is_undisturbed(tmp_path, monkeypatch, at):
    manifest = write_manifest(tmp_path, 24)
    settings = {"baseline": True, "recurrent_dropout": 0.1, "average": 0.9}
    whole = tiny(**settings).fit(manifest)
    with pytest.raises(Interrupted):
        tiny(**settings).fit(
            manifest, out=tmp_path / "m",
            report=Told(at, lambda: os.kill(os.getpid(), signal.SIGINT)),
        )  # fmt: skip
    with pytest.raises(InputError, match="unfinished run"):
        tiny(**settings).fit(manifest, out=tmp_path / "m")
    with monkeypatch.context() as patch:  # the frames are there, and are not made again
        patch.setattr(_frame_store, "_make", lambda *_: pytest.fail("made again"))
        rest = tiny(**settings).fit(manifest, out=tmp_path / "m", resume=True)
    assert equal(weights(whole), weights(rest))
    assert equal(weights(load(tmp_path / "m")), weights(whole))
    assert rest.metrics_["baseline"].keys() == whole.metrics_["baseline"].keys()
    assert rest.metrics_["baseline"]["wer"] == whole.metrics_["baseline"]["wer"]
    left = {path.name for path in (tmp_path / "m").iterdir() if path.name != ".lock"}
    assert left == {"README.md", "config.json", "learning-curve.png", "metrics.json",
                    "model.safetensors", "tokenizer.json"}  # fmt: skip


def test_resume_refuses_other_data_and_other_settings(tmp_path):
    X, y = spoken(16)
    with pytest.raises(Interrupted):
        tiny().fit(X, y, out=tmp_path, report=Told(2, lambda: os.kill(os.getpid(), signal.SIGINT)))
    with pytest.raises(InputError, match="data"):
        tiny().fit(X[1:], y[1:], out=tmp_path, resume=True)
    with pytest.raises(InputError, match="speed"):
        tiny(speed=0.0).fit(X, y, out=tmp_path, resume=True)


def test_resuming_a_finished_run_takes_its_model(tmp_path):
    X, y = spoken(12)
    model = tiny().fit(X, y, out=tmp_path / "m")
    told = Told()
    again = tiny().fit(X, y, out=tmp_path / "m", resume=True, report=told)
    assert equal(weights(model), weights(again))
    assert again.predict(X) == model.predict(X)
    assert any("finished already" in text for text in told.messages)
    with pytest.raises(InputError, match="other data or settings"):
        tiny().fit(X, y[::-1], out=tmp_path / "m", resume=True)


def test_time_is_shared_with_what_has_no_memory(monkeypatch):
    limits = []
    monkeypatch.setattr(SpeechProblem, "__init__", _watched(SpeechProblem.__init__, limits))
    model = tiny(time="1s", epochs=100_000, patience=None, baseline=True).fit(*spoken(12))
    assert model.history_.finished_by == "time"
    assert len(limits) == 2
    assert model.metrics_["baseline"]["seconds"] < model.history_.seconds < 1.5


def _watched(init, made):
    def watched(self, *args):
        made.append(1)
        init(self, *args)

    return watched
