"""What the tests of the lessons share: the names that a lesson's code defines."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import pytest

from clew.course.course import OURS
from clew.course.lesson import read_lesson


def _defined(code: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, found)
    return found


def _examples(lesson: str) -> dict[str, Any]:
    blocks = read_lesson(OURS / f"{lesson}.md").every_block()
    return _defined("\n".join(block.text for block, _ in blocks if block.language == "python"))


@pytest.fixture(scope="session")
def defined() -> Callable[[str], dict[str, Any]]:
    """What a piece of code defines."""
    return _defined


@pytest.fixture(scope="session")
def examples() -> Callable[[str], dict[str, Any]]:
    """What the examples of a lesson define; "09-the-lstm" names it."""
    return _examples
