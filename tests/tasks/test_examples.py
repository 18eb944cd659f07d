"""What is held out, what counts as the same data, and what input is taken for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.labelled_series import read_series
from clew.errors import InputError
from clew.tasks._examples import check_labels, check_sequences, fingerprint, hold_out


def split(X, y, share=0.2, seed=0):
    told = []
    sides = hold_out(check_sequences(X), np.array(y), share, seed=seed, tell=told.append)
    return *sides, told


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("xyz")), min_size=2),
    st.floats(0.05, 0.9),
    st.integers(0, 5),
)
def test_every_example_on_one_side_and_equal_ones_together(pairs, share, seed):
    X, y = zip(*pairs, strict=True)
    inside, aside, _ = split(list(X), list(y), share, seed)
    assert sorted([*inside, *aside]) == list(range(len(X)))
    assert not {X[i] for i in inside} & {X[i] for i in aside}
    assert {y[i] for i in inside} == set(y)


@given(st.integers(2, 60), st.integers(2, 60), st.floats(0.05, 0.5))
def test_of_every_class_its_share(a, b, share):
    X, y = [f"t{n}" for n in range(a + b)], ["x"] * a + ["y"] * b
    _, aside, told = split(X, y, share)
    counts = {label: sum(y[i] == label for i in aside) for label in "xy"}
    for label, count in (("x", a), ("y", b)):
        assert counts[label] == min(count - 1, max(1, round(share * count)))
    assert told == []


def test_the_seed_decides():
    X, y = [f"t{n}" for n in range(40)], ["x", "y"] * 20
    first, again, other = (split(X, y, seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_arrays_and_tokens_are_compared_by_what_they_hold():
    array = np.arange(6.0).reshape(3, 2)
    X = [array, array.copy(), array.T.reshape(3, 2), array + 1] * 3
    inside, aside, _ = split(X, ["x", "x", "y", "y"] * 3, 0.5)
    assert {i % 4 for i in inside} >= {0, 1} or {i % 4 for i in aside} >= {0, 1}
    tokens = [["a b"], ["a", "b"], ["c"], ["d"]]
    assert len({check_sequences(tokens).key(i) for i in range(4)}) == 4


def test_a_class_that_lives_in_another_ones_duplicates_is_not_lost():
    # "same" is labelled x, y and z; y and z have no other text.
    X = ["same"] * 3 + [f"t{n}" for n in range(20)]
    y = ["x", "y", "z"] + ["x"] * 20
    for seed in range(20):
        inside, _, _ = split(X, y, 0.5, seed)
        assert {y[i] for i in inside} == {"x", "y", "z"}


def test_two_small_classes_that_only_occur_in_the_same_texts():
    # Both held-out groups hold the class "y" alone; at least one must come back.
    X, y = ["a", "a", "b", "b", "c", "d"], ["x", "y", "x", "y", "x", "x"]
    for seed in range(30):
        inside, _, _ = split(X, y, 0.6, seed)
        assert {y[i] for i in inside} == {"x", "y"}


def test_a_fingerprint_changes_with_anything():
    def of(X, y):
        return fingerprint((check_sequences(X), check_labels(y, len(X))))

    one = of(["ab", "c"], ["x", "y"])
    assert one == of(("ab", "c"), np.array(["x", "y"]))
    others = [of(["a", "bc"], ["x", "y"]), of(["c", "ab"], ["x", "y"]), of(["ab", "c"], ["y", "x"]),
              of(["ab", "c"], [0, 1]), of([["ab"], ["c"]], ["x", "y"]),
              of(["ab", "c", ""], ["x", "y", "y"])]  # fmt: skip
    assert len({one, *others}) == 7
    wide, tall = of([np.zeros((1, 4))], [0]), of([np.zeros((2, 4))], [0])
    assert wide != tall


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (["a", ""], "text"),
        (np.array(["a", "b"]), "text"),
        ([[], ["a"]], "tokens"),
        ([(), ()], "tokens"),
        ([["a"], ("b", "c")], "tokens"),
        ([np.array(["a", "b"])], "tokens"),
        (np.zeros((2, 3, 4)), "arrays"),
        ([[[1, 2], [3, 4]], [[5, 6]]], "arrays"),
        ([np.zeros((0, 2), dtype=np.int16), np.ones((1, 2), dtype=bool)], "arrays"),
    ],
)
def test_what_input_is_taken_for(X, kind):
    assert check_sequences(X).kind == kind


def test_labels_keep_their_type():
    assert check_labels(np.array([1, 2], dtype=np.int8), 2).dtype == np.int8
    assert check_labels([True, False], 2).dtype == bool
    assert check_labels(["a", np.str_("b")], 2).tolist() == ["a", "b"]
    with pytest.raises(InputError, match="cannot be stored"):
        check_labels([2**80, 1], 2)
    with pytest.raises(InputError, match="cannot be stored"):
        check_labels(["a\0", "b"], 2)


def test_tables_are_sent_to_where_they_are_read():
    import pandas
    import polars

    columns = {"unique_id": ["x"], "ds": [1], "a": [2.0], "label": ["up"]}
    data = read_series(polars.DataFrame(columns))
    for X in (data, polars.DataFrame(columns), pandas.DataFrame(columns), columns):
        with pytest.raises(InputError, match=f"type {type(X).__name__}") as caught:
            check_sequences(X, "arrays", 1)
        assert "read_series" in caught.value.hint
    assert check_sequences(data.sequences).features == 1
