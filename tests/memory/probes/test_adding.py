import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clew.memory.probes import Adding


@given(st.integers(1, 6), st.integers(2, 30), st.integers(0, 9))
def test_the_answer_is_the_sum_of_the_two_marked_numbers(count, length, seed):
    batch = Adding().draw(count, length, seed)
    assert batch.inputs.shape == (length, count, 2)
    assert batch.inputs.dtype == np.float32
    for b in range(count):
        marked = [float(x) for x, mark in batch.inputs[:, b] if mark == 1]
        assert len(marked) == 2
        assert sorted(set(batch.inputs[:, b, 1])) in ([0, 1], [1])
        assert abs(batch.targets[length - 1, b] - sum(marked)) < 1e-6
        assert batch.asked[:, b].tolist() == [False] * (length - 1) + [True]
        assert batch.at[b] == length - 1


def test_every_pair_of_steps_is_marked_as_often():
    batch = Adding().draw(6000, 4, 1)
    pairs = [tuple(np.flatnonzero(batch.inputs[:, b, 1])) for b in range(6000)]
    counts = [pairs.count((i, j)) for i in range(4) for j in range(i + 1, 4)]
    assert sum(counts) == 6000
    assert all(850 < n < 1150 for n in counts)


def test_chance_is_the_variance_of_the_answers():
    batch = Adding().draw(20000, 5, 2)
    always_one = float(((batch.targets[-1] - 1) ** 2).mean())
    assert abs(always_one - Adding().chance(5).loss) < 0.005
    assert Adding().chance(5).accuracy is None
