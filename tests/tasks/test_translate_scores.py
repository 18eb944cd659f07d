"""Scores of translations: what their own libraries say."""

import pytest
import sacrebleu
from rouge_score import rouge_scorer

from clew.errors import InputError
from clew.tasks._translate.scores import METRICS, bleu, chrf, rouge

FOUND = ["the cat sat on a mat .", "no", "It's 3 o'clock, isn't it?"]
TRUTH = ["the cat sat on the mat .", "yes", "It is 3 o'clock, isn't it?"]


def test_bleu_and_chrf_of_texts_and_of_tokens():
    assert bleu(FOUND, TRUTH) == sacrebleu.corpus_bleu(FOUND, [TRUTH]).score
    assert chrf(FOUND, TRUTH) == sacrebleu.corpus_chrf(FOUND, [TRUTH]).score
    lists = [text.split() for text in FOUND], [text.split() for text in TRUTH]
    as_they_are = sacrebleu.corpus_bleu(FOUND, [TRUTH], tokenize="none").score
    assert bleu(*lists) == as_they_are != bleu(FOUND, TRUTH)


def test_bleu_of_answers_below_four_words_is_of_the_runs_there_are():
    assert bleu(["deux rouge !", "un"], ["deux rouge !", "un"]) == pytest.approx(100)
    assert 0 < bleu(["deux rouge !"], ["deux verts !"]) < 100
    assert bleu([["a", "b"]], [["a", "b"]]) == pytest.approx(100)


def test_rouge_is_that_of_its_library_and_knows_other_scripts():
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    every = [
        scorer.score(truth, text)["rougeL"].fmeasure
        for text, truth in zip(FOUND, TRUTH, strict=True)
    ]
    assert rouge(FOUND, TRUTH) == pytest.approx(100 * sum(every) / 3)
    assert rouge(["кошка спит"], ["кошка ест"]) == pytest.approx(50)


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_and_nothing(metric):
    assert METRICS[metric](TRUTH, TRUTH) == pytest.approx(100)
    assert METRICS[metric]([""] * 3, TRUTH) == 0


def test_a_missing_package_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(InputError, match="sacrebleu") as caught:
        bleu(FOUND, TRUTH)
    assert "clew[translate]" in caught.value.hint
