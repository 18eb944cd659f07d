"""The label problem: its batches, its loss, and predictions in the order of the question."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from clew.tasks._classify.labelling import (
    CELLS,
    LOOK,
    MOST,
    STEPS,
    Examples,
    LabelProblem,
    paced,
    probabilities,
)
from clew.train import TrainSettings


class Counting(nn.Module):
    """Scores that only depend on the ids of one sequence; remembers the batches it saw."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.01))
        self.shapes = []

    def forward(self, x, lengths):
        self.shapes.append(tuple(x.shape))
        real = torch.arange(len(x))[:, None] < lengths
        total = (x * real).sum(0) * self.weight
        return torch.stack([total, torch.zeros_like(total), -total], 1)


def examples(lengths):
    return Examples(
        [np.arange(2, 2 + n, dtype=np.int32) for n in lengths],
        np.arange(len(lengths), dtype=np.int64) % 3,
    )


def problem(lengths, **changes):
    given = {"batch_size": 4, "seed": 0, **changes}
    return LabelProblem(Counting(), examples(lengths), examples([1, 2, 0]), **given)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(1, 5), st.integers(0, 3))
def test_every_example_once_and_every_rank_as_many_batches(lengths, world, epoch):
    plans = [problem(lengths).plan(epoch, rank, world) for rank in range(world)]
    assert len({len(plan) for plan in plans}) == 1
    places = [place for plan in plans for batch in plan if batch is not None for place in batch]
    assert sorted(places) == list(range(len(lengths)))
    assert max(len(batch) for plan in plans for batch in plan if batch is not None) <= 4


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(2, 4))
def test_ranks_share_the_batches_of_one_process_with_larger_ones(lengths, world):
    alone = problem(lengths, batch_size=4 * world).plan(1, 0, 1)
    shared = [problem(lengths).plan(1, rank, world) for rank in range(world)]
    for number, batch in enumerate(alone):
        parts = [plan[number] for plan in shared if plan[number] is not None]
        assert sorted(np.concatenate(parts)) == sorted(batch)


def test_epochs_differ_and_repeat():
    plans = [problem([1] * 30).plan(epoch, 0, 1) for epoch in (0, 1, 0)]
    first, second, again = ([batch.tolist() for batch in plan] for plan in plans)
    assert first == again != second


def test_the_loss_is_summed_over_the_batch():
    whole = problem([3, 0, 5, 1])
    loss, count, carry = whole.loss(np.array([0, 1, 2, 3]), None)
    assert (count, carry) == (4, None)
    expected = 0.0
    for place, sequence in enumerate(whole.train.sequences):
        total = 0.01 * float(sequence.sum())
        scores = np.array([total, 0.0, -total])
        expected += np.log(np.exp(scores).sum()) - scores[whole.train.classes[place]]
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_word_dropout_hides_words_alone_and_about_as_many():
    task = problem([2000], word_dropout=0.3)
    seen = []
    task.network.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    task.train.sequences[0][:1000] = 1  # already unknown
    task.loss(np.array([0]), None)
    ids = seen[0][:, 0]
    assert (ids[:1000] == 1).all()
    assert 0.25 < (ids[1000:] == 1).float().mean() < 0.35
    assert task.train.sequences[0][1000:].min() > 1  # the data themselves are untouched


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_predictions_come_in_the_order_of_the_question(lengths):
    network = Counting()
    data = examples(lengths)
    found = probabilities(network, data.sequences)
    for row, sequence in zip(found, data.sequences, strict=True):
        total = np.float64(np.float32(0.01) * np.float32(sequence.sum()))
        scores = np.exp([total, 0.0, -total])
        np.testing.assert_allclose(row, scores / scores.sum(), rtol=1e-5)


def test_batches_of_predictions_stay_small():
    network = Counting()
    probabilities(network, examples([20_000, 20_000, 3, 70_000, 10_000, *[1] * 700]).sequences)
    assert all(T * B <= CELLS or B == 1 for T, B in network.shapes)
    assert max(B for _, B in network.shapes) == 256


@given(st.integers(1, 100_000), st.integers(1, 512))
def test_few_series_are_read_often_and_many_no_more_than_texts(count, batch):
    found = paced(TrainSettings(epochs=6), count, batch)
    steps = -(-count // batch)
    assert 6 <= found.epochs <= MOST
    assert found.epochs * steps >= min(STEPS, MOST * steps)
    assert found.epochs == 6 or (found.epochs - 1) * steps < STEPS
    assert found.evaluate_every == (None if steps >= LOOK else LOOK)
