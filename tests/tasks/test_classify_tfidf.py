"""Baselines without memory: what they can know, and what they cannot."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from clew.tasks._classify.tfidf import figures, tfidf_baseline

WORDS = ["good film", "a bad film", "good , good", "bad plot", "a good plot", "so bad"]
LABELS = [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("cut", [str, str.split])
def test_word_counts_know_words(cut):
    train = [cut(text) for text in WORDS]
    found = tfidf_baseline(train, LABELS, [cut("good one"), cut("bad bad")], [1, 0])
    assert found["accuracy"] == 1.0
    assert found["majority"] == 0.5
    assert 0 < found["log_loss"] < np.log(2)


def test_punctuation_is_a_word_too():
    found = tfidf_baseline(["oh !", "oh ?", "eh !", "eh ?"] * 3, [1, 0] * 6, ["ah !"], [1])
    assert found["accuracy"] == 1.0


def test_pairs_of_words_are_counted():
    train = ["not bad", "not good", "good really", "bad really"] * 4
    found = tfidf_baseline(train, [1, 0, 1, 0] * 4, ["not bad", "not good"], [1, 0])
    assert found["accuracy"] == 1.0


@pytest.mark.parametrize("cut", [str, str.split])
def test_without_a_single_word_the_most_frequent_label_is_left(cut):
    found = tfidf_baseline([cut("")] * 4, [1, 1, 1, 0], [cut(""), cut("new"), cut("")], [1, 0, 1])
    assert found["name"] == "most frequent label"
    assert found["accuracy"] == found["majority"] == pytest.approx(2 / 3)
    assert found["log_loss"] == pytest.approx(-(2 * np.log(0.75) + np.log(0.25)) / 3)


def test_figures_by_hand():
    found = figures(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), np.array([0, 1, 1]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    # class 0: precision 1/2, recall 1, F1 2/3; class 1: precision 1, recall 1/2, F1 2/3
    assert found["macro_f1"] == pytest.approx(2 / 3)
    assert found["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.4) + np.log(0.8)) / 3)
    assert np.isfinite(figures(np.array([[1.0, 0.0]]), np.array([1]))["log_loss"])


def test_a_label_that_was_never_counted_is_wrong_not_a_crash():
    found = tfidf_baseline(WORDS, LABELS, ["good", "new"], [1, 7])
    assert found["accuracy"] == 0.5
    assert tfidf_baseline(["", ""], [0, 1], [""], [7])["accuracy"] == 0.0
    assert tfidf_baseline(["a b", "c d"], [3, 3], ["a"], [3])["accuracy"] == 1.0


def test_many_classes_of_few_examples():
    X, y = [f"t{n} w" for n in range(40)], [n // 2 for n in range(40)]
    assert tfidf_baseline(X, y, X, y)["accuracy"] > 0.9


def test_macro_f1_is_scikit_learns():
    draw = np.random.default_rng(0)
    for classes in (2, 3, 9):
        truth = draw.integers(0, classes, 30)
        probabilities = draw.dirichlet(np.ones(classes), 30)
        expected = f1_score(truth, probabilities.argmax(1), average="macro", zero_division=0)
        assert figures(probabilities, truth)["macro_f1"] == pytest.approx(expected)
