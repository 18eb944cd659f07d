"""Model folders that lie, every checksum made right: headers, configurations, tokenizers."""

import json
import tracemalloc

import malformed
import pytest
import torch
from folders import bad, config, header, rewrite_header, seal
from processes import told
from safetensors.torch import load_file, save_file

from clew.tasks._folder import digest

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


def test_three_hundred_malformed_folders_within_bounds(tmp_path):
    """In a process that may take 100 MB more than it has, each is refused, or means the same."""
    counts = json.loads(told(tmp_path / "log", malformed.main, tmp_path).splitlines()[-1])
    assert counts["folders"] >= 300
    assert counts["refused"] >= 0.9 * counts["folders"]
    assert counts["peak"] < 100 << 20
