"""Taggers as streams, against what they say of a whole sentence."""

import copy

import numpy as np
import pytest
from taggers import TINY, places, sentences

from clew.errors import InputError
from clew.tasks.tag import Tagger


def tagger(**changes):
    return Tagger(**{**TINY, "bidirectional": False, **changes}).fit(*sentences(24))


@pytest.fixture(scope="module")
def model():
    return tagger(num_layers=2)


@pytest.mark.parametrize("changes", [{}, {"cell": "gru"}, {"character_size": 0, "cell": "rnn"}])
def test_word_by_word_has_the_bits_of_the_whole(changes):
    model = tagger(**changes)
    X, _ = sentences(12, seed=1)
    X.append(["new", "WORDS", "日本"])
    for words, rows in zip(X, model.predict_proba(X), strict=True):
        assert np.array_equal(model.stream().read(words), rows)
        assert np.array_equal(model.stream().read(" ".join(words)), rows)
    assert model.stream().read("").shape == (0, len(model.tags_))
    assert model.stream().names == model.tags_.tolist()


def test_several_sentences_side_by_side_and_only_those_who_move(model):
    X = [["the", "w1"], ["we"], ["the", "w2", "we"]]
    stream, rows = model.stream(3), model.predict_proba(X)
    for t in range(3):
        moves = np.array([t < len(words) for words in X])
        said = stream.push([w[t] if t < len(w) else None for w in X], moves)
        for b in range(3):
            assert np.array_equal(said[b], rows[b][t] if moves[b] else np.zeros(4))
    stream.reset([True, False, False])
    assert np.array_equal(stream.push(["the", "", ""], [True, False, False])[0], rows[0][0])


def test_a_state_goes_on_elsewhere(model):
    stream, other = model.stream(), model.stream()
    stream.push("the")
    other.state = stream.state
    assert np.array_equal(stream.push("w1"), other.push("w1"))
    stream.reset()
    assert np.array_equal(stream.push("we"), model.stream().push("we"))


def test_what_is_no_word_is_refused_and_loses_nothing(model):
    stream, fresh = model.stream(), model.stream()
    for wrong in (3, None, [1], ["a", "b"], [], "\ud800", [None]):
        with pytest.raises(InputError):
            stream.push(wrong)
    assert np.array_equal(stream.push("a"), fresh.push("a"))
    with pytest.raises(InputError, match="several sentences"):
        model.stream(2).read("a")
    with pytest.raises(TypeError):
        copy.deepcopy(stream)


def test_half_the_memory_says_nearly_the_same(model):
    words = ["the", "w1", "we", "w3"]
    found = model.stream(dtype="bfloat16").read(words)
    assert np.abs(found - model.predict_proba([words])[0]).max() < 0.02


def test_what_cannot_be_streamed_says_why():
    with pytest.raises(InputError, match=r"both|direction"):
        Tagger(**TINY).fit(*sentences(8)).stream()
    X, y, _ = places(8)
    with pytest.raises(InputError, match="CRF"):
        Tagger(**TINY, bidirectional=False).fit(X, y).stream()
    Tagger(**TINY, bidirectional=False, crf=False).fit(X, y).stream().read("go to Rome")
