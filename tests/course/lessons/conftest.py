"""What the tests of the lessons share: what a lesson's code defines, and whether answers pass."""

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clew.course.course import OURS
from clew.course.differences import difference
from clew.course.lesson import Challenge, read_lesson

sys.path.insert(0, str(Path(__file__).parent))  # for the tables answers_*.py


def _defined(code: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, found)
    return found


def _examples(lesson: str) -> dict[str, Any]:
    blocks = read_lesson(OURS / f"{lesson}.md").every_block()
    return _defined("\n".join(block.text for block, _ in blocks if block.language == "python"))


def _passes(challenge: Challenge, code: str) -> bool:
    said, names = io.StringIO(), dict[str, Any]()
    try:
        with contextlib.redirect_stdout(said):
            exec(code, names)
        if difference(challenge.expected, said.getvalue()) is not None:
            return False
        exec(challenge.tests or "", names)
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
        return False
    return True


@pytest.fixture(scope="session")
def defined() -> Callable[[str], dict[str, Any]]:
    """What a piece of code defines."""
    return _defined


@pytest.fixture(scope="session")
def examples() -> Callable[[str], dict[str, Any]]:
    """What the examples of a lesson define; "09-the-lstm" names it."""
    return _examples


@pytest.fixture(scope="session")
def passes() -> Callable[[Challenge, str], bool]:
    """Whether an answer passes, as the judge has it, but without a process of its own."""
    return _passes
