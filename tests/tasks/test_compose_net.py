"""The network of tunes: whole = split = stepwise, alone = together, against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.problem import TuneProblem, tune_nats
from clew.tasks._compose.store import Part, Written, encode, finish, learn
from clew.tasks._step import reading

DRAW = np.random.default_rng(0)


def network(**changes):
    torch.manual_seed(0)
    given = {"embedding_size": 5, "hidden_size": 6, "num_layers": 2, "dropout": 0.3}
    return TuneNetwork(9, **{**given, **changes}).eval()


def part(lengths, folder: Path):
    tunes = [[str(n) for n in DRAW.integers(6, size=length)] for length in lengths]
    tunes[0] = [*map(str, range(6))]  # all are known
    encode((Written(tune, len(tune)) for tune in tunes), folder)
    store = finish(folder, learn(folder, np.arange(len(tunes)), "abc"))
    return Part(store, np.arange(len(tunes)))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_whole_is_split_is_stepwise(cell):
    net = network(cell=cell)
    tokens = torch.from_numpy(DRAW.integers(9, size=(7, 3)))
    whole, end = net(tokens)
    first, state = net(tokens[:3])
    second, state = net(tokens[3:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole, rtol=1e-5, atol=1e-6)
    steps, state = [], None
    for token in tokens:
        y, state = net.step(token, state)
        steps.append(y)
    torch.testing.assert_close(torch.stack(steps), whole, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(state, end, strict=True):
        for a, b in zip(torch.atleast_1d(*ours), torch.atleast_1d(*theirs), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def plainly(net, tune):
    """The nats of one tune, by torch's own cross-entropy, a token at a time."""
    total, state, before = 0.0, None, 0
    for token in tune.tolist():
        y, state = net.step(torch.tensor([before]), state)
        scores = net.logits(y)
        total += float(F.cross_entropy(scores.double(), torch.tensor([token])))
        before = token
    return total


@settings(max_examples=8)
@given(lengths=st.lists(st.integers(1, 12), max_size=6), window=st.integers(1, 14))
def test_nats_of_a_tune_are_those_of_a_plain_loop(lengths, window, tmp_path_factory):
    net, tunes = network(), part([6, *lengths], tmp_path_factory.mktemp("p") / "s")
    with reading(net):
        found = tune_nats(net, tunes, window)
        expected = [plainly(net, tunes.tune(n)) for n in range(len(tunes))]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_loss_in_windows_is_that_of_whole_tunes(tmp_path):
    tunes = part([6, 9, 3, 14, 1], tmp_path / "s")
    net = network(dropout=0.0)
    whole = TuneProblem(net, tunes, tunes, batch_size=3, window=50, seed=0)
    split = TuneProblem(net, tunes, tunes, batch_size=3, window=4, seed=0)

    def total(problem):
        nats, count, carry = 0.0, 0, None
        for item in problem.plan(0, 0, 1):
            loss, number, carry = problem.loss(item, carry)
            nats, count = nats + float(loss), count + number
        return nats, count

    with torch.no_grad():
        (a, n), (b, m) = total(whole), total(split)
    assert n == m == tunes.tokens
    assert a == pytest.approx(b, rel=1e-5)
    with reading(net):
        assert whole.evaluate().objective == pytest.approx(a / n, rel=1e-5)


def test_two_ranks_read_what_one_reads(tmp_path):
    tunes = part([6, 9, 3, 14, 1, 8, 2], tmp_path / "s")
    one = TuneProblem(network(), tunes, tunes, batch_size=4, window=5, seed=3)
    two = TuneProblem(network(), tunes, tunes, batch_size=2, window=5, seed=3)
    for epoch in range(2):
        plans = [two.plan(epoch, rank, 2) for rank in range(2)]
        whole = one.plan(epoch, 0, 1)
        assert len(plans[0]) == len(plans[1]) == len(whole)
        for item, *parts in zip(whole, *plans, strict=True):
            assert item is not None
            there = [p for p in parts if p is not None]
            lengths = tunes.lengths
            read = {n for p in there for n in p.numbers.tolist() if lengths[n] > p.start}
            assert read == {n for n in item.numbers.tolist() if lengths[n] > item.start}
