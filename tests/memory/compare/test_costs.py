"""Costs: of what reads both ways more the longer it was, of streams for cells only."""

from types import SimpleNamespace

import numpy as np
import torch

from clew.memory.compare.costs import AFTER, peak_memory, step_costs, stream_cost
from clew.memory.subject import Case
from clew.nn import Stack
from clew.nn.rivals import Window, in_place_of_cells


class Slow(torch.nn.Module):
    """Notes how many steps it is given, and from which state."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.calls = []

    def forward(self, x, state=None):
        self.calls.append((len(x), state))
        return x, (state or 0) + len(x)


def subject(reader, both):
    return SimpleNamespace(
        reader=reader, network=reader, both_ways=both,
        cases=lambda *_: [Case(np.zeros((2, 3), np.float32), 1, 0)],
        vectors=lambda inputs: inputs,
    )  # fmt: skip


def test_one_way_a_step_is_one_step_from_the_state_of_all_before_it():
    reader = Slow()
    assert set(step_costs(subject(reader, False))) == set(AFTER)
    assert {call for call in reader.calls if call[1] is not None} == {(1, n) for n in AFTER}


def test_both_ways_a_step_is_everything_again():
    reader = Slow()
    step_costs(subject(reader, True))
    assert set(reader.calls) == {(n + 1, None) for n in AFTER}


def test_streams_are_for_cells_that_read_one_way():
    assert stream_cost(subject(Stack(3, 4), False)) > 0
    assert stream_cost(subject(Stack(3, 4, bidirectional=True), True)) is None
    with in_place_of_cells(Window):
        assert stream_cost(subject(Stack(3, 4), False)) is None
    assert stream_cost(subject(Slow(), False)) is None


def test_memory_that_was_taken_is_seen():
    before = peak_memory()
    taken = np.ones(30 * 2**20, np.uint8)
    assert peak_memory() >= before
    del taken
