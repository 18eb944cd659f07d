"""Folders of composers that are malformed: refused by name, or equal in what they say."""

import json
import random
import shutil

import numpy as np
import pytest
from composers import parsed, tiny
from folders import seal
from malformed import edit_sealed, flip, truncate
from safetensors.numpy import load_file, save_file

from clew.errors import InputError
from clew.tasks import load


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("composers") / "m"
    tiny(epochs=1).fit(parsed(12)).save(folder)
    return folder


def refused(folder):
    with pytest.raises(InputError) as caught:
        load(folder)
    assert str(folder) in caught.value.where


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("network", "vocabulary", 3), ("network", "remembered", 10**9), ("network", "tunes", -1),
     ("network", "tunes", True), ("network", "more", 1), ("parameters", "hidden_size", 10**9),
     ("parameters", "num_layers", 10**6), ("parameters", "notation", "tab"),
     ("parameters", "transpose", 3), ("parameters", "notes", None)],
)  # fmt: skip
def test_a_config_that_does_not_fit_is_refused(saved, tmp_path, part, name, value):
    folder = shutil.copytree(saved, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config[part][name] = value
    seal(folder, config)
    refused(folder)


@pytest.mark.parametrize(
    ("name", "change"),
    [("learned", lambda a: a - a.max() - 1), ("learned", lambda a: a + 10**6),
     ("starts", lambda a: a + 1), ("starts", lambda a: a[::-1].copy()),
     ("starts", lambda a: a * 1000), ("starts", lambda a: a * 0)],
)  # fmt: skip
def test_tunes_remembered_that_are_none_are_refused(saved, tmp_path, name, change):
    folder = shutil.copytree(saved, tmp_path / "m")
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = change(tensors[name])
    save_file(tensors, folder / "model.safetensors")
    seal(folder)
    refused(folder)


@pytest.mark.parametrize("change", [lambda t: t.replace("abc", "tab", 1), lambda t: t[:-9], None])
def test_tokens_that_are_none_are_refused(saved, tmp_path, change):
    folder = shutil.copytree(saved, tmp_path / "m")
    if change is None:  # then it would be a composer of piano rolls
        config = json.loads((folder / "config.json").read_text())
        del config["files"]["tokenizer.json"]
        seal(folder, config)
    else:
        text = (folder / "tokenizer.json").read_text()
        (folder / "tokenizer.json").write_text(change(text))
        seal(folder)
    refused(folder)


def meaning(folder):
    """What scores depend on, beside the weights."""
    config = json.loads((folder / "config.json").read_text())
    names = ("transpose", "zoneout", "layer_norm", "cell", "residual", "window")
    parameters = [config["parameters"].get(name) for name in names]
    return parameters, config["network"], (folder / "tokenizer.json").read_bytes()


def test_many_that_are_broken_anywhere(saved, tmp_path):
    draw, some = random.Random(4), parsed(2, seed=5)
    truth = load(saved).score(some)
    broken = 0
    for number in range(40):
        folder = shutil.copytree(saved, tmp_path / str(number))
        draw.choice([flip, truncate, edit_sealed, edit_sealed])(draw, folder)
        try:
            found = load(folder).score(some)
        except InputError:
            broken += 1
            continue
        if meaning(folder) == meaning(saved):
            assert np.array_equal(found, truth)
    assert broken > 20
