"""What needs both directions: a first word that only what comes after it can tell."""

import pytest

from clew import Tagger
from clew.data import teddy


@pytest.fixture(scope="module")
def sentences():
    return teddy.generate()


def learned_tagger(learned, **more):
    model = Tagger(
        cell="gru", hidden_size=32, embedding_size=16, character_size=0, num_layers=1, dropout=0.1,
        word_dropout=0.0, label_smoothing=0.0, average=0.0, epochs=6, patience=None,
        batch_size=16, learning_rate=0.02, baseline=False, **more,
    )  # fmt: skip
    return model.fit(learned.tokens, learned.tags)


def test_reading_both_ways_every_first_word_is_right(sentences):
    learned, held_out = sentences
    model = learned_tagger(learned)
    assert model.predict(held_out.tokens) == held_out.tags
    other = model.predict([["Teddy", "bear", "is", "a", "soft", "toy"]])
    assert other[0][0] == teddy.THING
    assert model.predict([["Teddy", "Roosevelt", "was", "a", "president"]])[0][0] == teddy.PERSON


def test_reading_forwards_it_stays_at_chance(sentences):
    learned, held_out = sentences
    model = learned_tagger(learned, bidirectional=False)
    found = model.predict(held_out.tokens)
    assert teddy.accuracy(held_out, found) == 0.5
    names = dict(zip(teddy.NAMES, model.predict([[name] for name in teddy.NAMES]), strict=True))
    for words, tags in zip(held_out.tokens, found, strict=True):
        assert tags[0] == names[words[0]][0]  # it has seen the name, no more
    rest = [(tags[1:], one[1:]) for tags, one in zip(held_out.tags, found, strict=True)]
    assert all(true == one for true, one in rest)  # all else it can know
