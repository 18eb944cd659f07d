"""Tagger: what it learns, what it says of bad input, how it fits into scikit-learn."""

import itertools
import json
import pickle

import numpy as np
import pytest
import seqeval.metrics
from classifiers import Told
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import estimator_checks
from taggers import QUICK, TINY, conll, places, sentences

from clew.errors import InputError
from clew.tasks import load
from clew.tasks.tag import Tagger

# Learns


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_learns_what_the_word_before_decides(cell):
    X, y = sentences()
    model = Tagger(**{**QUICK, "baseline": True}, cell=cell).fit(X, y)
    new, truth = sentences(30, seed=1)
    assert model.score(new, truth) >= 0.95
    assert model.metrics_["baseline"]["accuracy"] <= 0.9  # a word is as often N as V
    assert model.metrics_["window"]["accuracy"] > 0.5  # it sees the word before
    assert model.metrics_["score"]["accuracy"] >= 0.95


def test_unknown_words_are_known_by_their_letters():
    draw = np.random.default_rng(0)

    def made(count):
        X = [["".join(draw.choice(list("bcdfg"), 4)) + str(draw.choice(["ly", "er"]))
              for _ in range(3)] for _ in range(count)]  # fmt: skip
        return X, [["ADV" if w.endswith("ly") else "NOUN" for w in words] for words in X]

    X, y = made(60)
    new, truth = made(30)
    assert Tagger(**QUICK, word_dropout=0.5).fit(X, y).score(new, truth) >= 0.95
    blind = Tagger(**{**QUICK, "character_size": 0}).fit(X, y)
    assert blind.network_.speller is None
    assert blind.score(new, truth) <= 0.8


def test_spans_and_labels_are_learned_together():
    X, y, labels = places()
    told = Told()
    model = Tagger(**QUICK).fit(X, y, labels=labels, report=told)
    assert model.network_.crf is not None
    new, truth, theirs = places(30, seed=1)
    found = model.evaluate(new, truth, labels=theirs)
    assert found["f1"] >= 0.95
    assert found["label_accuracy"] >= 0.95
    assert model.score(new, truth) == found["f1"]
    assert found["f1"] == pytest.approx(seqeval.metrics.f1_score(truth, model.predict(new)))
    assert model.predict_labels(new).tolist().count("walk") == 15
    assert model.tags_.tolist() == ["B-place", "I-place", "O"]
    assert model.labels_.tolist() == ["flight", "walk"]
    assert not told.messages


def test_no_span_begins_within_itself():
    X, y, _ = places()
    model = Tagger(**TINY).fit(X, y)
    odd = [["York", "New", "York"], ["York"], ["to", "York"]]
    for tags in model.predict(odd):
        assert tags[0] != "I-place"
        for before, tag in itertools.pairwise(tags):
            assert tag != "I-place" or before != "O"
    for row in model.predict_proba(odd):
        assert row[0, 1] == 0  # I-place cannot be first
        assert np.allclose(row.sum(1), 1)


def test_a_crf_may_be_had_or_left():
    X, y = sentences(16)
    assert Tagger(**TINY, crf=True).fit(X, y).network_.crf is not None
    X, y, _ = places(16)
    model = Tagger(**TINY, crf=False).fit(X, y)
    assert model.network_.crf is None
    assert "f1" in model.metrics_["score"]
    assert Tagger(**TINY, metric="accuracy").fit(X, y).score(X, y) != model.score(X, y)


def test_probabilities_decide_the_tag():
    X, y = sentences()
    model = Tagger(**TINY).fit(X, y)
    found = model.predict_proba([*X, [], "we w1"])
    assert [len(rows) for rows in found] == [*map(len, X), 0, 2]
    for rows, tags in zip(found, model.predict([*X, [], "we w1"]), strict=True):
        assert rows.shape == (len(tags), len(model.tags_))
        assert np.abs(rows.sum(1) - 1).max(initial=0) < 1e-12
        assert model.tags_[rows.argmax(1)].tolist() == tags
    assert model.predict_proba([]) == []
    assert model.predict([]) == []


def test_alone_and_together_bit_for_bit():
    X, y = sentences()
    model = Tagger(**TINY, layer_norm=True).fit(X, y)
    together = model.predict_proba(X)
    for words, rows in zip(X, together, strict=True):
        assert np.array_equal(model.predict_proba([words])[0], rows)


def test_the_held_out_part_can_be_given(tmp_path):
    X, y, labels = places()
    aside = (X[:3], y[:3], labels[:3])
    model = Tagger(**TINY).fit(X[3:], y[3:], labels=labels[3:], validation=aside)
    assert model.metrics_["score"]["sentences"] == 3
    assert model.data_["sentences"] == len(X) - 3
    (tmp_path / "dev.txt").write_text(conll(X[:3], y[:3]))
    model = Tagger(**TINY).fit(X[3:], y[3:], validation=tmp_path / "dev.txt")
    assert model.metrics_["score"]["sentences"] == 3
    for wrong, match in (
        ((X[:1],), "list|tuple"),
        ("ab", "str"),
        (([], [], []), "nothing in it"),
        ((X[:1], y[:1]), "one side only"),
    ):
        with pytest.raises(InputError, match=match) as caught:
            Tagger(**TINY).fit(X, y, labels=labels, validation=wrong)
        assert "validation" in caught.value.where


# As scikit-learn has it


def test_a_search_over_folds():
    X, y = sentences(24)
    rates = {"learning_rate": np.array([1e-7, 0.03])}
    search = GridSearchCV(Tagger(**QUICK), rates, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_["learning_rate"] == 0.03
    assert search.best_score_ > 0.7


def test_scikit_learn_takes_it_for_its_own():
    model = Tagger()
    for check in (
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_estimator_repr,
    ):
        check("Tagger", model)
    assert clone(Tagger(hidden_size=3)).get_params() == {**model.get_params(), "hidden_size": 3}
    with pytest.raises(TypeError):
        Tagger(hiden_size=3)
    with pytest.raises(ValueError, match="not fitted"):
        Tagger().predict([["a"]])


@pytest.mark.parametrize("sort", ["tags", "spans"])
def test_saved_equals_loaded(sort, tmp_path):
    X, y, labels = places() if sort == "spans" else (*sentences(), None)
    X[0][0] = "<pad>"
    settings = {**TINY, "num_layers": 2, "zoneout": 0.1, "character_size": 3 * (sort == "spans")}
    model = Tagger(**settings).fit(X, y, labels=labels)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    for ours, theirs in zip(model.predict_proba(X), again.predict_proba(X), strict=True):
        assert np.array_equal(ours, theirs)
    assert again.predict(X) == model.predict(X) == pickle.loads(pickle.dumps(model)).predict(X)
    assert again.get_params() == model.get_params()
    assert again.metrics_ == model.metrics_
    if labels:
        assert (again.predict_labels(X) == model.predict_labels(X)).all()
    assert model.metrics_["held_out"]["note"] in (tmp_path / "m" / "README.md").read_text()
    json.dumps(model.metrics_, allow_nan=False)
    with pytest.raises(InputError, match="finished model"):
        model.save(tmp_path / "m")


# Bad input


@pytest.mark.parametrize(
    ("X", "y", "labels", "match"),
    [
        ([], [], None, "no words"),
        ("one text", [["A"]], None, "one text"),
        (3, [["A"]], None, "int"),
        ([["a"]], None, None, "no tags"),
        ([["a"], ["b"]], [["A"]], None, "2 sentences, and tags for 1"),
        ([["a", "b"], ["a", "b", "c"]], [["A", "B"], ["A", "B"]], None, "3 words and 2 tags"),
        ([["a", "b"]], [["A", "A"]], None, "every tag is 'A'"),
        ([["a", 3]], [["A", "B"]], None, "this is of type int"),
        ([["a", "b"]], [["A", 3]], None, "int"),
        ([["a", "b"]], [["A", None]], None, "NoneType"),
        ([["a", "b"]], [["A", ""]], None, "empty"),
        ([["a", "b"]], ["AB"], None, "str"),
        ([["a", "b"]], "AB", None, "one text"),
        ([["a", "\ud800"]], [["A", "B"]], None, "surrogate"),
        ([["a", "b"]] * 2, [["A", "B"]] * 2, ["x"], "2 sentences, and labels for 1"),
        ([["a", "b"]] * 2, [["A", "B"]] * 2, ["x", 1], "int"),
        ([["a", "b"]] * 2, [["A", "B"]] * 2, ["x", "x"], "every label is 'x'"),
        ([[], []], [[], []], None, "no words"),
    ],
)
def test_bad_input_is_named(X, y, labels, match):
    with pytest.raises(InputError, match=match):
        Tagger(**TINY).fit(X, y, labels=labels)


def test_a_list_of_another_length_is_named():
    with pytest.raises(InputError) as caught:
        Tagger(**TINY).fit([["a"], ["b", "c"]], [["A"], ["B"]])
    assert "sentence 1" in caught.value.where
    assert "2 words and 1 tags" in caught.value.what


@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_size", 0), ("character_size", -1), ("character_size", True), ("crf", "yes"),
     ("metric", "F1"), ("dropout", 1.0), ("held_out", 0.0), ("cell", "LSTM"), ("epochs", 0),
     ("device", "tpu"), ("time", "soon"), ("bidirectional", "no"), ("lowercase", 1)],
)  # fmt: skip
def test_impossible_settings_are_named(name, value):
    with pytest.raises(InputError) as caught:
        Tagger(**{**TINY, name: value}).fit(*sentences(8))
    assert name.split("_")[0] in str(caught.value)


def test_f1_of_what_are_no_spans():
    with pytest.raises(InputError, match="no spans"):
        Tagger(**TINY, metric="f1").fit(*sentences(8))


def test_spans_not_well_formed_are_mended_and_told_of():
    X, y, _ = places()
    y[5] = ["I-place" if tag == "B-place" else tag for tag in y[5]]
    told = Told()
    model = Tagger(**TINY).fit(X, y, report=told)
    assert "'I-place' after 'O' (y[5][2])" in told.messages[0]
    assert "read as the beginning of a span" in told.messages[0]
    whole = Tagger(**TINY).fit(*places()[:2])
    assert model.predict(X) == whole.predict(X)
    assert model.evaluate(X, y) == model.evaluate(*places()[:2])


def test_a_tag_unseen_in_training_is_a_mistake():
    X, y = sentences()
    model = Tagger(**QUICK).fit(X, y)
    found = model.evaluate([["the", "w1"], ["we", "w2"]], [["D", "N"], ["P", "X"]])
    assert (found["accuracy"], found["unseen"]) == (0.75, 1)
    assert model.by_kind([["we", "w2"]], [["P", "X"]])["?"] == {
        "precision": 0.0, "recall": 0.0, "f1": 0.0, "spans": 1.0
    }  # fmt: skip
    told = Told()
    model = Tagger(**QUICK).fit(X, y, validation=(X[:1], [["X"] * len(X[0])]), report=told)
    assert "'X' (validation y[0][0]) was not there in training" in told.messages[0]
    assert model.metrics_["score"]["accuracy"] == 0
    assert "X" not in model.tags_
    with pytest.raises(InputError, match="nothing to score"):
        model.score([[]], [[]])
    with pytest.raises(InputError, match="no labels"):
        model.predict_labels([["a"]])
    with pytest.raises(InputError, match="no labels"):
        model.evaluate([["a"]], [["N"]], labels=["x"])


def test_spans_of_a_kind_unseen_in_training_are_not_found():
    X, y, _ = places()
    model = Tagger(**QUICK).fit(X, y, validation=(X, y))
    X, y = [["go", "to", "Rome", "by", "New", "York"]], [["O", "O", "B-place", "O", "B-x", "I-x"]]
    found = model.by_kind(X, y)
    assert found["place"]["recall"] == 1
    assert (found["?"]["recall"], found["?"]["spans"]) == (0, 1)
    assert model.evaluate(X, y)["recall"] == 0.5
    told = Told()
    Tagger(**TINY).fit(*places()[:2], validation=(X, y), report=told)
    assert "'B-x'" in told.messages[0]


def test_iobes_becomes_bio():
    X = [["New", "York", "is", "big"], ["to", "Rome"]] * 6
    model = Tagger(**TINY).fit(X, [["B-p", "E-p", "O", "O"], ["O", "S-p"]] * 6)
    same = Tagger(**TINY).fit(X, [["B-p", "I-p", "O", "O"], ["O", "B-p"]] * 6)
    assert model.tags_.tolist() == ["B-p", "I-p", "O"]
    assert model.predict(X) == same.predict(X)
    y = [["B-p", "E-p", "O", "O"], ["O", "S-p"]], [["B-p", "I-p", "O", "O"], ["O", "B-p"]]
    assert model.evaluate(X[:2], y[0]) == model.evaluate(X[:2], y[1])


def test_strange_words_and_empty_sentences():
    X, y = sentences()
    model = Tagger(**TINY).fit([*X, []], [*y, []])
    odd = [[], ["a" * 10_000], [""], ["日本", "🙂", "\u0301"], ["w1"] * 3000]
    assert [len(tags) for tags in model.predict(odd)] == [0, 1, 1, 3, 3000]
    long, other = "b" * 40 + "x" * 500 + "e" * 40, "b" * 40 + "y" * 900 + "e" * 40
    assert np.array_equal(*(model.predict_proba([[word]])[0] for word in (long, other)))


def test_a_handful_of_sentences():
    told = Told()
    model = Tagger(**TINY).fit([["a", "b"]], [["A", "B"]], report=told)
    assert "nothing can be held out" in told.messages[0]
    assert model.data_["sentences"] == model.data_["held_out"] == 1
    two = Tagger(**TINY).fit([["a", "b"], ["b", "a"]], [["A", "B"], ["B", "A"]])
    assert two.data_["sentences"] == two.data_["held_out"] == 1


def test_a_label_unseen_in_training_is_a_mistake():
    X, y, labels = places(24)
    model = Tagger(**TINY).fit(X, y, labels=labels)
    found = model.evaluate(X[:4], y[:4], labels=["train", *labels[1:4]])
    known = model.evaluate(X[1:4], y[1:4], labels=labels[1:4])
    assert found["unseen"] == 1
    assert found["label_accuracy"] == pytest.approx(known["label_accuracy"] * 3 / 4)
    told = Told()
    aside = (X[:4], y[:4], ["train", *labels[1:4]])
    Tagger(**TINY).fit(X, y, labels=labels, validation=aside, report=told)
    assert "'train' (validation labels[0]) was not there in training" in told.messages[0]


def test_spans_beside_one_of_an_unseen_kind_are_read_as_elsewhere():
    tags = [["O", "B-p", "E-p"], ["O", "S-p", "O"]] * 8
    model = Tagger(**TINY).fit([["in", "New", "York"], ["in", "Rome", "now"]] * 8, tags)
    X, y = [["in", "New", "York", "Help"]], [["O", "B-p", "E-p", "S-song"]]
    assert model.evaluate(X, y)["unseen"] == 1
    kinds = model.by_kind(X, y)
    assert (kinds["p"]["spans"], kinds["?"]["spans"]) == (1, 1)


def test_the_letters_may_be_none_and_not_less():
    with pytest.raises(InputError, match="character_size is -1") as caught:
        Tagger(**{**TINY, "character_size": -1}).fit(*sentences(8))
    assert caught.value.expected == "a whole number of 0 or more"
