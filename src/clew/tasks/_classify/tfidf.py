"""What a label can be read from without memory: counts of words; and figures of any answers."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

PIECES = r"(?u)\w+|[^\w\s]"  # words, and every mark of punctuation alone


def tfidf_baseline(
    train_texts: Sequence[Any],
    train_labels: Sequence[Any] | np.ndarray,
    test_texts: Sequence[Any],
    test_labels: Sequence[Any] | np.ndarray,
) -> dict[str, Any]:
    """Score logistic regression over TF-IDF of words and pairs of words.

    Texts are `str` or lists of tokens. Returns name, accuracy, macro_f1, log_loss (nats an example)
    and the accuracy of always answering the most frequent label ("majority").
    """
    if any(isinstance(text, str) for text in train_texts):
        vectorizer = TfidfVectorizer(token_pattern=PIECES, ngram_range=(1, 2), sublinear_tf=True)
    else:
        vectorizer = TfidfVectorizer(analyzer=_pairs, sublinear_tf=True)
    try:
        train = vectorizer.fit_transform(train_texts)
    except ValueError:  # no text has a single word: nothing to count
        return _majority(train_labels, test_labels)
    model = LogisticRegression(C=10.0, max_iter=200)
    return score(
        "TF-IDF + logistic regression",
        model, train, train_labels, vectorizer.transform(test_texts), test_labels,
    )  # fmt: skip


def _pairs(tokens: Sequence[str]) -> list[tuple[str, ...]]:
    return [*((token,) for token in tokens), *itertools.pairwise(tokens)]


def score(
    name: str, model: Any, train: Any, train_labels: Any, test: Any, test_labels: Any
) -> dict[str, Any]:
    """Fit a model of scikit-learn on features `train` and score it on `test`: its figures."""
    if len(set(np.asarray(train_labels).tolist())) == 1:
        return _majority(train_labels, test_labels)
    with warnings.catch_warnings():
        # Not converged to the last digit, or few examples of a class: no news for the user here.
        warnings.simplefilter("ignore")
        model.fit(train, train_labels)
    return {
        "name": name,
        **_figures(model.predict_proba(test), model.classes_.tolist(), test_labels),
        "majority": _majority(train_labels, test_labels)["accuracy"],
    }


def _figures(probabilities: np.ndarray, classes: list[Any], labels: Any) -> dict[str, float]:
    """Figures of probabilities (N, C); a label that is none of `classes` has probability 0."""
    given = np.asarray(labels).tolist()
    place = {label: column for column, label in enumerate(dict.fromkeys([*classes, *given]))}
    full = np.zeros((len(given), len(place)))
    full[:, : len(classes)] = probabilities
    return figures(full, np.array([place[label] for label in given]))


def _majority(train_labels: Any, test_labels: Any) -> dict[str, Any]:
    counts = Counter(np.asarray(train_labels).tolist())
    row = np.array([count / counts.total() for count in counts.values()])
    found = _figures(np.tile(row, (len(test_labels), 1)), list(counts), test_labels)
    return {"name": "most frequent label", **found, "majority": found["accuracy"]}


def figures(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Accuracy, macro F1, log loss (nats an example) of probabilities (N, C), classes (N,)."""
    guess = probabilities.argmax(1)
    own = probabilities[np.arange(len(truth)), truth]
    return {
        "accuracy": float((guess == truth).mean()),
        "macro_f1": _macro_f1(guess, truth),
        "log_loss": float(-np.log(np.maximum(own, 1e-12)).mean()),
    }


def _macro_f1(guess: np.ndarray, truth: np.ndarray) -> float:
    """The mean over the classes that occur, guessed or true, of 2 hits / (guesses + truths)."""
    size = int(max(guess.max(), truth.max())) + 1
    hits = np.bincount(truth[guess == truth], minlength=size)
    both = np.bincount(guess, minlength=size) + np.bincount(truth, minlength=size)
    return float((2 * hits[both > 0] / both[both > 0]).mean())
