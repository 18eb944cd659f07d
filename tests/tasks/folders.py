"""Model folders to do harm to, and what does it."""

import json
import os
import struct
from pathlib import Path

import pytest
from torch import nn

from clew.errors import InputError
from clew.tasks import load
from clew.tasks._files import checksum
from clew.tasks._folder import digest, write_model

TEXTS = [f"{word} {n}" for n in range(8) for word in ("good fine film", "bad poor plot")]

LABELS = ["pos", "neg"] * 8


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


def bad(folder, match, name=None):
    with pytest.raises(InputError, match=match) as caught:
        load(folder)
    assert str(folder) in str(caught.value)
    if name is not None:
        assert name in caught.value.where
    return caught.value


def parts(**changes):
    given = {"task": "x", "parameters": {}, "network": {}, "tensors": nn.Linear(2, 2).state_dict(),
             "tokenizer": None, "metrics": {}, "card": "", "data": {}}  # fmt: skip
    return {**given, **changes}


def killed_between_renames(root):
    """Into root/0 .. root/6, where a fit was writing: a write killed before that rename."""
    for stop in range(7):
        target = root / str(stop)
        target.mkdir()
        (target / "checkpoint.safetensors").write_bytes(b"kept")
        if os.fork():
            os.wait()
            continue
        _die_before_rename(stop)
        write_model(target, **parts(tokenizer="{}"))
        os._exit(0)


def _die_before_rename(stop):
    real, done = Path.replace, 0

    def replace(self, other):
        nonlocal done
        if done == stop:
            os._exit(9)
        done += 1
        return real(self, other)

    Path.replace = replace
