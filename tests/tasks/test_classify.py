"""Classifier: what it learns, what it says of bad input, how it fits into scikit-learn."""

import json
import pickle

import numpy as np
import pytest
from classifiers import QUICK, TINY, Told, texts
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from clew.errors import InputError
from clew.tasks import load
from clew.tasks._classify.net import POOLS
from clew.tasks.classify import Classifier

# Learns


@pytest.mark.parametrize("pool", POOLS)
def test_learns_the_word_that_decides(pool):
    X, y = texts()
    model = Classifier(pool=pool, **QUICK).fit(X, y)
    new, truth = texts(40, seed=1)
    assert model.score(new, truth) >= 0.9
    assert model.metrics_["score"]["accuracy"] >= 0.8


@pytest.mark.parametrize("labels", [["pos", "neg"], [3, 7], [False, True], [2.0, 1.0]])
@pytest.mark.parametrize("sort", ["tokens", "arrays"])
def test_learns_from_tokens_and_arrays_with_any_label(sort, labels):
    draw = np.random.default_rng(0)
    X, y = [], []
    for n in range(48):
        T = int(draw.integers(1, 7))
        signal_at = draw.integers(T)
        if sort == "tokens":
            item = [f"w {k}" for k in draw.integers(0, 9, T)]  # a token may hold a space
            item[signal_at] = ("yes", "no")[n % 2]
        else:
            item = draw.normal(size=(T, 3))
            item[signal_at, 1] = (6.0, -6.0)[n % 2]
        X.append(item)
        y.append(labels[n % 2])
    model = Classifier(**QUICK).fit(X, y)
    assert model.score(X, y) >= 0.9
    assert model.classes_.tolist() == sorted(labels)
    assert type(model.predict(X)[0].item()) is type(labels[0])


def test_order_is_what_memory_is_for():
    # Which of two words comes first decides; words around them keep them apart, so that counts
    # of words and pairs of words know nothing.
    draw = np.random.default_rng(0)
    X, y = [], []
    for n in range(160):
        first, second = ("x", "y") if n % 2 else ("y", "x")
        filler = [[f"w{k}" for k in draw.integers(0, 4, draw.integers(1, 4))] for _ in range(3)]
        X.append(" ".join([*filler[0], first, *filler[1], second, *filler[2]]))
        y.append(n % 2)
    model = Classifier(**{**QUICK, "epochs": 20, "baseline": True, "held_out": 0.3, "pool": "last"})
    model.fit(X, y)
    assert model.metrics_["score"]["accuracy"] >= 0.9
    assert model.metrics_["baseline"]["accuracy"] <= 0.75
    assert model.metrics_["baseline"]["majority"] == pytest.approx(0.5, abs=0.05)
    assert set(model.metrics_["window"]) >= {"name", "accuracy", "parameters"}


def test_probabilities_sum_to_one_and_decide_the_label():
    X, y = texts()
    model = Classifier(**TINY).fit(X, y)
    found = model.predict_proba([*X, ""])
    assert np.abs(found.sum(1) - 1).max() < 1e-12
    assert (model.predict([*X, ""]) == model.classes_[found.argmax(1)]).all()
    assert model.predict_proba([]).shape == (0, 2)
    assert model.score(X, y) == np.mean(model.predict(X) == np.array(y))


def test_long_texts_keep_their_end():
    X, y = texts()
    model = Classifier(max_length=2, **TINY).fit(X, y)
    pair = ["w1 w2 w3 fine", "w9 w9 w9 w9 w3 fine"]
    assert np.array_equal(*model.predict_proba(pair))


def test_the_held_out_part_can_be_given():
    X, y = texts()
    model = Classifier(**TINY).fit(
        X, y, validation=(["fine", "poor", "fine"], ["pos", "neg", "pos"])
    )
    assert model.metrics_["score"]["examples"] == 3
    assert model.data_["sequences"] == len(X)
    with pytest.raises(InputError, match="'meh' was not there"):
        Classifier(**TINY).fit(X, y, validation=(["fine"], ["meh"]))
    for wrong in ((["fine"],), "ab", ([], []), (["fine"], ["pos", "neg"]), ([["a"]], ["pos"])):
        with pytest.raises(InputError):
            Classifier(**TINY).fit(X, y, validation=wrong)


# As scikit-learn has it


def test_search_and_folds_and_pipelines():
    X, y = texts(40)
    scores = cross_val_score(Classifier(**QUICK), X, y, cv=2, error_score="raise")
    assert scores.mean() > 0.6
    steps = [("lower", FunctionTransformer(lambda X: [x.lower() for x in X])),
             ("model", Classifier(**QUICK))]  # fmt: skip
    search = GridSearchCV(
        Pipeline(steps),
        {"model__hidden_size": np.array([12]), "model__learning_rate": np.array([1e-7, 0.03])},
        cv=2,
        error_score="raise",
    )
    search.fit([x.upper() for x in X], y)
    assert search.best_params_["model__learning_rate"] == 0.03
    assert search.best_score_ > 0.6


def test_scikit_learn_takes_it_for_its_own():
    model = Classifier()
    for check in (
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_valid_tag_types,
    ):
        check("Classifier", model)
    changed = clone(Classifier(hidden_size=3, pool="mean")).get_params()
    assert changed == {**model.get_params(), "hidden_size": 3, "pool": "mean"}
    with pytest.raises(TypeError):
        Classifier(hiden_size=3)


def test_pickled_in_memory_it_still_predicts():
    # For worker processes of cross_val_score; on disk there is never a pickle.
    X, y = texts()
    model = Classifier(**TINY).fit(X, y)
    assert np.array_equal(
        pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X)
    )


def test_the_smallest_model_of_arrays_is_loaded(tmp_path):
    # It has fewer weights than an embedding (which it lacks) has dimensions.
    X = [np.full((2, 1), n) for n in range(4)]
    settings = {"hidden_size": 1, "bidirectional": False, "epochs": 1, "device": "cpu"}
    Classifier(**settings, baseline=False).fit(X, [0, 1, 0, 1]).save(tmp_path / "m")
    assert load(tmp_path / "m").embedding_size == 100


def test_unfitted():
    with pytest.raises(ValueError, match="not fitted"):
        Classifier().predict(["a"])


@pytest.mark.parametrize("sort", ["text", "tokens", "arrays"])
def test_saved_equals_loaded_for_every_sort(sort, tmp_path):
    X, y = texts()
    if sort == "tokens":
        X = [[*x.split(), "<pad>", "a b"] for x in X]
    elif sort == "arrays":
        X = [np.random.default_rng(n).normal(size=(n % 4, 2)) for n in range(len(X))]
    y = np.array([label == "pos" for label in y], dtype=np.int8) if sort == "arrays" else y
    model = Classifier(**TINY, layer_norm=True, zoneout=0.1, num_layers=2).fit(X, y)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.classes_.dtype == model.classes_.dtype
    assert again.get_params() == model.get_params()
    assert again.metrics_ == model.metrics_
    assert model.metrics_["held_out"]["note"] in (tmp_path / "m" / "README.md").read_text()
    json.dumps(model.metrics_, allow_nan=False)


# Bad input


ONE = np.zeros((3, 2))
NAN = np.array([[0.0, 1.0], [np.nan, 1.0]])


@pytest.mark.parametrize(
    ("X", "y", "match"),
    [
        ([], [], "no sequences"),
        ("one text", ["a"], "one text"),
        (3, ["a"], "int"),
        (["a", "b"], ["x"], "2 sequences and 1 labels"),
        (["a", "b"], ["x", "x"], "every label is"),
        (["a", "b"], ["x", None], "None"),
        (["a", "b"], [0.5, 1.0], "0.5"),
        (["a", "b"], [float("nan"), 1.0], "nan"),
        (["a", "b"], [1, "1"], "of type str"),
        (["a", "b"], [["x"], ["y"]], "list"),
        (["a", "b"], 5, "int"),
        (["a", "b"], "xy", "one text"),
        (["a", 3], ["x", "y"], "int"),
        (["a", None], ["x", "y"], "NoneType"),
        (["a", ["b"]], ["x", "y"], "list"),
        ([["a"], "b"], ["x", "y"], "str"),
        ([["a"], ["b", 2]], ["x", "y"], "int"),
        (["a", "\ud800"], ["x", "y"], "surrogate"),
        ([ONE, NAN], ["x", "y"], "nan"),
        ([ONE, np.full((1, 2), np.inf)], ["x", "y"], "inf"),
        ([ONE, np.full((1, 2), 1e300)], ["x", "y"], r"float32|1e\+300"),
        ([ONE, np.zeros((3, 3))], ["x", "y"], "3 features"),
        ([ONE, np.zeros(3)], ["x", "y"], r"shape \(3,\)"),
        ([ONE, np.zeros((1, 2, 3))], ["x", "y"], "shape"),
        ([ONE, "text"], ["x", "y"], "text"),
        ([np.zeros((2, 0)), np.zeros((1, 0))], ["x", "y"], "features"),
        ([ONE, np.array([["a", "b"]])], ["x", "y"], "not numbers"),
    ],
)
def test_bad_input_is_named(X, y, match, tmp_path):
    with pytest.raises(InputError, match=match):
        Classifier(**TINY).fit(X, y, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_size", 0), ("hidden_size", -3), ("hidden_size", 2.5), ("embedding_size", "8"),
     ("num_layers", True), ("batch_size", 0), ("epochs", 0), ("min_count", -1),
     ("vocabulary_size", 0), ("vocabulary_size", 2), ("max_length", 0), ("dropout", 1.0),
     ("dropout", float("nan")), ("zoneout", -0.1), ("word_dropout", 2), ("held_out", 0.0),
     ("held_out", 1.0), ("pool", "sum"), ("cell", "LSTM"), ("unit", "sentence"), ("init", None),
     ("bidirectional", "no"), ("clip", 0.0), ("learning_rate", -1.0), ("patience", 0),
     ("seed", -1), ("device", "tpu"), ("time", "soon"), ("warmup", 1.5),
     ("learning_rate", float("inf"))],
)  # fmt: skip
def test_impossible_settings_are_named(name, value):
    with pytest.raises(InputError) as caught:
        Classifier(**{**TINY, name: value}).fit(*texts(8))
    assert name.split("_")[0] in str(caught.value)


def test_predicting_other_things_than_were_learned():
    model = Classifier(**TINY).fit(*texts())
    arrays = Classifier(**TINY).fit([ONE, ONE + 1, ONE + 2, ONE + 3], [0, 1, 0, 1])
    for wrong, match in (([ONE], "ndarray"), ([["a"]], "list"), ([None], "NoneType")):
        with pytest.raises(InputError, match=match):
            model.predict(wrong)
    with pytest.raises(InputError, match="3 features"):
        arrays.predict([np.zeros((2, 3))])
    with pytest.raises(InputError, match="text"):
        arrays.predict(["text"])


def test_scoring_a_label_unseen_in_training():
    X, y = texts()
    model = Classifier(**TINY).fit(X, y)
    with pytest.raises(InputError, match="'meh' was not there in training") as caught:
        model.score(["fine", "so so"], ["pos", "meh"])
    assert caught.value.where == "y[1]"
    assert "'neg', 'pos'" in caught.value.expected


def test_a_class_of_one_example_is_trained_on_and_told_of():
    X, y = texts()
    told = Told()
    model = Classifier(**TINY).fit([*X, "odd"], [*y, "rare"], report=told)
    assert model.classes_.tolist() == ["neg", "pos", "rare"]
    assert any("'rare' has one example" in text for text in told.messages)
    two = Classifier(**TINY).fit(["a", "b"], ["x", "y"], report=told)
    assert two.metrics_["score"]["examples"] == 2
    assert any("nothing can be held out" in text for text in told.messages)


def test_empty_texts_are_sequences_too():
    X, y = texts()
    model = Classifier(**TINY).fit(["", *X, ""], ["pos", *y, "neg"])
    assert model.predict(["", "fine"]).shape == (2,)
    nothing = Classifier(**{**TINY, "baseline": True}).fit(["", "", "", ""], ["a", "b", "a", "b"])
    assert nothing.predict_proba([""]).sum() == pytest.approx(1)
