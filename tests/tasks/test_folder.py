"""The model folder: written whole, and read without trusting a byte of it."""

import json
import os
import pickle
import resource
import shutil
import struct
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from clew.errors import InputError
from clew.tasks import load
from clew.tasks._files import checksum
from clew.tasks._folder import digest, read_model, write_model
from clew.tasks.classify import Classifier

TEXTS = [f"{word} {n}" for n in range(8) for word in ("good fine film", "bad poor plot")]
LABELS = ["pos", "neg"] * 8


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    model = Classifier(embedding_size=4, hidden_size=4, epochs=1, baseline=False, device="cpu")
    model.fit(TEXTS, LABELS)
    return model


@pytest.fixture(scope="session")
def saved(fitted, tmp_path_factory):
    target = tmp_path_factory.mktemp("models") / "text"
    fitted.save(target)
    return target


@pytest.fixture
def folder(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "model"))


def config(folder):
    return json.loads((folder / "config.json").read_text())


def seal(folder, changed=None):
    """Make every checksum right again, as someone who means harm would."""
    found = changed or config(folder)
    for name in found["files"]:
        if (folder / name).is_file():
            found["files"][name] = checksum(folder / name)
    found["checksum"] = digest(found)
    (folder / "config.json").write_text(json.dumps(found))


def header(folder):
    raw = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def rewrite_header(folder, found, data, length=None):
    text = found if isinstance(found, bytes) else json.dumps(found).encode()
    size = struct.pack("<Q", len(text) if length is None else length)
    (folder / "model.safetensors").write_bytes(size + text + data)
    seal(folder)


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


def parts(**changes):
    given = {"task": "x", "parameters": {}, "network": {}, "tensors": nn.Linear(2, 2).state_dict(),
             "tokenizer": None, "metrics": {}, "card": "", "data": {}}  # fmt: skip
    return {**given, **changes}


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
    script = """
        import os, pathlib, sys
        from torch import nn
        from clew.tasks._folder import write_model
        real = pathlib.Path.replace
        for stop in range(7):
            target = pathlib.Path(sys.argv[1]) / str(stop)
            target.mkdir()
            (target / "checkpoint.safetensors").write_bytes(b"kept")
            if os.fork():
                os.wait()
                continue
            done = 0
            def replace(self, other):
                global done
                if done == stop:
                    os._exit(9)
                done += 1
                return real(self, other)
            pathlib.Path.replace = replace
            write_model(target, task="x", parameters={}, network={}, card="", tokenizer="{}",
                        tensors=nn.Linear(2, 2).state_dict(), metrics={}, data={})
            os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=True)
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


def bad(folder, match, name=None):
    with pytest.raises(InputError, match=match) as caught:
        load(folder)
    assert str(folder) in str(caught.value)
    if name is not None:
        assert name in caught.value.where
    return caught.value


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


HEADERS = {
    "huge shape": lambda h: h["output.weight"].update(shape=[2**40, 2**20]),
    "product wraps to the size": lambda h: h["output.bias"].update(shape=[2**62 + 2]),
    "zero times huge": lambda h: h["output.bias"].update(shape=[0, 2**62]),
    "negative size": lambda h: h["output.bias"].update(shape=[-2]),
    "size no number": lambda h: h["output.bias"].update(shape=["2"]),
    "size true": lambda h: h["output.bias"].update(shape=[True, 2]),
    "size a fraction": lambda h: h["output.bias"].update(shape=[2.0]),
    "shape no list": lambda h: h["output.bias"].update(shape=2),
    "many dimensions": lambda h: h["output.bias"].update(shape=[2] + [1] * 40),
    "wrong shape": lambda h: h["output.weight"].update(shape=h["output.weight"]["shape"][::-1]),
    "other type": lambda h: h["output.bias"].update(dtype="I32"),
    "unknown type": lambda h: h["output.bias"].update(dtype="F31"),
    "type no text": lambda h: h["output.bias"].update(dtype=["F32"]),
    "missing": lambda h: h.pop("output.bias"),
    "renamed": lambda h: h.update(other=h.pop("output.bias")),
    "overlap": lambda h: h["output.bias"].update(data_offsets=[0, 8]),
    "past the end": lambda h: h["output.bias"].update(data_offsets=[10**6, 10**6 + 8]),
    "backwards": lambda h: h["output.bias"].update(data_offsets=[8, 0]),
    "negative offset": lambda h: h["output.bias"].update(data_offsets=[-8, 0]),
    "huge offset": lambda h: h["output.bias"].update(data_offsets=[2**80, 2**80 + 8]),
    "three offsets": lambda h: h["output.bias"].update(data_offsets=[0, 8, 8]),
    "no offsets": lambda h: h["output.bias"].pop("data_offsets"),
    "extra key": lambda h: h["output.bias"].update(more=1),
    "no object": lambda h: h.update({"output.bias": 3}),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies(folder, name):
    found, data = header(folder)
    HEADERS[name](found)
    rewrite_header(folder, found, data)
    bad(folder, ".", "model.safetensors")


@pytest.mark.parametrize(
    ("text", "length", "match"),
    [
        (b"{}", 2**63, "claims"),
        (b"{}", 2**64 - 1, "claims"),
        (b"{}", 10**6, "claims"),
        (b"[" * 40_000, None, "nested|JSON"),
        (b"[" * 90_000, None, "lists"),
        (b'{"a":' * 40_000, None, "nested|JSON"),
        (b'{"a": ' + b"9" * 50_000 + b"}", None, "JSON"),
        (b'{"a": NaN}', None, "JSON"),
        (b'{"a": 1, "a": 2}', None, "JSON"),
        (b"\xff\xfe{}", None, "UTF-8"),
        (b"[]", None, "object"),
        (b"{}", None, "missing|fill"),
    ],
)  # fmt: skip
def test_a_header_that_is_none(folder, text, length, match):
    _, data = header(folder)
    rewrite_header(folder, text, data, length)
    bad(folder, match, "model.safetensors")


def test_a_file_shorter_than_a_header(folder):
    (folder / "model.safetensors").write_bytes(b"abc")
    seal(folder)
    bad(folder, "truncated", "model.safetensors")


def test_an_extra_tensor(folder):
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "extra": torch.zeros(2)}, folder / "model.safetensors")
    seal(folder)
    bad(folder, "too many: 'extra'", "model.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(folder, value):
    tensors = load_file(folder / "model.safetensors")
    tensors["output.bias"][0] = value
    save_file(tensors, folder / "model.safetensors")
    seal(folder)
    bad(folder, "NaN or infinity", "model.safetensors")


def edit(place, value):
    def change(found):
        part = found
        for name in place[:-1]:
            part = part[name]
        part[place[-1]] = value

    return change


CONFIGS = {
    "huge hidden size": edit(["parameters", "hidden_size"], 10**9),
    "hidden size beyond 64 bits": edit(["parameters", "hidden_size"], 2**70),
    "a billion layers": edit(["parameters", "num_layers"], 10**9),
    "two layers": edit(["parameters", "num_layers"], 2),
    "negative size": edit(["parameters", "embedding_size"], -4),
    "size zero": edit(["parameters", "hidden_size"], 0),
    "size a text": edit(["parameters", "hidden_size"], "4"),
    "size true": edit(["parameters", "num_layers"], True),
    "size a list": edit(["parameters", "hidden_size"], [4]),
    "size null": edit(["parameters", "hidden_size"], None),
    "other size": edit(["parameters", "hidden_size"], 5),
    "other cell": edit(["parameters", "cell"], "gru"),
    "unknown cell": edit(["parameters", "cell"], "transformer"),
    "cell a number": edit(["parameters", "cell"], 3),
    "one direction": edit(["parameters", "bidirectional"], False),
    "direction a text": edit(["parameters", "bidirectional"], "yes"),
    "dropout of 2": edit(["parameters", "dropout"], 2.0),
    "unknown parameter": edit(["parameters", "depth"], 3),
    "parameters a list": edit(["parameters"], []),
    "unknown pool": edit(["parameters", "pool"], "sum"),
    "time": edit(["parameters", "time"], "soon"),
    "device": edit(["parameters", "device"], "/dev/sda"),
    "max_length": edit(["parameters", "max_length"], -1),
    "unknown task": edit(["task"], "../../classify"),
    "other task": edit(["task"], "language"),
    "task a number": edit(["task"], 3),
    "no network": lambda found: found.pop("network"),
    "one class": edit(["network", "classes"], ["pos"]),
    "three classes": edit(["network", "classes"], ["a", "b", "c"]),
    "classes in disorder": edit(["network", "classes"], ["pos", "neg"]),
    "classes of lists": edit(["network", "classes"], [["neg"], ["pos"]]),
    "classes null": edit(["network", "classes"], None),
    "classes mixed": edit(["network", "classes"], [1, "pos"]),
    "labels of another sort": edit(["network", "labels"], "int64"),
    "labels of no sort": edit(["network", "labels"], "S99999999999"),
    "kind": edit(["network", "kind"], "arrays"),
    "kind a list": edit(["network", "kind"], []),
    "vocabulary": edit(["network", "vocabulary"], 10**12),
    "features": edit(["network", "features"], 10**12),
    "format text": edit(["format"], "1"),
    "format zero": edit(["format"], 0),
    "format true": edit(["format"], True),
    "unknown entry": edit(["run"], "rm"),
    "files elsewhere": edit(["files", "../../etc/passwd"], {"bytes": 1, "sha256": ""}),
    "files absolute": edit(["files", "/etc/passwd"], {"bytes": 1, "sha256": ""}),
    "no model": lambda found: found["files"].pop("model.safetensors"),
    "no tokenizer": lambda found: found["files"].pop("tokenizer.json"),
    "file of no size": edit(["files", "metrics.json"], {"sha256": ""}),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_lies(folder, name):
    found = config(folder)
    CONFIGS[name](found)
    if name == "file of no size":
        found["checksum"] = digest(found)
        (folder / "config.json").write_text(json.dumps(found))
    else:
        for file in [f for f in found.get("files", {}) if not (folder / f).is_file()]:
            found["files"][file]["sha256"] = "0" * 64
        seal(folder, found)
    bad(folder, ".")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"", "JSON"),
        (b"\xff", "UTF-8"),
        (b"[" * 100_000, "lists"),
        (b'{"format":1,"a":' + b"[" * 40_000 + b"]" * 40_000 + b"}", "nested"),
        (b'{"format":1,"a":' + b"[" * 900 + b"]" * 900 + b"}", "."),
        (b" " * (3 << 20), "at most"),
        (b'{"format": 1' + b"0" * 5000 + b"}", "JSON"),
        (b'{"format": Infinity}', "JSON"),
        (b"null", "object"),
    ],
)
def test_a_config_that_is_none(folder, text, match):
    (folder / "config.json").write_bytes(text)
    bad(folder, match)


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


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"model": 3}', '{"model": {"type": "WordLevel", "vocab": {}}}',
     '{"model": {"type": "WordLevel", "vocab": {"<pad>": 0, "<unk>": 99999999999}}}',
     "[" * 100_000, '{"a":' * 30_000],
)  # fmt: skip
def test_a_tokenizer_that_is_none(folder, text):
    (folder / "tokenizer.json").write_text(text)
    seal(folder)
    bad(folder, ".", "tokenizer.json")


@pytest.mark.parametrize("text", ["[" * 9_000_000, '"ab",' * 2_000_000, "0," * 5_000_000])
def test_a_tokenizer_that_would_unfold_is_refused_unread(folder, text):
    (folder / "tokenizer.json").write_text("[" + text)
    seal(folder)
    tracemalloc.start()
    bad(folder, "far more than", "tokenizer.json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 << 20


# Three hundred at once


def test_three_hundred_malformed_folders_within_bounds(fitted, tmp_path):
    """In a process that may take 100 MB more than it has, each is refused, or means the same."""
    script = Path(__file__).with_name("malformed.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["folders"] >= 300
    assert counts["refused"] >= 0.9 * counts["folders"]
    assert counts["peak"] < 100 << 20
