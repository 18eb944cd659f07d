"""The cells of lessons 9 to 12 are those of clew.reference, and usual mistakes in them fail."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from clew import reference
from clew.course.course import OURS, read_course
from clew.course.judging import judge

COURSE = read_course(OURS)
Names = Callable[[str], dict[str, Any]]


def test_the_lstm_of_the_lesson(examples: Names) -> None:
    names, draw = examples("09-the-lstm"), random.Random(0)
    w = {gate: ([draw.gauss(0, 1), draw.gauss(0, 1)], draw.gauss(0, 1), draw.gauss(0, 1))
         for gate in "ifgo"}  # fmt: skip
    weights = reference.Weights(
        [w[gate][0] for gate in "ifgo"], [[w[gate][1]] for gate in "ifgo"],
        [w[gate][2] for gate in "ifgo"],
    )  # fmt: skip
    h, c, state = 0.3, -0.8, ([0.3], [-0.8])
    for _ in range(5):
        x = [draw.gauss(0, 1), draw.gauss(0, 1)]
        h, c, _ = names["lstm_step"](h, c, x, w)
        state = reference.lstm_step(x, state, weights)
        assert (h, c) == pytest.approx((state[0][0], state[1][0]), abs=1e-12)


def test_the_gru_of_the_lesson(examples: Names) -> None:
    names, draw = examples("10-the-gru"), random.Random(1)
    w = [tuple(draw.gauss(0, 1) for _ in range(3)) for _ in "rzn"]
    weights = reference.Weights([[x] for x, _, _ in w], [[h] for _, h, _ in w], [b for *_, b in w])
    h, state = 0.3, [0.3]
    for _ in range(5):
        x = draw.gauss(0, 1)
        h, _ = names["gru_step"](h, x, w)
        state = reference.gru_step([x], state, weights)
        assert h == pytest.approx(state[0], abs=1e-12)


def test_the_gru_of_two_units(defined: Names) -> None:
    names = defined(COURSE.challenge("gru-two-units").solution)
    w = names["w"]
    columns = ("w_x", "w_h", "b", "b_h")
    rows = ([row for gate in "rzn" for row in w[gate][k]] for k in columns)
    weights = reference.Weights(*rows)
    h = [0.4, -0.7]
    found, right = names["gru_step"](h, [0.6], w), reference.gru_step([0.6], h, weights)
    assert found == pytest.approx(right, abs=1e-12)


def test_both_directions_and_stacks(defined: Names, examples: Names) -> None:
    names = defined(COURSE.challenge("both-padding").solution)
    both, step = names["both"], names["step"]
    xs = [0.4, -0.9, 0.1, float("nan")]

    def cell(x: float, h: list[float]) -> list[float]:
        return [step(h[0], x)]

    ahead = reference.read(cell, xs, [0.0], length=3)
    back = reference.read(cell, xs, [0.0], length=3, reverse=True)
    joined, _ = reference.both_ways(ahead, back)
    assert [list(pair) for pair in both(xs, 3)] == joined

    stack = examples("12-stacking-deep")
    layers = [reference.Weights(*stack[name]) for name in ("layer_1", "layer_2")]
    reading = [
        lambda xs, h, w=w: reference.read(
            lambda x, h: reference.rnn_step(x, h, w, curve=reference.relu), xs, h
        )
        for w in layers
    ]
    counts, _ = reference.stacked(reading, stack["xs"], [[0.0, 0.0], [0.0]])
    assert counts == stack["counts"]


# A part of the solution, and what learners write there.
MISTAKES = [
    ("lstm-belt", "f * c + i * g", "f * c + g"),
    ("lstm-belt", "f * c + i * g", "f * (c + i * g)"),
    ("lstm-belt", "f * c + i * g", "f * c + (1 - f) * g"),
    ("lstm-repair", "g = math.tanh(", "g = sigmoid("),
    ("lstm-repair", "f * c + i * g", "i * c + f * g"),
    ("lstm-repair", "o * math.tanh(c)", "o * c"),
    ("lstm-half-life", "f / (1 - f)", "(1 - f) / f"),
    ("lstm-half-life", "1 / steps", "1 / (steps + 1)"),
    ("lstm-half-life", "math.log(f / (1 - f))", "math.log(steps)"),
    ("lstm-counter", "[0.0, -40.0], 0.0, 20.0", "[0.0, 0.0], 0.0, 20.0"),
    ("lstm-counter", "[0.0, -40.0], 0.0, 20.0", "[0.0, -16.0], 0.0, 8.0"),
    ("lstm-counter", "c = f * c + i * g", "c = c * (x[1] == 0) + x[0]"),
    ("gru-lever", "(1.0 - z) * n + z * h", "n + z * h"),
    ("gru-two-units", "p + r_k * q", "r_k * (p + q)"),
    ("gru-two-units", "p + r_k * q", "r_k * p + q"),
    ("gru-fair", "units + 1) <=", "units) <="),
    ("gru-fair", "<= weights", "< weights"),
    ("gru-full-stop", "-40.0, 20.0),  # open", "-20.0, 20.0),  # open"),
    ("gru-full-stop", "-40.0, 20.0),  # open", "0.0, -20.0),  # open"),
    ("gru-full-stop", '"n": (1.0, 2.0', '"n": (1.0, 0.0'),
    ("both-seen", "t + 1]", "t]"),
    ("both-seen", "words[t:][::-1]", "words[t + 1:][::-1]"),
    ("both-in-place", "read(xs[::-1])[::-1]", "read(xs)[::-1]"),
    ("both-ends", "back[0]]", "back[-1]]"),
    ("both-padding", "real = xs[:length]", "real = [0.0 if x != x else x for x in xs]"),
    ("both-padding", "zip(ahead, back[::-1])", "zip(ahead, back)"),
    ("stack-feed", "in layers:\n        xs", "in layers[::-1]:\n        xs"),
    ("stack-states", "x = step(h, x, layer)", "x = h = step(h, h, layer)"),
    ("stack-states", "new.append(x)", "new.insert(0, x)"),
    ("stack-weights", "d = readers * h", "d = h"),
    ("stack-weights", "(d + h + 1)", "(d + readers * h + 1)"),
    ("stack-changes", "[[0.0, 1.0, 1.0]], [[1.0]]", "[[0.0, 1.0, 1.0]], [[0.0]]"),
    ("stack-changes", "[[1.0], [1.0], [-1.0]]", "[[1.0], [1.0], [1.0]]"),
]


@pytest.mark.parametrize(("name", "right", "wrong"), MISTAKES)
def test_a_usual_mistake_does_not_pass(name: str, right: str, wrong: str) -> None:
    challenge = COURSE.challenge(name)
    assert right in challenge.solution
    verdict = judge(challenge, challenge.solution.replace(right, wrong, 1))
    assert verdict.kind == "wrong"
