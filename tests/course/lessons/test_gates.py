"""The cells of the lessons are those of clew.reference, and of the layers."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from clew import nn, reference
from clew.course.course import OURS, read_course

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


def test_the_gru_that_is_moved_is_that_of_the_layer(defined: Names) -> None:
    names = defined(COURSE.challenge("move-your-gru").solution)
    layer = nn.GRU(1, 2, dtype=torch.float64)
    xs, h = [[1.0], [-1.0], [0.3]], [0.0, 0.0]
    with torch.no_grad():
        for parameter, moved in zip(layer.parameters(), names["stacked"](names["w"]), strict=True):
            parameter.copy_(torch.tensor(moved, dtype=torch.float64))
        y, _ = layer(torch.tensor(xs, dtype=torch.float64).unsqueeze(1))
    for x, said in zip(xs, y[:, 0].tolist(), strict=True):
        h = names["gru_step"](h, x, names["w"])
        assert said == pytest.approx(h, abs=1e-12)


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
