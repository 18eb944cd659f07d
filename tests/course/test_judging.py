"""Verdicts and their words; the many kinds of wrong answers are in test_wrong_answers.py."""

from dataclasses import dataclass

import pytest

from clew.course.judging import judge, started
from clew.course.running import Limits

SMALL = Limits(seconds=10.0, memory=256 << 20, output=5000, disk=1 << 20, address=300 << 20)


@dataclass(frozen=True)
class Task:
    starter: str = "h = 0\n"
    expected: str = "1\n"
    tests: str | None = None


@pytest.mark.parametrize(
    ("code", "begun"),
    [
        ("h = 0", False),
        ("\n\nh  =  0   \r\n\n", False),
        ("", False),
        ("# h = 1", False),
        ("h = 1", True),
        ("h = 0\nprint(h)", True),
        ("# h\nh = 0", True),
        (" h = 0", True),
    ],
)
def test_whether_an_answer_was_begun(code, begun):
    assert started(Task(), code) is begun


def test_a_starter_is_run_where_that_is_asked_for():
    task = Task(starter="print(1)")
    assert judge(task, "print(1)", limits=SMALL).kind == "not started"
    assert judge(task, "print(1)", limits=SMALL, unstarted=False).kind == "passed"


def test_the_file_and_line_of_an_error_can_be_clicked():
    verdict = judge(Task(), "\ndef f():\n\treturn y\nf()", limits=SMALL, where="/my/a.py")
    assert verdict.lines()[:2] == [
        "Your code raised an error in line 3, in f() (/my/a.py:3):",
        "    return y",
    ]
    assert (verdict.error, verdict.line) == ("NameError", 3)


def test_a_syntax_error_is_marked_at_its_column():
    lines = judge(Task(), "if 1:\n    x = = 2", limits=SMALL).lines()
    assert lines[1] == "    x = = 2"
    assert lines[2].index("^") == lines[1].rindex("=")


def test_an_output_that_is_wrong_comes_before_checks():
    task = Task(tests="assert h == 2")
    assert judge(task, "h = 1\nprint(7)", limits=SMALL).difference.line == 1
    assert "h == 2" in judge(task, "h = 1\nprint(1)", limits=SMALL).message
    assert judge(task, "h = 2\nprint(1)", limits=SMALL).passed


def test_without_expected_output_only_the_checks_count():
    task = Task(expected="\n", tests="assert f(2) == 4")
    assert judge(task, "def f(x): return 2 * x\nprint('by the way')", limits=SMALL).passed
    assert judge(Task(expected=""), "print(1)", limits=SMALL).kind == "wrong"


def test_what_a_check_calls_may_not_spoil_the_answer():
    task = Task(tests="f()\nassert True")
    assert judge(task, "def f(): print('seen')\nprint(1)", limits=SMALL).passed


@pytest.mark.parametrize("width", [40, 79, 200])
def test_no_line_is_wider_than_the_terminal(width):
    verdict = judge(Task(expected="1 2 3 " * 90), "print('1 2 4 ' * 90)", limits=SMALL)
    assert max(map(len, verdict.lines(width))) <= width
