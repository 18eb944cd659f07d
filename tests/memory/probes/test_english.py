import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.memory.probes import english
from clew.memory.probes.english import SLOTS, Vocabulary, fits, stretch, text

VOCABULARY = Vocabulary()


def words(count, distractors=0.0, seed=0):
    ids = text(VOCABULARY, count, distractors, np.random.default_rng(seed))
    return [VOCABULARY.words[i] for i in ids]


def matches(sentence, pattern):
    places = pattern.split()
    return len(places) == len(sentence) and all(
        word in SLOTS.get(place, (place,)) for word, place in zip(sentence, places, strict=True)
    )


@given(st.integers(0, 60), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9))
def test_texts_are_whole_sentences_of_exactly_so_many_words(count, distractors, seed):
    if not fits(VOCABULARY, count):
        assert count in (1, 2)
        return
    found = words(count, distractors, seed)
    assert len(found) == count
    assert not found or found[-1] == "."
    sentences = [[*each.split(), "."] for each in " ".join(found).split(" .") if each]
    for sentence in sentences:
        known = english.PLAIN + (english.DISTRACTING if distractors else ())
        assert any(matches(sentence, pattern) for pattern in known)


def test_plain_texts_name_no_country_and_distracting_ones_do():
    named = set(english.COUNTRIES) | set(english.LANGUAGES)
    assert not named & set(words(3000))
    assert set(english.COUNTRIES) <= set(words(9000, 0.5))


def test_a_stretch_begins_at_any_place_of_a_text():
    """So often a word stands at its first place as at its last, and in a long text."""
    rng = np.random.default_rng(0)
    cut = np.array([stretch(VOCABULARY, 9, rng) for _ in range(4000)])
    long = stretch(VOCABULARY, 40_000, rng)
    of_all = [np.bincount(ids, minlength=len(VOCABULARY.words)) / len(ids)
              for ids in (cut[:, 0], cut[:, -1], long)]  # fmt: skip
    for one in of_all:
        assert np.abs(one - of_all[-1]).max() < 0.016
    assert of_all[-1].max() > 0.09  # the full stop


def test_every_word_has_one_id():
    assert len(set(VOCABULARY.words)) == len(VOCABULARY.words)
    for name, (start, size) in VOCABULARY.slots.items():
        assert VOCABULARY.words[start : start + size] == SLOTS[name]


def test_no_distracting_sentence_tells_where_one_grew_up():
    assert not any("up in" in pattern for pattern in (*english.DISTRACTING, *english.PLAIN))
    assert not any("grew" in pattern for pattern in (*english.DISTRACTING, *english.PLAIN))
    assert len(english.COUNTRIES) == len(english.LANGUAGES)


@pytest.mark.parametrize("pattern", [*english.PLAIN, *english.DISTRACTING])
def test_patterns_are_sentences(pattern):
    assert pattern.endswith(" .")
    assert all(word in SLOTS for word in pattern.split() if word.isupper() and len(word) > 1)
    # "a" before a slot must suit each of its words.
    for one, two in zip(pattern.split(), pattern.split()[1:], strict=False):
        if one == "a":
            assert not any(word[0] in "aeiouAEIOU" for word in SLOTS.get(two, (two,)))
