"""Figures of taggers, and of what has no memory, against plain counting and seqeval."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import seqeval.metrics
from taggers import TINY, places, sentences

from clew.tasks._tag.baseline import most_frequent, word_counts
from clew.tasks._tag.encoder import TagEncoder, survey
from clew.tasks._tag.inputs import given
from clew.tasks._tag.judge import Judge
from clew.tasks._tag.problem import Found
from clew.tasks._tag.store import Sink
from clew.tasks.tag import Tagger


def encoded(X, y, labels=None):
    source, sink = given(X, y, labels), Sink(None)
    found = survey(source, 0.0, seed=0, lowercase=True)
    encoder = TagEncoder.learn(found, size=99, min_count=1, lowercase=True)
    encoder.encode(source, sink)
    return encoder, sink.done()


def test_figures_are_those_of_seqeval_and_of_counting():
    X, y, labels = places()
    encoder, store = encoded(X, y, labels)
    where = np.array([3, 1, 7, 20, 21])
    draw = np.random.default_rng(0)
    tags = [np.where(draw.random(len(X[n])) < 0.7, store.truth(n), draw.integers(0, 3, len(X[n])))
            for n in where]  # fmt: skip
    theirs = np.array([0, 0, 1, 0, 0])
    found = Judge(encoder, store, where, "f1")(Found(tags, theirs, 0.5))
    truth = [y[n] for n in where]
    said = [[encoder.tags[t] for t in row] for row in tags]
    right = [a == b for one, two in zip(truth, said, strict=True)
             for a, b in zip(one, two, strict=True)]  # fmt: skip
    figures = found.figures
    assert figures["accuracy"] == pytest.approx(np.mean(right))
    for name in ("precision", "recall", "f1"):
        expected = getattr(seqeval.metrics, f"{name}_score")(truth, said)
        assert figures[name] == pytest.approx(expected)
    wholes = [a == b for a, b in zip(truth, said, strict=True)]
    assert figures["whole_sentences"] == np.mean(wholes)
    assert figures["label_accuracy"] == np.mean(theirs == np.array(store.labels[where]))
    best = (figures["f1"] + figures["label_accuracy"]) / 2
    assert found.objective == pytest.approx(1 - best + 0.0005)


def test_the_most_frequent_tag_of_each_word():
    X, y = sentences(60)
    encoder, store = encoded(X, y)
    learned, aside = np.arange(0, 60, 2), np.arange(1, 60, 2)
    counts = defaultdict(Counter)
    for n in learned:
        for word, tag in zip(X[n], y[n], strict=True):
            counts[word][tag] += 1
    total = sum(counts.values(), Counter())
    common = max(sorted(total), key=lambda tag: total[tag])
    right, words = 0, 0
    for n in aside:
        for word, tag in zip(X[n], y[n], strict=True):
            most = counts[word] or total
            right += tag == (max(sorted(most), key=most.get) if counts[word] else common)
            words += 1
    judge = Judge(encoder, store, aside, "accuracy")
    sizes = {"words": len(encoder.pieces), "tags": len(encoder.tags), "labels": 0}
    found = most_frequent(store, learned, aside, judge, **sizes)
    assert found["accuracy"] == pytest.approx(right / words)
    table = word_counts(store, learned, len(encoder.pieces), len(encoder.tags))
    assert table.sum() == sum(len(X[n]) for n in learned)


def test_the_most_frequent_label():
    X, y, labels = places(40)
    labels = ["walk"] * 30 + ["flight"] * 10
    encoder, store = encoded(X, y, labels)
    where = np.arange(40)
    found = most_frequent(
        store, where, where, Judge(encoder, store, where, "f1"), words=len(encoder.pieces),
        tags=3, labels=2,
    )  # fmt: skip
    assert found["label_accuracy"] == 0.75


def test_figures_by_kind():
    X, y = sentences(16)
    model = Tagger(**TINY).fit(X, y)
    found = model.by_kind(X, y)
    said = [tag for tags in model.predict(X) for tag in tags]
    truth = [tag for tags in y for tag in tags]
    for kind, figures in found.items():
        right = sum(a == b == kind for a, b in zip(said, truth, strict=True))
        assert figures["spans"] == truth.count(kind)
        assert figures["recall"] == pytest.approx(right / max(1, truth.count(kind)))
        assert figures["precision"] == pytest.approx(right / max(1, said.count(kind)))
