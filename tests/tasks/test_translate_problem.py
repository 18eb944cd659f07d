"""Training a translator: batches, the loss of what the decoder reads, held-out figures."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clew.nn import Stack
from clew.tasks._translate.net import TranslatorNetwork
from clew.tasks._translate.problem import ListedPairs, PairProblem, Rows, held_out_batches


def problem(count=12, **options):
    draw = np.random.default_rng(0)
    sides = [[draw.integers(2, 9, draw.integers(0, 6)) for _ in range(count)] for _ in range(2)]
    rows = Rows(ListedPairs(*sides), np.arange(count), (9, 9), 10)
    torch.manual_seed(0)
    network = TranslatorNetwork(
        Stack(4, 3, bidirectional=True), Stack(4, 6), source_size=10, target_size=10,
        embedding_size=4, attention="dot", input_feeding=False, shared=False, tie=True,
        dropout=0.0,
    )  # fmt: skip
    given = {"batch_size": 4, "epochs": 3, "seed": 1, **options}
    return PairProblem(network, rows, rows, **given)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_the_cross_entropy_of_each_piece_and_of_the_end(smoothing):
    asked = problem(label_smoothing=smoothing)
    numbers = np.arange(12)
    loss, count, carry = asked.loss((numbers, 1.0), None)
    total = torch.zeros(())
    for number in numbers.tolist():
        source, target = asked.train.pair(number)
        x = torch.from_numpy(source)[:, None]
        memory = asked.network.encode(x, torch.tensor([len(source)]))
        state = asked.network.start(memory)
        before = 9
        for piece in target.tolist():
            logits, state, _ = asked.network.step(torch.tensor([before]), state, memory)
            truth = torch.tensor([piece])
            total = total + F.cross_entropy(logits, truth, label_smoothing=smoothing)
            before = piece
    assert float(loss.detach()) == pytest.approx(float(total.detach()), rel=1e-5)
    assert count == sum(len(asked.train.pair(n)[1]) for n in range(12))
    assert carry is None


def test_every_pair_once_an_epoch_and_the_truth_gives_way_in_a_straight_line():
    asked = problem(teacher_forcing=0.4)
    shares = []
    for epoch in range(3):
        whole = asked.plan(epoch, 0, 1)
        assert sorted(np.concatenate([numbers for numbers, _ in whole]).tolist()) == [*range(12)]
        shares += [share for _, share in whole]
        halves = [asked.plan(epoch, rank, 2) for rank in range(2)]
        assert len(halves[0]) == len(halves[1])
        both = [numbers for half in halves for numbers, _ in filter(None, half)]
        assert sorted(np.concatenate(both).tolist()) == [*range(12)]
    np.testing.assert_allclose(shares, 1 - 0.6 * np.arange(9) / 9)


def test_what_the_network_guessed_is_read_in_place_of_the_truth():
    asked = problem()
    numbers = np.arange(12)
    torch.manual_seed(5)
    mixed, _ = asked._read(asked.train, numbers, 0.0)  # all of its own
    x, sizes, y, steps = asked.train.batch(numbers)
    memory = asked.network.encode(x, sizes)
    begin = torch.full_like(y[:1], 9)
    first, _ = asked.network(torch.cat([begin, y[:-1]]), memory)
    guessed = asked.network.logits(first[:-1]).argmax(-1)
    expected, _ = asked.network(torch.cat([begin, guessed]), memory)
    real = torch.arange(len(y))[:, None] < steps
    assert torch.equal(mixed, expected[real])


def test_held_out_figures_are_those_of_every_piece():
    asked = problem(count=30)
    asked.network.eval()
    with torch.no_grad():
        found = asked.evaluate(full=True)
        losses = [asked.loss((np.array([n]), 1.0), None)[:2] for n in range(30)]
    nats = sum(float(loss) for loss, _ in losses) / sum(count for _, count in losses)
    assert found.objective == pytest.approx(nats, rel=1e-5)
    assert found.figures["perplexity"] == pytest.approx(np.exp(nats), rel=1e-5)


def test_held_out_batches_hold_each_chosen_pair_once_and_few_cells():
    lengths = np.random.default_rng(0).integers(1, 90, (1000, 2))
    batches = held_out_batches(lengths, 300)
    some = np.concatenate(batches)
    assert len(some) == len(set(some.tolist())) == 300
    assert some.min() == 0
    assert some.max() == 999
    assert all(lengths[batch].max() * len(batch) <= 4096 for batch in batches)
    assert sum(map(len, held_out_batches(lengths, 5000))) == 1000
