"""Advice is true or not given: each kind where it holds, and where it only seems to."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.course._numbers import of_numbers
from clew.course._written import Written, without_message
from clew.course.advice import of_error, of_stop
from clew.course.differences import difference
from clew.course.judging import judge
from clew.course.running import Problem


@dataclass(frozen=True)
class Task:
    starter: str
    expected: str
    tests: str | None = None


LOOP = "for i in range(3):\n    print(i)\n"
CALLED = "def step():\n    print(1)\n\nwhile True:\n    step()\n"
NO_LOOP = "def step():\n    print(1)\nstep()\n"


def advice(expected: str, said: str, code: str = "") -> str:
    found = difference(expected, said)
    assert found is not None
    return found.advice(code)


@given(
    st.lists(st.floats(0.5, 100), min_size=3, max_size=9, unique_by=lambda x: round(x, 3)),
    st.sampled_from([2, 3, 10, 0.5, 1.37, -2]),
)
def test_a_factor_is_told_in_whatever_places_it_is_printed(numbers, factor):
    lines = [(f"{number:.4f}", f"{factor * number:.3f}") for number in numbers]
    found = of_numbers(lines, ranges=False)
    assert found.startswith(f"Yours are {factor:.3g} times the expected numbers")


def test_a_factor_is_told_where_it_is_one_in_all_numbers_and_not_1():
    assert "2 times" in advice("6.000\n0.786\n-2.000", "12.0\n1.5725\n-4.0")
    assert "2 times" in advice("step 1: 0.50\nstep 2: 0.75", "step 1: 1.00\nstep 2: 1.50")
    assert "0.1 times" in advice("a 20\nb 0\nc 30", "a 2\nb 0\nc 3")
    for said in ("6.100\n0.799\n-2.030", "12.0\n0.786\n-4.0", "12.0\n1.572\n-4.1", "0\n1.572\n-4"):
        assert "times" not in advice("6.000\n0.786\n-2.000", said)
    assert "times" not in advice("0.01\n0.02\n0.03", "0.03\n0.02\n0.01")  # rounding allows too much
    assert "times" not in advice("2", "4")  # one number has any ratio
    assert "times" not in advice("1.0000\n2.0000\n3.0000", "1.0004\n2.0008\n3.0011")


def test_ranges_are_spoken_of_where_there_is_one_and_the_numbers_are_whole():
    assert "range(...)" in advice("a 3\nb 4", "a 4\nb 5", LOOP)
    assert advice("a 3\nb 4", "a 4\nb 5") == "One more than expected."
    assert advice("c 0.731\nd 0.5", "c 1.731\nd 1.5", LOOP) == "One more than expected."
    assert advice("c 0.731", "c 1.731", LOOP) == ""  # by chance
    assert advice("3\n4", "2\n4", LOOP) == ""  # not throughout: no end of a range


def test_0_is_spoken_of_where_all_are_0():
    assert "Yours is 0:" in advice("h1 = 1.5\nh2 = 2.5", "h1 = 0\nh2 = 0.0")
    assert "Yours is 0:" in advice("step 1: 0.5", "step 1: 0")
    assert advice("0.5\n0.7\n0.9\n0.3", "0.5\n0.7\n0.9\n0.0") == ""


def test_rounding_is_spoken_of_where_there_are_decimals_to_round_to():
    assert advice("6", "6.001") == ""
    assert "1 decimal" in advice("0.5", "0.46")
    assert "2 decimals" in advice("0.46", "0.5")
    assert (
        advice("0.46", "0")
        == "Yours is 0: is the value set before it is printed, or multiplied by 0?"
    )


def test_loops_are_spoken_of_where_a_loop_prints():
    assert "inside the loop" in advice("1\n2\n3", "1\n1\n1", LOOP)
    assert advice("True\nFalse", "True\nTrue", NO_LOOP) == "The same is printed every time."
    assert "too many steps" in advice("1", "1\n1", CALLED)
    assert "loop" not in advice("1", "1\n1", NO_LOOP)
    assert "end too early" in advice("1\n2", "1", LOOP)
    assert "inside a function" in advice("1\n2", "1", NO_LOOP)
    assert "is a print(...) missing?" in advice("1\n2", "1", "print(1)")
    assert "reached" in advice("1", "", LOOP)
    assert "reached" not in advice("1", "", "h = 1")


def test_two_lines_in_the_wrong_order_are_no_line_too_late():
    assert "another order" in advice("a\nb", "b\na")
    assert "too late" in advice("1\n2\n3", "2\n3\n4")


@pytest.mark.parametrize(
    ("limit", "code", "line", "said"),
    [
        ("time", CALLED, 2, "A loop without an end?"),
        ("time", CALLED, 5, "A loop without an end?"),
        ("time", "x = sum(1 for _ in iter(int, 1))", 1, "A loop without an end?"),
        ("time", LOOP + "import time\ntime.sleep(30)", 4, "No loop is at work here"),
        ("time", "x = 10 ** 10 ** 9", 1, "a number too large"),
        ("time", "def f(n):\n    return f(n - 1) + f(n - 2)\nf(60)", 2, "calls itself too often"),
        ("time", LOOP, None, "A loop without an end?"),
        ("output", CALLED, None, "A loop without an end"),
        ("output", "print('x' * 10**6)", None, "longer than any answer"),
        ("memory", "x = [0] * 10**9", 1, "a size or a number"),
        ("memory", "while True:\n    x = x + x", 2, "grows without an end"),
        ("disk", NO_LOOP, 2, "The answer needs no files."),
        ("disk", CALLED, 2, "does a loop write"),
    ],
)
def test_a_run_that_was_stopped_ran_in_a_loop_or_not(limit, code, line, said):
    assert said in of_stop(limit, code, line)


@pytest.mark.parametrize(
    ("kind", "message", "text", "said"),
    [
        ("OverflowError", "math range error", "e = math.exp(s)", "where x is above 709.78"),
        ("OverflowError", "(34, 'Numerical result out of range')", "h = h ** 9", "about 1.8e308"),
        ("TypeError", "'str' object is not callable", "x()", ""),
        ("TypeError", 'can only concatenate str (not "int") to str', "'1' + 1", "float(text)"),
        ("IndexError", "pop from empty list", "xs.pop()", "it is empty"),
    ],
)
def test_an_error_gets_the_advice_of_its_own_kind(kind, message, text, said):
    found = of_error(Problem(kind, f"{kind}: {message}", 1, None, text))
    assert said in found
    assert bool(found) == bool(said)


def test_what_is_no_python_has_no_loops():
    assert not Written("for x in").loops
    assert Written("def f(): f()\nfor x in y: f()").loops_at(1)  # who calls itself comes to an end


def test_a_check_is_shown_without_what_it_says():
    assert without_message("    assert f(2) == 'a, b', 'a, b is what 2 gives'") == (
        "assert f(2) == 'a, b'"
    )
    for line in ("assert f(2) == 4", "assert f(2) == (", "f(2)", "a; b"):
        assert without_message(line) == line


def test_what_a_check_says_is_said_once():
    task = Task("x = 0", "1\n", "assert x == 2, 'x is to be 2'")
    lines = judge(task, "x = 1\nprint(1)").lines()
    assert lines == [
        "Not yet: a check of your code does not hold:", "    assert x == 2", "", "x is to be 2",
    ]  # fmt: skip
