"""The network with a fixed window: it sees k tokens and no more, and learns what they tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from clew.tasks._language import window as _window
from clew.tasks._language.window import (
    Blocks,
    WindowNetwork,
    WindowProblem,
    views,
    window_baseline,
    window_nats,
)

TOKENS = np.random.default_rng(0).integers(2, 9, size=50).astype(np.uint16)


def slow(network: WindowNetwork, tokens: np.ndarray) -> list[float]:
    """Bengio's formula, token by token, in NumPy."""
    w = {name: p.detach().double().numpy() for name, p in network.named_parameters()}
    k = network.context
    nats = []
    for i, token in enumerate(tokens):
        history = [int(tokens[j]) if j >= 0 else 0 for j in range(i - k, i)]
        x = np.concatenate([w["embedding.weight"][t] for t in history])
        h = np.tanh(w["hidden.weight"] @ x + w["hidden.bias"])
        y = w["output.weight"] @ h + w["output.bias"]
        nats.append(float(np.log(np.exp(y).sum()) - y[int(token)]))
    return nats


@pytest.fixture
def network() -> WindowNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WindowNetwork(9, context=3, embedding_size=4, hidden_size=6)


def test_views_are_the_tokens_before() -> None:
    history, targets = views(TOKENS, 1, 20, 4)
    for row, target, i in zip(history.tolist(), targets.tolist(), range(1, 20), strict=True):
        assert row == [int(TOKENS[j]) if j >= 0 else 0 for j in range(i - 4, i)]
        assert target == int(TOKENS[i])


def test_agrees_with_the_formula_whatever_the_pieces(
    network: WindowNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sum(slow(network, TOKENS))
    for piece in (7, 50, 1000):
        monkeypatch.setattr(_window, "_PIECE", piece)
        assert window_nats(network, TOKENS) == pytest.approx(expected, rel=1e-5)


def test_sees_its_window_and_nothing_before(network: WindowNetwork) -> None:
    changed = TOKENS.copy()
    changed[20] = 10 - changed[20] % 7  # another token
    before, after = np.array(slow(network, TOKENS)), np.array(slow(network, changed))
    different = np.flatnonzero(~np.isclose(before, after, rtol=1e-9))
    assert set(different) <= {20, 21, 22, 23}
    assert 23 in different
    mine = [window_nats(network, t[:24]) - window_nats(network, t[:23]) for t in (TOKENS, changed)]
    assert mine[0] == pytest.approx(before[23], rel=1e-4)
    assert mine[1] == pytest.approx(after[23], rel=1e-4)


def test_a_batch_is_its_blocks(network: WindowNetwork) -> None:
    tokens = np.tile(TOKENS, 4)
    problem = WindowProblem(network, tokens, TOKENS, seed=0)
    blocks = problem.plan(epoch=0, rank=0, world=1)[0]
    loss, count, carry = problem.loss(blocks, None)
    exact = np.array(slow(network, tokens))
    expected = sum(exact[start : start + 32].sum() for start in blocks)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)
    assert (count, carry) == (8 * 32, None)
    evaluation = problem.evaluate(full=True)
    assert evaluation.objective == pytest.approx(np.mean(slow(network, TOKENS)), rel=1e-5)


def test_batches_are_drawn_by_seed_epoch_and_number() -> None:
    blocks = Blocks(5000, seed=1, epoch=2, rank=0, world=1)
    assert len(blocks) == 5000 // 256
    np.testing.assert_array_equal(blocks[1], Blocks(5000, 1, 2, 0, 1)[1])
    assert not np.array_equal(blocks[0], blocks[1])
    assert not np.array_equal(blocks[0], Blocks(5000, 1, 3, 0, 1)[0])
    assert all(0 <= start <= 5000 - 32 for batch in blocks for start in batch)
    halves = [Blocks(5000, 1, 2, rank, 2) for rank in range(2)]
    assert [len(half[0]) for half in halves] == [8, 8]
    assert not np.array_equal(halves[0][0], halves[1][0])
    assert Blocks(5, 0, 0, 0, 1)[0].max() == 0  # a text shorter than a block is one block
    with pytest.raises(IndexError):
        blocks[19]


def test_learns_what_two_tokens_tell() -> None:
    # the next token is the sum of the last two: n-grams of order 2 are no help, three tokens are
    tokens = [1, 2]
    for _ in range(4000):
        tokens.append((tokens[-1] + tokens[-2] + (len(tokens) % 97 == 0)) % 7)
    text = np.array(tokens, dtype=np.uint16) + 2
    found = window_baseline(text[:3600], text[3600:], 9, seconds=1.5, context=3)
    assert found["nats_per_token"] < 0.5 < math.log(7)
    assert found["context"] == 3
    assert found["parameters"] == 9 * 32 + 96 * 256 + 256 + 256 * 9 + 9
    assert found["seconds"] < 10
