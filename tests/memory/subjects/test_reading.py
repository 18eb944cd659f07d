"""Modules held against the contract of a reader: what is taken, what is refused, and why."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import InputError
from clew.memory.subjects.reading import TimeFirst, called, checked


def checked_so(module, **told):
    torch.manual_seed(0)
    settings = {"batch_first": False, "both_ways": False, "embed": None, **told}
    return checked(module, torch.randn(7, 3, 3), **settings)


class Odd(nn.Module):
    """Answers with whatever it is told to."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x, state=None):
        return self.make(x, state)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda x, state: x, "answers with a tensor"),
        (lambda x, state: (x, x, x), "a tuple of 3"),
        (lambda x, state: (x[-1], state), "makes y, a tensor of shape (3, 3)"),
        (lambda x, state: (x.mean(1, keepdim=True) + x, None), "alone than beside others"),
        (lambda x, state: (x.cumsum(0), None), "in two pieces"),
        (lambda x, state: (x.cumsum(1), None), "alone than"),
        (lambda x, state: (x / 0, None), "NaN or infinity"),
        (lambda x, state: [x, state], "answers with an object of type list"),
        (lambda x, state: (torch.rand_like(x), state), "when it is called again"),
        (lambda x, state: (x + state, x), "fails on x of shape (7, 3, 3) and no state: TypeError"),
    ],
)
def test_refuses_modules_that_do_not_keep_to_the_contract(make, told):
    with pytest.raises(InputError) as caught:
        checked_so(Odd(make))
    assert told in str(caught.value)
    assert caught.value.expected is not None or "NaN" in told


class Around(nn.Module):
    """Reads what stands on both sides of a step, and carries nothing."""

    def forward(self, x, state=None):
        return x + torch.cat([x[1:], x[:1]]), None


class Looking(nn.Module):
    """Looks ids up."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 3)

    def forward(self, x, state=None):
        return self.table(x), None


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        (nn.Linear(3, 3), "a small module around it"),
        (Odd(lambda x, state: x), "a small module around it"),
        (nn.LSTM(5, 3), "batch_first=True"),
        (nn.LSTMCell(3, 3), "a cell reads one step"),
        (nn.GRUCell(3, 3), "a cell reads one step"),
        (Looking(), "whole numbers as data"),
        (Odd(lambda x, state: (x.cumsum(0), None)), "return the state that it ends with"),
        (Odd(lambda x, state: (x.cumsum(0), x[0])), "both_ways=True"),
    ],
)
def test_what_to_try_fits_what_is_wrong(module, hint):
    with pytest.raises(InputError) as caught:
        checked_so(module)
    assert hint in caught.value.hint


def test_a_state_that_stays_on_the_module():
    module = Odd(lambda x, state: None)

    def counting(x, state):
        module.calls = getattr(module, "calls", 0) + 1
        return x * module.calls, None

    module.make = counting
    with pytest.raises(InputError, match="when it is called again"):
        checked_so(module)


def test_a_module_that_cannot_be_copied():
    module = nn.GRU(3, 4)
    module.scaled = module.weight_ih_l0 * 2  # part of a graph
    with pytest.raises(InputError, match="cannot be copied: RuntimeError"):
        checked_so(module)


def test_both_ways_is_told_not_seen():
    with pytest.raises(InputError, match="in two pieces") as caught:
        checked_so(Around())
    assert "both_ways=True" in caught.value.hint
    assert checked_so(Around(), both_ways=True).carries


def test_time_is_put_first_and_the_module_left_as_it_is():
    module = nn.GRU(3, 4, batch_first=True, dropout=0.5, num_layers=2)
    reader = checked_so(module, batch_first=True)
    assert isinstance(reader.module, nn.GRU)  # no wrapper, so that its layers can be opened
    assert module.batch_first
    assert module.training
    assert not reader.module.training
    x = torch.randn(5, 2, 3)
    y, state = called(reader.module, x, None)
    wrapped, same = TimeFirst(module.eval())(x)
    torch.testing.assert_close(wrapped, y)
    torch.testing.assert_close(same, state)


@pytest.mark.parametrize(
    ("embed", "told"),
    [
        (nn.Linear(3, 3), "embed fails on ids"),
        (nn.Flatten(0), "embed makes a tensor of shape"),
        (nn.Embedding(8, 3), "embed fails on ids up to 8: IndexError"),
        (nn.Embedding(9, 5), "fails on x of shape (7, 3, 5)"),
    ],
)
def test_refuses_embeddings_that_make_no_vectors(embed, told):
    ids = torch.from_numpy(np.arange(21).reshape(7, 3) % 8)
    with pytest.raises(InputError) as caught:
        checked(nn.LSTM(3, 4), ids, 8, batch_first=False, both_ways=False, embed=embed)
    assert told in str(caught.value)


class Counting(nn.Module):
    """Reads ids, and what they are besides their vectors."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 3)

    def forward(self, ids, state=None):
        if ids.dim() == 3:
            return ids, None
        return self.embedding(ids) + ids[..., None], None


def test_refuses_what_is_done_with_ids_but_to_look_them_up():
    ids = torch.from_numpy(np.arange(21).reshape(7, 3) % 9)
    with pytest.raises(InputError, match="does more with ids"):
        checked(Counting(), ids, 8, batch_first=False, both_ways=False, embed=None)
