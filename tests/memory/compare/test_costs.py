"""Costs: of what reads both ways more the longer it was, of streams for cells only."""

from types import SimpleNamespace

import numpy as np
import torch

from clew.memory.compare import costs
from clew.memory.compare.costs import AFTER, peak_memory, step_costs
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
    assert list(step_costs(subject(reader, False))) == [str(after) for after in AFTER]
    assert {call for call in reader.calls if call[1] is not None} == {(1, n) for n in AFTER}


def test_both_ways_a_step_is_everything_again():
    reader = Slow()
    step_costs(subject(reader, True))
    assert set(reader.calls) == {(n + 1, None) for n in AFTER}


def test_costs_are_taken_in_turns_of_several_rounds(monkeypatch):
    monkeypatch.setattr(costs, "ROUNDS", 3)
    monkeypatch.setattr(costs, "repeated", lambda call: lambda seconds: (call(), seconds)[1])
    reader = Slow()
    found = step_costs(subject(reader, True))
    assert [len(rounds) for rounds in found.values()] == [3, 3, 3]
    assert reader.calls == [(n + 1, None) for n in AFTER] * 3
    assert found["8"] == [1e6 * costs.SECONDS] * 3


def test_streams_are_for_cells_that_read_one_way():
    assert min(step_costs(subject(Stack(3, 4), False))["stream"]) > 0
    assert "stream" not in step_costs(subject(Stack(3, 4, bidirectional=True), True))
    with in_place_of_cells(Window):
        assert "stream" not in step_costs(subject(Stack(3, 4), False))
    assert "stream" not in step_costs(subject(Slow(), False))


def test_memory_that_was_taken_is_seen():
    before = peak_memory()
    taken = np.ones(30 * 2**20, np.uint8)
    assert peak_memory() >= before
    del taken
