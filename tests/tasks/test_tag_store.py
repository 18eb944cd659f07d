"""Tagged sentences as numbers, in memory and on disk, and the batches made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.tasks._tag.store import KINDS, Plan, Sink, Store

WORDS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.text("abé日", max_size=4)))
SENTENCES = st.lists(WORDS, min_size=1, max_size=6)


def filled(sink, rows, label=lambda n: n):
    for n, row in enumerate(rows):
        spelled = [np.array([ord(c) for c in word], "<u2").tobytes() for _, _, word in row]
        sink.add([w for w, _, _ in row], [t for _, t, _ in row], spelled, n, label(n))
    return sink.done()


@given(SENTENCES, st.randoms())
@settings(max_examples=40)
def test_a_batch_gives_back_what_was_put_in(rows, draw):
    store = filled(Sink(None), rows)
    places = list(range(len(rows)))
    draw.shuffle(places)
    batch, tags, labels = store.batch(places)
    assert len(store) == len(rows)
    assert store.lengths.tolist() == [len(row) for row in rows]
    assert labels.tolist() == places
    for b, place in enumerate(places):
        length = int(batch.lengths[b])
        assert length == len(rows[place])
        assert batch.real[:, b].tolist() == [t < length for t in range(len(batch.words))]
        assert not batch.words[length:, b].any()
        assert store.truth(place).tolist() == [t for _, t, _ in rows[place]]
        for t, (word, tag, spelled) in enumerate(rows[place]):
            where = int(batch.places[t, b])
            size = int(batch.sizes[where])
            letters = batch.letters[:size, where].tolist()
            assert (int(batch.words[t, b]), int(tags[t, b])) == (word, tag)
            assert "".join(map(chr, letters)) == spelled
    spelled = {word for row in rows for _, _, word in row}
    assert batch.letters.shape[1] == max(1, len(spelled))


def test_on_disk_as_in_memory(tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    rows = [[(int(w), int(w) % 3, "ab" * int(w)) for w in draw.integers(0, 9, draw.integers(0, 5))]
            for _ in range(50)]  # fmt: skip
    kept, mapped = filled(Sink(None), rows), filled(Sink(tmp_path / "s"), rows)
    for store in (mapped, Store.open(tmp_path / "s")):
        for name in KINDS:
            assert np.array_equal(getattr(store, name), getattr(kept, name))
        store.release()
        assert store.truth(7).tolist() == kept.truth(7).tolist()
    nothing = filled(Sink(tmp_path / "n"), [[], []], label=lambda n: None)
    assert (len(nothing), len(nothing.labels)) == (2, 0)
    assert nothing.batch([0, 1])[0].words.shape == (1, 2)
    with pytest.raises(OSError, match="words"):
        Store.open(tmp_path / "none")


def test_every_sentence_is_read_once_by_one_of_the_ranks():
    lengths = np.random.default_rng(0).integers(0, 9, 37)
    where = np.arange(5, 37)
    plans = [Plan(where, lengths, 4, seed=0, epoch=2, rank=r, world=3) for r in range(3)]
    assert len({len(plan) for plan in plans}) == 1
    seen = [place for plan in plans for item in plan if item is not None for place in item]
    assert sorted(seen) == where.tolist()
    alone = Plan(where, lengths, 12, seed=0, epoch=2, rank=0, world=1)
    for n, item in enumerate(alone):
        parts = [plan[n] for plan in plans]
        assert set(item) == {p for part in parts if part is not None for p in part}
    other = Plan(where, lengths, 12, seed=0, epoch=3, rank=0, world=1)
    assert [list(i) for i in other] != [list(i) for i in alone]
