"""Tables of every format, and the line that is named when one is broken."""

import csv
import io
import json
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.rows import Table, read_table
from clew.errors import InputError

FIELDS = st.lists(
    st.lists(st.text(alphabet='ab",;\t\n é', max_size=6), min_size=2, max_size=2), max_size=6
)


def _read(name: str, text: str | bytes) -> Table:
    table = read_table(Path(name), text.encode() if isinstance(text, str) else text)
    assert table is not None
    return table


@given(rows=FIELDS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_the_csv_module_writes_is_read(delimiter: str, rows: list[list[str]]) -> None:
    if delimiter == "\t":  # a TSV may hold newlines or tabs in quotes, not both in one field
        rows = [[field.replace("\t", "") for field in row] for row in rows]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["one", "two"], *rows])
    ending = ".tsv" if delimiter == "\t" else ".csv"
    table = _read(f"a{ending}", file.getvalue())
    assert table.columns == {"one": [r[0] for r in rows], "two": [r[1] for r in rows]}
    begins = [2]
    for row in rows:
        begins.append(begins[-1] + 1 + sum(field.count("\n") for field in row))
    assert table.numbers == begins[:-1]


def test_mark_line_ends_and_blank_lines() -> None:
    table = _read("a.csv", b'\xef\xbb\xbftext,label\r\n"a\r\nb",x\r\n\r\n,y\r\n')
    assert table.columns == {"text": ["a\nb", ""], "label": ["x", "y"]}
    assert table.numbers == [2, 5]
    assert table.place(1) == "a.csv:5"
    assert table.header == 1


@pytest.mark.parametrize(
    ("name", "text", "message", "where"),
    [
        ("a.csv", 'text,label\n"a\nb",x\nc\n', "1 field, the header names 2", "a.csv:4"),
        ("a.csv", "text,label\na,b\na,b,c\n", "3 fields, the header names 2", "a.csv:3"),
        ("a.csv", 'text,label\na,x\n"open,x\nb,y\n', "the row is broken", "a.csv:3"),
        ("a.csv", 'text,label\n"a"b,x\n', "the row is broken", "a.csv:2"),
        ("a.csv", "text,text\na,b\n", "two columns are called 'text'", "a.csv:1"),
        ("a.csv", "\n\n", "the file is empty", "a.csv"),
        ("a.csv", "text\na, b\n", "2 fields, the header names 1", "a.csv:2"),
        ("a.tsv", "text\tlabel\na\tb\nc\n", "1 field, the header names 2", "a.tsv:3"),
        ("a.csv", b"text,label\ncaf\xe9,1\n", "byte 14 is 0xe9", "a.csv, byte 14"),
        ("a.csv", b"text,label\n\0,1\n", "binary file", "a.csv, byte 11 (a NUL byte)"),
        ("a.jsonl", '{"a": 1}\n\n{"a": 2', "not JSON", "a.jsonl:3, column 8"),
        ("a.jsonl", '{"a": 1}\n[1]\n', "this is a list, not an object", "a.jsonl:2"),
        ("a.jsonl", '"x"\n', "this is a string, not an object", "a.jsonl:1"),
        ("a.jsonl", "[" * 100_000, "not JSON", "a.jsonl:1"),
        ("a.jsonl", "\n \n", "the file is empty", "a.jsonl"),
        ("a.json", '[{"a": 1},\n {"a" 2}]', "not JSON", "a.json:2"),
        ("a.json", '[{"a": 1}, 3]', "this is a number", "a.json, item 2"),
        ("a.json", "[]", "the file is empty", "a.json"),
        ("a.xlsx", b"PK\x03\x04rest", "spreadsheet", "a.xlsx"),
        ("a.csv", b"PK\x03\x04rest", "spreadsheet", "a.csv"),
        ("a.csv", b"\x1f\x8b\x08rest", "the file is compressed", "a.csv"),
        ("a.parquet", b"PAR1 is not enough", "Parquet file cannot be read", "a.parquet"),
        ("a.parquet", "text,label\n", "Parquet file cannot be read", "a.parquet"),
    ],
)
def test_broken_tables(name: str, text: str | bytes, message: str, where: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _read(name, text)
    assert caught.value.where is not None
    assert caught.value.where.startswith(where)


def test_tsv_with_quotes_that_mean_themselves() -> None:
    table = _read("a.tsv", 'sentence\tlabel\n"the plot\t1\na "good" film\t0\n"b ""c"""\t1\n')
    assert table.columns["sentence"] == ['"the plot', 'a "good" film', 'b "c"']
    assert table.numbers == [2, 3, 4]


def test_tsv_with_newlines_in_quotes() -> None:
    table = _read("a.tsv", 'text\tlabel\n"a\nb\tc"\tx\nd\ty\n')
    assert table.columns == {"text": ["a\nb\tc", "d"], "label": ["x", "y"]}
    assert table.numbers == [2, 4]


def test_a_single_column_keeps_its_empty_rows() -> None:
    table = _read("a.csv", "text\na\n\nb\n")
    assert table.columns == {"text": ["a", "", "b"]}
    assert table.numbers == [2, 3, 4]


def test_a_very_long_field() -> None:
    limit = csv.field_size_limit()
    assert _read("a.csv", "text,label\n" + "x" * 300_000 + ",1\n").columns["text"] == [
        "x" * 300_000
    ]
    assert csv.field_size_limit() == limit  # a setting of the whole process


def test_json_keeps_kinds_and_missing_keys() -> None:
    lines = '{"a": 1, "b": null}\r\n\r\n{"b": "x\\u2028y", "c": true}\r\n'
    table = _read("a.ndjson", lines)
    assert list(table.columns) == ["a", "b", "c"]
    assert table.columns["b"] == [None, "x\u2028y"]
    assert repr(table.columns["a"]) == "[1, nothing]"
    assert table.numbers == [1, 3]
    items = _read("a.json", json.dumps([{"a": 1}, {"a": 2}]))
    assert items.columns == {"a": [1, 2]}
    assert items.place(1) == "a.json, item 2"
    assert _read("b.json", '{"a": 1}\n{"a": 2}\n').place(1) == "b.json:2"


def test_parquet(tmp_path: Path) -> None:
    frame = pl.DataFrame({"text": ["a\n", None], "label": [1, 2]})
    frame.write_parquet(tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    for name in ("a.parquet", "a.csv"):  # the content says what it is
        table = _read(name, data)
        assert table.columns == {"text": ["a\n", None], "label": [1, 2]}
        assert table.place(1) == f"{name}, row 2"
    for size in (4, len(data) // 2, len(data) - 1):
        with pytest.raises(InputError, match="Parquet file cannot be read"):
            _read("a.parquet", data[:size])


def test_a_damaged_parquet_file_never_crashes(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["some", "words"], "label": [1, 2]}).write_parquet(tmp_path / "a")
    good = (tmp_path / "a").read_bytes()
    for seed in range(4):
        raw, draw = bytearray(good), random.Random(seed)
        for _ in range(40):
            raw[draw.randrange(4, len(raw) - 8)] = draw.randrange(256)
        with pytest.raises(InputError, match="Parquet file cannot be read"):
            _read("a.parquet", bytes(raw))


def test_a_reader_that_ends_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clew.data.rows._READER", "import os; os.abort()")
    with pytest.raises(InputError, match="Parquet file cannot be read"):
        _read("a.parquet", b"PAR1")


def test_other_files_are_no_tables() -> None:
    assert read_table(Path("a.txt"), b"1 text\n") is None
    assert read_table(Path("stsa.binary.train"), b"1 text\n") is None
