"""Labelled texts from tables and lines: which columns, which labels, and nothing lost."""

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.tables import read_labelled, read_texts
from clew.errors import InputError

ROWS = [("a fine film", "pos"), ("", "neg"), ('dull, "really"\nso dull', "neg")]
CSV = 'text,label\na fine film,pos\n,neg\n"dull, ""really""\nso dull",neg\n'


def _write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture(params=["csv", "tsv", "jsonl", "json", "parquet"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"a.{request.param}"
    frame = pl.DataFrame(ROWS, schema=["text", "label"], orient="row")
    if request.param == "csv":
        frame.write_csv(path)
    elif request.param == "tsv":
        frame.write_csv(path, separator="\t")
    elif request.param == "jsonl":
        frame.write_ndjson(path)
    elif request.param == "json":
        frame.write_json(path)
    else:
        frame.write_parquet(path)
    return path


def test_every_format_gives_the_same(table: Path) -> None:
    found = read_labelled(table)
    assert list(zip(found.sequences, found.labels, strict=True)) == ROWS
    assert len(found) == len(found.where) == 3
    assert found.fingerprint == hashlib.sha256(table.read_bytes()).hexdigest()
    assert read_texts(table) == [text for text, _ in ROWS]


def test_places_are_lines_of_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", CSV + "last,pos\n")
    assert read_labelled(path).where == [f"{path}:{n}" for n in (2, 3, 4, 6)]


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("Sentence,Class", 0, 1),
        ("target,id,review", 2, 0),
        ("label,what", 1, 0),
        ("what,text", 1, 0),
        ("id,content,stars,category", 1, 3),
        ("title,text,label", 1, 2),
    ],
)
def test_columns_are_guessed_by_name(tmp_path: Path, header: str, text: int, label: int) -> None:
    row = [f"field{i}" for i in range(len(header.split(",")))]
    found = read_labelled(_write(tmp_path / "a.csv", f"{header}\n{','.join(row)}\n"))
    assert found.sequences == [f"field{text}"]
    assert found.labels == [f"field{label}"]


def test_of_two_unknown_columns_the_longer_is_the_text(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "v1,v2\nham,how are you\nspam,win a prize\n")
    found = read_labelled(path)
    assert (found.labels, found.sequences) == (["ham", "spam"], ["how are you", "win a prize"])


def test_a_first_line_that_is_data_is_not_lost(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "good film,1\nbad film,0\nvery bad,0\nnice,1\n")
    found = read_labelled(path)
    assert found.sequences == ["good film", "bad film", "very bad", "nice"]
    assert found.labels == ["1", "0", "0", "1"]
    assert found.where[0] == f"{path}:1"


def test_a_first_line_that_is_a_sentence_is_not_lost(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "only one of these is good,1\nbad film,0\nvery bad,0\n")
    assert read_labelled(path).labels == ["1", "0", "0"]
    path = _write(tmp_path / "b.csv", "a film,1\nbad film,0\n")  # names, for all we can know
    assert read_labelled(path, label="1").labels == ["0"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt", "a", "a.tar.gz"])
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.text(alphabet='a1 ,;\t\n\r"{}[]:\\\0é\ufeff', max_size=60).map(str.encode),
    )
)
def test_whatever_is_in_a_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    path = _write(tmp_path_factory.getbasetemp() / name, content)
    places: list[str | None] = []
    try:
        found = read_labelled(path)
        assert len(found.labels) == len(found.sequences) == len(found.where) > 0
        assert all(found.labels)
    except InputError as error:
        places.append(error.where)
    try:
        assert all(isinstance(text, str) for text in read_texts(path))
    except InputError as error:
        places.append(error.where)
    assert all(str(path) in str(place) for place in places)


def test_columns_by_name(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "a,b,text\n1,one,first\n2,two,second\n")
    found = read_labelled(path, text="b", label="a")
    assert (found.sequences, found.labels) == (["one", "two"], ["1", "2"])
    assert read_labelled(path, label="b").sequences == ["first", "second"]
    assert read_texts(path, text="b") == ["one", "two"]
    with pytest.raises(InputError, match="there is no column 'c'") as caught:
        read_labelled(path, text="c")
    assert caught.value.expected == "one of a, b, text"
    with pytest.raises(InputError, match="which column holds the label") as caught:
        read_labelled(path)
    assert caught.value.expected == "one of a, b, text"
    assert "--label" in str(caught.value.hint)
    with pytest.raises(InputError, match="same column"):
        read_labelled(path, text="b", label="b")
    with pytest.raises(InputError, match="there is no column 'c'"):
        read_texts(path, text="c")


def test_labels_of_other_kinds(tmp_path: Path) -> None:
    values: list[object] = [1, -20, 1.0, 0.5, True, False, " x ", 10**20]
    lines = "".join(json.dumps({"text": "t", "label": v}) + "\n" for v in values)
    found = read_labelled(_write(tmp_path / "a.jsonl", lines))
    assert found.labels == ["1", "-20", "1", "0.5", "true", "false", "x", str(10**20)]
    frame = pl.DataFrame({"text": ["a", "b"], "label": pl.Series([3, 1], dtype=pl.Int8)})
    frame.write_parquet(tmp_path / "a.parquet")
    assert read_labelled(tmp_path / "a.parquet").labels == ["3", "1"]
    frame = pl.DataFrame({"text": ["a", "b"], "label": pl.Series(["u", "v"], dtype=pl.Categorical)})
    frame.write_parquet(tmp_path / "b.parquet")
    assert read_labelled(tmp_path / "b.parquet").labels == ["u", "v"]


@pytest.mark.parametrize(
    ("name", "content", "message", "where"),
    [
        ("a.csv", "text,label\na,x\nb,\n", "label is missing: 'label' is empty", ":3"),
        ("a.csv", "text,label\na,x\nb,  \n", "label is missing", ":3"),
        ("a.csv", "text,label\n", "the table has no rows", ""),
        ("a.csv", "", "the file is empty", ""),
        ("a.txt", "", "the file is empty", ""),
        ("a.txt", "\n\n", "only empty lines", ""),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n', "'label' is not there", ":2"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"label": 2}\n', "key is missing", ":2"),
        ("a.jsonl", '{"text": null, "label": 1}\n', "no text under 'text': it is null", ":1"),
        ("a.jsonl", '{"text": 5, "label": 1}\n', "'text' is 5, no text", ":1"),
        ("a.jsonl", '{"text": "a", "label": null}\n', "label is missing", ":1"),
        ("a.jsonl", '{"text": "a", "label": NaN}\n', "label is missing", ":1"),
        ("a.jsonl", '{"text": "a", "label": [1]}\n', r"'label' is \[1\], no label", ":1"),
        ("a.txt", "1 good\n\n0 bad\n", "the label is missing", ":2"),
        ("a.txt", "1 good\nalone\n0 bad\n", "no sentence after 'alone'", ":2"),
        ("a.txt", "1 good\n bad\n", "the label is missing", ":2"),
        ("a.txt", "\n".join(f"word{i} more" for i in range(50)), "hardly labels", ""),
        ("a.txt", b"1 good\n0 caf\xe9\n", "byte 12 is 0xe9", ", byte 12"),
        ("a.txt", b"\x00\x01", "binary file", ", byte 0 (a NUL byte)"),
    ],
)
def test_bad_input(
    tmp_path: Path, name: str, content: str | bytes, message: str, where: str
) -> None:
    path = _write(tmp_path / name, content)
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(path)
    assert caught.value.where == f"{path}{where}"


def test_lines_of_label_and_sentence(tmp_path: Path) -> None:
    # A label alone has an empty sentence, if the label is one that other lines have too.
    content = "\ufeff1 a fine , fine film\r\n0 dull\u2028indeed\r\n1\r\n0 \r\n"
    for name in ("a.txt", "stsa.binary.train", "plain"):
        path = _write(tmp_path / name, content)
        found = read_labelled(path)
        assert found.labels == ["1", "0", "1", "0"]
        assert found.sequences == ["a fine , fine film", "dull\u2028indeed", "", ""]
        assert found.where[1] == f"{path}:2"
        with pytest.raises(InputError, match="no columns to choose from"):
            read_labelled(path, text="text")


def test_lines_with_a_tab_between(tmp_path: Path) -> None:
    path = _write(tmp_path / "SMSSpam", "ham\thow are you\nspam\twin now\n")
    assert read_labelled(path).labels == ["ham", "spam"]
    path = _write(tmp_path / "b", "how are you\tham\nwin now\tspam\n")
    assert read_labelled(path).labels == ["ham", "spam"]
    path = _write(tmp_path / "c.data", "label\ttext\nham\thow are you\n")
    assert read_labelled(path).sequences == ["how are you"]


def test_texts_alone(tmp_path: Path) -> None:
    assert read_texts(_write(tmp_path / "a.txt", "one\r\n\r\ntwo\u2028x\n")) == [
        "one",
        "",
        "two\u2028x",
    ]
    assert read_texts(_write(tmp_path / "b.csv", "text\nfirst\n\nlast\n")) == ["first", "", "last"]
    assert read_texts(_write(tmp_path / "c.csv", "what,label\nfirst,1\n")) == ["first"]
    assert read_texts(_write(tmp_path / "d.jsonl", '{"what": "first"}\n')) == ["first"]
    with pytest.raises(InputError, match="which column holds the text"):
        read_texts(_write(tmp_path / "e.csv", "perhaps a text\nanother\n"))
    with pytest.raises(InputError, match="the file is empty"):
        read_texts(_write(tmp_path / "f.txt", ""))
    with pytest.raises(InputError, match="no columns to choose from"):
        read_texts(tmp_path / "a.txt", text="text")


def test_missing_files_and_parts(tmp_path: Path) -> None:
    path = _write(tmp_path / "reviews.csv", CSV)
    with pytest.raises(InputError, match="no such file") as caught:
        read_labelled(tmp_path / "reviws.csv")
    assert caught.value.hint == str(path)
    assert read_labelled(path, split="train").labels == ["pos", "neg", "neg"]
    with pytest.raises(InputError, match="a single file has no part 'test'"):
        read_labelled(path, split="test")
    with pytest.raises(InputError, match="unknown part"):
        read_labelled(path, split="all")  # type: ignore[arg-type]
