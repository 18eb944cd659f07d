"""Sentences with a tag a word, out of columns or JSON lines, all at once or one by one."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.data import _conll, _tagged_json, folders
from clew.data._conll import Column, Columns, Sentence
from clew.data.files import decoded, existing, listed, visible
from clew.data.folders import Part
from clew.errors import InputError

__all__ = ["Sentence", "Tagged", "iter_tagged", "read_tagged"]


@dataclass(frozen=True)
class Tagged:
    """Sentences as words, a tag each; a label each if asked for; the sha-256 of what was read."""

    sentences: list[Sentence]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def tokens(self) -> list[list[str]]:
        """The words of each sentence."""
        return [sentence.tokens for sentence in self.sentences]

    @property
    def tags(self) -> list[list[str]]:
        """The tags of each sentence."""
        return [sentence.tags for sentence in self.sentences]

    @property
    def labels(self) -> list[str] | None:
        """The label of each sentence, None where none was asked for."""
        found = [s.label for s in self.sentences if s.label is not None]
        return found if len(found) == len(self.sentences) else None

    @property
    def where(self) -> list[str]:
        """Where each sentence begins: file:line."""
        return [sentence.place() for sentence in self.sentences]


def read_tagged(
    path: str | Path,
    *,
    word: Column | None = None,
    tag: Column | None = None,
    label: str | None = None,
    split: Part | None = None,
) -> Tagged:
    """All sentences of a file at once; see `iter_tagged`."""
    digest = hashlib.sha256()
    found = iter_tagged(path, word=word, tag=tag, label=label, split=split, observe=digest.update)
    return Tagged(list(found), digest.hexdigest())


def iter_tagged(
    path: str | Path,
    *,
    word: Column | None = None,
    tag: Column | None = None,
    label: str | None = None,
    split: Part | None = None,
    observe: Callable[[bytes], Any] | None = None,
) -> Iterator[Sentence]:
    """The sentences of a file one by one, in the memory of one; any file may be packed by gzip.

    - columns with spaces or tabs between, a word a line, an empty line after each sentence: `word`
      and `tag` are numbers of columns from 1, or from -1 for the last; the first and the last where
      not given. A line that begins with # and has not the columns of a word, above the first word
      of a sentence, is a comment; `-DOCSTART-` is no word.
    - CoNLL-U: `word` and `tag` may be names (form, upos, xpos, feats, deprel, ...), form and upos
      where not given. Words with an id such as 3-4 or 3.1 are left out. A tag `_` of upos, xpos or
      deprel is missing, and refused.
    - JSON lines: {"tokens": [...], "tags": [...]}, or {"text": "...", "spans": [{"start": 0,
      "end": 8, "label": "place"}]}, which becomes BIO; `word` and `tag` name other keys. A word is
      cut where a span begins or ends; `cut` of the sentence holds a span that does so inside one.
    - a folder with parts named train, dev and test, of which `split` picks one (train if None)

    `label` names the label of the sentence: the key of a JSON object, or the comment
    `# label = ...` above a sentence. `observe` is called with the bytes as they are read.
    Raises InputError naming file and line for whatever is broken.
    """
    asked = _columns(word, tag, label)
    source = existing(path)
    if source.is_dir():
        source = folders.part(source, split)
        if source.is_dir():
            raise InputError(
                "this is a folder",
                where=str(source),
                expected="a file, or a folder with files named train, dev and test",
                hint="there is " + (listed([p.name for p in visible(source)]) or "nothing in it"),
            )
    elif split not in (None, "train"):
        raise InputError(
            f"a single file has no part {split!r}", where=str(source), hint="give the folder"
        )
    return _sentences(source, asked, observe)


def _sentences(
    source: Path, asked: Columns, observe: Callable[[bytes], Any] | None
) -> Iterator[Sentence]:
    lines = _lines(source, observe)
    ending = (source.with_suffix("") if source.suffix.lower() == ".gz" else source).suffix.lower()
    first = next(lines, (0, ""))
    lines = itertools.chain([first], lines)
    if ending in (".jsonl", ".ndjson", ".json") or first[1].startswith('{"'):
        found = _tagged_json.sentences(source, lines, asked)
    else:
        found = _conll.sentences(source, lines, asked, ending == ".conllu")
    some = next(found, None)
    if some is None:
        raise InputError(
            "there are no sentences in the file",
            where=str(source),
            expected="a word and its tag on each line, or JSON lines",
            hint="check that this is the file you mean",
        )
    yield some
    yield from found


def _lines(path: Path, observe: Callable[[bytes], Any] | None) -> _conll.Lines:
    """The lines of a file with their numbers, from 1."""
    number, parts = 1, [""]
    for text in decoded(path, observe=observe):
        head, *rest = text.split("\n")
        parts.append(head)
        if not rest:
            continue
        yield number, "".join(parts)
        *whole, last = rest
        for number, line in enumerate(whole, number + 1):  # noqa: B020 (it goes on counting)
            yield number, line
        number, parts = number + 1, [last]
    yield number, "".join(parts)


def _columns(word: Column | None, tag: Column | None, label: str | None) -> Columns:
    for name, column in (("word", word), ("tag", tag)):
        number = isinstance(column, int) and not isinstance(column, bool) and column != 0
        if not (column is None or isinstance(column, str) or number):
            raise InputError(
                f"{name}={column!r}",
                where=name,
                expected="the name of a column, its number from 1, or -1 for the last",
            )
    if label is not None and not isinstance(label, str):
        raise InputError(f"label={label!r}", where="label", expected="the name of the label")
    return Columns(word, tag, label)
