from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.errors import InputError
from clew.memory.probes import Dyck

CLOSES = dict(zip("([{<", ")]}>", strict=True))


@given(st.integers(1, 5), st.integers(3, 31), st.integers(2, 5), st.integers(0, 9))
def test_every_answer_closes_the_innermost_bracket(count, length, depth, seed):
    probe = Dyck(kinds=3, depth=depth)
    batch = probe.draw(count, length, seed)
    steps = length + 1 - length % 2
    assert batch.inputs.shape == (steps, count)
    for b in range(count):
        word = [probe.words[i] for i in batch.inputs[:, b]]
        opened = []
        for t, bracket in enumerate(word):
            if bracket in CLOSES:
                opened.append(bracket)
            else:
                assert CLOSES[opened.pop()] == bracket
            assert 0 < len(opened) <= depth  # the first closes behind the end only
            closing = t == steps - 1 or word[t + 1] not in CLOSES
            assert batch.asked[t, b] == (closing and bracket not in CLOSES)
            if batch.asked[t, b]:
                assert probe.answers[batch.targets[t, b]] == CLOSES[opened[-1]]
        assert len(opened) == 1
        assert batch.at[b] == steps - 1
        assert batch.asked[-1, b]
    assert probe.horizon(length) == steps - 1


def test_each_word_is_as_likely():
    # Six brackets within the outer pair, at most two of them open at a time: of the five balanced
    # words ((())) is too deep.
    probe = Dyck(kinds=2, depth=3)
    batch = probe.draw(4000, 7, 3)
    shapes = Counter(
        "".join("(" if i < 2 else ")" for i in batch.inputs[1:, b]) for b in range(4000)
    )
    assert set(shapes) == {"()()()", "(())()", "()(())", "(()())"}
    assert all(880 < n < 1120 for n in shapes.values())


def test_long_words_do_not_overflow():
    batch = Dyck(kinds=2, depth=8).draw(2, 3001, 0)
    assert np.isin(batch.inputs, range(4)).all()
    assert batch.asked.any(0).all()


def test_a_depth_that_no_word_reaches_is_none():
    deep, deepest = (Dyck(depth=depth).draw(20, 9, 1).inputs for depth in (5, 10**12))
    assert np.array_equal(deep, deepest)


@pytest.mark.parametrize("settings", [{"kinds": 1}, {"kinds": 5}, {"depth": 1}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(InputError):
        Dyck(**settings)
