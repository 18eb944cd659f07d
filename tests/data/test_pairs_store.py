"""Encoded pairs on disk: what comes back, and what is held out."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data import _pairs_store as stored
from clew.data._pairs_json import Row
from clew.data._pairs_store import PairStore, survey, write
from clew.errors import InputError


def letters(texts: Sequence[str]) -> list[list[int]]:
    return [[ord(c) - 96 for c in text] for text in texts]


def reading(rows: Sequence[Row]) -> Callable[..., Iterator[Row]]:
    def read(observe: Callable[[bytes], Any]) -> Iterator[Row]:
        for row in rows:
            observe(repr(row).encode())
            yield row

    return read


def put(folder: Path, rows: Sequence[Row], bound: int = 0, largest: int = 30) -> PairStore:
    write(
        folder, iter(rows), (letters, letters), sizes=(largest, 9), bound=bound, seed=0,
        facts={"fingerprint": "f"},
    )  # fmt: skip
    return PairStore.open(folder)


ROWS = [Row(3, "ab", "c"), Row(4, "d", ""), Row(7, "ab", "xyz"), Row(9, "", "z")]


@pytest.mark.parametrize("largest", [30, 70_000])
@pytest.mark.parametrize("group", [1, 3, 2048])
def test_what_was_written_is_read(
    largest: int, group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_GROUP", group)
    monkeypatch.setattr(stored, "RELEASE", 2)
    store = put(tmp_path / "s", ROWS, largest=largest)
    assert store.pieces.dtype == (np.uint16 if largest == 30 else np.uint32)
    assert len(store) == 4
    for i, row in [*enumerate(ROWS), *enumerate(ROWS)]:
        source, target = store.pair(i)
        assert [source.tolist()] == letters([row.source])
        assert [target.tolist()] == letters([row.target])
    assert store.lengths.tolist() == [[2, 1], [1, 0], [2, 3], [0, 1]]
    assert store.numbers.tolist() == [3, 4, 7, 9]
    assert store.first is None
    assert store.facts["fingerprint"] == "f"
    assert not store.aside.any()


def test_held_out_pairs_keep_their_texts(tmp_path: Path) -> None:
    rows = [Row(1, "é\n\t", "日本"), Row(2, "b", "c"), Row(3, "é\n\t", "\u2028")]
    bound = stored.key_of(rows[0], 0) + 1
    if stored.key_of(rows[1], 0) < bound:
        rows[1] = Row(2, "bb", "c")
    assert stored.key_of(rows[1], 0) >= bound
    write(
        tmp_path / "s", iter(rows), (lambda t: [[5]] * len(t),) * 2, sizes=(9, 9), bound=bound,
        seed=0, facts={},
    )  # fmt: skip
    store = PairStore.open(tmp_path / "s")
    assert store.aside.tolist() == [True, False, True]
    assert [store.texts(i) for i in (0, 2)] == [("é\n\t", "日本"), ("é\n\t", "\u2028")]


def test_conversations_begin_where_their_name_changes(tmp_path: Path) -> None:
    rows = [Row(i, "a", "b", name) for i, name in enumerate("xxyyyx")]
    store = put(tmp_path / "s", rows)
    assert store.first is not None
    assert store.first.tolist() == [0, 0, 2, 2, 2, 5]


@given(
    sources=st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=30),
    share=st.sampled_from([0.05, 0.3, 0.9]),
    seed=st.integers(-3, 3),
)
def test_a_share_of_the_distinct_sources_is_held_out(
    sources: list[str], share: float, seed: int
) -> None:
    rows = [Row(i, source, "t") for i, source in enumerate(sources)]
    found = survey(reading(rows), share, seed)
    held = {row.source for row in rows if stored.key_of(row, seed) < found.bound}
    distinct = len(set(sources))
    assert len(held) == (0 if distinct == 1 else min(max(1, round(share * distinct)), distinct - 1))
    assert set(found.sources) == set(sources) - held
    assert found.pairs == len(rows)
    assert survey(reading(rows), 0.0, seed).bound == 0


def test_of_conversations_whole_ones_are_held_out() -> None:
    rows = [Row(i, str(i), "t", str(i // 5)) for i in range(50)]
    found = survey(reading(rows), 0.2, 0)
    held = [row for row in rows if stored.key_of(row, 0) < found.bound]
    assert len(held) == 10
    assert len({row.conversation for row in held}) == 2
    assert found.conversations


def test_another_seed_holds_out_others() -> None:
    rows = [Row(i, str(i), "t") for i in range(100)]
    chosen = []
    for seed in range(2):
        bound = survey(reading(rows), 0.3, seed).bound
        chosen.append({row.source for row in rows if stored.key_of(row, seed) < bound})
    assert chosen[0] != chosen[1]


def test_of_more_pairs_than_are_counted_about_the_share_is_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored, "_COUNTED", 100)
    rows = [Row(i, str(i), "t") for i in range(2000)]
    bound = survey(reading(rows), 0.25, 0).bound
    assert 400 < sum(stored.key_of(row, 0) < bound for row in rows) < 600


def test_the_sample_is_even_and_bounded() -> None:
    rows = [Row(i, f"{i:04}", "1234") for i in range(1000)]
    found = survey(reading(rows), 0.0, 0, sample=400)
    places = [int(source) for source in found.sources]
    assert 200 <= 8 * len(places) <= 400
    assert len(set(np.diff(places))) == 1
    assert found.targets == ["1234"] * len(places)
    digest = hashlib.sha256(b"".join(repr(row).encode() for row in rows)).hexdigest()
    assert found.fingerprint == digest


def test_a_store_that_is_not_whole_is_not_opened(tmp_path: Path) -> None:
    put(tmp_path / "s", ROWS)
    (tmp_path / "s" / "starts.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="do not fit"):
        PairStore.open(tmp_path / "s")
    (tmp_path / "s" / "facts.json").unlink()
    with pytest.raises(OSError, match="No such file"):
        PairStore.open(tmp_path / "s")


def test_a_disk_that_does_not_take_it_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        put(tmp_path / "file" / "s", ROWS)
