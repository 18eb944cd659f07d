"""What modules read: arrays of whatever form, and what would be right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clew.errors import InputError
from clew.memory.subjects.sequences import arrays, by_step, example, filled, noise, truths


def test_arrays_of_all_forms_become_sequences():
    whole = np.random.default_rng(0).standard_normal((6, 4, 3))  # (T, B, D)
    rows = arrays(whole, False, 3)
    assert [row.shape for row in rows] == [(6, 3)] * 4
    np.testing.assert_allclose(rows[1], whole[:, 1].astype(np.float32))
    again = arrays(torch.from_numpy(whole.swapaxes(0, 1).copy()), True, 3)
    np.testing.assert_array_equal(np.stack(again), np.stack(rows))
    np.testing.assert_array_equal(arrays(whole[:, 0], False, None)[0], rows[0])
    assert arrays([np.zeros(5)], False, None)[0].shape == (5, 1)
    assert arrays([[3, 1, 2]], False, None)[0].tolist() == [3, 1, 2]  # ids
    assert arrays([np.arange(4)], False, 1)[0].shape == (4, 1)  # a module of one feature


def test_noise_is_the_same_always():
    assert np.stack(noise(2)).shape == (64, 600, 2)
    np.testing.assert_array_equal(noise(2)[3], noise(2)[3])


def test_examples_fill_up_what_is_short():
    found = example([np.arange(12, dtype=np.float32).reshape(4, 3)], torch.zeros(1))
    assert found.shape == (7, 3, 3)
    assert not found[:, 0].equal(found[:, 1])
    assert example([np.arange(2)], torch.zeros(1)).dtype == torch.int64


def test_truths_by_sequence_and_by_step():
    read = [np.zeros((4, 2)), np.zeros((3, 2))]
    assert not by_step(truths([1, 0], read), read)
    assert by_step(truths([np.zeros(4), np.zeros(3)], read), read)
    assert not by_step(truths([np.zeros(4), np.zeros(4)], read), read)
    ids = [np.arange(5), np.arange(2)]
    assert [y.tolist() for y in truths("next", ids)] == [[1, 2, 3, 4], [1]]
    assert [x.tolist() for x in ids] == [[0, 1, 2, 3], [0]]


def test_sequences_without_a_step_go_with_their_targets():
    read = arrays([np.zeros((0, 2)), np.ones((3, 2)), np.ones((2, 2))], False, None)
    some, truth = filled(read, truths([0, 1, 2], read))
    assert [len(x) for x in some] == [3, 2]
    assert [int(y) for y in truth] == [1, 2]
    steps = truths([[], [1.0, 2.0, 3.0], [4.0, 5.0]], read)
    assert by_step(steps, read)
    assert [y.tolist() for y in filled(read, steps)[1]] == [[1, 2, 3], [4, 5]]
    ids = [np.arange(5), np.arange(1)]  # no id follows the only one
    truth = truths("next", ids)
    assert [y.tolist() for y in filled(ids, truth)[1]] == [[1, 2, 3, 4]]


def test_numbers_of_targets_are_whole_or_decimal():
    read = [np.zeros((4, 2))] * 2
    assert truths([np.uint8(3), np.int16(2)], read)[0].dtype == np.int64
    assert truths([True, False], read)[0].dtype == np.float64
    assert truths(torch.tensor([0.5, 1.0]), read)[0].dtype == np.float64


def test_refuses():
    with pytest.raises(InputError, match="no such file"):
        arrays("abc", False, None)
    with pytest.raises(InputError, match="data of type int"):
        arrays(3, False, None)
    with pytest.raises(InputError, match="what stands at place 1 is no array"):
        arrays([[1], [[1], 2]], False, None)
    with pytest.raises(InputError, match="id is below 0"):
        arrays([np.array([-1, 2])], False, None)
    with pytest.raises(InputError, match="holds nan"):
        arrays([np.full((3, 2), np.nan)], False, None)
    with pytest.raises(InputError, match="targets are 'last'"):
        truths("last", [np.arange(3)])
    with pytest.raises(InputError, match="no sequence with a step"):
        filled([np.zeros((0, 2))], None)
    with pytest.raises(InputError, match="what stands at place 0"):
        truths([[1, [2]]], [np.arange(2)])
    with pytest.raises(InputError, match=r"different shapes: \(2,\), \(3,\)"):
        truths([np.zeros(2), np.zeros(3)], [np.arange(4), np.arange(4)])
    with pytest.raises(InputError, match="target 1 is empty"):
        truths([[1], []], [np.arange(4), np.arange(4)])
    with pytest.raises(InputError, match="targets of type int"):
        truths(3, [np.arange(3)])
    with pytest.raises(InputError, match="target 0 holds"):
        truths(["a"], [np.arange(3)])
