"""In which metre and key to compose: drawn together, as often as tunes have them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from composers import tiny

from clew.data.abc import parse
from clew.tasks._compose.heads import drawn, heads
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.vocabulary import Vocabulary
from clew.tasks._draw import Draw

VOCABULARY = Vocabulary("abc", ["M:6/8", "M:4/4", "K:G", "K:D", "bars:4", "c2"])
LEARNED = [("6/8", "G")] * 6 + [("4/4", "D")] * 3 + [("6/8", "D")]


def network(learned=LEARNED):
    found = TuneNetwork(len(VOCABULARY), embedding_size=4, hidden_size=4)
    tunes = [VOCABULARY.encode([f"M:{m}", f"K:{k}", "bars:4", "c2"]) for m, k in learned]
    found.remember(np.concatenate(tunes), np.cumsum([0, *map(len, tunes)])[:-1])
    return found


def test_each_header_is_counted_the_most_frequent_first():
    found = heads(network(), VOCABULARY, ("M:", "K:"))
    assert found == Counter(LEARNED)
    assert next(iter(found)) == ("6/8", "G")
    assert heads(network(), VOCABULARY, ("M:",)) == {("6/8",): 7, ("4/4",): 3}
    assert heads(network(), VOCABULARY, ("K:", "M:")) == {}  # begins with something else


def test_drawn_as_often_as_it_occurs():
    chance = torch.Generator().manual_seed(0)
    found = heads(network(), VOCABULARY, ("M:", "K:"))
    some = Counter(drawn(found, lambda *_: True, Draw(), chance) for _ in range(2000))
    assert some.keys() == found.keys()  # never 4/4 with G, which no tune is in
    for head, count in found.items():
        assert abs(some[head] / 2000 - count / 10) < 0.04
    careful = Draw(temperature=0)
    assert drawn(found, lambda *_: True, careful, chance) == ("6/8", "G")
    assert drawn(found, lambda _, key: key == "D", careful, chance) == ("4/4", "D")
    assert drawn(found, lambda *_: False, Draw(), chance) is None


HEAD = "X:1\nM:{}\nL:1/8\nK:{}\n"
TUNES = [
    parse(HEAD.format(metre, key) + music)
    for metre, key, music in [
        *[("2/4", "G", f"GB {a}d|G4|") for a in "ABcdefga"],
        *[("6/8", "D", f"DFA {a}fd|D6|") for a in "abcdef"],
        *[("6/8", "G", f"GBd {a}dB|G6|") for a in "gf"],
        ("none", "Am", "A2c2e2|A4|"),
    ]
]


def test_a_tune_is_in_a_key_and_a_metre_that_go_together():
    model = tiny(epochs=1).fit(TUNES, validation=TUNES[:1])
    tunes = model.compose(bars=1, n=12, seed=0)
    found = Counter((piece.tune.metre_text, piece.tune.key) for piece in tunes)
    assert found.keys() == {("2/4", "G"), ("6/8", "D"), ("6/8", "G")}
    again = model.compose(bars=1, n=3, seed=0)
    assert [str(piece) for piece in again] == [str(piece) for piece in tunes[:3]]
    assert tuple(model.writing(bars=1, seed=0)) == tunes[0].tune.music
    # what is asked for stands, and the other goes with it
    assert {piece.tune.key for piece in model.compose(metre="2/4", bars=1, n=4, seed=1)} == {"G"}
    for key in ("D", "E"):  # E is written like D, which is nearest
        metres = {piece.tune.metre_text for piece in model.compose(key, bars=1, n=4, seed=1)}
        assert metres == {"6/8"}
    assert model.compose("Am", bars=1, seed=0).tune.metre_text in ("2/4", "6/8")
    # at temperature 0, and for a prompt that does not say, the most frequent
    assert model.compose(bars=1, temperature=0).tune.metre_text == "2/4"
    for seed in range(2):
        tune = model.compose(prompt="GB A", seed=seed, bars=2).tune
        assert (tune.metre_text, tune.key) == ("2/4", "G")
        assert tune.music[:3] == ("G", "B", "A")  # eighths, as what is written has them
        tune = model.compose(prompt="L:1/8\nK:D\nDFA f", seed=seed, bars=2).tune
        assert (tune.metre_text, tune.key) == ("6/8", "D")
        assert tune.music[:4] == ("D", "F", "A", "f")
