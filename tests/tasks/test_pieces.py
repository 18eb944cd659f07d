"""The vocabulary of token lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library

from clew.errors import InputError
from clew.tasks._pieces import Pieces

LISTS = [["b", "a", "b"], ["c", "b", "a"], ["<pad>", "<unk>", "<unk>", "<unk>"]]


def test_most_frequent_first_and_marks_are_never_tokens():
    pieces = Pieces.train(LISTS, size=100, min_count=1)
    assert pieces.vocabulary == ["<pad>", "<unk>", "b", "a", "c"]
    assert pieces.encode_batch([["a", "<pad>", "<unk>", "new", "c"], []]) == [[3, 1, 1, 1, 4], []]


def test_size_and_min_count_limit_it():
    assert len(Pieces.train(LISTS, size=3, min_count=1)) == 3
    assert Pieces.train(LISTS, size=9, min_count=2).vocabulary[2:] == ["b", "a"]
    assert len(Pieces.train([[]], size=9, min_count=1)) == 2


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])))))
def test_json_and_back_is_the_same_and_standard(lists):
    pieces = Pieces.train(lists, size=50, min_count=1)
    again = Pieces.from_json(pieces.to_json())
    assert again.vocabulary == pieces.vocabulary
    assert again.encode_batch(lists) == pieces.encode_batch(lists)
    assert Library.from_str(pieces.to_json()).get_vocab() == {
        piece: i for i, piece in enumerate(pieces.vocabulary)
    }


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "3", '{"model": {}}', '{"model": {"vocab": []}}',
     '{"model": {"vocab": {"<pad>": 0, "<unk>": 2}}}', '{"model": {"vocab": {"a": 0, "b": 1}}}',
     '{"model": {"vocab": {"<pad>": 0, "<unk>": true}}}',
     '{"model": {"vocab": {"<pad>": 0, "<unk>": 1.0}}}',
     '{"pre_tokenizer": {}, "model": {"vocab": {"<pad>": 0, "<unk>": 1}}}', "[" * 99_999],
)  # fmt: skip
def test_other_json_is_refused(text):
    with pytest.raises(InputError):
        Pieces.from_json(text)
