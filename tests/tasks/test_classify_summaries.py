"""The regression that series are measured against: what it reads, and what it cannot know."""

import numpy as np
import pytest

from clew.tasks._classify.summaries import POINTS, flattening, series_baseline, statistics

DRAW = np.random.default_rng(0)


def test_statistics_by_hand():
    X = [np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 2.0]]), np.zeros((0, 2))]
    found = statistics(X)
    deviation = np.std([1, 3, 2]), np.std([5, 5, 2])
    np.testing.assert_allclose(found[0], [2, 4, *deviation, 1, 2, 3, 5, 1, 5, 2, 2])
    assert (found[1] == 0).all()


def test_series_of_one_length_are_read_as_they_are():
    X = [DRAW.normal(size=(5, 2)) for _ in range(3)]
    read = flattening({5}, 2)
    np.testing.assert_array_equal(read(X), [x.ravel() for x in X])
    assert read([np.zeros((0, 2))]).shape == (1, 10)


def test_others_are_drawn_through_points_as_numpy_interpolates():
    X = [DRAW.normal(size=(n, 3)) for n in (1, 2, 7, 40, 100)]
    found = flattening({1, 2, 7}, 3)(X).reshape(len(X), POINTS, 3)
    for x, row in zip(X, found, strict=True):
        at = np.linspace(0, len(x) - 1, POINTS)
        for d in range(3):
            np.testing.assert_allclose(row[:, d], np.interp(at, np.arange(len(x)), x[:, d]))
    assert flattening({100_000}, 4)([np.ones((100_000, 4))]).shape == (1, 4096)


def test_the_better_reading_is_chosen_without_the_test():
    up = [np.linspace(0, 1, 9)[:, None] + DRAW.normal(size=(9, 1)) / 50 for _ in range(20)]
    order = [np.r_[x[:1], x[1:-1][::-1], x[-1:]] for x in up]  # the same statistics
    far = [x + 3 for x in up]
    labels = [0] * 20 + [1] * 20
    found = series_baseline(up + order, labels, up + order, labels)
    assert found["name"] == "logistic regression on flattened series"
    assert found["accuracy"] == 1.0
    assert found["folds"]["statistics"] < 0.8
    random = [DRAW.permutation(x) for x in far]
    found = series_baseline(up + random, labels, random[:2], [1, 1])
    assert (found["name"], found["accuracy"]) == ("logistic regression on statistics", 1.0)


def test_a_sign_that_turns_everything_round_is_beyond_it():
    X, y = [], []
    for n in range(200):
        first, sign = n % 2, (1, -1)[n // 2 % 2]
        x = DRAW.normal(size=(10, 2)) / 100
        x[DRAW.integers(0, 4), first] += sign
        x[DRAW.integers(5, 9), 1 - first] += sign
        X.append(x)
        y.append(first)
    assert series_baseline(X[:100], y[:100], X[100:], y[100:])["accuracy"] < 0.75


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 0, 1], ["a"] * 4])
def test_few_examples_and_empty_ones(labels):
    X = [np.zeros((0, 2)), np.ones((3, 2)), np.zeros((0, 2)), np.ones((1, 2))]
    found = series_baseline(X, labels, X, labels)
    assert 0 <= found["accuracy"] <= 1
    assert 0 < found["majority"] <= 1
