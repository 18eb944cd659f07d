"""Numbers looked at late are the same numbers, and trouble is still named by its step."""

import math

import pytest
import torch

from clew.train.position import Position
from clew.train.tally import NotFiniteError, Tally


def add(tally, position, loss, norm, count=3):
    tally.add(torch.tensor(loss), count, torch.tensor(norm))
    position.step += 1


@pytest.mark.parametrize("wait", [1, 4, 16])
def test_sums_do_not_depend_on_when_they_are_looked_at(wait):
    position = Position()
    tally = Tally(position, wait=wait, clip=2.0)
    losses = [0.1 * k for k in range(10)]
    for k, loss in enumerate(losses):
        add(tally, position, loss, float(k))
    tally.settle()
    assert position.loss_sum == sum(float(torch.tensor(loss)) for loss in losses)
    assert (position.loss_count, position.clipped) == (30, 7)


@pytest.mark.parametrize("wait", [1, 4])
@pytest.mark.parametrize(
    ("loss", "norm", "what"), [(math.nan, 1.0, "loss"), (1.0, math.inf, "gradient")]
)
def test_the_first_step_without_numbers_is_named(wait, loss, norm, what):
    position = Position()
    tally = Tally(position, wait=wait, clip=None)
    add(tally, position, 1.0, 1.0)

    def go_on():
        for _ in range(3):
            add(tally, position, loss, norm)

    with pytest.raises(NotFiniteError) as error:
        go_on()
    assert (error.value.what, error.value.step) == (what, 2)
    tally.settle()  # the steps after it are forgotten
    assert position.loss_count == 3
