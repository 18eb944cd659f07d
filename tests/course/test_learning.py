import os
import shutil
from pathlib import Path

import pytest

from clew.course.course import read_course
from clew.course.learning import Learner, answer
from clew.course.lesson import Challenge
from clew.course.progress import Progress
from clew.course.running import Limits
from clew.errors import InputError

SAMPLES = Path(__file__).parent / "samples" / "small"
SMALL = Limits(seconds=10.0, memory=256 << 20, output=5000, disk=1 << 20, address=300 << 20)


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """A learner, made anew at each call as each command does."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return lambda folder=None: Learner(read_course(SAMPLES), Progress(SAMPLES), folder)


def pass_it(learner, which):
    challenge = learner.challenge(which)
    path, _ = learner.start(challenge)
    path.write_text(challenge.solution)
    assert learner.check(challenge, SMALL).passed


def test_the_whole_way(learner):
    seen = []
    while (found := learner().following()) is not None:
        seen.append(found.id)
        if isinstance(found, Challenge):
            pass_it(learner(), found.key)
        else:
            learner().read(found)
    assert seen == [
        "order", "order-places", "order-same-bag", "loop",
        learner().course.lessons[1].challenges[0].id,
    ]  # fmt: skip
    with pytest.raises(InputError, match="every challenge has passed"):
        learner().challenge(None)
    learner().reset(learner().challenge("1.1"))
    assert learner().challenge(None).id == "order-places"


def test_challenges_have_numbers_ids_and_defaults(learner):
    first = learner().challenge(None)
    assert first.id == "order-places"
    assert learner().number(first) == "1.1"
    for name in ("1.1", "order-places", "order/order-places"):
        assert learner().challenge(name) == first
    learner().start(learner().challenge("1.2"))
    assert learner().challenge(None).id == "order-same-bag"
    assert learner().challenge("2").lesson == "loop"  # the only one of its lesson
    for name in ("0.1", "1.0", "1.3", "9.1", "nope", "order", "1", "٣.١", ""):
        with pytest.raises(InputError):
            learner().challenge(name)


def test_a_number_that_no_lesson_has_is_called_a_lesson(learner):
    with pytest.raises(InputError, match="no lesson '9'"):
        learner().find("9")


def test_a_pass_moves_on_and_its_solution_may_be_seen(learner):
    pass_it(learner(), "1.1")
    assert learner().challenge(None).id == "order-same-bag"
    assert learner().challenge(None, passed=True).id == "order-places"
    assert learner().may_see(learner().challenge("1.1"))
    assert [learner().may_see(learner().challenge("1.2")) for _ in range(3)] == [False, True, True]


def test_an_answer_is_never_written_over(learner, tmp_path):
    challenge = learner().challenge("1.1")
    path, new = learner().start(challenge)
    assert (path.read_text(), new) == (challenge.starter, True)
    assert path == tmp_path / "clew-learn" / "small" / "01-order" / "1-order-places.py"
    path.write_text("mine")
    assert learner().start(challenge) == (path, False)
    kept = [learner().reset(challenge)]
    assert path.read_text() == challenge.starter
    path.write_text("mine again")
    kept.append(learner().reset(challenge))
    assert learner().reset(challenge) is None  # the starter needs no copy
    assert [old.read_text() for old in kept] == ["mine", "mine again"]


def test_checking_leaves_the_answer_as_it_is_and_runs_it_elsewhere(learner):
    challenge = learner().challenge("1.1")
    path, _ = learner().start(challenge)
    path.write_text("import os, sys\nos.remove(__file__)\nprint(os.listdir())")
    learner().check(challenge, SMALL)
    assert path.read_text().startswith("import os")
    assert [own.name for own in path.parent.iterdir()] == [path.name]
    assert learner().done(challenge).checks == 1


def test_the_folder_is_remembered_from_anywhere(learner, tmp_path, monkeypatch):
    learner(tmp_path / "answers").start(learner().challenge("1.1"))
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    assert learner().file(learner().challenge("1.1")).is_relative_to(tmp_path / "answers")


def test_a_file_that_was_never_written_is_told_with_the_command_that_writes_it(learner):
    with pytest.raises(InputError, match=r"try: `clew learn start 1\.2` writes it"):
        learner().check(learner().challenge("1.2"))


def test_a_place_that_was_changed_by_hand_in_the_record_is_used(learner, tmp_path):
    challenge = learner().challenge("1.1")
    learner().start(challenge)
    record = learner().progress.path
    own = str(tmp_path / "own.py")
    record.write_text(record.read_text().replace("small/01-order/1-order-places.py", own))
    path, new = learner().start(challenge)
    assert (str(path), new) == (own, True)
    assert learner().file(challenge) == path


def test_hints_come_one_by_one(learner):
    challenge = learner().challenge("1.1")
    most = len(challenge.hints)
    assert [learner().hint(challenge) for _ in range(most + 2)] == [
        *range(1, most + 1), most + 1, most + 1,
    ]  # fmt: skip


def test_an_answer_that_cannot_be_read_is_told(tmp_path):
    path = tmp_path / "a.py"
    with pytest.raises(InputError, match="not started yet"):
        answer(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        answer(path)
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(InputError, match="too large"):
        answer(path)
    path.write_bytes("\ufeffh = 1\r\n".encode())
    assert answer(path) == "h = 1\n"
    with pytest.raises(InputError, match="directory"):
        answer(tmp_path)


def test_an_answer_in_another_coding_is_read_as_python_reads_it(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\nprint('\xe9')\n")
    assert answer(path).endswith("print('\xe9')\n")
    path.write_bytes(b"# coding: no-such\nprint('\xe9')\n")
    with pytest.raises(InputError, match="UTF-8"):
        answer(path)


def test_a_pipe_in_place_of_an_answer_is_told_and_not_waited_for(learner, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="this is no file"):
        answer(tmp_path / "pipe")
    challenge = learner().challenge("1.1")
    path, _ = learner().start(challenge)
    path.unlink()
    os.mkfifo(path)
    assert learner().reset(challenge).is_fifo()
    assert answer(path) == challenge.starter


def test_a_folder_that_cannot_be_written_to_is_told(learner, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        learner(tmp_path / "file").start(learner().challenge("1.1"))


def test_who_skips_ahead_is_led_on_from_there_and_in_the_end_back(learner):
    learner().read(learner().course.lessons[0])
    learner().start(learner().challenge("1.1"))
    learner().start(learner().challenge("1.2"))
    learner().hint(learner().challenge("1.1"))
    assert learner().challenge(None).id == learner().following().id == "order-places"
    pass_it(learner(), "1.2")
    assert learner().following().id == "loop"
    assert learner().challenge(None).lesson == "loop"
    assert learner().challenge(None, passed=True).id == "order-same-bag"
    pass_it(learner(), "2.1")
    assert learner().following().id == "order-places"


def test_what_is_printed_as_a_command_means_the_challenge_it_is_printed_for(learner):
    first, second = learner().challenge("1.1"), learner().challenge("1.2")
    learner().start(second)
    assert learner().command("check", second) == "clew learn check"
    assert learner().command("check", first) == "clew learn check 1.1"
    pass_it(learner(), "1.1")  # and is then tried again
    for word, named in (("check", " 1.1"), ("hint", " 1.1"), ("solution", "")):
        assert learner().command(word, first) == f"clew learn {word}{named}"
        assert learner().challenge(named.strip() or None, passed=word == "solution") == first


def test_a_record_of_an_earlier_clew_says_where_one_is_by_its_times(learner):
    learner().start(learner().challenge("1.1"))
    learner().start(learner().challenge("1.2"))
    path = learner().progress.path
    text = path.read_text().replace('"last": "order/order-same-bag",', "")
    path.write_text(text.replace('"started": "20', '"started": "19', 1))  # the first, long ago
    assert "last" not in path.read_text()
    assert learner().challenge(None).id == "order-same-bag"
    path.write_text(text.replace("{", '{"last": "gone/gone",', 1))  # a lesson that was renamed
    assert learner().challenge(None).id == "order-same-bag"


def test_answers_of_two_courses_are_kept_apart_whatever_they_are_called(learner, tmp_path):
    def of(folder):
        shutil.copytree(SAMPLES, folder)
        return Learner(read_course(folder), Progress(folder))

    def begun(one):
        return one.start(one.challenge("1.1"))

    seen = [begun(of(tmp_path / place)) for place in ("a/small", "b/small", "b/other")]
    seen += [begun(learner()), begun(Learner(read_course(), Progress()))]
    assert all(new for _, new in seen)
    inside = [path.relative_to(tmp_path / "clew-learn").parts for path, _ in seen]
    assert [parts[0] for parts in inside[:3:2]] == ["small", "other"]
    assert inside[1][0].startswith("small-")
    assert inside[4][0].startswith("01-")


def test_an_answer_that_was_begun_elsewhere_stays_there(learner, tmp_path):
    challenge = learner().challenge("1.1")
    learner().start(challenge)
    record = learner().progress.path
    record.write_text(record.read_text().replace('"small/01', '"01'))  # as Clew once placed them
    old = tmp_path / "clew-learn" / "01-order" / "1-order-places.py"
    assert learner().file(challenge) == old
    assert learner().file(learner().challenge("1.2")).parts[-3] == "small"


def test_a_lost_record_takes_the_answers_that_are_there(learner):
    challenge = learner().challenge("1.1")
    path, _ = learner().start(challenge)
    learner().progress.path.unlink()
    assert learner().start(challenge) == (path, False)
