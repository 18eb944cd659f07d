import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.errors import InputError
from clew.memory.probes import Agreement, OrderSensitivity
from clew.memory.probes.english import COUNTRIES, LANGUAGES, PLAIN, SLOTS


def read(probe, batch, b):
    return [probe.words[i] for i in batch.inputs[: batch.lengths[b], b]]


@given(st.integers(4, 80), st.integers(0, 30), st.integers(0, 9))
def test_the_country_stands_exactly_so_far_from_the_question(length, before, seed):
    probe = Agreement(distractors=0.5, before=before)
    batch = probe.draw(3, length, seed)
    for b in range(3):
        text = read(probe, batch, b)
        assert text[-3:] == ["I", "speak", "fluent"]
        grew = text.index("grew")
        assert text.count("grew") == 1
        assert text[grew - 1 : grew + 3] == ["I", "grew", "up", "in"]
        country = grew + 3
        assert len(text) - 1 - country == length == probe.horizon(length)
        assert country - 4 <= before
        language = LANGUAGES[batch.targets[batch.at[b], b]]
        assert LANGUAGES.index(language) == COUNTRIES.index(text[country])


def test_countries_that_are_only_visited_say_nothing_of_the_answer():
    probe = Agreement(distractors=1.0, before=0)
    batch = probe.draw(1500, 20, 0)
    alike = 0
    for b in range(1500):
        text = read(probe, batch, b)
        others = [w for w in text[text.index("grew") + 4 :] if w in COUNTRIES]
        alike += bool(others) and COUNTRIES.index(others[-1]) == batch.targets[batch.at[b], b]
    assert abs(alike / 1500 - 1 / 12) < 0.03


@pytest.mark.parametrize(("length", "share"), [(8, 0.0), (20, 0.15), (50, 0.18), (200, 0.2)])
def test_fewer_sentences_distract_where_few_fit(length, share):
    probe = Agreement()
    batch = probe.draw(1500 if length < 200 else 200, length, 1)
    found = []
    for b in range(batch.inputs.shape[1]):
        text = read(probe, batch, b)[-length + 1 : -3]
        sentences = [s.split() for s in " ".join(text).split(".")[:-1]]
        found += [bool({*COUNTRIES, *LANGUAGES} & set(words)) for words in sentences]
    assert np.mean(found) == pytest.approx(share, abs=0.02)


def neighbours():
    """Every pair of words that may stand side by side in plain sentences."""
    sentences = [[SLOTS.get(w, (w,)) for w in pattern.split()] for pattern in PLAIN]
    found = {(".", word) for first, *_ in sentences for word in first}
    for sentence in sentences:
        for pair in itertools.pairwise(sentence):
            found.update(itertools.product(*pair))
    return found


BESIDE = neighbours()


@given(st.integers(2, 30), st.integers(0, 5), st.integers(0, 9))
def test_what_is_in_order_is_english_and_the_last_words_always_are(loose, kept, seed):
    probe = OrderSensitivity(kept)
    batch = probe.draw(6, loose + kept, seed)
    for b in range(6):
        pairs = list(itertools.pairwise(read(probe, batch, b)))
        good = [pair in BESIDE for pair in pairs]
        assert all(good[loose:])
        if batch.targets[-1, b] == 0:
            assert all(good)
        else:
            assert loose < 12 or not all(good)


def test_a_shuffle_moves_words_and_changes_none():
    """Drawn from the same numbers, but for the coin, a text and its shuffle have the same words."""
    probe = OrderSensitivity()
    batch = probe.draw(4000, 6, 3)
    ordered = batch.targets[-1] == 0
    assert abs(ordered.mean() - 0.5) < 0.03
    texts = [" ".join(read(probe, batch, b)) for b in np.flatnonzero(ordered)]
    bags = {tuple(sorted(text.split())) for text in texts}
    shuffled = [read(probe, batch, b) for b in np.flatnonzero(~ordered)]
    seen = [words for words in shuffled if tuple(sorted(words)) in bags]
    assert len(seen) > 20  # the short sentences come again


@pytest.mark.parametrize(("length", "kept"), [(4, 2), (12, 2), (12, 0), (16, 8)])
def test_neither_one_word_nor_those_kept_tell_the_order(length, kept):
    """What is commoner of each kind is learnt from one half, and asked of the other."""
    batch = OrderSensitivity(kept).draw(4000, length, 1)
    answers = batch.targets[-1]
    first, last = slice(0, 2000), slice(2000, None)
    seen = [batch.inputs[place] for place in range(length)]
    seen.append(batch.inputs[length - kept :].T.tolist() if kept == 2 else seen[-1])
    for known in seen:
        keys = [str(key) for key in known]
        table = defaultdict(lambda: [0, 0])
        for key, answer in zip(keys[first], answers[first], strict=True):
            table[key][answer] += 1
        said = np.array([table[key][1] > table[key][0] for key in keys[last]])
        assert (said == answers[last]).mean() < 0.545  # four standard deviations above one half


@pytest.mark.parametrize("probe", [Agreement(), OrderSensitivity()], ids=lambda p: p.name)
def test_a_draw_is_a_function_of_its_arguments(probe):
    one, same, other = (probe.draw(4, 12, seed).inputs for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


@pytest.mark.parametrize("settings", [{"distractors": 1.5}, {"distractors": True}, {"before": -1}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(InputError):
        Agreement(**settings)


def test_order_needs_two_words_to_shuffle():
    with pytest.raises(InputError, match="kept is -1"):
        OrderSensitivity(kept=-1)
    with pytest.raises(InputError, match="length is 9"):
        OrderSensitivity(kept=8).draw(1, 9)


def test_a_distance_too_small_for_the_sentence():
    with pytest.raises(InputError, match="length is 3") as caught:
        Agreement().draw(1, 3)
    assert caught.value.expected == "a whole number from 4 (words from the country to the question)"
