import dataclasses
import json
import shutil

import pytest
import torch

from clew.errors import InputError
from clew.memory.probes import (
    Adding,
    Agreement,
    Architecture,
    DelayedRecall,
    Learning,
    ProbeModel,
    learn,
)
from clew.memory.probes.batch import Probe
from clew.memory.probes.store import KINDS
from clew.memory.probes.store import probe as made
from clew.tasks._folder import digest

FEW = Learning((4, 6), steps=2, judged=8, batch_size=4)


@pytest.mark.parametrize("probe", [DelayedRecall(letters=3), Adding(), Agreement(before=3)],
                         ids=lambda p: p.name)  # fmt: skip
def test_saved_and_loaded(probe, tmp_path):
    chrono = Architecture("gru", 5, 2, init="chrono", t_max=9.0)
    model = learn(probe, FEW, chrono)
    model.save(tmp_path / "model")
    again = ProbeModel.load(tmp_path / "model")
    assert (again.probe, again.learning, again.architecture) == (probe, FEW, chrono)
    for one, other in ((model, again), (model.untrained(), again.untrained())):
        for name, tensor in one.network.state_dict().items():
            assert torch.equal(tensor, other.network.state_dict()[name])
    assert again.score(6, 20) == model.score(6, 20)
    assert again.history == model.history
    assert again.title == model.title
    with pytest.raises(InputError, match="holds a model already"):
        model.save(tmp_path / "model")


def test_names_differ():
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_every_probe_has_is_no_setting(kind):
    fixed = {name for name in vars(Probe) if not name.startswith("_")}
    assert fixed > {"words", "answers", "draw"}
    assert not fixed & {field.name for field in dataclasses.fields(kind)}
    for name in fixed:
        with pytest.raises(InputError, match=f"has no setting '{name}'"):
            made(kind.name, {name: 3})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "model"
    learn(DelayedRecall(letters=3), FEW, Architecture("lstm", 5)).save(folder)
    return folder


def change(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["task"] = changes.get("task", config["task"])
    config["parameters"] = {**config["parameters"], **changes}
    config.pop("checksum")
    path.write_text(json.dumps({**config, "checksum": digest(config)}))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"task": "classify"}, "task 'classify'"),
        ({"probe": "nonsense"}, "no probe"),
        ({"settings": {"letters": 3, "deep": 1}}, "no setting 'deep'"),
        ({"settings": 7}, "wrong kind"),
        ({"architecture": {"cell": "lstm", "hidden_size": 10**9}}, "hidden_size"),
        ({"architecture": {"cell": "gru", "hidden_size": 5}}, "shape"),
        ({"architecture": {"hidden_size": 5, "init": "chrono", "t_max": "x"}}, "t_max"),
        ({"settings": {"letters": 4}}, "shape"),
        ({"learning": {"length": 0}}, "length is 0"),
        ({"learning": {}}, "missing"),
        ({"learning": None}, "wrong kind"),
    ],
)
def test_a_folder_that_was_changed_is_refused(changes, what, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    change(tmp_path / "model", **changes)
    with pytest.raises(InputError, match=what) as caught:
        ProbeModel.load(tmp_path / "model")
    assert str(tmp_path) in caught.value.where


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="no model here"):
        ProbeModel.load(tmp_path / "none")
