"""Files of pairs become what a translator learns from, without being held in memory."""

import json
from pathlib import Path
from typing import Any

import pytest

from clew.data.pairs import PairFiles
from clew.errors import InputError
from clew.tasks._translate.data import Cutting, Prepared
from clew.tasks._translate.files import prepare_files

WORDS = Cutting("word", 100, 1, False, False, 10)


def table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


ROWS = [(f"s{i % 40}", f"t{i} and more") for i in range(60)]


def prepared(
    path: Path, work: Path, validation: Path | None = None, cutting: Cutting = WORDS,
    share: float = 0.2, said: list[str] | None = None,
) -> Prepared:  # fmt: skip
    other = None if validation is None else PairFiles.find(validation)
    tell = (said if said is not None else []).append
    return prepare_files(PairFiles.find(path), other, cutting, share, 0, work, tell)


def originals(found: Prepared) -> list[tuple[str, str]]:
    return [found.original(n) for n in range(len(found.held_out))]


def written(rows: Any, sides: Any) -> list[tuple[str, str]]:
    pairs = [rows.pair(n) for n in range(len(rows))]
    blank: list[None] = [None] * 99
    return [
        tuple(
            side.write(ids[:-1].tolist(), blank[: len(ids) - 1])
            for side, ids in zip((sides.source, sides.target), pair, strict=True)
        )
        for pair in pairs
    ]


def test_every_pair_is_on_one_side_and_comes_back(tmp_path: Path) -> None:
    found = prepared(table(tmp_path / "a.tsv", ROWS), tmp_path / "work")
    learned, held = written(found.train, found.sides), originals(found)
    assert sorted([*learned, *held]) == sorted(ROWS)
    assert not {source for source, _ in learned} & {source for source, _ in held}
    assert len({source for source, _ in held}) == 8


def test_nothing_is_learned_from_what_is_held_out(tmp_path: Path) -> None:
    found = prepared(table(tmp_path / "a.tsv", ROWS), tmp_path / "work")
    pieces = set(found.sides.source.tokenizer.vocabulary)
    assert not pieces & {" " + source for source, _ in originals(found)}


def test_an_interrupted_fit_finds_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "a.tsv", [*ROWS, ("x", "")])
    said: list[str] = []
    first = prepared(path, tmp_path / "work", said=said)
    with monkeypatch.context() as patch:
        patch.setattr(PairFiles, "rows", None)  # not read again
        again = prepared(path, tmp_path / "work", said=said)
    assert again.fingerprint == first.fingerprint
    assert originals(again) == originals(first)
    assert written(again.train, again.sides) == written(first.train, first.sides)
    assert said == [f"1 pairs have an empty side and are left out, the first at {path}:61"] * 2
    (tmp_path / "work" / "pairs" / "facts.json").unlink()
    assert originals(prepared(path, tmp_path / "work")) == originals(first)


@pytest.mark.parametrize("change", ["file", "cutting", "share"])
def test_what_was_made_of_other_files_or_settings_is_made_anew(change: str, tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", ROWS)
    before = prepared(path, tmp_path / "work")
    if change == "file":
        after = prepared(table(path, ROWS[:30]), tmp_path / "work")
        assert after.fingerprint != before.fingerprint
        assert len(after.train) + len(after.held_out) == 30
    elif change == "cutting":
        shared = Cutting("word", 100, 1, False, True, 10)
        after = prepared(path, tmp_path / "work", cutting=shared)
        assert after.sides.shared
        assert not before.sides.shared
    else:
        after = prepared(path, tmp_path / "work", share=0.5)
        assert len({source for source, _ in originals(after)}) == 20


def test_validation_of_its_own(tmp_path: Path) -> None:
    path, other = table(tmp_path / "a.tsv", ROWS), table(tmp_path / "b.tsv", [("s1", "new"), *ROWS])
    found = prepared(path, tmp_path / "work", other)
    assert len(found.train) == 60
    assert originals(found) == [("s1", "new"), *ROWS]
    alone = prepared(path, tmp_path / "work")
    assert alone.fingerprint != found.fingerprint
    assert len(alone.train) < 60


def test_a_single_source_cannot_be_held_out(tmp_path: Path) -> None:
    said: list[str] = []
    path = table(tmp_path / "a.tsv", [("s", "t"), ("s", "u")])
    found = prepared(path, tmp_path / "work", said=said)
    assert originals(found) == [("s", "t"), ("s", "u")]
    assert len(found.train) == 2
    assert said == ["nothing can be held out: scores are of the training pairs"]


def test_pairs_that_are_too_long_are_told_with_their_line(tmp_path: Path) -> None:
    said: list[str] = []
    rows = [*ROWS[:20], ("long " * 20, "t"), *ROWS[20:]]
    path = table(tmp_path / "a.tsv", rows)
    found = prepared(path, tmp_path / "work", said=said)
    assert len(found.train) + len(found.held_out) == 60
    [message] = said
    assert f"{path}:21" in message
    with pytest.raises(InputError, match="every pair to learn from"):
        prepared(path, tmp_path / "work", cutting=Cutting("word", 100, 1, False, False, 0))


def test_conversations_need_one_vocabulary_and_are_joined(tmp_path: Path) -> None:
    rows = [(str(i // 3), f"hi {i}", f"ho {i}") for i in range(30)]
    path = table(tmp_path / "a.tsv", [("conversation", "source", "target"), *rows])
    with pytest.raises(InputError, match="one vocabulary"):
        prepared(path, tmp_path / "work")
    shared = Cutting("word", 100, 1, False, True, 10)
    found = prepared(path, tmp_path / "work", cutting=shared)
    texts = [source for source, _ in originals(found)]
    assert len(texts) == 6
    assert found.train.pair(1)[0].tolist().count(found.sides.source.end) == 3


def test_what_lies_in_the_folder_is_plain_json_and_arrays(tmp_path: Path) -> None:
    prepared(table(tmp_path / "a.tsv", ROWS), tmp_path / "work")
    endings = {path.suffix for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert endings == {".bin", ".json", ".jsonl"}
    assert json.loads((tmp_path / "work" / "pairs" / "facts.json").read_text())["pairs"] == 60
