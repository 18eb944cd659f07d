import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.errors import InputError
from clew.memory.probes import AssociativeRecall, CopyMemory, DelayedRecall, Parity

SIZES = (st.integers(1, 5), st.integers(1, 12), st.integers(0, 9))


def read(probe, batch, b):
    return [probe.words[i] for i in batch.inputs[: batch.lengths[b], b]]


def answer(probe, batch, b, t):
    return probe.answers[batch.targets[t, b]]


@given(*SIZES)
def test_copy_gives_back_what_was_said(count, length, seed):
    probe = CopyMemory(symbols=5, items=3)
    batch = probe.draw(count, length, seed)
    assert batch.asked.all()
    for b in range(count):
        text = read(probe, batch, b)
        given_, rest = text[:3], text[3:]
        assert set(given_) <= set("abcde")
        assert rest == ["_"] * (length - 1) + ["?"] * 4
        said = [answer(probe, batch, b, t) for t in range(len(text))]
        assert said == ["_"] * (length + 3) + given_
        # The first symbol comes back `horizon` steps after it was read, at step 0.
        assert batch.at[b] == probe.horizon(length) == said.index(given_[0])
        assert batch.scored[:, b].tolist() == [False] * (length + 3) + [True] * 3


def test_chance_of_copy_is_that_of_the_paper():
    # Bai et al. 2018 give .0202 to .0204 for networks that learn nothing at T = 1000.
    assert round(CopyMemory().chance(1000).loss, 4) == 0.0204
    assert CopyMemory().chance(1000).accuracy == 1 / 8
    with pytest.raises(InputError, match="length is -20"):
        CopyMemory().chance(-20)


@given(*SIZES)
def test_the_letter_stands_exactly_the_lag_before_the_question(count, lag, seed):
    probe = DelayedRecall(letters=3, noise=2, before=4)
    batch = probe.draw(count, lag, seed)
    for b in range(count):
        text = read(probe, batch, b)
        assert text[-1] == "?"
        assert text.count("?") == 1
        letters = [t for t, word in enumerate(text) if word in "abc"]
        assert letters == [len(text) - 1 - lag]
        assert len(text) - lag - 1 <= 4
        assert answer(probe, batch, b, batch.at[b]) == text[letters[0]]
    assert probe.horizon(lag) == lag


def test_nothing_but_the_letter_tells_the_answer():
    probe = DelayedRecall(letters=4, noise=2, before=1)
    batch = probe.draw(4000, 3, 0)
    rows = np.arange(4000)
    for back in (1, 2):  # the noise after the letter, against the answer: independent
        noise = batch.inputs[batch.at - back, rows]
        table = np.histogram2d(noise, batch.targets[batch.at, rows], bins=(2, 4))[0]
        assert np.abs(table - 500).max() < 110


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 9))
def test_the_value_follows_its_key(count, length, seed):
    probe = AssociativeRecall(keys=6, values=3)
    batch = probe.draw(count, length, seed)
    for b in range(count):
        *pairs, question, key = read(probe, batch, b)
        assert question == "?"
        keys, values = pairs[::2], pairs[1::2]
        assert len(set(keys)) == len(keys) == length
        assert answer(probe, batch, b, batch.at[b]) == dict(zip(keys, values, strict=True))[key]


def test_there_are_not_more_pairs_than_keys():
    with pytest.raises(InputError, match="7 pairs"):
        AssociativeRecall(keys=6).draw(1, 7)


@given(*SIZES)
def test_parity_counts_ones(count, length, seed):
    probe = Parity()
    batch = probe.draw(count, length, seed)
    for b in range(count):
        ones = 0
        for t, bit in enumerate(read(probe, batch, b)):
            ones += bit == "1"
            assert answer(probe, batch, b, t) == ("odd" if ones % 2 else "even")


@pytest.mark.parametrize(
    "probe", [CopyMemory(), DelayedRecall(), AssociativeRecall(), Parity()], ids=lambda p: p.name
)
def test_a_draw_is_a_function_of_its_arguments(probe):
    one, same, other = (probe.draw(3, 9, seed) for seed in (4, 4, 5))
    for name in ("inputs", "lengths", "targets", "asked", "scored", "at"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
    assert one.inputs.shape != other.inputs.shape or not np.array_equal(one.inputs, other.inputs)
    assert one.inputs.dtype == np.int64
    assert 0 <= one.inputs.min() <= one.inputs.max() < len(probe.words)
    assert not (one.scored & ~one.asked).any()
    assert one.scored[one.at, range(3)].all()
    assert math.isclose(probe.chance(9).accuracy * len(set(probe.answers) - {"_"}), 1)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: CopyMemory(symbols=1), "symbols"),
        (lambda: CopyMemory(items=0), "items"),
        (lambda: DelayedRecall(letters=27), "letters"),
        (lambda: DelayedRecall(noise=0), "noise"),
        (lambda: DelayedRecall(before=-1), "before"),
        (lambda: AssociativeRecall(keys=0), "keys"),
        (lambda: AssociativeRecall(keys=10**9), "keys"),
        (lambda: AssociativeRecall(values=10**9), "values"),
        (lambda: AssociativeRecall(values=True), "values"),
    ],
)
def test_settings_that_cannot_be(make, name):
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.where == name
