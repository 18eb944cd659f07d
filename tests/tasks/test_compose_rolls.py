"""A composer of piano rolls: read back, stopped and resumed, repeated, and what it is told."""

import json
import os
import signal

import pytest
from classifiers import Told, equal, weights

from clew.data.rolls import roll_of
from clew.errors import InputError, Interrupted
from clew.tasks._folder import read_model
from clew.tasks.compose import Composer

PIECES = [[[50 + (n + t) % 7, 64 + (n * t) % 3, 71] for t in range(5 + n)] for n in range(8)]
TINY = {"hidden_size": 8, "num_layers": 1, "epochs": 3, "batch_size": 2, "window": 6,
        "baseline": False, "device": "cpu"}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    target = tmp_path / "rolls.json"
    parts = {"train": PIECES[:6], "valid": PIECES[6:], "test": PIECES[5:7]}
    target.write_text(json.dumps(parts))
    return target


@pytest.mark.parametrize("notes", ["in turn", "independent"])
def test_read_back_it_says_and_writes_the_same(file, tmp_path, notes):
    one = Composer(notes=notes, **TINY).fit(file, out=tmp_path / "m")
    two = Composer._read(read_model(tmp_path / "m"))
    assert equal(weights(one), weights(two))
    assert two.evaluate(file) == one.evaluate(file)
    assert two.evaluate(file)["tunes"] == 2
    asked = {"bars": 3, "seed": 7, "prompt": [[60, 64, 67]]}
    assert list(two.writing(**asked)) == list(one.writing(**asked))
    assert two.compose(**asked).recall == one.compose(**asked).recall
    listed = Composer(notes=notes, **TINY).fit(
        [roll_of(p) for p in PIECES[:6]], validation=[roll_of(p) for p in PIECES[6:]]
    )
    assert equal(weights(one), weights(listed))
    assert listed.metrics_["score"] == one.metrics_["score"]


@pytest.mark.parametrize("at", [1, 8])
def test_stopped_and_resumed_is_undisturbed(file, tmp_path, at):
    settings = {**TINY, "recurrent_dropout": 0.2}
    whole = Composer(**settings).fit(file)
    stopping = Told(at, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted):
        Composer(**settings).fit(file, out=tmp_path / "m", report=stopping)
    with pytest.raises(InputError, match="notes"):
        Composer(**settings, notes="independent").fit(file, out=tmp_path / "m", resume=True)
    rest = Composer(**settings).fit(file, out=tmp_path / "m", resume=True)
    assert equal(weights(whole), weights(rest))
    assert whole.metrics_["score"] == rest.metrics_["score"]


def test_transposed_is_learned_another_way_and_a_copy_is_told(file):
    one, other = Composer(**TINY).fit(file), Composer(transpose=False, **TINY).fit(file)
    assert not equal(weights(one), weights(other))
    found = one.compose(bars=1, prompt=PIECES[2][:4], seed=0)
    assert found.recall.copied
    assert found.recall.tune == 2


def test_what_no_roll_has_is_told(file, tmp_path):
    model = Composer(**TINY).fit(file)
    for wrong in ({"key": "G"}, {"metre": "x"}, {"prompt": "CDE"}, {"temperature": -1}):
        with pytest.raises(InputError):
            model.compose(**wrong)
    with pytest.raises(InputError, match="independent"):
        Composer(notes="independent", **TINY).fit(file).compose(top_p=0.9)
    with pytest.raises(InputError):
        model.evaluate(tmp_path / "none.json")
