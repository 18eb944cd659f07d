"""Elements with their weights, letter by letter and word by word."""

import numpy as np

from clew.memory._marked import marked


def text(names, weights, width=78):
    return marked(list(names), np.array(weights, dtype=float), 1e-9, width)


def test_letters_have_their_weights_below():
    assert text("a␣b⏎", [1, 0, -0.5, 0.01]) == "a␣b⏎\n9.4.\n  -"
    assert text("abcd", [1, 0, 0, 1], width=2) == "ab\n9.\ncd\n.9"


def test_words_carry_theirs():
    assert text(["good", "film", "bad"], [2, 0, -2]) == "good[9] film bad[-9]"
    assert text(["good", "film", "bad"], [2, 0, -2], width=10) == "good[9]\nfilm\nbad[-9]"


def test_noise_weighs_nothing():
    assert text("ab", [1e-10, 0]) == "ab\n.."
