"""Runs of a Classifier: repeated, stopped, killed, resumed, shared by processes, out of time."""

import concurrent.futures
import os
import signal
import time

import numpy as np
import pytest
import torch
from classifiers import TINY, Told, equal, killed_ten_times, texts, weights
from processes import ranks, told

from clew.errors import InputError, Interrupted
from clew.tasks import load
from clew.tasks.classify import Classifier
from clew.train import lock_folder


def test_same_seed_same_weights_and_the_users_generator_is_left_alone():
    X, y = texts()
    before = torch.random.get_rng_state()
    first, second = (weights(Classifier(**TINY).fit(X, y)) for _ in range(2))
    assert equal(first, second)
    assert not equal(first, weights(Classifier(seed=1, **TINY).fit(X, y)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("at", [1, 7, 12])
def test_stopped_and_resumed_is_undisturbed(tmp_path, at):
    X, y = texts()
    settings = {**TINY, "word_dropout": 0.2, "recurrent_dropout": 0.1}
    whole = Classifier(**settings).fit(X, y)
    with pytest.raises(Interrupted) as stop:
        Classifier(**settings).fit(
            X, y, out=tmp_path / "m", report=Told(at, lambda: os.kill(os.getpid(), signal.SIGINT))
        )
    assert stop.value.folder == tmp_path / "m"
    with pytest.raises(InputError, match="unfinished run") as caught:
        Classifier(**settings).fit(X, y, out=tmp_path / "m")
    assert "resume" in caught.value.hint
    rest = Classifier(**settings).fit(X, y, out=tmp_path / "m", resume=True)
    assert equal(weights(whole), weights(rest))
    assert np.array_equal(load(tmp_path / "m").predict_proba(X), whole.predict_proba(X))
    assert not (tmp_path / "m" / "checkpoint.safetensors").exists()


def test_stopped_while_the_baseline_is_measured(tmp_path, monkeypatch):
    X, y = texts()
    settings = {**TINY, "baseline": True}

    def stop(*_, **__):
        raise Interrupted(folder=None)

    with monkeypatch.context() as patch:
        patch.setattr("clew.tasks._classify.yardsticks.window_baseline", stop)
        with pytest.raises(KeyboardInterrupt) as caught:
            Classifier(**settings).fit(X, y, out=tmp_path / "m")
        assert not isinstance(caught.value, Interrupted)
    interrupt = Told(3, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted):
        Classifier(**settings).fit(X, y, out=tmp_path / "m", report=interrupt)
    with monkeypatch.context() as patch:
        patch.setattr("clew.tasks._classify.yardsticks.window_baseline", stop)
        with pytest.raises(Interrupted) as caught:
            Classifier(**settings).fit(X, y, out=tmp_path / "m", resume=True)
        assert caught.value.folder == tmp_path / "m"


def test_resume_refuses_other_data_and_other_settings(tmp_path):
    X, y = texts()
    with pytest.raises(Interrupted):
        Classifier(**TINY).fit(
            X, y, out=tmp_path, report=Told(3, lambda: os.kill(os.getpid(), signal.SIGINT))
        )
    with pytest.raises(InputError, match="data"):
        Classifier(**TINY).fit([*X, "more"], [*y, "pos"], out=tmp_path, resume=True)
    with pytest.raises(InputError, match="min_count"):
        Classifier(min_count=2, **TINY).fit(X, y, out=tmp_path, resume=True)
    with pytest.raises(InputError, match="learning_rate"):
        Classifier(learning_rate=0.5, **TINY).fit(X, y, out=tmp_path, resume=True)


def test_resuming_a_finished_run_takes_its_model(tmp_path):
    X, y = texts()
    model = Classifier(**TINY).fit(X, y, out=tmp_path / "m")
    with pytest.raises(InputError, match="finished model"):
        Classifier(**TINY).fit(X, y, out=tmp_path / "m")
    told = Told()
    again = Classifier(**TINY).fit(X, y, out=tmp_path / "m", resume=True, report=told)
    assert equal(weights(model), weights(again))
    assert any("finished already" in text for text in told.messages)
    assert again.history_.rows == model.history_.rows
    with pytest.raises(InputError, match="other data or settings"):
        Classifier(**TINY).fit(X, y[::-1], out=tmp_path / "m", resume=True)


def test_two_fits_into_one_folder(tmp_path):
    X, y = texts()
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        held = lock_folder(tmp_path / "m")
        other.submit(held.__enter__).result()
        for resume in (False, True):
            with pytest.raises(InputError, match="another fit"):
                Classifier(**TINY).fit(X, y, out=tmp_path / "m", resume=resume)
        other.submit(held.__exit__, None, None, None).result()
    Classifier(**TINY).fit(X, y, out=tmp_path / "m")


def test_resume_needs_a_folder():
    with pytest.raises(InputError, match="nothing to resume"):
        Classifier(**TINY).fit(*texts(), resume=True)


def test_two_processes_are_one_and_only_the_first_writes(tmp_path):
    settings = {**TINY, "dropout": 0.0, "word_dropout": 0.0, "baseline": True}
    one = Classifier(**{**settings, "batch_size": 16}).fit(*texts())
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from classifiers import texts\n"
        "from clew.tasks.classify import Classifier\n"
        "from clew.train import Lines\n"
        f"Classifier(**{settings!r}).fit(*texts(), out=sys.argv[1], report=Lines())\n"
    )
    _, said = ranks(2, tmp_path, script, tmp_path / "two")
    assert said.count("finished by") == 1
    two = load(tmp_path / "two")
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, atol=1e-5, rtol=0)
    assert two.metrics_["baseline"] == one.metrics_["baseline"]


def test_killed_ten_times_and_resumed(tmp_path):
    (tmp_path / "folders").mkdir()
    told(tmp_path / "log", killed_ten_times, tmp_path / "folders" / "m")
    assert {p.name for p in (tmp_path / "folders").iterdir()} == {"m", "warm", "whole"}
    hidden = {p.name for p in (tmp_path / "folders" / "m").iterdir() if p.name.startswith(".")}
    assert hidden <= {".lock"}


def test_time_is_kept(tmp_path):
    X, y = texts(400)
    began = time.monotonic()
    model = Classifier(**{**TINY, "epochs": 10_000, "baseline": True, "patience": None}, time="2s")
    model.fit(X, y, out=tmp_path / "m")
    assert time.monotonic() - began < 8  # 2 and a little; more only where the machine is busy
    assert model.history_.seconds < 2
    assert model.history_.finished_by == "time"
    assert load(tmp_path / "m").time == "2s"
