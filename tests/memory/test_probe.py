"""The gradient by lag of one batch, beside plain autograd of a single step of each sequence."""

import numpy as np
import pytest
import torch
from torch import nn
from watching import Problem

from clew.memory._probe import Probe


def plainly(problem, batch, at, said=None):
    """Mean norms by lag of d loss_t/dx, each sequence by itself; at: its step from its length."""
    sums, counts = np.zeros(20), np.zeros(20)
    for column, length in enumerate(problem.lengths.tolist()):
        if not length:
            continue
        x = problem.x[batch][:length, column : column + 1].clone().requires_grad_()
        t = at(length)
        if said is not None:
            y, _ = problem.stack(x)
            score = (y[t, 0] * said).sum()
        else:
            y, _ = problem.stack(x)
            score = (problem.head(y[t])[0, 0] - problem.y[batch, t, column]).square()
        (slope,) = torch.autograd.grad(score, x)
        for step, norm in enumerate(slope[:, 0].double().norm(dim=1).tolist()):
            sums[abs(t - step)] += norm
            counts[abs(t - step)] += 1
    return sums[counts > 0] / counts[counts > 0]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("where", ["every", "last"])
def test_it_is_the_gradient_of_the_loss_of_the_last_step_of_each_sequence(cell, where):
    problem = Problem(cell=cell, layers=2, where=where, dropout=0.5)
    probe = Probe(problem, reach=100)
    found = probe.look()
    assert (probe.place, probe.way) == ("stack", "loss")
    problem.eval()
    np.testing.assert_allclose(found, plainly(problem, 0, lambda n: n - 1), rtol=1e-4)
    assert len(found) == 9
    assert "last step" in probe.words()


def test_a_loss_of_the_final_state_arrives_at_the_last_step():
    problem = Problem(where="state", cell="lstm")
    found = Probe(problem, reach=100).look()
    x = problem.x[0].clone().requires_grad_()
    (slope,) = torch.autograd.grad(problem.errors(x, 0).sum(), x)
    sums = np.zeros(9)
    counts = np.zeros(9)
    for column, length in enumerate(problem.lengths.tolist()):
        for step in range(length):
            sums[length - 1 - step] += float(slope[step, column].norm())
            counts[length - 1 - step] += 1
    np.testing.assert_allclose(found, sums / counts, rtol=1e-4)


def test_of_what_reads_both_ways_the_middle_step_is_looked_at():
    problem = Problem(both_ways=True, lengths=(9, 5, 6))
    probe = Probe(problem, reach=100)
    found = probe.look()
    np.testing.assert_allclose(found, plainly(problem, 0, lambda n: (n - 1) // 2), rtol=1e-4)
    assert "middle step" in probe.words()


def test_where_the_loss_asks_nothing_of_a_step_a_mixture_of_what_is_said_is_taken():
    problem = Problem(both_ways=True, where="state")
    probe = Probe(problem, reach=100)
    found = probe.look()
    assert probe.way == "said"
    mixed = torch.randn(10, generator=torch.Generator().manual_seed(20))
    wanted = plainly(problem, 0, lambda n: (n - 1) // 2, said=mixed)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert probe.words().startswith("a random mixture")


def test_a_head_of_zeros_is_waited_for():
    problem = Problem(head=0.0)
    probe = Probe(problem, reach=100)
    assert probe.look(decide=False) is None
    assert probe.way == ""
    nn.init.ones_(problem.head.weight)
    assert probe.look(decide=False) is not None
    assert probe.way == "loss"
    never = Probe(Problem(head=0.0), reach=100)
    assert never.look() is not None
    assert never.way == "said"


def test_lags_end_at_the_reach():
    problem = Problem()
    far, near = Probe(problem, reach=100).look(), Probe(problem, reach=3).look()
    np.testing.assert_array_equal(near, far[:4])


def test_the_longest_of_the_first_batches_is_taken():
    class Uneven(Problem):
        def loss(self, item, carry):
            steps = 3 + 2 * item
            errors = self.errors(self.x[item][:steps], item, self.lengths.clamp(max=steps))
            return errors.sum(), 1, None

    assert len(Probe(Uneven(), reach=100).look()) == 9


def test_single_layers_and_batch_first_are_read_too():
    class Bare(Problem):
        def __init__(self):
            super().__init__(lengths=(6, 6))
            self.stack = nn.LSTM(3, 5, batch_first=True)
            self.spelling = nn.GRU(3, 2)

        def loss(self, item, carry):
            y, _ = self.stack(self.x[item].transpose(0, 1))
            errors = (self.head(y)[..., 0] - self.y[item].T).square()
            return errors.sum() + 0 * self.spelling(self.x[item])[0].sum(), 12, None

    problem = Bare()
    probe = Probe(problem, reach=100)
    assert probe.place == "stack"  # the first that is called
    found = probe.look()
    inner = Problem(lengths=(6, 6))
    inner.stack, inner.head = nn.LSTM(3, 5), problem.head
    inner.stack.load_state_dict(problem.stack.state_dict())
    np.testing.assert_allclose(found, plainly(inner, 0, lambda n: n - 1), rtol=1e-4)


def test_without_a_layer_that_reads_a_sequence_nothing_is_measured():
    class Stepping(Problem):
        def loss(self, item, carry):
            state, total = None, 0.0
            for x in self.x[item]:
                y, state = self.stack(x[None], state)
                total = total + self.head(y).square().sum()
            return total, 1, None

    probe = Probe(Stepping(), reach=10)
    assert (probe.place, probe.words()) == ("", "")
    assert probe.look() is None


def test_weights_gradients_modes_and_generators_are_left_as_they_were():
    problem = Problem(dropout=0.5, layers=2)
    problem.head.eval()
    problem.loss(0, None)[0].backward()
    before = [p.grad.clone() for p in problem.parameters()]
    kept = {name: tensor.clone() for name, tensor in problem.state_dict().items()}
    random = torch.get_rng_state()
    probe = Probe(problem, reach=10)
    first, second = probe.look(), probe.look()
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(p.grad, b) for p, b in zip(problem.parameters(), before, strict=True))
    assert all(p.requires_grad for p in problem.parameters())
    assert all(torch.equal(kept[name], tensor) for name, tensor in problem.state_dict().items())
    assert problem.training
    assert problem.stack.training
    assert not problem.head.training
    assert not problem.stack._forward_hooks
    assert not problem.stack._forward_pre_hooks
