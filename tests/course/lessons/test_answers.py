"""Right answers other than the solution pass, and usual mistakes do not."""

from collections.abc import Callable

import answers_01_08
import answers_09_16
import pytest

from clew.course.course import OURS, read_course
from clew.course.lesson import Challenge

COURSE = read_course(OURS)
Passes = Callable[[Challenge, str], bool]


def changed(name: str, part: str, other: str) -> tuple[Challenge, str]:
    challenge = COURSE.challenge(name)
    assert part in challenge.solution
    return challenge, challenge.solution.replace(part, other, 1)


@pytest.mark.parametrize(("name", "part", "other"), answers_01_08.RIGHT + answers_09_16.RIGHT)
def test_another_right_answer_passes(passes: Passes, name: str, part: str, other: str) -> None:
    assert passes(*changed(name, part, other))


@pytest.mark.parametrize(("name", "part", "other"), answers_01_08.WRONG + answers_09_16.WRONG)
def test_a_usual_mistake_does_not_pass(passes: Passes, name: str, part: str, other: str) -> None:
    assert not passes(*changed(name, part, other))
