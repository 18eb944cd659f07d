"""Lesson 8 tells of a gradient in the words, and by the rate, of the instrument it names."""

import math
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from clew.course.course import OURS, read_course
from clew.memory.decay import decay


@pytest.fixture(scope="module")
def names(
    examples: Callable[[str], dict[str, Any]], defined: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    """What the lesson's examples define, with the rate of its last challenge in their place."""
    found = examples("08-why-it-forgets")
    found["rate"] = defined(read_course(OURS).challenge("forgets-words").solution)["rate"]
    return found


def plain(words: str) -> str:
    """The instrument's words without its interval, and without what it adds behind them."""
    words = re.sub(r"\(95 %[^;]*; ", "(", words)
    return words[: words.index(")") + 1]


@pytest.mark.parametrize("factor", [0.2, 0.5, 0.7, 0.93, 1.08, 1.4, 3.0])
def test_words_and_rate_are_those_of_the_instrument(names: dict[str, Any], factor: float) -> None:
    chance = random.Random(str(factor))
    sizes = [2.0 * factor**lag * math.exp(chance.gauss(0, 0.1)) for lag in range(41)]
    found = decay(range(41), sizes)
    assert names["rate"](sizes) == pytest.approx(found.rate, rel=1e-9)
    assert names["words"](sizes) == plain(found.words())


def test_what_holds_is_said_to_hold(names: dict[str, Any]) -> None:
    sizes = names["sizes"]  # of the running sum
    assert names["words"](sizes) == "holds: changes by less than a factor of 2 over 100 steps"
    assert decay(range(101), sizes).words() == names["words"](sizes) + " (lags 0 to 100)"
