"""From labels and sequences to numbers."""

import numpy as np
import pytest

from clew.errors import InputError
from clew.tasks._classify.encoder import Encoder, check_classes, places
from clew.tasks._examples import check_sequences


def learn(X, **changes):
    settings = {"unit": "word", "size": 100, "min_count": 1, "lowercase": True, "max_length": None}
    return Encoder.learn(check_sequences(X), np.array(["a", "b"]), **{**settings, **changes})


def test_words_are_lowercased_where_asked_and_tokens_never():
    text = learn(["Good good film"])
    assert text.vocabulary == 4
    assert learn(["Good good film"], lowercase=False).vocabulary == 5
    assert learn([["Good", "good", "film"]]).vocabulary == 5
    assert learn([np.zeros((2, 3))]).vocabulary is None


def test_only_what_was_learned_is_known():
    encoder = learn(["good film", "good"], min_count=2)
    ids = encoder.encode(encoder.check(["good film", "", "FILM good"]))
    assert [list(row) for row in ids] == [[2, 1], [], [1, 2]]


@pytest.mark.parametrize("X", [["a b c d"], [list("abcd")], [np.arange(8.0).reshape(4, 2)]])
def test_the_end_is_kept(X):
    whole, end = learn(X), learn(X, max_length=3)
    (long,), (short,) = (e.encode(e.check(X)) for e in (whole, end))
    assert len(short) == 3
    assert np.array_equal(long[-3:], short)


def test_places_of_labels():
    classes = check_classes(np.array(["b", "a", "b", "c"]))
    assert classes.tolist() == ["a", "b", "c"]
    assert places(classes, np.array(["c", "a"]), "y").tolist() == [2, 0]
    with pytest.raises(InputError, match="'d' was not there"):
        places(classes, np.array(["a", "d"]), "y")


@pytest.mark.parametrize(("label", "said"), [("a", "every label is 'a'"), (1, "every label is 1")])
def test_a_single_label_is_named_as_it_was_given(label, said):
    with pytest.raises(InputError, match=f"^{said}\n"):
        check_classes(np.array([label] * 3))


def test_true_is_not_one():
    with pytest.raises(InputError, match="True"):
        places(np.array([0, 1]), np.array([True]), "y")
    with pytest.raises(InputError, match=r"1\.0"):
        places(np.array([0, 1]), np.array([1.0]), "y")


def test_texts_in_place_of_labels():
    with pytest.raises(InputError, match="too many or too long"):
        check_classes(np.array([f"{n} {'long text ' * 100}" for n in range(2000)]))


@pytest.mark.parametrize("token", ["x" * 300_000, "[" * 5000, ('"' + "," * 9) * 20])
def test_a_vocabulary_that_could_not_be_stored_is_refused_before_training(token):
    with pytest.raises(InputError, match="far more than"):
        learn([[f"{n}{token}" for n in range(60)]])
    learn([[f"{n}[CLS],[" for n in range(60)]])
