"""Two fits never write into one folder."""

import os
import threading
from pathlib import Path

import pytest
from processes import process
from toy import Toy, settings

from clew.errors import InputError
from clew.train import lock_folder, train


def hold(folder: Path, ready: Path) -> None:
    with lock_folder(folder):
        ready.touch()
        threading.Event().wait()


@pytest.fixture
def other(tmp_path):
    """A process that holds tmp_path/out."""
    one = process(hold, tmp_path / "out", tmp_path / "ready")
    one.start()
    while not (tmp_path / "ready").exists():
        assert one.is_alive()
    yield one
    one.kill()
    one.join()


def test_a_folder_in_use_is_refused_until_its_process_is_killed(tmp_path, other):
    out = tmp_path / "out"
    with pytest.raises(InputError) as refused:
        train(Toy(), settings(), out=out)
    assert f"process {other.pid}" in refused.value.what
    assert refused.value.where == str(out)
    other.kill()
    other.join()
    assert (out / ".lock").exists()  # a killed process tidies nothing
    train(Toy(), settings(), out=out)
    assert not (out / ".lock").exists()


def test_released_at_the_end_also_of_a_failure(tmp_path):
    def fail():
        with lock_folder(tmp_path):
            assert (tmp_path / ".lock").read_text() == str(os.getpid())
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
    assert not (tmp_path / ".lock").exists()


def test_the_loop_may_lock_what_its_caller_holds(tmp_path):
    with lock_folder(tmp_path):
        train(Toy(), settings(epochs=1), out=tmp_path)
        assert (tmp_path / ".lock").exists()
    assert not (tmp_path / ".lock").exists()


def test_another_thread_is_kept_out(tmp_path):
    refused = []

    def enter():
        try:
            with lock_folder(tmp_path / "x" / ".."):  # the same folder by another name
                pass
        except InputError as error:
            refused.append(error)

    (tmp_path / "x").mkdir()
    with lock_folder(tmp_path):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert len(refused) == 1


def test_a_lock_file_taken_away_meanwhile_is_noticed(tmp_path, monkeypatch):
    """The holder removes the file between another's open and its lock."""
    import fcntl

    flock, times = fcntl.flock, 0

    def late(descriptor, how):
        nonlocal times
        times += 1
        if times == 1:
            (tmp_path / ".lock").unlink()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock_folder(tmp_path):
        assert times == 2
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot be written") as refused,
        lock_folder(tmp_path / "file"),
    ):
        pass
    assert refused.value.where == str(tmp_path / "file")
