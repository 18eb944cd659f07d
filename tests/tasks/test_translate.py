"""Translator: what it learns, what it says of bad input, how it fits into scikit-learn."""

import copy
import json

import numpy as np
import pytest
import sacrebleu
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from translators import QUICK, TINY, Told, pairs

from clew.errors import InputError
from clew.tasks import load
from clew.tasks.translate import Translator


@pytest.fixture(scope="module")
def learned():
    quick = {**QUICK, "batch_size": 16}
    return Translator(**quick, baseline=True).fit(*pairs(240, names=True))


@pytest.fixture(scope="module")
def tiny():
    return Translator(**TINY, unknown="keep").fit(*pairs())


# Learns


def test_learns_words_and_their_order(learned):
    X, y = pairs(40, seed=1)
    assert learned.score(X, y) >= 90
    assert learned.translate("one blue Tom.") == "Tom bleu un !"
    score = learned.metrics_["score"]
    assert score["accuracy"] >= 0.95
    assert score["bleu"] >= 80
    assert score["translated"] == score["pairs"] == learned.data_["held_out"]


def test_attention_looks_at_the_word_that_is_translated(learned):
    found = learned.align("one blue Tom.")
    assert found.source == (" one", " blue", " Tom", ".", " <end>")
    assert found.target == (" Tom", " bleu", " un", " !", " <end>")
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-5)
    assert found.words().target == ("Tom", "bleu", "un", "!", "<end>")
    words = found.words()
    for row, word in ((0, "Tom"), (1, "blue"), (2, "one")):
        assert words.source[int(words.weights[row].argmax())] == word
    given = learned.align("one blue Tom.", "un bleu")
    assert given.target == (" un", " bleu", " <end>")
    assert given.weights.shape == (3, 5)


def test_scores_are_those_of_the_metrics_own_library(learned):
    X, y = pairs(20, seed=2)
    wrong = [*y[1:], y[0]]
    answers = learned.predict(X)
    found = learned.scores(X, wrong)
    assert found["bleu"] == sacrebleu.corpus_bleu(answers, [wrong]).score == learned.score(X, wrong)
    assert found["chrf"] == sacrebleu.corpus_chrf(answers, [wrong]).score
    assert found["chrf"] == learned.score(X, wrong, metric="chrf")
    assert learned.score(X, wrong, metric="rouge") == found["rouge"]
    with pytest.raises(InputError, match="metric is 'meteor'"):
        learned.score(X, wrong, metric="meteor")


def test_without_attention_it_is_worse_and_says_so(learned):
    baseline = learned.metrics_["baseline"]
    assert baseline["name"] == "the same without attention"
    assert baseline["nats_per_piece"] > 2 * learned.metrics_["score"]["nats_per_piece"]
    assert baseline["bleu"] < learned.metrics_["score"]["bleu"]


def test_the_baseline_is_the_model_without_attention():
    told = Told()
    found = Translator(**TINY, baseline=True).fit(*pairs(24), report=told).metrics_["baseline"]
    assert any("without attention: BLEU" in text for text in told.messages)
    alone = Translator(**TINY, attention=None).fit(*pairs(24))
    assert alone.metrics_["score"] == {k: found[k] for k in alone.metrics_["score"]}
    with pytest.raises(InputError, match="without attention"):
        alone.align("red.")


@pytest.mark.parametrize(
    "options",
    [
        {"unit": "bpe", "vocabulary_size": 270, "cell": "gru", "attention": "dot"},
        {"unit": "char", "bidirectional": False, "attention": "general", "tie": False},
        {"input_feeding": True, "cell": "rnn", "num_layers": 2, "hidden_size": 5},
        {"shared": True, "teacher_forcing": 0.0, "attention": None, "layer_norm": True},
        {"shared": True, "tie": False, "attention": "dot", "hidden_size": 5},
        {"lowercase": True, "zoneout": 0.1, "recurrent_dropout": 0.1, "init": "chrono"},
    ],
)
def test_every_option_trains_answers_and_is_read_back_bit_for_bit(options, tmp_path):
    X, y = pairs(24)
    model = Translator(**{**TINY, "epochs": 1, **options}).fit(X, y, out=tmp_path / "m")
    again = load(tmp_path / "m")
    asked = ["", "red Tom", *X[:5]]
    for beam in (None, 3):
        answers = model.candidates(asked, n_best=1, beam=beam)
        assert answers == again.candidates(asked, n_best=1, beam=beam)
    assert again.get_params() == model.get_params()
    assert again.metrics_ == json.loads(json.dumps(model.metrics_))


def test_lists_of_tokens_become_lists_of_tokens(tmp_path):
    X, y = pairs(48)
    lists = [text[:-1].split() for text in X], [text[:-2].split() for text in y]
    model = Translator(**TINY).fit(*lists)
    model.save(tmp_path / "m")
    answers = model.predict([["red", "Tom"], []])
    assert all(isinstance(answer, list) for answer in answers)
    assert load(tmp_path / "m").predict([["red", "Tom"], []]) == answers
    assert 0 <= model.score(*lists) <= 100
    with pytest.raises(InputError, match="token lists"):
        model.chat()
    mixed = Translator(**TINY).fit(lists[0], y)
    assert isinstance(mixed.translate(["red"]), str)
    with pytest.raises(InputError, match="two sorts"):
        Translator(**TINY, shared=True).fit(lists[0], y)


def test_candidates_are_ordered_and_the_first_is_the_prediction(learned):
    X, _ = pairs(6, seed=3)
    every = learned.candidates(X, n_best=3, beam=4)
    assert [found[0].answer for found in every] == learned.predict(X, beam=4)
    for found in every:
        assert len(found) == 3
        assert len({candidate.answer for candidate in found}) == 3
    assert learned.candidates(X, n_best=3)[0][0].score <= 0
    for wrong in (0, -1, 1.5, "2", True):
        with pytest.raises(InputError, match="n_best"):
            learned.candidates(X, n_best=wrong)


def test_unknown_words_are_copied_from_where_attention_looks(learned):
    assert learned.translate("red Zaphod blue.") == "bleu Zaphod rouge !"
    assert learned.translate("Arthur one.") == "un Arthur !"
    kept = copy.copy(learned).set_params(unknown="keep")
    assert kept.translate("red Zaphod blue.") == "bleu <unk> rouge !"


# Laws


@settings(max_examples=8)
@given(
    st.lists(st.sampled_from(["", "red.", "one two", "Tom " * 5, "zzz blue"]), min_size=1,
             max_size=7),
    st.sampled_from([None, 3]),
)  # fmt: skip
def test_alone_is_together(tiny, texts, beam):
    together = tiny.candidates(texts, n_best=1, beam=beam)
    for text, [found] in zip(texts, together, strict=True):
        [[alone]] = tiny.candidates([text], n_best=1, beam=beam)
        assert alone.answer == found.answer
        assert alone.score == pytest.approx(found.score, abs=1e-4)


def test_a_copy_and_a_pickle_answer_alike(tiny, tmp_path):
    X, _ = pairs(5, seed=4)
    assert copy.deepcopy(tiny).predict(X) == tiny.predict(X)
    tiny.save(tmp_path / "m")
    with pytest.raises(InputError, match="finished model"):
        tiny.save(tmp_path / "m")
    assert load(tmp_path / "m").candidates(X, n_best=2) == tiny.candidates(X, n_best=2)


def test_a_sentence_of_5000_words_is_read_whole(tiny):
    hasty = copy.deepcopy(tiny)
    with torch.no_grad():
        hasty.network_.bias[-1] += 20  # it ends at once
    before = torch.random.get_rng_state()
    assert hasty.translate("red blue " * 2500) == ""
    assert torch.equal(before, torch.random.get_rng_state())


def test_an_answer_has_max_length_pieces_or_as_many_as_its_source(tiny):
    endless = copy.deepcopy(tiny)
    with torch.no_grad():
        endless.network_.bias[-1] -= 20
    for text, most in (("red", 12), ("red " * 30, 31), ("", 12)):
        answer = endless.translate(text)
        assert len(tiny.target_tokenizer_.encode(" " + answer)) <= most


# scikit-learn


def test_clone_and_search():
    X, y = pairs(24)
    model = Translator(**{**TINY, "epochs": 1})
    assert clone(model).get_params() == model.get_params()
    found = cross_val_score(model, X, y, cv=2)
    assert found.shape == (2,)
    assert np.isfinite(found).all()
    search = GridSearchCV(model, {"attention": ["dot", None]}, cv=2).fit(X, y)
    assert isinstance(search.predict(["red."])[0], str)


# Bad input


@pytest.mark.parametrize(
    ("X", "y", "what", "where"),
    [
        (["a", "b"], ["c"], "2 sources and 1 targets", "y"),
        (["a", "b"], ["c", 3], "this is of type int", "y[1]"),
        (["a", None], ["c", "d"], "this is of type NoneType", "X[1]"),
        (["a", "b\ud800"], ["c", "d"], "surrogate", "X[1]"),
        (["a", "b"], None, "there are no targets", "y"),
        ([], [], "there are no sequences", "X"),
        (np.zeros((3, 2, 2)), ["c"] * 3, "these are arrays", "X"),
        ("a text", "another", "one text was given", "y"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_place(X, y, what, where):
    with pytest.raises(InputError, match=what) as caught:
        Translator(**TINY).fit(X, y)
    assert caught.value.where == where or where == "y"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unit", "syllable"), ("attention", "soft"), ("unknown", "guess"), ("cell", "s4"),
        ("hidden_size", 0), ("max_length", None), ("dropout", 1.0), ("held_out", 0.0),
        ("teacher_forcing", 1.5), ("teacher_forcing", True), ("shared", 1), ("tie", "yes"),
        ("epochs", 0), ("time", "soon"), ("vocabulary_size", 2.5),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_by_name(name, value):
    with pytest.raises(InputError) as caught:
        Translator(**{**TINY, name: value}).fit(*pairs(8))
    assert caught.value.where == name
    if name == "attention":
        assert "or None" in caught.value.expected


def test_settings_that_do_not_go_together_are_refused():
    for options in ({"shared": True, "lowercase": True},
                    {"attention": None, "baseline": True},
                    {"input_feeding": True, "recurrent_dropout": 0.1}):  # fmt: skip
        with pytest.raises(InputError):
            Translator(**{**TINY, **options}).fit(*pairs(8))


def test_unfitted_and_odd_questions(tiny):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        Translator().predict(["a"])
    assert tiny.predict([]) == []
    for wrong in ("a text", [3], [["a", "b"]], None):
        with pytest.raises(InputError):
            tiny.predict(wrong)
    with pytest.raises(InputError, match="nothing to score"):
        tiny.score([], [])
    for beam in (0, 1.5, "3"):
        with pytest.raises(InputError, match="beam"):
            tiny.predict(["a"], beam=beam)


def test_what_cannot_be_stored_is_not_read(tiny, tmp_path):
    tiny.save(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["task"] == "translate"
    assert config["network"]["source"] == "text"
    (tmp_path / "m" / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        load(tmp_path / "m")
