"""What a tagger is given, lists or a file: checked, and readable again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import InputError
from clew.tasks._examples import check_text

EXPECTED = "a list of words (or a text, cut at spaces) for each sentence"


@dataclass(frozen=True)
class Sentence:
    """Words with a tag each, maybe a label of the whole.

    `place` says where a word stands, or for None the label.
    """

    words: Sequence[str]
    tags: Sequence[str]
    label: str | None
    place: Callable[[int | None], str]
    cut: str | None = None  # what of its text is a span that begins or ends inside a word


@dataclass(frozen=True)
class Given:
    """Sentences that can be read again and again; `files` tell a stored copy whether it is theirs.

    labelled: each has a label of its own. name: of the file they are read from.
    """

    read: Callable[[], Iterable[Sentence]]
    labelled: bool
    files: list[Any] | None = None  # path, size, time and columns; None for lists
    name: str | None = None

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self.read())


def words_of(X: Any) -> list[list[str]]:
    """X as lists of words; a text is cut at spaces. Raises InputError naming what is no word."""
    if isinstance(X, str | bytes):
        raise InputError("one text was given", where="X", expected=EXPECTED, hint="[text]")
    return [_sentence(item, index) for index, item in enumerate(_listed(X, "X", EXPECTED))]


def given(
    X: Any, y: Any = None, labels: Any = None, *, word: Any = None, of: str = ""
) -> Given:  # fmt: skip
    """What fit or score was given, checked; see `Tagger.fit`. Messages name it as `of` + "y".

    Raises InputError for lists that do not go together, naming the sentence; what is wrong in a
    file is found while it is read.
    """
    if isinstance(X, Path):
        return _file(X, y, labels, word)
    if isinstance(X, str) and "\n" not in X and Path(X[:4000]).is_file():
        raise InputError(
            "a str is a text, and this one is the name of a file",
            where=f"X={X!r}", hint=f"pathlib.Path({X!r})",
        )  # fmt: skip
    if word is not None:
        raise InputError("there are no columns in lists", where="word", expected="X a Path")
    words = words_of(X)
    if y is None:
        raise InputError("there are no tags", where="y", expected="a list of tags a sentence")
    tags = _listed(y, "y", "a list of tags for each sentence")
    _as_many(words, tags, "y", "tags")
    found = [_tags(item, len(words[i]), i) for i, item in enumerate(tags)]
    names: list[str] | None = None
    if labels is not None:
        names = [
            _name(label, f"labels[{i}]", "a label") for i, label in
            enumerate(_listed(labels, "labels", "a label for each sentence"))
        ]  # fmt: skip
        _as_many(words, names, "labels", "labels")
    sentences = [
        Sentence(w, t, None if names is None else names[i], _Place(of, i))
        for i, (w, t) in enumerate(zip(words, found, strict=True))
    ]
    return Given(lambda: sentences, names is not None)


def given_aside(validation: Any, source: Given, y: Any, labels: Any, word: Any) -> Given:
    """What is given to be held out, of the same sort as what is learned from."""
    if isinstance(validation, Path):
        columns = (y, labels, word) if source.files is not None else (None, None, None)
        found = given(validation, *columns[:2], word=columns[2])
    else:
        if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
            raise InputError(
                f"validation is of type {type(validation).__name__}",
                where="validation", expected="(X, y), (X, y, labels), or a Path",
            )  # fmt: skip
        found = given(*validation, of="validation ")
    if found.labelled != source.labelled:
        raise InputError(
            "labels of sentences are given on one side only",
            where="validation", expected="labels in both, or in neither",
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class _Place:
    of: str
    index: int

    def __call__(self, word: int | None) -> str:
        if word is None:
            return f"{self.of}labels[{self.index}]"
        return f"{self.of}y[{self.index}][{word}]"


def _file(path: Path, y: Any, labels: Any, word: Any) -> Given:
    from clew.data.tagged import iter_tagged

    def read() -> Iterator[Sentence]:
        for found in iter_tagged(path, word=word, tag=y, label=labels):
            yield Sentence(found.tokens, found.tags, found.label, found.place, found.cut)

    read_now = iter(read())  # so that a file that is not there is told of before anything is done
    next(read_now, None)
    parts = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    status = [(p, p.stat()) for p in parts]
    marks: list[Any] = [[str(p.resolve()), s.st_size, s.st_mtime_ns] for p, s in status]
    return Given(read, labels is not None, [*marks, word, y, labels], str(path))


def _listed(given: Any, where: str, expected: str) -> list[Any]:
    if isinstance(given, str | bytes):
        raise InputError("one text was given", where=where, expected=expected)
    try:
        return list(given)
    except TypeError:
        raise InputError(
            f"{where} is of type {type(given).__name__}", where=where, expected=expected
        ) from None


def _as_many(words: list[Any], others: list[Any], where: str, what: str) -> None:
    if len(words) != len(others):
        raise InputError(
            f"{len(words)} sentences, and {what} for {len(others)}", where=where, expected="as many"
        )


def _sentence(item: Any, index: int) -> list[str]:
    if isinstance(item, str):
        return check_text(item, f"X[{index}]").split()
    if not isinstance(item, list | tuple | np.ndarray):
        raise InputError(
            f"this is of type {type(item).__name__}", where=f"X[{index}]", expected=EXPECTED
        )
    return [check_text(word, f"X[{index}][{place}]") for place, word in enumerate(item)]


def _tags(item: Any, words: int, index: int) -> list[str]:
    if isinstance(item, str) or not isinstance(item, list | tuple | np.ndarray):
        raise InputError(
            f"this is of type {type(item).__name__}", where=f"y[{index}]", expected="a list of tags"
        )
    if len(item) != words:
        raise InputError(
            f"{words} words and {len(item)} tags",
            where=f"sentence {index}: X[{index}] and y[{index}]",
            expected="a tag for each word",
        )
    return [_name(tag, f"y[{index}][{place}]", "a tag") for place, tag in enumerate(item)]


def _name(value: Any, where: str, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(
            f"this is of type {type(value).__name__}", where=where, expected=f"{what} (str)",
            hint="str(...) makes text of numbers" if isinstance(value, int | np.integer) else None,
        )  # fmt: skip
    if not value:
        raise InputError("it is empty", where=where, expected=what)
    return check_text(value, where)
