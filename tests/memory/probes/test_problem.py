import math

import numpy as np
import pytest
import torch

from clew.errors import InputError
from clew.memory.probes import Architecture, CopyMemory, Learning, Parity, ProbeNetwork
from clew.memory.probes.problem import HELD_OUT, ProbeProblem


def problem(probe=None, **settings):
    learning = Learning(**{"length": 4, "steps": 25, "every": 10, "judged": 64, **settings})
    probe = probe or Parity()
    return ProbeProblem(probe, ProbeNetwork(probe, Architecture("gru", 4).build), learning)


def test_the_plan_has_each_step_once_and_no_more_than_there_are():
    one = problem()
    plans = [one.plan(epoch, 0, 1) for epoch in range(one.learning.training().epochs)]
    assert [len(plan) for plan in plans] == [10, 10, 5]
    assert [step for plan in plans for step, _ in plan] == list(range(25))
    assert problem(steps=3).plan(0, 1, 2) == [(0, 1), (1, 1), (2, 1)]


def test_steps_processes_and_what_is_held_out_are_drawn_apart():
    learning = Learning(4)
    seeds = {learning.drawn(*where)[1] for where in [(0, 0), (0, 1), (1, 0), (HELD_OUT, 0)]}
    assert len(seeds) == 4
    assert Learning(4, seed=1).drawn(0, 0) != learning.drawn(0, 0)


def test_lengths_are_drawn_evenly_in_their_logarithm():
    learning = Learning((5, 500))
    lengths = [learning.drawn(step, 0)[0] for step in range(600)]
    assert min(lengths) >= 5
    assert max(lengths) <= 500
    assert abs(np.mean([length < 50 for length in lengths]) - 0.5) < 0.07
    assert lengths == [learning.drawn(step, 0)[0] for step in range(600)]


def test_the_loss_is_the_mean_over_what_needs_memory():
    one = problem(CopyMemory(items=3), length=6, batch_size=5)
    loss, count, carry = one.loss((0, 0), None)
    assert count == 15
    assert carry is None
    with torch.no_grad():  # untrained: some ln 9 at each of the 12 steps of 5 sequences
        assert 0.5 < float(loss) / (60 * math.log(9)) < 2


def test_evaluation_is_the_same_each_time():
    one = problem()
    with torch.no_grad():
        first, second = one.evaluate(), one.evaluate(full=True)
    assert first == second
    assert set(first.figures) == {"accuracy"}
    assert sum(batch.inputs.shape[1] for batch in one.held_out) == 64


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"length": 0}, "length"), ({"length": (3, 2)}, "length"), ({"length": (3,)}, "length"),
        ({"length": [3, 5]}, "length"), ({"length": "5"}, "length"),
        ({"steps": 0}, "steps"), ({"batch_size": 1.5}, "batch_size"), ({"every": 0}, "every"),
        ({"judged": 0}, "judged"), ({"learning_rate": -1.0}, "learning_rate"),
        ({"target": math.inf}, "target"), ({"device": "abacus"}, "device"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(settings, name):
    with pytest.raises(InputError) as caught:
        Learning(**{"length": 5, **settings})
    assert caught.value.where == name
