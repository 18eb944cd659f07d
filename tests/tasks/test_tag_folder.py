"""Folders of taggers that are malformed: refused by name, or equal in what they answer."""

import json
import random
import shutil

import numpy as np
import pytest
from malformed import edit_sealed, flip, truncate
from taggers import TINY, places

from clew.errors import InputError
from clew.tasks import load
from clew.tasks._files import checksum
from clew.tasks._folder import digest
from clew.tasks.tag import Tagger


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    X, y, labels = places(12)
    folder = tmp_path_factory.mktemp("taggers") / "m"
    Tagger(**TINY).fit(X, y, labels=labels).save(folder)
    return folder


def sealed(folder, change):
    """Change config.json and make its checksums right again."""
    config = json.loads((folder / "config.json").read_text())
    change(config)
    for name in config["files"]:
        config["files"][name] = checksum(folder / name)
    config["checksum"] = digest(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("name", "value"),
    [("tags", ["O"]), ("tags", ["O", "B-place", "I-place"]), ("tags", [1, 2, 3]), ("tags", "abc"),
     ("tags", ["B-place", "B-place", "O"]), ("tags", ["B-place", "I-place", "O", "P"]),
     ("letters", ["ab"]), ("letters", [""]), ("letters", None), ("letters", []),
     ("labels", ["flight"]), ("labels", []), ("labels", ["walk", "flight"]), ("vocabulary", 3),
     ("vocabulary", True), ("more", 1)],
)  # fmt: skip
def test_a_network_that_does_not_fit_is_refused(saved, tmp_path, name, value):
    folder = shutil.copytree(saved, tmp_path / "m")
    sealed(folder, lambda config: config["network"].update({name: value}))
    with pytest.raises(InputError) as caught:
        load(folder)
    assert str(folder) in caught.value.where


@pytest.mark.parametrize(
    ("name", "value"),
    [("character_size", 10**9), ("character_size", -1), ("hidden_size", 10**9), ("crf", "yes"),
     ("crf", False), ("character_size", 0), ("num_layers", 10**6), ("metric", None)],
)  # fmt: skip
def test_settings_that_do_not_fit_are_refused(saved, tmp_path, name, value):
    folder = shutil.copytree(saved, tmp_path / "m")
    sealed(folder, lambda config: config["parameters"].update({name: value}))
    with pytest.raises(InputError) as caught:
        load(folder)
    assert str(folder) in caught.value.where


def test_a_tagger_without_its_words_is_refused(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "m")
    sealed(folder, lambda config: config["files"].pop("tokenizer.json"))
    with pytest.raises(InputError, match="no tokenizer"):
        load(folder)


def meaning(folder):
    """What answers depend on, beside the weights."""
    config = json.loads((folder / "config.json").read_text())
    names = ("lowercase", "crf", "zoneout", "layer_norm", "cell", "bidirectional")
    return (
        [config["parameters"].get(name) for name in names],
        config["network"],
        (folder / "tokenizer.json").read_bytes(),
    )


def test_many_that_are_broken_anywhere(saved, tmp_path):
    draw = random.Random(4)
    X, _, _ = places(3)
    truth = load(saved).predict_proba(X)
    refused = 0
    for number in range(80):
        folder = shutil.copytree(saved, tmp_path / str(number))
        draw.choice([flip, truncate, edit_sealed, edit_sealed])(draw, folder)
        try:
            rows = load(folder).predict_proba(X)
        except InputError:
            refused += 1
            continue
        if meaning(folder) == meaning(saved):
            assert all(np.array_equal(a, b) for a, b in zip(rows, truth, strict=True))
    assert refused > 40
