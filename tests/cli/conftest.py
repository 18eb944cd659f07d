"""Two tiny trained models, a way to run the program in this process, and the files of a user."""

import io
import os
import sys
from dataclasses import dataclass

import pytest

from clew import Classifier, LanguageModel
from clew.cli import main

TEXTS = ["warm and funny", "a joy to watch", "dull and long", "a waste of time"] * 8
LABELS = ["good", "good", "bad", "bad"] * 8
BOOK = "The sea was calm. The ship was far from the land.\n" * 30


@dataclass
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """The yardstick of a language model learns for a moment only; how well is tested elsewhere."""
    monkeypatch.setattr("clew.tasks._language.window._STEPS", 20)


@pytest.fixture
def clew(capsys, monkeypatch):
    """Run `clew` with these words (and standard input) and look at what it says."""

    def run(*words: object, stdin: str | bytes | None = None) -> Answer:
        piped = stdin.encode() if isinstance(stdin, str) else stdin or b""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped)))
        if stdin is None:
            monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Answer(code, out, err)

    return run


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """A folder with a classifier that has learned TEXTS."""
    model = Classifier(
        hidden_size=8, embedding_size=8, epochs=8, learning_rate=0.05, dropout=0.0, baseline=False
    )
    folder = tmp_path_factory.mktemp("models") / "reviews.model"
    model.fit(TEXTS, LABELS).save(folder)
    return folder


@pytest.fixture(scope="session")
def writer(tmp_path_factory):
    """A folder with a language model that has read BOOK."""
    model = LanguageModel(
        hidden_size=16, embedding_size=8, epochs=2, batch_size=4, window=32, baseline=False
    )
    folder = tmp_path_factory.mktemp("models") / "book.model"
    model.fit(BOOK).save(folder)
    return folder


@pytest.fixture
def environment():
    """For another process: the same packages as here, from any folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in, with reviews.csv and book.txt."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{t},{label}\n" for t, label in zip(TEXTS, LABELS, strict=True))
    (tmp_path / "reviews.csv").write_text("text,label\n" + rows)
    (tmp_path / "book.txt").write_text(BOOK)
    return tmp_path
