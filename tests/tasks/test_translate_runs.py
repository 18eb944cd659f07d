"""Runs of a Translator: repeated, stopped, resumed, out of time."""

import pytest
import torch
from translators import TINY, Told, equal, interrupt, pairs, weights

from clew.errors import InputError, Interrupted
from clew.tasks import load
from clew.tasks.translate import Translator


def test_same_seed_same_weights_and_the_users_generator_is_left_alone():
    X, y = pairs()
    before = torch.random.get_rng_state()
    first, second = (weights(Translator(**TINY).fit(X, y)) for _ in range(2))
    assert equal(first, second)
    assert not equal(first, weights(Translator(seed=1, **TINY).fit(X, y)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("at", "options"),
    [(1, {}), (9, {"teacher_forcing": 0.2}), (13, {"input_feeding": True, "zoneout": 0.2})],
)
def test_stopped_and_resumed_is_undisturbed(tmp_path, at, options):
    X, y = pairs()
    settings = {**TINY, **options}
    whole = Translator(**settings).fit(X, y)
    with pytest.raises(Interrupted) as stop:
        Translator(**settings).fit(X, y, out=tmp_path / "m", report=Told(at, interrupt))
    assert stop.value.folder == tmp_path / "m"
    with pytest.raises(InputError, match="unfinished run") as caught:
        Translator(**settings).fit(X, y, out=tmp_path / "m")
    assert "resume" in caught.value.hint
    rest = Translator(**settings).fit(X, y, out=tmp_path / "m", resume=True)
    assert equal(weights(whole), weights(rest))
    assert load(tmp_path / "m").candidates(X, n_best=1) == whole.candidates(X, n_best=1)
    assert not (tmp_path / "m" / "checkpoint.safetensors").exists()
    assert {p.name for p in (tmp_path / "m").iterdir() if p.name[0] == "."} <= {".lock"}


def test_stopped_while_the_baseline_learns_it_goes_on_there(tmp_path):
    X, y = pairs()
    settings = {**TINY, "baseline": True}
    whole = Translator(**settings).fit(X, y)
    stopped = Told(5, interrupt)
    with pytest.raises(Interrupted) as stop:
        Translator(**settings).fit(X, y, out=tmp_path / "m", report=stopped)
    assert stop.value.folder == tmp_path / "m"
    assert stopped.messages[-1].endswith(f"the run is kept in {tmp_path / 'm'}")
    assert not (tmp_path / "m" / "checkpoint.safetensors").exists()
    told = Told(1, lambda: told.messages.append("began anew"))
    rest = Translator(**settings).fit(X, y, out=tmp_path / "m", resume=True, report=told)
    assert told.messages.count("began anew") == 1  # the second network, not the first
    assert equal(weights(whole), weights(rest))
    assert rest.metrics_["baseline"] == whole.metrics_["baseline"]


def test_stopped_while_the_baseline_is_scored_the_run_is_kept(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("clew.tasks._translate.fit.judge", stop)
    settings = {**TINY, "epochs": 1, "baseline": True}
    with pytest.raises(Interrupted) as caught:
        Translator(**settings).fit(*pairs(12), out=tmp_path / "m")
    assert caught.value.folder == tmp_path / "m"


def test_resume_refuses_other_data_and_other_settings(tmp_path):
    X, y = pairs()
    with pytest.raises(Interrupted):
        Translator(**TINY).fit(X, y, out=tmp_path, report=Told(3, interrupt))
    with pytest.raises(InputError, match="data"):
        Translator(**TINY).fit([*X, "more"], [*y, "plus"], out=tmp_path, resume=True)
    with pytest.raises(InputError, match="attention"):
        Translator(**TINY, attention="dot").fit(X, y, out=tmp_path, resume=True)


def test_resuming_a_finished_run_takes_its_model(tmp_path):
    X, y = pairs()
    model = Translator(**TINY).fit(X, y, out=tmp_path / "m")
    told = Told()
    again = Translator(**TINY).fit(X, y, out=tmp_path / "m", resume=True, report=told)
    assert equal(weights(model), weights(again))
    assert any("finished already" in text for text in told.messages)
    with pytest.raises(InputError, match="other data or settings"):
        Translator(**TINY).fit(X, y[::-1], out=tmp_path / "m", resume=True)


def test_time_is_kept_and_shared_with_the_baseline(tmp_path):
    X, y = pairs(200)
    settings = {**TINY, "epochs": 10_000, "patience": None, "baseline": True}
    model = Translator(**settings, time="2s").fit(X, y, out=tmp_path / "m")
    assert model.history_.finished_by == "time"
    assert model.history_.seconds < 2
    assert model.metrics_["seconds"] < 8  # 2 and a little; more only where the machine is busy
    assert load(tmp_path / "m").time == "2s"
