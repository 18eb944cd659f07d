"""The notes of one step: chances that sum to one, and draws that follow them."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from clew.errors import InputError
from clew.tasks._compose.roll_notes import Independent, InTurn, Polyphony
from clew.tasks._draw import Draw, generator

P, H = 6, 3
EVERY = torch.tensor(list(itertools.product([0.0, 1.0], repeat=P)), dtype=torch.float64)
both = pytest.mark.parametrize("kind", [Independent, InTurn])


def made(kind, seed=0):
    torch.manual_seed(seed)
    head = Independent(H, P) if kind is Independent else InTurn(H, P, 8)
    with torch.no_grad():
        for p in head.parameters():
            p.mul_(3)  # else all would be as likely
    return head.double(), torch.randn(H, dtype=torch.float64)


def chances(head, features):
    with torch.no_grad():
        return torch.exp(-head.nats(features.expand(len(EVERY), H), EVERY)).numpy()


def drawn(head, *how):
    return tuple(head.draw(*how).tolist())


def by_hand(head, features, notes):
    """-ln P of one step, note after note."""
    if isinstance(head, Independent):
        p = torch.sigmoid(head.scores(features))
        return -sum(math.log(p[k] if on else 1 - p[k]) for k, on in enumerate(notes))
    hidden, above, total = head.reading(features), P, 0.0
    for n in [k for k in reversed(range(P)) if notes[k]] + [P]:
        scores = head.scores(torch.relu(hidden))
        total += math.log(sum(math.exp(scores[k]) for k in [*range(above), P])) - float(scores[n])
        if n < P:
            hidden, above = hidden + head.chosen.weight[n], n
    return total


@both
def test_chances_sum_to_one_and_are_those_of_a_plain_loop(kind):
    head, features = made(kind)
    nats = head.nats(features.expand(len(EVERY), H), EVERY).detach()
    assert torch.exp(-nats).sum() == pytest.approx(1)
    with torch.no_grad():
        truth = [by_hand(head, features, notes) for notes in EVERY.tolist()]
    np.testing.assert_allclose(nats, truth)


@both
def test_a_steps_chance_and_gradient_do_not_depend_on_the_steps_beside_it(kind):
    head, _ = made(kind)
    x = torch.randn(len(EVERY), H, dtype=torch.float64, requires_grad=True)
    together = head.nats(x, EVERY)
    alone = torch.cat([head.nats(x[n : n + 1], EVERY[n : n + 1]) for n in range(len(EVERY))])
    torch.testing.assert_close(together, alone)
    ours, theirs = (torch.autograd.grad(v.sum(), x)[0] for v in (together, alone))
    assert torch.isfinite(ours).all()
    torch.testing.assert_close(ours, theirs)
    assert head.nats(x[:0], EVERY[:0]).shape == (0,)


@both
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_draws_follow_the_chances(kind, temperature):
    head, features = made(kind)
    if temperature != 1:
        with torch.no_grad():
            for p in (head.scores.weight, head.scores.bias):
                p.mul_(temperature)  # drawn at the temperature that takes it back
    random = generator(0)
    count = 1000
    found = Counter(
        drawn(head, features, Draw(temperature), Polyphony(0, P), random) for _ in range(count)
    )
    truth = chances(*made(kind))
    seen = np.array([found[tuple(map(int, notes))] / count for notes in EVERY.tolist()])
    assert np.all(np.abs(seen - truth) < 5 * np.sqrt(truth / count) + 1 / count)


def test_independent_notes_are_drawn_given_how_many_there_are():
    """P(x | 2 <= sum x <= 4), as brute force says."""
    head, features = made(Independent)
    how_many = EVERY.sum(1).numpy()
    truth = chances(head, features) * ((how_many >= 2) & (how_many <= 4))
    truth /= truth.sum()
    random, count = generator(0), 1000
    found = Counter(drawn(head, features, Draw(1.0), Polyphony(2, 4), random) for _ in range(count))
    seen = np.array([found[tuple(map(int, notes))] / count for notes in EVERY.tolist()])
    assert np.all(np.abs(seen - truth) < 5 * np.sqrt(truth / count) + 1 / count)
    best = head.draw(features, Draw(0), Polyphony(2, 4), random)
    assert best.tolist() == EVERY[truth.argmax()].tolist()


@both
@pytest.mark.parametrize("temperature", [0, 1e-3, 1, 100])
@pytest.mark.parametrize("bounds", [(0, 0), (1, 1), (3, 4), (P, P), (0, P)])
def test_as_many_notes_as_are_allowed(kind, temperature, bounds):
    random = generator(0)
    for seed in range(4):
        head, features = made(kind, seed)
        notes = head.draw(features, Draw(temperature), Polyphony(*bounds), random)
        assert set(notes.tolist()) <= {0, 1}
        assert bounds[0] <= notes.sum() <= bounds[1]


@both
def test_a_cold_draw_is_the_likeliest(kind):
    """Of the notes in turn, each the likeliest after those before it."""
    head, features = made(kind)
    random = generator(0)
    cold = {drawn(head, features, Draw(1e-4), Polyphony(0, P), random) for _ in range(9)}
    assert cold == {drawn(head, features, Draw(0), Polyphony(0, P), random)}


@both
def test_notes_begin_as_often_as_they_were_counted(kind):
    head, features = made(kind)
    counted = np.array([0.5, 0.1, 0.2, 0.01, 0.3, 0.05])
    with torch.no_grad():
        head.begin(counted)
        head.scores.weight.zero_()
        p = chances(head, features)
    if kind is Independent:
        np.testing.assert_allclose(p @ EVERY.numpy(), counted)
    else:
        assert p[0] == pytest.approx(1 / (1 + counted.sum()))


@both
def test_scores_that_are_not_finite_are_told(kind):
    head, features = made(kind)
    with pytest.raises(InputError, match="not finite"):
        head.draw(features * torch.nan, Draw(1.0), Polyphony(0, P), generator(0))
