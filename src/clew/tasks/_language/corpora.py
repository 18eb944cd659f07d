"""From a user's text to encoded corpora: one to learn from, one held out, and how they were cut."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.data.corpus import Corpus, iter_text
from clew.data.files import text_files
from clew.data.text import Tokenizer, Unit
from clew.errors import InputError
from clew.train import on_main

Text: TypeAlias = str | Path | Sequence[str] | Sequence[Path]

JUDGED = 1_000_000  # tokens of the held-out part that are scored while training, at most,
SCORES = 1_000_000_000  # and scores made for them: with a large vocabulary each token costs more
RELEASE = 1 << 25  # tokens read between two times that pages of a corpus file are given back


@dataclass(frozen=True)
class Cutting:
    """How text is cut into tokens."""

    unit: Unit
    size: int
    min_count: int


@dataclass(frozen=True)
class Corpora:
    """What a fit learns from, and what it is judged on."""

    tokenizer: Tokenizer
    train: Corpus
    held_out: Corpus

    @property
    def judged(self) -> Corpus:
        """What of the held-out part is scored while learning: its beginning, where it is long."""
        part = self.held_out
        size = min(len(part), JUDGED, max(1, SCORES // len(self.tokenizer)))
        characters = part.characters if size == len(part) else round(size * self.lengthy)
        return dataclasses.replace(part, tokens=part.tokens[:size], characters=characters)

    @property
    def lengthy(self) -> float:
        """Characters of a held-out token, on average."""
        return self.held_out.characters / len(self.held_out)

    @property
    def fingerprint(self) -> str:
        """Sha-256 of what was learned from, what was held out, and how both were cut."""
        parts = (self.train.fingerprint, self.held_out.fingerprint, self.tokenizer.fingerprint)
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def joined(text: Text, name: str) -> str | list[Path]:
    """The text itself, or the files that hold it; a list of texts is joined by newlines.

    Raises InputError for anything else, for no text, and for a str that is the name of a file.
    """
    if isinstance(text, str):
        if not text:
            raise InputError("there is no text", where=name, expected="at least a few characters")
        if len(text) < 1000 and "\n" not in text and "\0" not in text and _is_file(text):
            raise InputError(
                "a str is taken as the text itself, and this one is the name of a file",
                where=f"{name}={text!r}",
                hint=f"pathlib.Path({text!r})",
            )
        return text
    if isinstance(text, Path):
        return [text]
    items = list(text) if isinstance(text, Iterable) else []
    if items and all(isinstance(item, Path) for item in items):
        return [Path(item) for item in items if isinstance(item, Path)]
    if items and all(isinstance(item, str) for item in items):
        lines = [str(item) for item in items]
        return joined("".join(t if t.endswith("\n") else t + "\n" for t in lines), name)
    raise InputError(
        f"this is no text but {type(text).__name__} {str(text)[:60]!r}",
        where=name,
        expected="a text (str), a list of texts, a Path to a file or folder, or a list of Paths",
    )


def _is_file(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:
        return False


def prepare(
    text: Text, validation: Text | None, held_out: float, cutting: Cutting, work: Path
) -> Corpora:
    """Learn a tokenizer from what is not held out, and encode everything with it.

    Files are encoded into the folder `work`; text in memory stays there. Raises InputError as the
    readers do, and where a part is too short to be of use.
    """
    source = joined(text, "corpus")
    other = None if validation is None else joined(validation, "validation")
    share = held_out if other is None else 0.0
    if isinstance(source, str):
        tokenizer = _learn([source[: max(1, round(len(source) * (1 - share)))]], cutting)
        whole = Corpus.from_text(source, tokenizer)
    else:
        tokenizer = on_main(lambda: _encode(source, share, cutting, work))
        whole = Corpus.open(work / "corpus", tokenizer)
    if other is None:
        train, judged = whole.split(held_out)
    elif isinstance(other, str):
        train, judged = whole, Corpus.from_text(other, tokenizer)
    else:
        place = work / "validation"
        on_main(lambda: _encode_again(other, tokenizer, place))
        train, judged = whole, Corpus.open(place, tokenizer)
    for part, words in ((train, "the text to learn from"), (judged, "the held-out text")):
        if len(part) < 2:
            raise InputError(
                f"{words} has only {len(part)} token", expected="at least 2", hint="give more text"
            )
    return Corpora(tokenizer, train, judged)


def encoded(text: Text, tokenizer: Tokenizer, name: str, work: Path) -> Corpus:
    """A text to be scored, encoded: in memory, or where it is files in the folder `work`."""
    source = joined(text, name)
    if isinstance(source, str):
        return Corpus.from_text(source, tokenizer)
    return Corpus.encode_files(source, tokenizer, work / "text")


def pieces(corpus: Corpus, size: int = 1 << 22) -> Iterator[NDArray[Any]]:
    """The tokens of a corpus a piece at a time; pages of the file are given back in between."""
    for start in range(0, len(corpus), size):
        yield np.asarray(corpus.tokens[start : start + size])
        corpus.release()


def unknown_tokens(corpus: Corpus) -> int:
    """How many tokens are <unk>."""
    return sum(int(np.count_nonzero(piece == 1)) for piece in pieces(corpus))


def _learn(texts: Iterable[str], cutting: Cutting) -> Tokenizer:
    return Tokenizer.train(
        texts, cutting.unit, size=cutting.size, min_count=cutting.min_count, keep_spaces=True
    )


def _encode(source: list[Path], share: float, cutting: Cutting, work: Path) -> Tokenizer:
    """Encode files into `work`, or find there what an interrupted fit made of the same files."""
    mark = {
        "files": _signature(source),
        "cutting": [cutting.unit, cutting.size, cutting.min_count, share],
    }
    if (found := _earlier(work, mark)) is not None:
        return found
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    size = sum(path.stat().st_size for path in text_files(source))
    tokenizer = _learn(_beginning(source, round(size * (1 - share))), cutting)
    Corpus.encode_files(source, tokenizer, work / "corpus")
    tokenizer.save(work / "tokenizer.json")
    (work / "source.json").write_text(json.dumps(mark), encoding="utf-8")
    return tokenizer


def _encode_again(source: list[Path], tokenizer: Tokenizer, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    Corpus.encode_files(source, tokenizer, place)


def _signature(source: list[Path]) -> list[list[Any]]:
    status = [(path, path.stat()) for path in text_files(source)]
    return [[str(path.resolve()), s.st_size, s.st_mtime_ns] for path, s in status]


def _earlier(work: Path, mark: dict[str, Any]) -> Tokenizer | None:
    """The tokenizer of an earlier encoding of the same files that lies whole in `work`."""
    try:
        if json.loads((work / "source.json").read_text(encoding="utf-8")) != mark:
            return None
        tokenizer = Tokenizer.load(work / "tokenizer.json")
        Corpus.open(work / "corpus", tokenizer)
    except (OSError, ValueError):  # not there, or not whole: made anew
        return None
    return tokenizer


def _beginning(source: list[Path], size: int) -> Iterator[str]:
    """The first `size` bytes of the files' text, cut at the end of a piece."""
    read = 0
    for piece in iter_text(source):
        if read and read >= size:
            return
        rest = size - read
        read += len(piece.encode())
        yield piece if read <= size else piece.encode()[: max(1, rest)].decode(errors="ignore")
