"""Folders of labelled texts: documents, lines, parts, and what is not clear."""

from pathlib import Path

import pytest

from clew.data.folders import parts
from clew.data.tables import read_labelled, read_texts
from clew.errors import InputError


def _tree(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def test_a_document_a_file(tmp_path: Path) -> None:
    root = _tree(tmp_path, {"b/2.txt": "two\r\nlines", "b/1.txt": "", "a/1.txt": "\ufeffone"})
    (root / ".DS_Store").write_bytes(b"\0")
    found = read_labelled(root)
    assert found.labels == ["a", "b", "b"]
    assert found.sequences == ["one", "", "two\nlines"]
    assert found.where == [str(root / name) for name in ("a/1.txt", "b/1.txt", "b/2.txt")]
    assert read_texts(root) == found.sequences
    before = found.fingerprint
    (root / "a" / "1.txt").rename(root / "a" / "0.txt")
    assert read_labelled(root).fingerprint != before


def test_a_text_a_line(tmp_path: Path) -> None:
    root = _tree(tmp_path, {"Greek.txt": "Άδωνις\n\nPavlou\n", "Czech.txt": "Novák"})
    found = read_labelled(root)
    assert found.labels == ["Czech", "Greek", "Greek", "Greek"]
    assert found.sequences == ["Novák", "Άδωνις", "", "Pavlou"]
    assert found.where[2:] == [f"{root / 'Greek.txt'}:2", f"{root / 'Greek.txt'}:3"]


def test_the_only_table_of_a_folder(tmp_path: Path) -> None:
    root = _tree(tmp_path, {"a.csv": "text,label\none,1\n"})
    assert read_labelled(root).sequences == ["one"]
    assert read_texts(root) == ["one"]


def test_parts_by_name(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "stsa.binary.train": "1 good\n0 bad\n",
        "stsa.binary.dev": "1 nice\n",
        "stsa.binary.test": "0 dull\n",
        "SOURCE.txt": "where it is from",
    }
    root = _tree(tmp_path, files)
    assert {name: path.name for name, path in parts(root).items()} == {
        "train": "stsa.binary.train",
        "dev": "stsa.binary.dev",
        "test": "stsa.binary.test",
    }
    assert read_labelled(root).sequences == ["good", "bad"]
    assert read_labelled(root, split="dev").sequences == ["nice"]
    assert read_labelled(root, split="test").sequences == ["dull"]
    with pytest.raises(InputError, match="several parts") as caught:
        read_texts(root)
    assert str(root / "stsa.binary.test") in str(caught.value.hint)


def test_parts_that_are_folders_or_tables(tmp_path: Path) -> None:
    root = _tree(tmp_path / "a", {"train/x/1.txt": "one", "test/x/1.txt": "two"})
    assert read_labelled(root).sequences == ["one"]
    assert read_labelled(root, split="test").sequences == ["two"]
    with pytest.raises(InputError, match="has no part 'dev'") as caught:
        read_labelled(root, split="dev")
    assert caught.value.expected == "one of test, train"
    root = _tree(
        tmp_path / "b", {"train.csv": "t,label\na b,1\n", "validation.csv": "t,label\nc,0\n"}
    )
    assert read_labelled(root, split="dev").labels == ["0"]
    assert read_labelled(root, text="t", label="label").labels == ["1"]


def test_a_folder_without_parts(tmp_path: Path) -> None:
    root = _tree(tmp_path, {"a.txt": "one\n", "b.txt": "two\n"})
    assert read_labelled(root, split="train").labels == ["a", "b"]
    with pytest.raises(InputError, match="has no part 'test'"):
        read_labelled(root, split="test")
    with pytest.raises(InputError, match="no columns to choose from"):
        read_labelled(root, label="label")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "the folder is empty"),
        ({"a/1.txt": "x", "b/.keep": ""}, "the folder is empty"),
        ({"a/1.txt": "x", "b/1.pdf": "x"}, r"this is no \.txt file"),
        ({"a/1.txt": "x", "b/c/1.txt": "x"}, r"this is no \.txt file"),
        ({"a/1.txt": "x", "README.txt": "x"}, "not clear which files"),
        ({"a.txt": "x", "README.txt": "x"}, "not clear which files"),
        ({"a.csv": "x", "b.csv": "x"}, "not clear which files"),
        ({"a.txt": "x", "b.txt": ""}, "the file is empty"),
        ({"a/1.txt": "x", "b/1.txt": b"caf\xe9"}, "byte 3 is 0xe9"),
        ({"a/1.txt": "x", "b/1.txt": b"\x00"}, "binary file"),
    ],
)
def test_folders_that_are_not_clear(
    tmp_path: Path, files: dict[str, str | bytes], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled(_tree(tmp_path, files))
