"""Alignments merged to words, written out and drawn, whatever the letters."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks._translate.alignment import Alignment


def made(source: Any, target: Any, joined: bool = True) -> Alignment:
    draw = np.random.default_rng(0)
    weights = draw.random((len(target), len(source)))
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    return Alignment(tuple(source), tuple(target), weights.astype(np.float32), joined)


def test_words_are_summed_over_what_was_read_and_averaged_over_what_was_written() -> None:
    weights = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], dtype=np.float32)
    words = Alignment((" go", "ing", "."), (" al", "ler", "."), weights).words()
    assert words.source == ("going", ".")
    assert words.target == ("aller", ".")
    np.testing.assert_allclose(words.weights, [[0.525, 0.475], [0.6, 0.4]], rtol=1e-6)
    assert words.words() is words


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([" l", "'", "été"], ["l'été"]),
        ([" Wait", "!", "?", " No"], ["Wait", "!", "?", "No"]),
        (["H", "i", " ", "y", "o", "u", "."], ["Hi", "you", "."]),
        ([" (", "so", ")"], ["(", "so", ")"]),
        ([" well", "-", "known"], ["well-known"]),
        ([" Va", " !"], ["Va", "!"]),
        ([" \ufffd", "\ufffd", "\ufffd"], ["\ufffd\ufffd\ufffd"]),
        ([], []),
    ],
)
def test_where_words_begin(pieces: list[str], words: list[str]) -> None:
    assert list(made(pieces, [" x"]).words().source) == words
    assert list(made([" x"], pieces).words().target) == words


def test_tokens_are_words_already() -> None:
    tokens = made(["a", "b"], ["c"], joined=False)
    assert tokens.words().source == ("a", "b")


@given(st.lists(st.text(max_size=3), max_size=8), st.lists(st.text(max_size=3), max_size=5))
def test_merging_to_words_keeps_the_weight_of_each_row(
    source: list[str], target: list[str]
) -> None:
    pieces = made(source, target)
    words = pieces.words()
    assert words.weights.shape == (len(words.target), len(words.source))
    if source:
        np.testing.assert_allclose(words.weights.sum(1), 1.0, rtol=1e-5)
    assert len(pieces.text().split("\n")) == max(1, len(target))


def test_text_names_what_was_looked_at_most_first() -> None:
    weights = np.array([[0.05, 0.95, 0.0], [0.3, 0.3, 0.4]], dtype=np.float32)
    shown = Alignment((" I", " go", "\n"), (" Je", " 日本"), weights).text()
    assert shown.split("\n") == ["Je    go 0.95", "日本  ↵ 0.40, I 0.30, go 0.30"]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_a_picture_has_room_for_every_piece() -> None:
    few, many = (size(made(["x"] * n, ["y"] * 5).picture()) for n in (5, 60))
    assert many[0] > 3 * few[0]
    assert max(size(made(["x"] * 2000, ["y"] * 3).picture())) < 10_000


@pytest.mark.parametrize(
    "pieces",
    [
        [" 你", "好", " 日本"],
        [" שלום", " नमस्ते", " ไทย"],
        [" $x$", " \\frac{", " $a_b^{"],
        ["\x00", "\x07", "\n", "\t", "", " ", "\u200b", "\ufffd", "\U000e0001"],
        [" 🙂", "𓀀", "e\u0301"],
        [" " + "long" * 300],
        [],
    ],
)
def test_letters_of_any_script_are_drawn_without_a_warning(pieces: list[str]) -> None:
    assert made(pieces, pieces).picture().startswith(b"\x89PNG")
    assert made(pieces, [" a"]).words().picture().startswith(b"\x89PNG")


@settings(max_examples=8)
@given(st.lists(st.text(max_size=4), max_size=4))
def test_nor_those_nobody_thought_of(pieces: list[str]) -> None:
    made(pieces, pieces).picture()


def test_pictures_in_files(tmp_path: Path) -> None:
    pieces = made([" Go", "."], [" Va", " !"])
    for name, begin in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        assert pieces.picture(tmp_path / name) == (tmp_path / name).read_bytes()
        assert (tmp_path / name).read_bytes().startswith(begin)
    with pytest.raises(InputError, match=r"cannot be written as \.bmp"):
        pieces.picture(tmp_path / "a.bmp")
    with pytest.raises(InputError, match="without an ending"):
        pieces.picture(tmp_path / "a")
    with pytest.raises(InputError, match="cannot be written: No such file"):
        pieces.picture(tmp_path / "nowhere" / "a.png")
