"""Runs of a Forecaster: repeated, stopped, resumed, saved, out of time."""

import numpy as np
import pytest
import torch
from forecasters import TINY, Told, equal, interrupt, panel, short_epochs, values, weights  # noqa: F401

from clew.errors import InputError, Interrupted
from clew.tasks import load
from clew.tasks.forecast import Forecaster


def test_same_seed_same_weights_and_the_users_generator_is_left_alone():
    before = torch.random.get_rng_state()
    first, second = (weights(Forecaster(**TINY).fit(panel())) for _ in range(2))
    assert equal(first, second)
    assert not equal(first, weights(Forecaster(**TINY, seed=1).fit(panel())))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("at", "options"), [(3, {}), (8, {"epochs": 2, "members": 2, "cell": "gru", "dropout": 0.3})]
)
def test_stopped_and_resumed_is_undisturbed_and_what_is_read_says_the_same(tmp_path, at, options):
    settings = {**TINY, **options}
    whole = Forecaster(**settings).fit(panel())
    with pytest.raises(Interrupted) as stop:
        Forecaster(**settings).fit(panel(), out=tmp_path / "m", report=Told(at, interrupt))
    assert stop.value.folder == tmp_path / "m"
    with pytest.raises(InputError, match="unfinished run"):
        Forecaster(**settings).fit(panel(), out=tmp_path / "m")
    rest = Forecaster(**settings).fit(panel(), out=tmp_path / "m", resume=True)
    assert equal(weights(whole), weights(rest))
    read = load(tmp_path / "m")
    assert equal(weights(whole), weights(read))
    assert np.array_equal(values(read.predict()), values(whole.predict()))
    assert read.get_params() == whole.get_params()
    assert np.array_equal(read.samples(3), whole.samples(3))
    assert {p.name for p in (tmp_path / "m").iterdir() if p.name[0] == "."} <= {".lock"}


def test_resume_refuses_other_data_and_settings_and_takes_a_finished_model(tmp_path):
    with pytest.raises(Interrupted):
        Forecaster(**TINY).fit(panel(), out=tmp_path / "m", report=Told(3, interrupt))
    with pytest.raises(InputError, match="data"):
        Forecaster(**TINY).fit(panel(seed=1), out=tmp_path / "m", resume=True)
    with pytest.raises(InputError, match="zoneout"):
        Forecaster(**TINY, zoneout=0.1).fit(panel(), out=tmp_path / "m", resume=True)
    Forecaster(**TINY).fit(panel(), out=tmp_path / "m", resume=True)
    told = Told()
    again = Forecaster(**TINY).fit(panel(), out=tmp_path / "m", resume=True, report=told)
    assert any("finished already" in text for text in told.messages)
    assert np.array_equal(values(again.predict()), values(load(tmp_path / "m").predict()))
    with pytest.raises(InputError, match="other data or settings"):
        Forecaster(**TINY, seed=2).fit(panel(), out=tmp_path / "m", resume=True)


def test_time_is_kept(tmp_path):
    model = Forecaster(**{**TINY, "epochs": 100_000, "patience": None, "time": "1s"}).fit(panel())
    assert model.history_.finished_by == "time"
    assert model.history_.seconds < 1


def test_a_refused_fit_leaves_no_folder_and_nothing_in_one_that_was_there(tmp_path):
    (tmp_path / "twice.csv").write_text("ds,y\n1,2\n1,3\n")
    with pytest.raises(InputError, match="1"):
        Forecaster(**TINY).fit(tmp_path / "twice.csv", out=tmp_path / "m")
    assert not (tmp_path / "m").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no column"):
        Forecaster(**TINY, past=("wind",)).fit(tmp_path / "twice.csv", out=tmp_path / "empty")
    assert (tmp_path / "empty").is_dir()
