import json
import multiprocessing
import os
import sys

import pytest

from clew.course.progress import Done, Progress, data_folder
from clew.errors import InputError


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def test_what_was_written_is_read():
    progress = Progress()
    assert progress.read().challenges == {}
    assert not progress.path.exists()
    with progress.changing() as record:
        record.folder = "/my answers/ü"
        record.read.append("order")
        record.challenges["order/1"] = Done(file="a.py", checks=3, passed="2026-05-01T18:30:00")
    assert Progress().read() == record
    assert '"passed": "2026-05-01T18:30:00"' in progress.path.read_text()


def test_courses_do_not_share_a_file(tmp_path):
    names = [Progress(None), Progress(tmp_path / "a" / "course"), Progress(tmp_path / "b/course")]
    assert len({progress.path for progress in names}) == 3
    assert Progress(tmp_path / "a" / ".." / "b" / "course").path == names[2].path


def test_an_interrupted_write_leaves_what_was_there(monkeypatch):
    progress = Progress()
    with progress.changing() as record:
        record.read.append("order")
    before = progress.path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left"), progress.changing() as record:
            record.read.append("loop")
    with pytest.raises(ZeroDivisionError), progress.changing() as record:
        record.read.append(str(1 / 0))
    assert progress.path.read_bytes() == before
    assert sorted(path.name for path in progress.path.parent.iterdir()) == [
        "clew.json",
        "clew.lock",
    ]


def _count(times):
    for _ in range(times):
        with Progress().changing() as record:
            done = record.of("a/b")
            record.challenges["a/b"] = Done(checks=done.checks + 1)


def test_two_terminals_lose_nothing():
    other = multiprocessing.get_context("spawn").Process(target=_count, args=(20,))
    other.start()
    _count(20)
    other.join()
    assert Progress().read().of("a/b").checks == 40


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n"format": 1,\n', "Expecting"),
        ("[]", "no record"),
        ('{"format": 2}', "its format is 2"),
        ('{"format": 1, "challanges": {}}', "unknown key 'challanges'"),
        ('{"format": 1, "challenges": []}', "no table"),
        ('{"format": 1, "read": "order"}', "no list"),
        ('{"format": 1, "folder": 3}', "no text"),
        ('{"format": 1, "challenges": {"a": 1}}', "'a' is no table"),
        ('{"format": 1, "challenges": {"a": {"hints": -1}}}', "cannot be -1"),
        ('{"format": 1, "challenges": {"a": {"hints": true}}}', "cannot be True"),
        ('{"format": 1, "challenges": {"a": {"hint": 1}}}', "unknown key 'hint'"),
        ("[" * 100_000, "cannot be understood"),
        ("\udcff", "UTF-8"),
    ],
)
def test_a_damaged_file_is_told_and_not_overwritten(text, said):
    path = Progress().path
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as told, Progress().changing():
        pass
    assert said in str(told.value)
    assert str(path) in str(told.value)
    assert path.read_bytes() == text.encode(errors="surrogateescape")


def test_what_an_older_file_lacks_has_its_default():
    path = Progress().path
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 1, "challenges": {"a/b": {"passed": "2026"}}}))
    assert Progress().read().of("a/b") == Done(passed="2026")


def test_a_relative_data_folder_is_not_used(monkeypatch, tmp_path):
    assert data_folder() == tmp_path / "clew"
    monkeypatch.setenv("XDG_DATA_HOME", "somewhere")
    assert data_folder().is_absolute()


def test_a_user_without_a_home_is_told_what_to_do(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(data_folder.__globals__["Path"], "home", nowhere)
    with pytest.raises(InputError, match="no home folder"):
        Progress()


def test_where_files_cannot_be_locked_progress_is_kept_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    _count(2)
    assert Progress().read().of("a/b").checks == 2
