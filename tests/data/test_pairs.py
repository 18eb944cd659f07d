"""Pairs of texts out of every layout, and what is said of broken ones."""

import gzip
import hashlib
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data._pairs_json import lines
from clew.data.pairs import LeftOut, PairFiles, Pairs, read_pairs
from clew.errors import InputError

PAIRS = [("Go.", "Va !"), ('He said "no".', "Il a dit « non »."), ("Who?", "Qui ?")]


def saved(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def as_pairs(read: Pairs) -> list[tuple[str, str]]:
    return list(zip(read.sources, read.targets, strict=True))


TABS = "".join(f"{a}\t{b}\n" for a, b in PAIRS)
OBJECTS = [{"source": a, "target": b} for a, b in PAIRS]
LINES = "".join(json.dumps(o) + "\n" for o in OBJECTS)
NESTED = "".join(
    json.dumps({"id": i, "translation": {"en": a, "fr": b}}) + "\n"
    for i, (a, b) in enumerate(PAIRS)
)
CSV = 'source,target\nGo.,Va !\n"He said ""no"".",Il a dit « non ».\nWho?,Qui ?\n'


@pytest.mark.parametrize(
    ("name", "data", "first_line", "columns"),
    [
        ("fra.txt", TABS, 1, {}),
        ("fra.tsv", TABS, 1, {}),
        ("fra", TABS, 1, {}),
        ("crlf.tsv", TABS.replace("\n", "\r\n"), 1, {}),
        ("bom.tsv", b"\xef\xbb\xbf" + TABS.encode(), 1, {}),
        ("end.tsv", TABS[:-1], 1, {}),
        ("empty.tsv", "\n\n" + TABS.replace("\n", "\n\n"), 3, {}),
        ("names.tsv", "Source\tTarget\n" + TABS, 2, {}),
        ("other.tsv", "en\tfr\n" + TABS, 2, {"source": "en", "target": "fr"}),
        ("one.tsv", "en\tfr\n" + TABS, 2, {"target": "fr"}),
        ("three.tsv", TABS.replace("\n", "\tCC-BY\n"), 1, {"source": 1, "target": 2}),
        ("text.tsv", TABS.replace("\n", "\tCC-BY\n"), 1, {"source": "1", "target": "2"}),
        ("fra.txt.gz", gzip.compress(TABS.encode(), mtime=0), 1, {}),
        ("fra.tsv.xz", lzma.compress(TABS.encode()), 1, {}),
        ("fra.csv", CSV, 2, {}),
        ("semicolon.csv", CSV.replace(",", ";"), 2, {}),
        ("codes.csv", CSV.replace("source,target", "en,fr"), 2, {}),
        ("none.csv", CSV.partition("\n")[2], 1, {}),
        ("fra.csv.gz", gzip.compress(CSV.encode(), mtime=0), 2, {}),
        ("fra.jsonl", LINES, 1, {}),
        ("more.jsonl", LINES.replace('{"', '{"id": 7, "'), 1, {}),
        ("gaps.ndjson", "\n" + LINES.replace("\n", "\n \n"), 2, {}),
        ("other.jsonl", LINES.replace("source", "en").replace("target", "fr"), 1, {}),
        ("nested.jsonl", NESTED, 1, {}),
        ("fra.json", json.dumps(OBJECTS), 1, {}),
        ("lines.json", LINES, 1, {}),
    ],
)
def test_every_layout_gives_the_same_pairs(
    name: str, data: str | bytes, first_line: int, columns: dict[str, Any], tmp_path: Path
) -> None:
    path = saved(tmp_path / name, data)
    read = read_pairs(path, **columns)
    assert as_pairs(read) == PAIRS
    assert read.place(0) == f"{path}:{first_line}"
    assert read.conversations is None


def test_columns_that_are_chosen_may_be_in_any_order(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tsv", TABS)
    assert as_pairs(read_pairs(path, source=2)) == [(b, a) for a, b in PAIRS]
    path = saved(tmp_path / "a.csv", CSV)
    swapped = read_pairs(path, source="target", target="source")
    assert as_pairs(swapped) == [(b, a) for a, b in PAIRS]
    assert as_pairs(read_pairs(path, target="source")) == [(b, a) for a, b in PAIRS]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    polars.DataFrame(OBJECTS).write_parquet(path)
    read = read_pairs(path)
    assert as_pairs(read) == PAIRS
    assert read.place(1) == f"{path}, row 2"
    nested = [{"id": 3, "translation": {"en": a, "fr": b}} for a, b in PAIRS]
    polars.DataFrame(nested).write_parquet(path)
    assert as_pairs(read_pairs(path, source="translation.en")) == PAIRS


def test_two_files_whose_lines_belong_together(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.en", "".join(a + "\n" for a, _ in PAIRS))
    target = saved(tmp_path / "a.fr.gz", gzip.compress("\n".join(b for _, b in PAIRS).encode()))
    read = read_pairs((source, target))
    assert as_pairs(read) == PAIRS
    assert read.place(2) == f"{source}:3 and {target}:3"


@pytest.mark.parametrize(("one", "other"), [(5, 3), (3, 5), (4, 3), (1, 0), (0, 2)])
def test_files_of_different_lengths_are_told_with_both_counts(
    one: int, other: int, tmp_path: Path
) -> None:
    paths = [saved(tmp_path / name, "x\n" * n) for name, n in (("a.en", one), ("a.fr", other))]
    with pytest.raises(InputError) as caught:
        read_pairs((paths[0], paths[1]))
    assert f"different numbers of lines: {one} and {other}" in str(caught.value)
    assert str(paths[0]) in str(caught.value.where)
    assert str(paths[1]) in str(caught.value.where)
    assert f"line {min(one, other) + 1} " in str(caught.value.hint)


def test_conversations(tmp_path: Path) -> None:
    text = "conversation\tsource\ttarget\na\thi\thello\na\thow?\twell\nb\thi\tbye\n"
    assert read_pairs(saved(tmp_path / "a.tsv", text)).conversations == ["a", "a", "b"]
    rows = [{"who": 3, "q": "hi", "a": "hello"}, {"who": 4, "q": "ho", "a": "hey"}]
    path = saved(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    read = read_pairs(path, source="q", target="a", conversation="who")
    assert read.conversations == ["3", "4"]
    assert read.sources == ["hi", "ho"]
    headless = saved(tmp_path / "b.tsv", "hi\thello\t1\nho\they\t1\n")
    assert read_pairs(headless, conversation=3).conversations == ["1", "1"]


def test_a_pair_with_one_empty_side_is_left_out_and_counted(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tsv", "a\tb\n\t\n \t \nc\t\n\td\ne\tf\n")
    read = read_pairs(path)
    assert as_pairs(read) == [("a", "b"), ("e", "f")]
    assert read.left_out == LeftOut(2, 4)
    assert [read.place(i) for i in range(2)] == [f"{path}:1", f"{path}:6"]
    paths = saved(tmp_path / "a.en", "a\n\n\nd\n"), saved(tmp_path / "a.fr", "b\n\nc\ne\n")
    assert read_pairs(paths).left_out == LeftOut(1, 3)


def test_the_fingerprint_is_that_of_the_unpacked_bytes(tmp_path: Path) -> None:
    plain = read_pairs(saved(tmp_path / "a.tsv", TABS))
    packed = read_pairs(saved(tmp_path / "a.tsv.xz", lzma.compress(TABS.encode())))
    assert plain.fingerprint == packed.fingerprint == hashlib.sha256(TABS.encode()).hexdigest()
    other = read_pairs(saved(tmp_path / "a.tsv", TABS.replace("Va", "va")))
    assert other.fingerprint != plain.fingerprint


def test_a_signature_knows_what_is_read_of_which_files(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tsv", TABS)
    assert PairFiles.find(path).signature == PairFiles.find(str(path)).signature
    assert PairFiles.find(path).signature != PairFiles.find(path, source=2).signature
    before = PairFiles.find(path).signature
    saved(path, TABS + "more\tencore\n")
    assert PairFiles.find(path).signature != before


LONG = "x" * 200_000


def test_long_fields_and_many_rows(tmp_path: Path) -> None:
    rows = [(f'a "{i}", b', LONG if i == 1500 else f"c\n{i}") for i in range(2500)]
    polars.DataFrame(rows, ["source", "target"], orient="row").write_csv(tmp_path / "a.csv")
    read = read_pairs(tmp_path / "a.csv")
    assert as_pairs(read) == rows
    assert read.place(1000) == f"{tmp_path / 'a.csv'}:2002"  # each row takes two lines
    assert read.place(1501) == f"{tmp_path / 'a.csv'}:3003"


ONE, TWO = '{"source": "a", "target": "b"}\n', '{"source": "a", "target": %s}\n'


@pytest.mark.parametrize(
    ("name", "data", "columns", "what", "where"),
    [
        ("a.tsv", "", {}, "the file is empty", ""),
        ("a.tsv", "\n \n", {}, "the file is empty", ""),
        ("a.csv", "", {}, "the file is empty", ""),
        ("a.jsonl", "\n", {}, "the file is empty", ""),
        ("a.json", "[]", {}, "the file is empty", ""),
        ("a.txt", "a line without a tab\n", {}, "there is no tab", ""),
        ("a.tsv", "only one\n", {}, "there is one column", ":1"),
        ("a.tsv", "a\tb\nc\td\te\n", {}, "the row has 3 fields, the first has 2", ":2"),
        ("a.tsv", "a\tb\n\nc\n", {}, "the row has 1 field, the first has 2", ":3"),
        ("a.tsv", "a\tb\tc\n", {}, "there are 3 columns: which", ":1"),
        ("a.tsv", "a\tb\n", {"source": 3}, "there is no column 3", ":1"),
        ("a.tsv", "a\tb\n", {"source": 0}, "there is no column 0", ":1"),
        ("a.tsv", "a\tb\n", {"source": 1, "target": 1}, "the same column", ""),
        ("a.tsv", "a\tb\n", {"source": "en"}, "there is no column 'en'", ""),
        ("a.tsv", "a\tb\t\n", {"source": 1, "target": 2, "conversation": 3}, "no name", ":1"),
        ("a.tsv", "\tb\na\t\n", {}, "no pair with two sides", ""),
        ("a.tsv", "source\ttarget\n", {}, "there are no pairs", ""),
        ("a.tsv", b"a\tb\nc\0\td\n", {}, "binary file", ":2, byte 5"),
        ("a.tsv", b"a\tb\n\n\xff\td\n", {}, "not UTF-8", ":3, byte 5"),
        ("a.tsv.gz", gzip.compress(b"a\tb\n\xe9\td\n", mtime=0), {}, "not UTF-8", ":2, byte 4"),
        ("a.tsv", "a\tb\n".encode("utf-16"), {}, "encoded as UTF-16", ""),
        (
            "a.tsv.gz",
            gzip.compress(TABS.encode(), mtime=0)[:-9],
            {},
            "compressed file is damaged",
            "",
        ),
        ("a.tsv.xz", lzma.compress(TABS.encode())[:-9], {}, "compressed file is damaged", ""),
        ("a.tsv.xz", b"\xfd7zXZ\0 but not so", {}, "compressed file is damaged", ""),
        ("a.csv", "en,fr,de\na,b,c\n", {}, "which columns hold source and target?", ""),
        ("a.csv", "en,fr\na,b,c\n", {}, "the row has 3 fields", ":2"),
        ("a.csv", 'en,fr\na,b\n"c,d\n', {}, "the row is broken", ":3"),
        ("a.csv", "en\na\n", {}, "there is one column", ""),
        ("a.jsonl", ONE + "{", {}, "the line is not JSON", ":2"),
        ("a.jsonl", ONE + "[1]\n", {}, "this is no object", ":2"),
        ("a.jsonl", ONE + TWO % 7, {}, "no text under 'target': it is 7", ":2"),
        ("a.jsonl", ONE + TWO % "null", {}, "it is null", ":2"),
        ("a.jsonl", ONE + '{"source": "a"}\n', {}, "the key is missing", ":2"),
        ("a.jsonl", ONE + TWO % '"\\ud800"', {}, "half of a surrogate", ":2"),
        ("a.jsonl", '{"a": "b"}\n', {}, "there is one column", ""),
        ("a.json", "[1]", {}, "this is no object", ", item 1"),
        ("a.json", "[{]", {}, "the file is not JSON", ":1"),
        ("a.parquet", b"PAR1 and no more", {}, "the Parquet file cannot be read", ""),
    ],
)
def test_what_is_broken_is_told_with_its_place(
    name: str,
    data: str | bytes,
    columns: dict[str, Any],
    what: str,
    where: str,
    tmp_path: Path,
) -> None:
    path = saved(tmp_path / name, data)
    with pytest.raises(InputError, match=what) as caught:
        read_pairs(path, **columns)
    assert str(caught.value.where).startswith(f"{path}{where}")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda folder: folder / "nothing.tsv", "no such file"),
        (lambda folder: folder, "this is a folder"),
        (lambda folder: (folder / "a.en",), "1 files were given"),
        (lambda folder: (folder / "a.en", folder / "a.fr"), "no such file"),
    ],
)
def test_files_that_are_not_there(make: Callable[[Path], Any], what: str, tmp_path: Path) -> None:
    saved(tmp_path / "a.en", "x\n")
    with pytest.raises(InputError, match=what):
        read_pairs(make(tmp_path))


def test_two_files_have_no_columns(tmp_path: Path) -> None:
    paths = saved(tmp_path / "a.en", "a\n"), saved(tmp_path / "a.fr", "b\n")
    with pytest.raises(InputError, match="no columns to choose from"):
        read_pairs(paths, source="en")


@given(
    st.lists(st.text(st.sampled_from("ab\u2028\x0b\x85 "), max_size=3), max_size=6),
    st.lists(st.integers(0, 12), max_size=4),
)
def test_lines_are_those_of_the_whole_text_wherever_it_is_cut(
    rows: list[str], cuts: list[int]
) -> None:
    text = "\n".join(rows)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    parts = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    expected = text.removesuffix("\n").split("\n") if text else []
    assert list(lines(iter(parts))) == list(enumerate(expected, 1))
