"""Pairs from lists and files: held out by source, left out where too long, refused where broken."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from translators import TINY, Told, equal, pairs, weights

from clew.data.pairs import read_pairs
from clew.errors import InputError
from clew.tasks._translate.data import Pairs, hold_out
from clew.tasks.translate import Translator


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30),
    st.floats(0.05, 0.9),
    st.integers(0, 3),
)
def test_equal_sources_stay_on_one_side(sources, share, seed):
    found = Pairs(sources, [str(n) for n in range(len(sources))])
    inside, aside = hold_out(found, share, seed=seed)
    assert sorted([*inside, *aside]) == [*range(len(sources))]
    apart = {sources[i] for i in aside}
    assert not apart & {sources[i] for i in inside}
    distinct = len(set(sources))
    assert len(apart) == min(max(1, round(share * distinct)), distinct - 1)
    again = hold_out(found, share, seed=seed)
    assert np.array_equal(inside, again[0])


def test_nothing_to_hold_out_is_said():
    told = Told()
    model = Translator(**TINY).fit(["a", "a"], ["b", "c"], report=told)
    assert told.messages[0].startswith("nothing can be held out")
    assert model.data_["held_out"] == 2


def test_longer_pairs_are_left_out_and_said_once(tmp_path):
    X, y = pairs(40)
    X[7], y[9] = "red " * 20, "rouge " * 20
    lines = "".join(f"{s}\t{t}\n" for s, t in zip(X, y, strict=True))
    (tmp_path / "p.tsv").write_text(lines)
    told = Told()
    settings = {**TINY, "held_out": 0.025}
    Translator(**settings).fit(tmp_path / "p.tsv", report=told)
    [said] = [text for text in told.messages if "left out" in text]
    assert said.startswith("2 of 39 pairs to learn from have a side of more than 12 pieces")
    assert f"{tmp_path / 'p.tsv'}:8" in said
    told = Told()
    Translator(**settings).fit(X, y, report=told)
    assert any("X[7]" in text for text in told.messages)
    with pytest.raises(InputError, match="every pair to learn from") as caught:
        Translator(**{**TINY, "max_length": 1}).fit(X, y)
    assert "max_length" in caught.value.hint


def test_files_and_lists_make_the_same_model(tmp_path):
    X, y = pairs(24)
    settings = {**TINY, "epochs": 1}
    model = weights(Translator(**settings).fit(X, y))
    table, left, right = (tmp_path / n for n in ("p.tsv.gz", "en.txt", "fr.txt"))
    with gzip.open(table, "wt", encoding="utf-8") as file:
        file.writelines(f"{s}\t{t}\n" for s, t in zip(X, y, strict=True))
    left.write_text("\n".join(X) + "\n")
    right.write_text("\n".join(y) + "\n")
    for given_ in (table, str(table), (left, right), read_pairs(table)):
        found = Translator(**settings).fit(given_)
        assert equal(weights(found), model)
        assert found.score(given_) == found.score(X, y)
    apart = Translator(**settings).fit(X, y, validation=table)
    assert apart.data_["held_out"] == 24
    assert apart.data_["pairs"] == 24


def test_broken_files_are_refused_with_their_place(tmp_path):
    left, right = tmp_path / "en.txt", tmp_path / "fr.txt"
    left.write_text("a\nb\nc\n")
    right.write_text("d\ne\n")
    with pytest.raises(InputError, match="3") as caught:
        Translator(**TINY).fit((left, right), out=tmp_path / "m")
    assert not (tmp_path / "m").exists()
    assert "2" in str(caught.value)
    with pytest.raises(InputError, match=r"no such|not there|is no|cannot"):
        Translator(**TINY).fit(tmp_path / "none.tsv")
    left.write_bytes(b"a\tb\nc\td\xff\n")
    with pytest.raises(InputError) as caught:
        Translator(**TINY).fit(left)
    assert str(left) in str(caught.value)
    for wrong in ("x", 3, ([1], [2], [3])):
        with pytest.raises(InputError):
            Translator(**TINY).fit(*pairs(8), validation=wrong)


def test_a_pair_with_an_empty_side_is_counted(tmp_path):
    X, y = pairs(24)
    lines = [f"{s}\t{t}" for s, t in zip(X, y, strict=True)]
    (tmp_path / "p.tsv").write_text("\n".join([*lines[:5], "alone\t", "", *lines[5:]]) + "\n")
    told = Told()
    model = Translator(**{**TINY, "epochs": 1}).fit(tmp_path / "p.tsv", report=told)
    assert told.messages[0].startswith("1 pairs have an empty side")
    assert model.data_["pairs"] + model.data_["held_out"] == 24
