"""Encoded tunes: what is read back is what was given, equal ones stay together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import InputError
from clew.tasks._compose.store import Part, Store, Written, divide, encode, finish, learn
from clew.tasks._compose.vocabulary import END, START, UNKNOWN, Vocabulary

some_tunes = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9), min_size=1)


def stored(tunes: list[list[str]], folder: Path, chosen: list[int]) -> tuple[Store, Vocabulary]:
    encode((Written(tune, len("".join(tune))) for tune in tunes), folder)
    vocabulary = learn(folder, np.array(chosen), "abc")
    return finish(folder, vocabulary), vocabulary


@settings(max_examples=20)
@given(tunes=some_tunes, data=st.data())
def test_read_back_is_what_was_given(tunes, data, tmp_path_factory):
    every = list(range(len(tunes)))
    chosen = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    store, vocabulary = stored(tunes, tmp_path_factory.mktemp("s") / "tunes", chosen)
    known = {token for number in chosen for token in tunes[number]}
    assert {*vocabulary.tokens[3:]} == known
    part = Part(store, np.array(every))
    for number, tune in enumerate(tunes):
        found = part.tune(number)
        assert found[-1] == END
        texts = [vocabulary.tokens[n] for n in found[:-1]]
        assert texts == [token if token in known else "<unk>" for token in tune]
    assert part.tokens == sum(len(tune) + 1 for tune in tunes)
    assert part.characters == sum(len(tune) for tune in tunes)
    assert part.unknown() == sum(token not in known for tune in tunes for token in tune)
    counts = [[*map(len, tunes)], part.lengths - 1]
    assert counts[0] == counts[1].tolist()
    for a in every:
        for b in every:
            assert (store.keys[a] == store.keys[b]) == (tunes[a] == tunes[b])


def test_a_batch_is_the_tunes_beside_what_stands_before_each_token(tmp_path):
    store, vocabulary = stored([["a", "b", "c"], ["b"]], tmp_path / "s", [0, 1])
    before, tokens, lengths = Part(store, np.arange(2)).batch(np.array([0, 1]))
    a, b, c = (vocabulary.number(text) for text in "abc")
    assert tokens.T.tolist() == [[a, b, c, END], [b, END, 0, 0]]
    assert before.T.tolist() == [[START, a, b, c], [START, b, 0, 0]]
    assert lengths.tolist() == [4, 2]
    before, tokens, lengths = Part(store, np.arange(2)).batch(np.array([0, 1]), 2, 9)
    assert tokens.T.tolist() == [[c, END], [0, 0]]
    assert before.T.tolist() == [[b, c], [0, 0]]
    assert lengths.tolist() == [2, 0]


def test_the_last_tunes_within_a_limit(tmp_path):
    store, _ = stored([["a"] * n for n in (3, 1, 2)], tmp_path / "s", [0, 1, 2])
    part = Part(store, np.arange(3))
    for limit, count in ((1, 1), (3, 1), (5, 2), (8, 2), (9, 3), (100, 3)):
        tokens, starts = part.last(limit)
        assert len(starts) == count
        whole = np.concatenate([part.tune(n) for n in range(3 - count, 3)])
        assert tokens.tolist() == whole.tolist()
        assert (tokens[starts[1:] - 1] == END).all()


@settings(max_examples=30)
@given(keys=st.lists(st.integers(0, 5), min_size=2), share=st.floats(0.01, 0.99))
def test_equal_tunes_stay_together(keys, share):
    if len(set(keys)) < 2:
        with pytest.raises(InputError, match="only 1 tune"):
            divide(np.array(keys), share, 0)
        return
    train, held = divide(np.array(keys), share, 0)
    assert sorted([*train, *held]) == list(range(len(keys)))
    assert len(train) > 0
    assert len(held) > 0
    assert not {keys[n] for n in train} & {keys[n] for n in held}


def test_a_vocabulary_is_read_back_or_refused():
    vocabulary = Vocabulary("abc", ["M:6/8", "K:D", "a2", "M:4/4"])
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again.tokens == vocabulary.tokens
    assert again.headed("M") == ["6/8", "4/4"]
    assert again.encode(["a2", "z"]).tolist() == [5, UNKNOWN]
    for text in ("{", "[]", '{"notation":"abc"}', '{"notation":"x","tokens":[]}',
                 '{"notation":"abc","tokens":["a","a"]}', '{"notation":"abc","tokens":[""]}',
                 '{"notation":"abc","tokens":["<end>"]}', '{"notation":"abc","tokens":[1]}',
                 '{"notation":"abc","tokens":"ab"}'):  # fmt: skip
        with pytest.raises(InputError):
            Vocabulary.from_json(text)
