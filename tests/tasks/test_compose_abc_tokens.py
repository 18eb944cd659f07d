"""Tunes as tokens: the same turn of phrase is the same in every key, and comes back as it was."""

from __future__ import annotations

from fractions import Fraction

import pytest
from composers import parsed
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.abc import bars, parse
from clew.errors import InputError
from clew.tasks._compose.abc_tokens import Frame, body, frame, length, shift, written
from clew.tasks._compose.vocabulary import Vocabulary

WALTZ = "X:1\nM:3/4\nL:1/4\nK:{}\n{}|:{}2 {}|{}3/2{}/2 {}|{}3:|\n"


def pitches(tune):
    return [sign.pitch for bar in bars(tune) for event in bar.events for sign in event.signs]


def test_the_key_is_in_the_header_alone():
    in_d = parse('X:1\nM:6/8\nL:1/8\nK:D\n|:"D"d2f "A7"e^de|=c3 z3:|\n')
    in_g = parse('X:1\nM:6/8\nL:1/8\nK:G\n|:"G"g2b "D7"a^ga|=f3 z3:|\n')
    one, other = written(in_d), written(in_g)
    assert one.tokens[:3] == ["M:6/8", "K:D", "bars:2"]
    assert other.tokens[:3] == ["M:6/8", "K:G", "bars:2"]
    assert one.tokens[3:] == [
        "|:",
        '"C"',
        "c2",
        "e",
        '"G7"',
        "d",
        "^c",
        "d",
        "|",
        "_B3",
        "z3",
        ":|",
    ]
    assert one.tokens[3:] == other.tokens[3:]
    assert one.characters == len("M:6/8\nK:D\n") + sum(map(len, in_d.music))
    plain = written(in_d, common=False)
    assert plain.tokens[3:] == list(in_d.music)


def test_slurs_and_decorations_are_left_out_and_graces_kept():
    tune = parse("X:1\nM:3/4\nL:1/8\nK:C\n~c2 (de) .f!trill!g|(3abc {d}e4-|e6|")
    assert "".join(body(tune, 0)) == "c2defg|(3abc{d}e4-|e6|"


def test_lengths_are_in_eighths():
    quarters = parse("X:1\nM:3/4\nL:1/4\nK:C\nc2 d|e3/2f/2 g|")
    assert body(quarters, 0) == ["c4", "d2", "|", "e3", "f", "g2", "|"]


@pytest.mark.parametrize(
    ("music", "count"),
    [("c6|c6|", 2), ("c|d6|d5|", 2), ("c|d6|d5:|", 2), ("|:c6:|c6||", 2), ("c3|", 1), ("c", 1)],
)
def test_a_pickup_and_the_bar_it_completes_are_one(music, count):
    assert length(parse(f"X:1\nM:6/8\nL:1/8\nK:C\n{music}")) == count


@pytest.mark.parametrize(
    ("key", "up"),
    [("C", 0), ("Am", 0), ("D", -2), ("G", -7), ("A", -9), ("Em", -7), ("Dm", -5), ("F", -5),
     ("Bb", 2), ("Ador", -7), ("Amix", -2), ("F#", -6), ("D ^g", 0), ("HP", 0), ("none", 0)],
)  # fmt: skip
def test_how_far_a_key_is_moved(key, up):
    assert shift(key) == up


@settings(max_examples=20)
@given(number=st.integers(0, 30), key=st.sampled_from(["D", "G", "Bb", "F#m", "Cdor", "Emix", "A"]))
def test_there_and_back_sounds_the_same(number, key):
    tune = parse(f"X:1\nM:4/4\nL:1/8\nK:{key}\nDEFG ^A_B=cd|'".rstrip("'") + "e8|")
    there = Frame(tune.metre_text, tune.key, tune.key)
    back = there.tune(body(tune, there.shift))
    assert pitches(back) == pitches(tune)
    spell = there.spelling()
    assert [spell(token) for token in body(tune, there.shift)] == list(back.music)
    made = parsed(3, seed=number)[number % 3]
    found = Frame(made.metre_text, made.key, made.key)
    assert list(found.tune(body(made, found.shift)).music) == list(made.music)


VOCABULARY = Vocabulary("abc", ["M:6/8", "K:G", "M:4/4", "K:D", "K:Em", "M:none", "bars:4"])


def test_the_most_frequent_where_nothing_is_asked_for():
    assert frame(VOCABULARY, None, None) == Frame("6/8", "G", "G")
    assert frame(VOCABULARY, "C", "D major") == Frame("4/4", "D", "D")


@pytest.mark.parametrize(
    ("key", "like"), [("E", "D"), ("F", "G"), ("Ab", "G"), ("C", "D"), ("Bm", "Em"), ("Fm", "Em")]
)
def test_a_key_on_another_tonic_is_written_like_the_nearest(key, like):
    assert frame(VOCABULARY, None, key) == Frame("6/8", key, like)
    with pytest.raises(InputError, match="was learned from") as caught:
        frame(VOCABULARY, None, key, common=False)
    assert caught.value.expected == "G, D, Em"


@pytest.mark.parametrize(("key", "lowest"), [("G", 67), ("A", 69), ("F", 65), ("D", 62), ("C", 60)])
def test_it_lies_as_high_as_tunes_in_the_key_that_it_is_like(key, lowest):
    found = frame(VOCABULARY, None, key).tune(["c2", "d4", "|"])
    assert found.key == key
    assert pitches(found)[0] == lowest + 12


@pytest.mark.parametrize(
    ("metre", "key", "where"),
    [("3/4", None, "metre"), ("5", None, "metre"), ("none", None, "metre"), (None, "Ador", "key"),
     (None, "H", "key"), (None, "G ^d", "key"), (None, "none", "key")],
)  # fmt: skip
def test_what_was_not_learned_is_refused_with_what_was(metre, key, where):
    with pytest.raises(InputError) as caught:
        frame(VOCABULARY, metre, key)
    assert caught.value.where == where
    assert caught.value.expected is not None


def test_a_bar_is_a_fraction_of_a_whole_note():
    assert parse("X:1\nM:6/8\nK:C\nc6|").metre == Fraction(3, 4)


def test_characters_are_those_of_the_tune_as_it_was_written():
    tune = parse("X:1\nM:3/4\nL:1/4\nK:D\n~c/2d/2 e f|")
    assert written(tune).characters == len("M:3/4\nK:D\n") + len("c/2d/2ef|")
    assert written(tune, common=False).characters == written(tune).characters
