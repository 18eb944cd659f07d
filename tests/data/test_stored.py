"""Encoded text on disk: whatever does not fit together is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clew.data.corpus import Corpus
from clew.data.text import Tokenizer
from clew.errors import InputError

TEXT = "some words and\nother words\n" * 20
WORDS = Tokenizer.train([TEXT], "word")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text(TEXT)
    Corpus.encode_files(tmp_path / "a.txt", WORDS, tmp_path / "out")
    return tmp_path / "out"


def _facts(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        facts = json.loads((folder / "corpus.json").read_text())
        (folder / "corpus.json").write_text(json.dumps({**facts, **changes}))

    return change


def _array(name: str, make: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], object]:
    return lambda folder: np.save(folder / name, make(np.load(folder / name)))


def _truncated(folder: Path) -> None:
    data = (folder / "tokens.npy").read_bytes()
    (folder / "tokens.npy").write_bytes(data[:-10])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "corpus.json").unlink(), "no encoded text"),
        (lambda f: (f / "tokens.npy").unlink(), "no encoded text"),
        (lambda f: (f / "marks.npy").unlink(), "marks.npy is missing"),
        (lambda f: (f / "corpus.json").write_text("{"), "no encoded text"),
        (lambda f: (f / "corpus.json").write_bytes(b"\xff"), "no encoded text"),
        (lambda f: (f / "corpus.json").write_text("[]"), "no proper 'format'"),
        (lambda f: (f / "tokens.npy").write_bytes(b""), "no encoded text"),
        (_truncated, "no encoded text"),
        (_facts(format=2), "has format 2"),
        (_facts(tokens=3), "not 3 ids"),
        (_facts(tokens=True), "no proper 'tokens'"),
        (_facts(characters=7), "marks.npy does not fit"),
        (_facts(tokenizer="0" * 64), "another tokenizer"),
        (_array("tokens.npy", lambda a: a.astype(np.float32)), "holds float32"),
        (_array("tokens.npy", lambda a: a[None]), "not 140 ids"),
        (_array("tokens.npy", lambda a: a.astype(object)), "no encoded text"),
        (_array("marks.npy", lambda a: a[::-1]), "marks.npy does not fit"),
        (_array("marks.npy", lambda a: a[:0]), "marks.npy does not fit"),
        (_array("marks.npy", lambda a: a[:, :1]), "marks.npy does not fit"),
    ],
)
def test_a_changed_folder(folder: Path, change: Callable[[Path], object], message: str) -> None:
    change(folder)
    with pytest.raises(InputError, match=message) as caught:
        Corpus.open(folder, WORDS)
    assert caught.value.where == str(folder)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Corpus.open(tmp_path / "out")
    with pytest.raises(InputError, match="no encoded text"):
        Corpus.open(tmp_path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    with pytest.raises(InputError, match="cannot be written"):
        Corpus.encode_files(tmp_path / "a.txt", WORDS, tmp_path / "a.txt" / "out")
    with pytest.raises(InputError, match="something else"):
        Corpus.encode_files(tmp_path / "a.txt", WORDS, tmp_path / "a.txt")
