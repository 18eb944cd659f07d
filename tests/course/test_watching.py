import os

from clew.course.watching import content, wait_for_save


def steps(*actions):
    """In place of sleeping: what happens to the file meanwhile, one action at a look."""
    waiting = iter(actions)

    def between(seconds):
        assert seconds > 0
        action = next(waiting)
        if isinstance(action, str):
            return action
        action()
        return ""

    return between


def test_a_save_ends_the_waiting(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("h = 0")
    before = content(path)
    later = steps(lambda: None, lambda: path.write_text("h = 1"), lambda: None)
    assert wait_for_save(path, before, between=later) == "saved"
    assert content(path) == b"h = 1"


def test_a_save_without_a_change_does_not_nor_does_a_file_that_is_away(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("h = 0")

    def renamed():
        beside = tmp_path / "a.py~"
        beside.write_text("h = 1")
        beside.replace(path)

    later = steps(lambda: path.write_text("h = 0"), path.unlink, lambda: None, renamed)
    assert wait_for_save(path, b"h = 0", between=later) == "saved"
    assert content(path) == b"h = 1"


def test_a_key_ends_it_too(tmp_path):
    assert wait_for_save(tmp_path / "none", None, between=steps(lambda: None, "h")) == "h"
    assert content(tmp_path / "none") is None


def test_a_file_that_goes_is_told_once_and_waited_for(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("h = 0")
    later = steps(path.unlink, *[lambda: None] * 20)
    assert wait_for_save(path, b"h = 0", between=later) == "gone"
    later = steps(*[lambda: None] * 20, lambda: path.write_text("h = 0"), lambda: None)
    assert wait_for_save(path, None, between=later) == "saved"


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.py")
    assert content(tmp_path / "a.py") is None
    assert wait_for_save(tmp_path / "a.py", None, between=steps(lambda: None, "q")) == "q"
