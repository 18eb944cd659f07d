"""A checkpoint is whole or the one before it, and nothing else is taken for one."""

import errno
import json
import os
import resource
import struct
import subprocess
from contextlib import contextmanager

import pytest
import safetensors
import safetensors.torch
import torch
from processes import run
from toy import Toy, same, settings

from clew.errors import InputError
from clew.train import checkpoint, train
from clew.train.snapshot import read

META = {"position": {"step": 3}, "curve": [1.5, None, float("inf")]}


def tensors(scale=1.0):
    return {"a": torch.arange(6.0).view(2, 3) * scale, "b/c": torch.tensor(7), "e": torch.zeros(0)}


def test_what_was_saved_is_loaded(tmp_path):
    path = tmp_path / "c"
    kept = tensors()
    kept["turned"] = kept["a"].T
    kept["tied"] = kept["a"]
    checkpoint.save(path, kept, META)
    got, meta = checkpoint.load(path)
    assert same(got, kept)
    assert meta == {"format": checkpoint.FORMAT, **META}
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def no_space(*arguments, **keywords):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def rust_error(*arguments, **keywords):
    raise safetensors.SafetensorError("Error while serializing: I/O error: No space left on device")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("owner", "name", "failure"),
    [
        (os, "fsync", no_space),
        ("pathlib.Path", "replace", no_space),
        (safetensors.torch, "save_file", no_space),
        (safetensors.torch, "save_file", rust_error),
    ],
)
def test_a_refusing_disk_leaves_the_former_file_whole(
    owner, name, failure, first, tmp_path, monkeypatch
):
    path = tmp_path / "c"
    if not first:
        checkpoint.save(path, tensors(), META)
    with monkeypatch.context() as patch:
        patch.setattr(
            f"{owner}.{name}" if isinstance(owner, str) else owner,
            *((failure,) if isinstance(owner, str) else (name, failure)),
        )
        with pytest.raises(InputError, match="No space left") as refused:
            checkpoint.save(path, tensors(2.0), META)
    assert refused.value.where == str(path)
    assert ("untouched" in refused.value.what) is not first
    assert [p.name for p in tmp_path.iterdir()] == ([] if first else ["c"])
    if not first:
        assert same(checkpoint.load(path)[0], tensors())


@contextmanager
def small_disk(folder):
    """A file system of 1 MB where one may be mounted, else a limit on the size of files."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if (
        os.geteuid() == 0
        and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    ):
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_really_full(tmp_path):
    with small_disk(tmp_path):
        path = tmp_path / "c"
        checkpoint.save(path, tensors(), META)
        with pytest.raises(InputError, match="could not be written"):
            checkpoint.save(path, {"a": torch.zeros(1 << 20)}, META)
        assert [p.name for p in tmp_path.iterdir()] == ["c"]
        assert same(checkpoint.load(path)[0], tensors())


def test_a_file_that_may_grow_no_further(tmp_path):
    path = tmp_path / "c"
    checkpoint.save(path, tensors(), META)
    assert run(limited, path) == 0
    assert same(checkpoint.load(path)[0], tensors())


def limited(path):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    with pytest.raises(InputError, match="could not be written"):
        checkpoint.save(path, {"a": torch.zeros(1 << 16)}, META)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_run_on_a_full_disk_keeps_its_former_checkpoint(tmp_path, monkeypatch):
    toy, flush, times = Toy(), os.fsync, 0

    def fills_up(descriptor):
        nonlocal times
        times += 1
        if times > 8:
            no_space()
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fills_up)
    with pytest.raises(InputError, match="No space left"):
        train(toy, settings(checkpoint_every=0.0), out=tmp_path)
    monkeypatch.undo()
    assert read(checkpoint.path_in(tmp_path)).position.step == 4
    again, whole = Toy(seed=5), Toy()
    train(again, settings(checkpoint_every=0.0), out=tmp_path, resume=True)
    train(whole, settings())
    assert same(again.state_dict(), whole.state_dict())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    train(Toy(), settings(), out=folder)
    return checkpoint.path_in(folder).read_bytes()


def refused(path):
    with pytest.raises(InputError) as error:
        read(path)
    assert error.value.where == str(path)
    assert error.value.expected
    return str(error.value)


def test_truncated_anywhere(tmp_path, finished):
    path = tmp_path / "c"
    for length in [0, 1, 7, 8, 9, 100, *range(1000, len(finished), 997), len(finished) - 1]:
        path.write_bytes(finished[:length])
        assert "cannot be read" in refused(path)


def with_header(finished, change):
    """The same file with its JSON changed."""
    (length,) = struct.unpack("<Q", finished[:8])
    header = json.loads(finished[8 : 8 + length])
    meta = json.loads(header["__metadata__"]["clew"])
    change(header, meta)
    if "clew" in header.get("__metadata__", {}):
        header["__metadata__"]["clew"] = json.dumps(meta)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + finished[8 + length :]


def swap(meta, *keys, value):
    for key in keys[:-1]:
        meta = meta[key]
    meta[keys[-1]] = value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header, meta: header.pop("__metadata__"), "is no checkpoint"),
        (lambda header, meta: swap(meta, "format", value=2), "a newer Clew wrote it"),
        (lambda header, meta: swap(meta, "format", value=0), "has format 0"),
        (lambda header, meta: swap(meta, "format", value="x"), "is no checkpoint"),
        (lambda header, meta: meta.pop("position"), "position"),
        (lambda header, meta: meta["position"].pop("step"), "step"),
        (lambda header, meta: swap(meta, "position", "surplus", value=1), "surplus"),
        (lambda header, meta: swap(meta, "position", "item", value=-1), "item"),
        (lambda header, meta: swap(meta, "position", "step", value="3"), "step"),
        (lambda header, meta: swap(meta, "position", "rows", value=None), "rows"),
        (lambda header, meta: swap(meta, "carries", value=[5]), "lacks a part"),
        (lambda header, meta: swap(meta, "about", value={}), "settings"),
        (lambda header, meta: swap(meta, "about", "threads", value=None), "threads"),
    ],
)
def test_edited(change, words, tmp_path, finished):
    path = tmp_path / "c"
    path.write_bytes(with_header(finished, change))
    assert words in refused(path)


def test_no_checkpoint_at_all(tmp_path):
    path = tmp_path / "c"
    safetensors.torch.save_file(tensors(), path)
    assert "is no checkpoint" in refused(path)
    torch.save(tensors(), path)
    assert "cannot be read" in refused(path)
    path.write_bytes(b"hello")
    assert "cannot be read" in refused(path)


def test_a_declared_size_that_is_huge_takes_no_memory(tmp_path, finished):
    path = tmp_path / "c"

    def grow(header, meta):
        name = next(name for name in header if name.startswith("model/"))
        header[name]["shape"] = [1 << 40]

    path.write_bytes(with_header(finished, grow))
    assert "cannot be read" in refused(path)


def test_a_missing_tensor_is_named(tmp_path):
    folder = tmp_path / "run"
    train(Toy(), settings(), out=folder)
    path = checkpoint.path_in(folder)
    for gone, words in [
        ("model/out.bias", "weight 'out.bias' is missing"),
        ("best/out.bias", "best weight 'out.bias' is missing"),
        ("optimizer/out.bias/exp_avg", "moment 'out.bias/exp_avg' is missing"),
    ]:
        kept, meta = checkpoint.load(path)
        whole = path.read_bytes()
        del kept[gone]
        checkpoint.save(path, kept, meta)
        with pytest.raises(InputError, match=words):
            train(Toy(), settings(), out=folder, resume=True)
        path.write_bytes(whole)


def test_what_a_killed_writer_left_is_swept_away(tmp_path):
    left = tmp_path / ".part" / ".tmpEu2qUV"  # as the library names what it is writing
    left.parent.mkdir()
    left.write_bytes(b"half a checkpoint")
    checkpoint.save(checkpoint.path_in(tmp_path), {"w": torch.ones(2)}, {})
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.NAME]
