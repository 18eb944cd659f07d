"""The network of classify: what it makes of outputs, beside plain loops and finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.nn import Stack
from clew.tasks._classify.net import POOLS, ClassifierNetwork


def build(D, H, L=1, *, pool, cell="lstm", classes=3):
    torch.manual_seed(0)
    stack = Stack(D, H, L, cell=cell, bidirectional=True).double()
    return ClassifierNetwork(
        stack, vocabulary=None, embedding_size=0, classes=classes, pool=pool, dropout=0.5
    ).double().eval()  # fmt: skip


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("pool", POOLS)
def test_a_sequence_alone_and_in_a_padded_batch(pool, cell):
    network = build(3, 4, 2, pool=pool, cell=cell)
    lengths = torch.tensor([5, 0, 2, 1])
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    together = network(x, lengths)
    for b, length in enumerate(lengths.tolist()):
        alone = network(x[:length, b : b + 1], lengths[b : b + 1])
        torch.testing.assert_close(together[b], alone[0], atol=1e-12, rtol=0)
    noisy = x.masked_fill(torch.arange(5)[:, None, None] >= lengths[None, :, None], 1e6)
    torch.testing.assert_close(network(noisy, lengths), together, atol=1e-12, rtol=0)


@pytest.mark.parametrize("pool", POOLS)
def test_what_each_pool_reads(pool):
    network = build(2, 3, pool=pool, classes=2)
    x = torch.randn(4, 1, 2, dtype=torch.float64)
    y = network.stack(x)[0][:, 0]  # (T, 2 H)
    expected = {
        "max": y.max(0).values,
        "mean": y.mean(0),
        "last": torch.cat([y[-1, :3], y[0, 3:]]),  # forward ends at the end, backward at the start
        "attention": y.mean(0),  # when every score is equal
    }[pool]
    if network.attention is not None:
        for p in network.attention.parameters():
            torch.nn.init.zeros_(p)
    scores = network(x, torch.tensor([4]))[0]
    torch.testing.assert_close(scores, network.output(expected))
    empty = network(x, torch.tensor([0]))[0]
    torch.testing.assert_close(empty, network.output.bias)


@settings(max_examples=50)
@given(st.data())
def test_the_maximum_and_its_gradient_by_loops(data):
    # Of few values, so that equal ones are frequent; all below 0 where padding reads as 0.
    T, B, H = (data.draw(st.integers(1, 4)) for _ in range(3))
    values = st.sampled_from([-1.0, -0.5, -0.25])
    y = torch.tensor(data.draw(st.lists(values, min_size=T * B * H, max_size=T * B * H)),
                     dtype=torch.float64).reshape(T, B, H).requires_grad_()  # fmt: skip
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, T), min_size=B, max_size=B)))
    found = MAXIMUM._read(y, (), lengths)
    weight = torch.arange(1.0, B * H + 1, dtype=torch.float64).reshape(B, H)
    (found * weight).sum().backward()
    highest, gradient = torch.zeros(B, H), torch.zeros(T, B, H)
    for b in range(B):
        for h in range(H):
            column = y[: lengths[b], b, h].tolist()
            if column:
                highest[b, h] = max(column)
                gradient[column.index(max(column)), b, h] = weight[b, h]  # the first of them
    assert torch.equal(found, highest.double())
    assert torch.equal(y.grad, gradient.double())


MAXIMUM = build(1, 1, pool="max")


@pytest.mark.parametrize("pool", POOLS)
def test_gradients_beside_finite_differences(pool):
    network = build(2, 2, pool=pool)
    for p in network.parameters():
        p.requires_grad_(False)
    x = torch.randn(4, 3, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: network(x, torch.tensor([4, 0, 2])), x)
    y = torch.randn(4, 3, 4, dtype=torch.float64).requires_grad_()
    state = (torch.randn(2, 3, 2, dtype=torch.float64),)
    if pool != "last":
        assert torch.autograd.gradcheck(
            lambda y: network._read(y, state, torch.tensor([4, 0, 2])), y
        )
