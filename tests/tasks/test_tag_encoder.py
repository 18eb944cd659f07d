"""From words, tags and labels to numbers: what is known, and what is held out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taggers import places, sentences

from clew.errors import InputError
from clew.tasks._tag import encoder as _tag_encoder
from clew.tasks._tag.encoder import TagEncoder, split, survey
from clew.tasks._tag.inputs import given as sentences_given
from clew.tasks._tag.store import Sink


def learned(X, y, labels=None, share=0.0, **changes):
    source = sentences_given(X, y, labels)
    found = survey(source, share, seed=0, lowercase=True)
    settings = {"size": 100, "min_count": 1, "lowercase": True, **changes}
    encoder = TagEncoder.learn(found, **settings)
    sink = Sink(None)
    encoder.encode(source, sink)
    return encoder, sink.done(), found


def test_words_are_known_in_small_and_letters_as_they_stand():
    encoder, store, _ = learned([["The", "the", "THE", "<pad>"]], [["A", "A", "A", "B"]])
    assert encoder.pieces.vocabulary == ["<pad>", "<unk>", "the"]
    assert store.words.tolist() == [2, 2, 2, 1]
    batch, _, _ = store.batch([0])
    assert batch.letters.shape[1] == 4
    known = dict(enumerate(encoder.letters, 2))
    assert "".join(known[n] for n in batch.letters[:3, 2].tolist()) == "THE"
    assert encoder.encode_words([["Él"]]).letters.tolist() == [1, 1]


def test_a_long_word_keeps_its_ends():
    encoder, _, _ = learned([["abcd", "x"]], [["A", "B"]])
    store = encoder.encode_words([["a" * 32 + "x" * 9_000 + "b" * 32]])
    known = dict(enumerate(encoder.letters, 2))
    assert "".join(known[n] for n in store.letters.tolist()) == "a" * 32 + "b" * 32


@given(st.integers(2, 200), st.floats(0.01, 0.9))
@settings(max_examples=30)
def test_the_share_is_held_out_and_equal_sentences_stay_together(count, share):
    X = [[f"w{n % 50}", "b"] for n in range(count)]
    _, store, found = learned(X, [["A", "B"]] * count, share=share)
    train, aside = split(store, found.bound)
    assert sorted([*train, *aside]) == list(range(count))
    kinds = [{X[n][0] for n in side} for side in (train, aside)]
    assert not kinds[0] & kinds[1]
    distinct = min(count, 50)
    wanted = max(1, round(share * distinct))
    assert len(kinds[1]) == wanted


def test_of_many_sentences_each_has_its_chance(monkeypatch):
    monkeypatch.setattr(_tag_encoder, "FEW", 100)
    X, y = [[f"w{n}", "b"] for n in range(2000)], [["A", "B"]] * 2000
    _, store, found = learned(X, y, share=0.2)
    _, aside = split(store, found.bound)
    assert 300 < len(aside) < 500


def test_words_held_out_are_not_known():
    X, y = [[f"w{n}", "b"] for n in range(40)], [["A", "B"]] * 40
    encoder, store, found = learned(X, y, share=0.5)
    train, aside = split(store, found.bound)
    assert len(encoder.pieces) == 2 + 1 + len(train)
    assert all(store.words[store.starts[n, 0]] == 1 for n in aside)


def test_rare_words_are_forgotten_where_words_are_too_many(monkeypatch):
    monkeypatch.setattr(_tag_encoder, "MANY", 20)
    X, y = [["often", f"w{n}"] for n in range(50)], [["A", "B"]] * 50
    encoder, _, _ = learned(X, y)
    assert "often" in encoder.pieces.vocabulary
    assert len(encoder.pieces) < 30


def test_how_often_and_how_many():
    X, y = [["a", "b"], ["a", "c"], ["a", "b"]], [["A", "B"]] * 3
    assert learned(X, y, min_count=2)[0].pieces.vocabulary[2:] == ["a", "b"]
    assert learned(X, y, size=3)[0].pieces.vocabulary[2:] == ["a"]


def test_the_fingerprint_tells_data_apart():
    X, y = sentences(8)
    marks = {learned(*data)[2].fingerprint for data in
             ((X, y), (X[::-1], y[::-1]), (X[:-1], y[:-1]), places(8)[:2], places(8))}  # fmt: skip
    assert len(marks) == 5
    assert learned(X, y)[2].fingerprint == learned(X, y)[2].fingerprint


def test_far_too_many_tags_are_words():
    words = [f"word{n}" * 8 for n in range(20_000)]
    with pytest.raises(InputError, match="20000 different tags") as caught:
        learned([["a"] * len(words)], [words])
    assert "exchanged" in caught.value.hint


def test_words_only():
    encoder, _, _ = learned(*places(8))
    store = encoder.encode_words([["to", "Rome"], []])
    assert np.diff(store.starts[:, 0]).tolist() == [2, 0]
    assert len(store.labels) == 0
