import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.errors import InputError
from clew.memory.probes import Agreement, OrderSensitivity
from clew.memory.probes.english import COUNTRIES, LANGUAGES


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


@given(st.integers(3, 40), st.integers(0, 9))
def test_a_shuffle_has_the_words_of_a_text_in_another_order(length, seed):
    probe = OrderSensitivity()
    batch = probe.draw(4, length, seed)
    ordered = [read(probe, batch, b) for b in range(4) if batch.targets[-1, b] == 0]
    shuffled = [read(probe, batch, b) for b in range(4) if batch.targets[-1, b] == 1]
    for text in ordered:
        assert text[-1] == "."
        assert text[0] != "."
    for text in shuffled:
        assert len(text) == length
        assert "." in text


@pytest.mark.parametrize("probe", [Agreement(), OrderSensitivity()], ids=lambda p: p.name)
def test_a_draw_is_a_function_of_its_arguments(probe):
    one, same, other = (probe.draw(4, 12, seed).inputs for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


@pytest.mark.parametrize("settings", [{"distractors": 1.5}, {"distractors": True}, {"before": -1}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(InputError):
        Agreement(**settings)


def test_a_distance_too_small_for_the_sentence():
    with pytest.raises(InputError, match="length is 3") as caught:
        Agreement().draw(1, 3)
    assert caught.value.expected == "a whole number from 4 (words from the country to the question)"
