"""Units: what is said, as numbers and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.speech import tidy
from clew.errors import InputError
from clew.tasks._transcribe.units import Units, writable

TEXTS = ["so it is, isn't it", "Über 9 Häuser", "a  b"]


@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
def test_back_and_forth(unit):
    units = Units.learn(TEXTS, unit, 400, False)
    for text in map(tidy, ["", *TEXTS]):
        found = units.encode(text)
        assert (found > 0).all()
        assert units.decode(found.tolist()) == text
        assert units.unknown([text]) == []


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=10))
def test_any_text_is_numbered(text):
    units = Units.learn(TEXTS, "char", 400, True)
    found = units.encode(tidy(text))
    assert ((found > 0) & (found < len(units))).all()
    unknown = {
        letter for letter in units.text(tidy(text)) if letter not in units.text("".join(TEXTS))
    }
    assert not unknown or units.unknown([tidy(text)])


def test_a_word_is_the_same_first_and_later():
    units = Units.learn(["one two", "two one"], "word", 100, True)
    assert len(units) == 4
    assert units.encode("one one").tolist() == [units.encode("ONE")[0]] * 2


def test_what_may_be_written_is_all_but_the_unknown_unit():
    rows = np.log([[0.1, 0.6, 0.3], [0.5, 0.1, 0.4]])
    assert writable(rows).argmax(1).tolist() == [2, 0]
    assert (writable(rows)[:, [0, 2]] == rows[:, [0, 2]]).all()
    assert rows.argmax(1).tolist() == [1, 0]  # as they were


def test_nothing_said_is_nothing_to_learn():
    with pytest.raises(InputError, match="nothing is said"):
        Units.learn(["", ""], "char", 100, True)
