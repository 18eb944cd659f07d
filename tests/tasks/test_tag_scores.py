"""Scores of spans against those that seqeval counts."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score

from clew.tasks._tag import bio as bio
from clew.tasks._tag import scores as scores

TAGS = st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"])
PAIRS = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=6), min_size=1, max_size=4)


@given(pairs=PAIRS)
def test_they_are_seqevals(pairs):
    truth = [[t for t, _ in sentence] for sentence in pairs]
    found = [[f for _, f in sentence] for sentence in pairs]
    spans = [[bio.spans(tags) for tags in part] for part in (truth, found)]
    ours = scores.of_spans(*spans)
    kinds = scores.by_kind(*spans)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval's, of divisions by zero
        assert ours == pytest.approx(
            {
                "precision": precision_score(truth, found, zero_division=0),
                "recall": recall_score(truth, found, zero_division=0),
                "f1": f1_score(truth, found, zero_division=0),
            }
        )
        if not any(map(len, spans[0] + spans[1])):
            assert kinds == {}
            return
        theirs = classification_report(truth, found, output_dict=True, zero_division=0)
    assert list(kinds) == [name for name in theirs if " avg" not in name]
    for kind, figures in kinds.items():
        names = {"precision": "precision", "recall": "recall", "f1": "f1-score", "spans": "support"}
        assert figures == pytest.approx({a: float(theirs[kind][b]) for a, b in names.items()})


def test_numbers_of_sentences_that_differ():
    with pytest.raises(ValueError, match="zip"):
        scores.of_spans([[]], [])
