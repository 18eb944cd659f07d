"""Parallel streams: which tokens they read, and that cutting them changes nothing (law 1)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.corpus import Corpus
from clew.errors import InputError
from clew.tasks._language.net import LanguageNetwork
from clew.tasks._language.streams import LanguageProblem, Streams, plan_streams
from clew.tasks._work import LOOK, evaluations


def read(streams: Streams, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All inputs and targets of an epoch, (T, B)."""
    pairs = [window.read(tokens, torch.device("cpu")) for window in streams]
    return tuple(torch.cat(part).numpy() for part in zip(*pairs, strict=True))  # type: ignore[return-value]


@settings(deadline=None, max_examples=80)
@given(
    size=st.integers(2, 400), batch_size=st.integers(1, 8), window=st.integers(1, 50),
    seed=st.integers(0, 5), epoch=st.integers(0, 5),
)  # fmt: skip
def test_streams_are_stretches_of_the_text(
    size: int, batch_size: int, window: int, seed: int, epoch: int
) -> None:
    tokens = np.arange(size, dtype=np.uint16)
    streams = plan_streams(size, batch_size=batch_size, window=window, seed=seed, epoch=epoch)
    inputs, targets = read(streams, tokens)
    np.testing.assert_array_equal(targets, inputs + 1)  # the token that follows
    assert (np.diff(inputs, axis=0) == 1).all()  # nothing left out within a stream, nothing twice
    assert len(np.unique(inputs)) == inputs.size
    rows = inputs.shape[1]
    assert rows == max(1, min(batch_size, (size - 1) // window))
    assert max(w.length for w in streams) <= window
    assert max(w.length for w in streams) - min(w.length for w in streams) <= 1
    # all but the offset (at most a window, and a tenth) and what does not divide is read
    assert size - 1 - inputs.size <= min(window, size // 10) + rows


def test_every_epoch_is_cut_elsewhere_and_always_the_same() -> None:
    plan = [plan_streams(1000, batch_size=4, window=20, seed=1, epoch=e).begin for e in range(6)]
    again = [plan_streams(1000, batch_size=4, window=20, seed=1, epoch=e).begin for e in range(6)]
    np.testing.assert_array_equal(plan, again)
    assert len({int(begin[0]) for begin in plan}) > 3
    other = [plan_streams(1000, batch_size=4, window=20, seed=2, epoch=e).begin for e in range(6)]
    assert not np.array_equal(plan, other)


def test_processes_share_the_streams_of_a_larger_batch() -> None:
    alone = plan_streams(1000, batch_size=6, window=20, seed=1, epoch=3)
    parts = [
        plan_streams(1000, batch_size=2, window=20, seed=1, epoch=3, rank=rank, world=3)
        for rank in range(3)
    ]
    assert sorted(np.concatenate([p.begin for p in parts]).tolist()) == alone.begin.tolist()
    assert {len(p) for p in parts} == {len(alone)}
    assert [w.length for w in parts[1]] == [w.length for w in alone]


def test_windows_by_number() -> None:
    streams = plan_streams(100, batch_size=2, window=7, seed=0, epoch=0)
    assert [w.length for w in streams[1:3]] == [streams[1].length, streams[2].length]
    np.testing.assert_array_equal(streams[-1].begin, streams[len(streams) - 1].begin)
    with pytest.raises(IndexError):
        streams[len(streams)]


def test_a_text_of_one_token_cannot_be_learned() -> None:
    with pytest.raises(InputError, match="only 1 tokens"):
        plan_streams(1, batch_size=4, window=20, seed=0, epoch=0)


@given(st.integers(1, 10 * LOOK))
def test_long_epochs_are_looked_at_more_than_once(windows: int) -> None:
    every = evaluations(windows)
    if windows <= LOOK:
        assert every is None
        return
    assert every is not None
    stretches = math.ceil(windows / every)
    assert every <= LOOK
    assert stretches == math.ceil(windows / LOOK)
    assert stretches * every - windows < stretches  # equal ones


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_carried_windows_are_the_unsplit_reading(cell: str) -> None:
    torch.manual_seed(0)
    network = LanguageNetwork(
        11, embedding_size=5, hidden_size=6, num_layers=2, cell=cell, layer_norm=cell == "gru"  # type: ignore[arg-type]
    )  # fmt: skip
    tokens = np.random.default_rng(0).integers(0, 11, size=130).astype(np.uint16)
    problem = LanguageProblem(
        network, Corpus(tokens, 130, ""), tokens, lengthy=1.0, batch_size=3, window=10, seed=4
    )
    plan = problem.plan(epoch=1, rank=0, world=1)
    assert len(plan) > 3
    carry, total, count = None, 0.0, 0
    for window in plan:
        loss, some, carry = problem.loss(window, carry)
        total, count = total + float(loss.detach()), count + some
    inputs, targets = (torch.from_numpy(part) for part in read(plan, tokens))
    features, state = network(inputs)
    scores = network.logits(features).log_softmax(-1)
    expected = -scores.gather(2, targets[:, :, None]).sum()
    assert count == targets.numel()
    assert total == pytest.approx(float(expected.detach()), rel=1e-5)
    for layer, carried in zip(state, carry, strict=True):
        for a, b in zip(
            *((s,) if torch.is_tensor(s) else s for s in (layer, carried)), strict=True
        ):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
