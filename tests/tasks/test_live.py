"""Whole models as streams, against what they say of a whole text."""

import math

import numpy as np
import pytest
import torch
from classifiers import TINY as CLASSIFY
from classifiers import texts
from language_models import TEXT, tiny

from clew import Classifier, InputError


@pytest.fixture(scope="module")
def language():
    return tiny(epochs=1, num_layers=2, residual=True).fit(TEXT)


@pytest.fixture(scope="module", params=["char", "bpe", "word"])
def every_unit(request):
    return tiny(epochs=1, unit=request.param, vocabulary_size=300, cell="gru", tie=False).fit(TEXT)


def classifier(**changes):
    X, y = texts(24)
    return Classifier(**{**CLASSIFY, "bidirectional": False, **changes}).fit(X, y)


SAID = "the cat sat down.\nold Ann"


def test_a_text_is_as_surprising_token_by_token(every_unit):
    stream = every_unit.stream()
    expected = every_unit.surprise(SAID)
    tokens = every_unit.tokenizer_.encode(SAID)
    assert len(tokens) == len(expected)
    said = [stream.push(token) for token in tokens]
    for (_, bits), before, token in zip(expected[1:], said, tokens[1:], strict=False):
        assert before.shape == (len(every_unit.tokenizer_),)
        assert -before[token] / math.log(2) == pytest.approx(bits, rel=1e-4, abs=1e-5)
        assert np.exp(before.astype(np.float64)).sum() == pytest.approx(1.0, abs=1e-5)
    again = every_unit.stream()
    assert np.array_equal(again.read(SAID), said[-1])
    assert again.names[tokens[0]] == every_unit.tokenizer_.vocabulary[tokens[0]]


def test_a_token_is_its_text_or_its_number(language):
    number = language.tokenizer_.encode("t")[0]
    given = ["t", number, np.int64(number), np.array([number]), ["t"], [number], np.int32(number)]
    said = [language.stream().push(token) for token in given]
    for answer in said:
        assert np.array_equal(answer.ravel(), said[0])
    assert said[3].shape == (1, len(said[0]))


def test_a_number_may_be_an_array_or_a_tensor(language):
    true = language.stream().push(1)
    for token in (np.int32(1), np.array(1), torch.tensor(1)):
        assert np.array_equal(language.stream().push(token), true)
    for tokens in ([1], np.array([1], np.uint8), torch.tensor([1]), torch.tensor([1]).int()):
        assert np.array_equal(language.stream().push(tokens), true[np.newaxis])
    both = language.stream(2).push(torch.tensor([1, 1]))
    assert np.array_equal(both, np.stack([true, true]))


def test_several_texts_side_by_side_and_only_those_who_move(language):
    lines = ["the cat", "a dog", "old Ann sang"]
    stream, alone = language.stream(3), [language.stream() for _ in lines]
    for t in range(max(map(len, lines))):
        moves = np.array([t < len(line) for line in lines])
        said = stream.push([line[t] if t < len(line) else None for line in lines], moves)
        for b, line in enumerate(lines):
            if moves[b]:
                assert np.array_equal(said[b], alone[b].push(line[t]))
            else:
                assert not said[b].any()
    kept = stream.state
    stream.reset([True, False, False])
    assert not kept[0][0][:, 0].any() or not stream.state[0][0][:, 0].any()
    assert np.array_equal(stream.state[0][0][:, 1:], kept[0][0][:, 1:])


def test_a_state_goes_on_elsewhere(language):
    stream, other = language.stream(), language.stream()
    stream.read("the ")
    other.state = stream.state
    assert np.array_equal(stream.read("cat"), other.read("cat"))


@pytest.mark.parametrize(
    ("token", "what"),
    [
        ("th", "2 tokens"),
        ("", "0 tokens"),
        (-1, "no token"),
        (10_000, "no token"),
        (2**70, "no token"),
        (True, "no token"),
        (1.5, "no token"),
        (None, "no token"),
        ([1, 2], "1 sequences"),
        ([], "1 sequences"),
    ],
)
def test_what_is_no_token_is_refused_and_loses_nothing(language, token, what):
    stream, fresh = language.stream(), language.stream()
    with pytest.raises(InputError, match=what):
        stream.push(token)
    assert np.array_equal(stream.push("a"), fresh.push("a"))


def test_reading_nothing_or_no_text_is_refused(language):
    with pytest.raises(InputError, match="no token"):
        language.stream().read("")
    with pytest.raises(InputError, match="several sequences"):
        language.stream(2).read("a")


@pytest.mark.parametrize("pool", ["max", "mean", "last"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_classifier_says_so_far_what_it_says_of_the_part(pool, cell):
    model = classifier(pool=pool, cell=cell, num_layers=2, zoneout=0.1)
    text = texts(3, seed=5)[0][0]
    words = text.split()
    stream = model.stream()
    for k, word in enumerate(words):
        said = stream.push(word)
        np.testing.assert_allclose(
            said, model.predict_proba([" ".join(words[: k + 1])])[0], rtol=1e-4
        )
        assert said.sum() == pytest.approx(1.0, abs=1e-5)
    again = model.stream()
    assert np.array_equal(again.read(text), said)
    assert again.names == model.classes_.tolist()


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_what_is_pooled_is_part_of_the_state(pool):
    model = classifier(pool=pool)
    words = ["w1", "fine", "w2", "poor", "w3"]
    stream, other = model.stream(2), model.stream(2)
    moves = np.array([True, False])
    stream.push(words[:2])
    stream.push(words[2:4], moves)
    kept = stream.state
    other.state = kept
    assert np.array_equal(kept[2], [2, 1])
    last = stream.push([words[4]] * 2)
    assert np.array_equal(last, other.push([words[4]] * 2))
    np.testing.assert_allclose(last, model.predict_proba(["w1 w2 w3", "fine w3"]), rtol=1e-4)
    stream.reset(moves)
    assert np.array_equal(stream.push(words[:2])[0], model.stream().push(words[0]))
    layers, values, steps = kept
    bad = [
        layers,
        kept[:2],
        (layers, values[:1], steps),
        (layers, values, steps - 5),
        (layers, values * np.nan, steps),
        (layers, values, steps * 1.0),
    ]
    for state in bad:
        with pytest.raises(InputError):
            other.state = state


def test_a_classifier_of_arrays_and_one_of_tokens():
    draw = np.random.default_rng(0)
    X = [draw.normal(size=(draw.integers(2, 6), 3)) for _ in range(20)]
    y = [int(x.sum() > 0) for x in X]
    model = Classifier(**{**CLASSIFY, "bidirectional": False}).fit(X, y)
    stream = model.stream()
    said = [stream.push(x_t) for x_t in X[0]]
    np.testing.assert_allclose(said[-1], model.predict_proba(X[:1])[0], rtol=1e-4)
    assert np.array_equal(model.stream().push(X[0][:1].tolist())[0], said[0])
    for bad in (np.zeros(4), np.full(3, np.nan), "text"):
        with pytest.raises(InputError, match="x_t"):
            stream.push(bad)
    with pytest.raises(InputError, match="arrays"):
        stream.read("text")

    lists = [text.split() for text in texts(20)[0]]
    model = Classifier(**{**CLASSIFY, "bidirectional": False}).fit(lists, texts(20)[1])
    said = model.stream().read(lists[0])
    np.testing.assert_allclose(said, model.predict_proba(lists[:1])[0], rtol=1e-4)


def test_what_must_see_the_whole_sequence_first_refuses():
    with pytest.raises(InputError, match="later steps"):
        classifier(bidirectional=True).stream()
    with pytest.raises(InputError, match="attention"):
        classifier(pool="attention").stream()


def test_weights_of_half_the_size(language):
    half, whole = language.stream(dtype="bfloat16"), language.stream()
    for token in SAID:
        ours, true = half.push(token), whole.push(token)
        np.testing.assert_allclose(ours, true, atol=0.1)
    assert not np.array_equal(ours, true)
