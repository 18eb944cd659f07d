"""Padding, grouping by length, and the checks of arrays."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clew.data.batches import bucketed, check_arrays, pad
from clew.errors import InputError


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5))
def test_ids_are_padded_time_first(sequences: list[list[int]]) -> None:
    ids, lengths = pad(sequences)
    assert ids.dtype == torch.long
    assert ids.shape == (max(map(len, sequences)), len(sequences))
    assert lengths.tolist() == [len(s) for s in sequences]
    for b, sequence in enumerate(sequences):
        assert ids[: len(sequence), b].tolist() == sequence
        assert not ids[len(sequence) :, b].any()


def test_arrays_are_padded_time_first() -> None:
    a, b = np.arange(6.0).reshape(3, 2) + 1, np.zeros((0, 2))
    values, lengths = pad([a, b])
    assert values.dtype == torch.float32
    assert lengths.tolist() == [3, 0]
    assert torch.equal(values[:, 0], torch.tensor(a, dtype=torch.float32))
    assert values[:, 1].tolist() == [[0, 0]] * 3


def test_what_cannot_be_padded() -> None:
    with pytest.raises(InputError, match="nothing to pad"):
        pad([])
    with pytest.raises(InputError, match="sequence 1 has 3 features a step, sequence 0 has 2"):
        pad([np.ones((4, 2)), np.ones((4, 3))])
    with pytest.raises(InputError, match="sequence 0 holds float64"):
        pad([[0.5]])


@given(
    lengths=st.lists(st.integers(0, 50), max_size=400),
    batch_size=st.integers(1, 20),
    seed=st.integers(-5, 2**63),
    epoch=st.integers(0, 3),
)
def test_every_index_once(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    batches = bucketed(lengths, batch_size, seed=seed, epoch=epoch)
    every = [int(i) for batch in batches for i in batch]
    assert sorted(every) == list(range(len(lengths)))
    assert all(len(batch) == batch_size for batch in batches) or (
        sum(len(batch) < batch_size for batch in batches) == 1
    )
    again = bucketed(np.array(lengths), batch_size, seed=seed, epoch=epoch)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_like_lengths_meet_and_epochs_differ() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 6400)
    batches = bucketed(lengths, 32, seed=0, epoch=0)
    padding = sum(int((lengths[b].max() - lengths[b]).sum()) for b in batches) / lengths.sum()
    assert padding < 0.03  # in batches drawn blindly it is about 0.9
    # The order of batches is shuffled: first halves of short and of long ones are alike.
    middles = [float(lengths[b].mean()) for b in batches]
    assert abs(np.corrcoef(middles, range(len(middles)))[0, 1]) < 0.2
    other = bucketed(lengths, 32, seed=0, epoch=1)
    assert any(set(a) != set(b) for a, b in zip(batches, other, strict=True))
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(batches, bucketed(lengths, 32, seed=1, epoch=0), strict=True)
    )


def test_a_batch_size_below_one() -> None:
    for size in (0, -3):
        with pytest.raises(InputError, match=f"batch size is {size}"):
            bucketed([1, 2], size, seed=0, epoch=0)


def test_good_arrays_pass() -> None:
    assert check_arrays([np.ones((3, 2)), np.zeros((0, 2)), torch.ones(1, 2), [[1, 2]]]) == 2


@pytest.mark.parametrize(
    ("sequences", "message", "where"),
    [
        ([], "there are no sequences", None),
        ([np.ones((2, 3)), np.ones((2, 4))], "sequence 1 has 4 features a step", "X[1]"),
        ([np.ones(5)], r"sequence 0 has shape \(5,\)", "X[0]"),
        ([np.ones((2, 2)), np.ones((2, 2, 2))], r"sequence 1 has shape \(2, 2, 2\)", "X[1]"),
        ([np.ones((2, 0))], "no features", None),
        ([[["a", "b"]]], "sequence 0 holds <U1, not numbers", "X[0]"),
        ([[[1, 2], [3]]], "sequence 0 is no array", "X[0]"),
        ([np.ones((2, 2)), np.array([[1, 2], [3, np.nan]])], "nan at step 1", "X[1][1, 1]"),
        ([np.array([[1, -np.inf]])], "holds -inf at step 0, column 1", "X[0][0, 1]"),
        ([np.array([[1e300]])], r"holds 1e\+300 at step 0", "X[0][0, 0]"),
    ],
)
def test_bad_arrays(sequences: list[object], message: str, where: str | None) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_arrays(sequences)
    assert caught.value.where == where
