"""What log-probabilities spell: the same whatever the pieces, held to a plain loop."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.tasks._transcribe.transcript import Word, Written, words_of
from clew.tasks._transcribe.units import Units

CHAR = Units.learn(["ab c"], "char", 100, False)
BYTES = Units.learn(["añ b", "añ b"], "bpe", 258, False)


def rows(path, size):
    """Log-probabilities (T, V) of which `path` is the likeliest."""
    found = np.full((len(path), size), -9.0)
    found[np.arange(len(path)), path] = -0.5
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(CHAR) - 1), max_size=20), st.data())
def test_in_pieces_as_in_one_and_as_a_loop_says(path, data):
    cut = sorted(data.draw(st.lists(st.integers(0, len(path)), max_size=4)))
    whole, piecewise = Written(CHAR, 0.5), Written(CHAR, 0.5)
    whole.read(rows(path, len(CHAR)))
    text = ""
    for start, stop in itertools.pairwise([0, *cut, len(path)]):
        before = piecewise.text
        piecewise.read(rows(path[start:stop], len(CHAR)))
        assert piecewise.text.startswith(before)
        assert piecewise.words == words_of(CHAR, piecewise.state[0], 0.5)
        other = Written(CHAR, 0.5)
        other.state = piecewise.state
        assert (other.text, other.words, other.score) == (
            piecewise.text, piecewise.words, piecewise.score,
        )  # fmt: skip
    kept = [unit for unit, _ in itertools.groupby(path) if unit]
    text = "".join(CHAR.tokenizer.vocabulary[unit] for unit in kept).strip()
    assert whole.text == piecewise.text == text
    assert whole.words == piecewise.words
    assert [word.text for word in whole.words] == text.split()
    assert whole.score == piecewise.score == -0.5 * len(path) + 0.0
    for word in whole.words:
        assert 0 <= word.start < word.end <= 0.5 * len(path)


def test_words_last_from_their_first_to_their_last_step():
    a, b, space = (CHAR.encode(letter)[0] for letter in "ab ")
    path = [0, a, a, 0, b, b, space, 0, b, 0]
    written = Written(CHAR, 0.1)
    written.read(rows(path, len(CHAR)))
    assert written.words == (Word("ab", 0.1, 0.6), Word("b", 0.8, 0.9))


def test_words_are_read_once_however_often_they_are_asked_for():
    written = Written(CHAR, 0.1)
    spelled = CHAR.spell
    asked = []
    CHAR.spell = lambda units: asked.append(units) or spelled(units)
    try:
        for _ in range(50):
            written.read(rows([CHAR.encode("a")[0], CHAR.encode(" ")[0]], len(CHAR)))
            assert len(written.words) == 1 + written.text.count(" ")
    finally:
        del CHAR.spell
    assert len(asked) <= 50 * 5  # as the square of their number it would be thousands


def test_a_letter_of_two_bytes_waits_for_the_second():
    units = BYTES.encode("añ b").tolist()
    written = Written(BYTES, 1.0)
    texts = []
    for unit in [*units, units[2]]:
        written.read(rows([unit, 0], len(BYTES)))
        texts.append(written.text)
    assert all("\ufffd" not in text for text in texts)
    assert texts[-2] == "añ b"
    written.end()  # the first byte of a letter whose second never came
    assert written.text.startswith("añ b")
    pieces = np.array([[unit, 2 * n, 2 * n + 1] for n, unit in enumerate(units)])
    found = words_of(BYTES, pieces, 1.0)
    assert [word.text for word in found] == ["añ", "b"]
    first = next(n for n, unit in enumerate(units) if BYTES.spell([unit]).strip())
    assert found[0].start == pieces[first, 1]


def test_after_the_end_another_text_begins():
    written = Written(CHAR, 1.0)
    a = CHAR.encode("a")[0]
    written.read(rows([a], len(CHAR)))
    written.end()
    assert written.text == "a"
    assert written.ended
    written.read(rows([a], len(CHAR)))
    assert written.text == "a"
    assert written.words == (Word("a", 0.0, 1.0),)
