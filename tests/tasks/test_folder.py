"""The model folder: written whole, and read without trusting a byte of it."""

import json
import os
import pickle
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import TEXTS, bad, config, killed_between_renames, parts, seal
from processes import told
from safetensors.torch import load_file

from clew.errors import InputError
from clew.tasks import load
from clew.tasks._folder import read_model, write_model

# Written


def test_saved_equals_loaded_bit_for_bit(fitted, folder):
    texts = [*TEXTS, "", "unseen words only", "good"]
    assert np.array_equal(load(folder).predict_proba(texts), fitted.predict_proba(texts))


def test_saving_what_was_loaded_gives_the_same_weights(folder, tmp_path):
    load(folder).save(tmp_path / "again")
    first, second = (load_file(f / "model.safetensors") for f in (folder, tmp_path / "again"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_lies_in_the_folder(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "metrics.json",
                     "README.md", "learning-curve.png"}  # fmt: skip
    assert (folder / "learning-curve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    found = config(folder)
    assert found["format"] == 1
    assert found["task"] == "classify"
    assert found["versions"]["torch"] == torch.__version__
    assert len(found["data"]["fingerprint"]) == 64
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_torchs_compiler_is_not_loaded_to_read_a_model(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # whoever imports it now is told so
    assert load(folder).network_.embedding is not None


def test_the_card_may_be_edited(folder):
    (folder / "README.md").write_text("mine")
    (folder / "learning-curve.png").unlink()
    load(folder)


def test_a_model_is_never_written_over(fitted, folder):
    before = (folder / "config.json").read_bytes()
    with pytest.raises(InputError, match="finished model"):
        fitted.save(folder)
    assert (folder / "config.json").read_bytes() == before


def test_a_folder_of_other_things_is_left_alone(fitted, tmp_path):
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(InputError, match="not empty"):
        fitted.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("existing", ["absent", "empty", "training"])
def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch, existing):
    target = tmp_path / "model"
    if existing != "absent":
        target.mkdir()
    if existing == "training":
        (target / "checkpoint.safetensors").write_bytes(b"kept")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clew.tasks._folder.flush", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_model(target, **parts())
    kept = {path.name for path in tmp_path.rglob("*")}
    assert kept <= {"model", "checkpoint.safetensors"}
    assert not (target / "config.json").exists()


@pytest.mark.parametrize("room", [0, 100, 900, 3000])
def test_a_disk_that_is_full_leaves_nothing(fitted, tmp_path, room):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))  # no file may grow beyond
    try:
        with pytest.raises(InputError, match="could not be written") as caught:
            fitted.save(tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
    fitted.save(tmp_path / "model")
    load(tmp_path / "model")


def test_killed_anywhere_a_folder_is_a_model_or_none(tmp_path):
    # A kill between any two renames into a folder that a fit was writing into.
    told(tmp_path / "log", killed_between_renames, tmp_path)
    whole = 0
    for stop in range(7):
        target = tmp_path / str(stop)
        if (target / "config.json").exists():
            assert set(read_model(target).entries) == {"weight", "bias"}
            whole += 1
        else:
            with pytest.raises(InputError, match=r"no config\.json"):
                read_model(target)
    assert 0 < whole < 7


# Read: one wrong thing at a time, with every checksum made right


def test_nothing_there(tmp_path):
    bad(tmp_path / "absent", "no model here")
    bad(tmp_path, r"no config\.json")
    (tmp_path / "checkpoint.safetensors").write_bytes(b"")
    assert "--resume" in str(bad(tmp_path, r"no config\.json"))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "metrics.json"])
def test_a_file_is_missing_truncated_or_changed(folder, name):
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(raw[:-1])
    bad(folder, "bytes", name)
    (folder / name).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    bad(folder, "damaged", name)
    (folder / name).unlink()
    bad(folder, f"{name} is missing")


def test_a_newer_format_names_the_version_that_wrote_it(folder):
    (folder / "config.json").write_text(json.dumps({"format": 2, "clew": "9.8.7", "other": 1}))
    error = bad(folder, r"9\.8\.7.*newer", "config.json")
    assert "upgrade" in error.hint


class Trap:
    def __reduce__(self):
        return (os.mkdir, (str(Path(Trap.target)),))


@pytest.mark.parametrize("kind", ["pickle", "torch", "old torch"])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_pickle_is_named_and_never_opened(folder, tmp_path, kind, sealed):
    Trap.target = tmp_path / "sprung"
    path = folder / "model.safetensors"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Trap()))
    else:
        torch.save({"w": Trap()}, path, _use_new_zipfile_serialization=kind == "torch")
    if sealed:
        seal(folder)
    bad(folder, "pickle", "model.safetensors")
    assert not Trap.target.exists()


def test_a_pickle_beside_is_mentioned(folder):
    (folder / "model.safetensors").rename(folder / "model.pt")
    bad(folder, r"model\.pt beside it may be a pickle")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_links_pipes_and_folders_are_refused(folder, tmp_path, name):
    path = folder / name
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    bad(folder, "link", name)
    path.unlink()
    os.mkfifo(path)
    bad(folder, "not a file", name)
    path.unlink()
    path.mkdir()
    bad(folder, "not a file", name)
