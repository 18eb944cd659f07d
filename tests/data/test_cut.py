"""Pieces of a text are tokenized as they would be in the whole."""

from hypothesis import given
from hypothesis import strategies as st

from clew.data.cut import cut
from clew.data.text import Tokenizer

LINES = st.lists(st.text(alphabet="ab \t'\né", max_size=12)).map("\n".join)


@given(text=st.text(alphabet="ab \n", max_size=60), limit=st.integers(1, 9))
def test_the_pieces_join_to_the_text_and_keep_the_limit(text: str, limit: int) -> None:
    pieces = list(cut(text, limit))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= limit for piece in pieces)


@given(text=LINES)
def test_cutting_at_lines_and_lone_spaces_does_not_change_tokens(text: str) -> None:
    # Runs longer than the limit are cut anywhere; here no word or blank is that long.
    words = " ".join(part[:10] for part in text.split(" ") if part) + "\n"
    for tokenizer in (
        Tokenizer.train([words], "word"),
        Tokenizer.train([words] * 2, "bpe", size=270),
    ):
        parts = [tokenizer.encode(piece) for piece in cut(words, 30)]
        assert [i for part in parts for i in part] == tokenizer.encode(words)


def test_where_it_cuts() -> None:
    assert list(cut("one\ntwo three\nfour", 8)) == ["one\n", "two", " three\n", "four"]
    assert list(cut("a b  c d", 6)) == ["a", " b  c", " d"]
    assert list(cut("abcdef", 4)) == ["abcd", "ef"]
    assert list(cut("", 4)) == []
