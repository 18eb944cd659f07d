"""A language model asked by the search: what it says of a prefix is what it says of the text."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from clew import LanguageModel
from clew.errors import InputError
from clew.tasks._transcribe.ctc_beam import STAYS, Search, search
from clew.tasks._transcribe.ctc_language import Speller

TEXT = "one two\nTwo one one\n" * 40
CHARACTERS = ["", *" enotw"]
WORDS = ["", "one", "two", "three"]


@pytest.fixture(scope="module")
def characters() -> LanguageModel:
    return _learned("char")


@pytest.fixture(scope="module")
def words() -> LanguageModel:
    return _learned("word")


def _learned(unit: Any, text: str = TEXT) -> LanguageModel:
    model = LanguageModel(
        unit=unit, hidden_size=12, embedding_size=6, num_layers=2, epochs=2, window=16,
        batch_size=4, baseline=False,
    )  # fmt: skip
    return model.fit(text)


def _said(speller: Speller, units: list[int]) -> float:
    """Ln P of units and the end, one after the other."""
    state, total = speller.start(), 0.0
    for unit in units:
        total += float(speller.next(state)[0, unit])
        state = speller.extend(state, np.zeros(1, dtype=np.int64), np.array([unit]))
    return total + float(speller.end(state)[0])


def _expected(model: LanguageModel, text: str) -> float:
    bits = [bits for _, bits in model.surprise(f"\n{text}\n")[1:]]
    return -math.log(2) * sum(bits)


@pytest.mark.parametrize("text", ["one two", "two", "", "wne  tt"])
def test_characters(characters: LanguageModel, text: str) -> None:
    units = [CHARACTERS.index(c) for c in text]
    found = _said(Speller(characters, CHARACTERS, "char", beam=3), units)
    assert found == pytest.approx(_expected(characters, text), abs=1e-4)


@pytest.mark.parametrize("text", ["one two one", "two", ""])
def test_words(words: LanguageModel, text: str) -> None:
    found = _said(Speller(words, WORDS, "word", beam=2), [WORDS.index(w) for w in text.split()])
    assert found == pytest.approx(_expected(words, text), abs=1e-4)


def test_prefixes_side_by_side_are_as_alone(characters: LanguageModel) -> None:
    speller = Speller(characters, CHARACTERS, "char", beam=4)
    texts = [[3, 2], [5], [], [5, 6]]
    state = speller.start()
    state = speller.extend(state, np.array([0, 0, 0]), np.array([3, 5, STAYS]))
    state = speller.extend(state, np.array([0, 1, 2, 1]), np.array([2, STAYS, STAYS, 6]))
    alone = Speller(characters, CHARACTERS, "char", beam=4)
    for row, text in enumerate(texts):
        one = alone.start()
        for unit in text:
            one = alone.extend(one, np.zeros(1, dtype=np.int64), np.array([unit]))
        np.testing.assert_allclose(speller.next(state)[row], alone.next(one)[0], atol=1e-5)
        assert speller.end(state)[row] == pytest.approx(alone.end(one)[0], abs=1e-5)


def test_letters_of_the_other_case_are_the_same_and_others_unknown(words: LanguageModel) -> None:
    loud = Speller(words, ["", "ONE", "TWO"], "word", beam=1)
    quiet = Speller(words, WORDS, "word", beam=1)
    assert _said(loud, [1, 2]) == _said(quiet, [1, 2])
    assert _said(quiet, [3]) < _said(quiet, [1])


def test_marks_stand_without_a_space_before_them() -> None:
    model = _learned("word", "one, two\ntwo, one\n" * 40)
    speller = Speller(model, ["", ",", "one", "two"], "word", beam=1)
    assert _said(speller, [2, 1, 3]) == pytest.approx(_expected(model, "one, two"), abs=1e-4)


def test_a_model_without_lines_says_nothing_of_beginning_and_end() -> None:
    model = _learned("char", "one two " * 80)
    speller = Speller(model, CHARACTERS, "char", beam=2)
    assert len(set(speller.next(speller.start())[0].tolist())) == 1
    assert speller.end(speller.start()).tolist() == [0.0]


def test_the_search_asks_it(characters: LanguageModel) -> None:
    """Letters that cannot be told apart by their sound are told apart by the language."""
    log_probs = np.full((6, len(CHARACTERS)), -9.0)
    for frame, letters in zip((0, 2, 4), ("ow", "wn", "eo"), strict=True):
        for letter in letters:
            log_probs[frame, CHARACTERS.index(letter)] = math.log(0.5)
        log_probs[frame + 1, 0] = 0.0
    speller = Speller(characters, CHARACTERS, "char", beam=8)
    best = search(log_probs, Search(beam=8), language=speller)[0]
    spelt = ["".join(letters) for letters in itertools.product("ow", "wn", "eo")]
    likeliest = max(spelt, key=lambda text: _expected(characters, text))
    assert "".join(CHARACTERS[i] for i in best.units) == likeliest
    assert best.language == pytest.approx(_said(speller, best.units), abs=1e-4)


def test_models_that_do_not_fit(words: LanguageModel) -> None:
    with pytest.raises(InputError, match="reads words, the transcriber writes characters") as found:
        Speller(words, CHARACTERS, "char", beam=2)
    assert found.value.where == "language_model"
    for model in ("model", LanguageModel()):
        with pytest.raises(InputError, match="not a language model that has learned"):
            Speller(model, CHARACTERS, "char", beam=2)  # type: ignore[arg-type]
