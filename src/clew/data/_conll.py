"""Tagged sentences in columns, a word a line: CoNLL of any number of columns, and CoNLL-U."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from clew.data.files import listed
from clew.data.rows import place
from clew.errors import InputError

Column: TypeAlias = str | int
Lines: TypeAlias = Iterator[tuple[int, str]]  # numbered from 1

LONGEST = 100_000  # words of a sentence: more are a file without empty lines
NAMES = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_GAPS = ("upos", "xpos", "deprel")  # of the others, such as feats, _ says that there are none
_SPACES = re.compile("[ \t]+")
_KEY = re.compile(r"#\s*([^=]*?)\s*=\s*(.*)")
_PLUS = "# global.columns"


@dataclass(frozen=True)
class Sentence:
    """Words, a tag each, the label of the sentence where one was asked for, the line of each word.

    `line` is that of the sentence's beginning. cut: the first span of a JSON object that begins or
    ends inside a word, if one does.
    """

    path: Path
    tokens: list[str]
    tags: list[str]
    label: str | None
    line: int
    lines: list[int]
    cut: str | None = None

    def place(self, word: int | None = None) -> str:
        """Where the sentence, or one of its words, stands: file:line."""
        return place(self.path, self.line if word is None else self.lines[word])


@dataclass(frozen=True)
class Columns:
    """Which columns hold word and tag, by name or number, and what the label is called."""

    word: Column | None = None
    tag: Column | None = None
    label: str | None = None


@dataclass(frozen=True)
class _Form:
    """How lines are cut, how many columns they have, and which two are read."""

    tabs: bool
    columns: int
    word: int
    tag: int
    ids: bool  # whether the first column numbers the words of a sentence
    gaps: bool  # whether a tag of _ is none

    def cut(self, line: str) -> list[str]:
        return line.split("\t") if self.tabs else _SPACES.split(line.strip(" \t"))


def sentences(path: Path, lines: Lines, asked: Columns, conllu: bool) -> Iterator[Sentence]:
    """The sentences of a file in columns; `conllu` says that it must be CoNLL-U.

    Raises InputError naming the line.
    """
    form: _Form | None = None
    names: list[str] | None = None  # of the columns, where the file tells them
    words: list[tuple[int, str, str]] = []
    notes: list[tuple[int, str]] = []  # lines that are comments, or may turn out to be
    for number, line in lines:
        if not line.strip() or line.startswith("-DOCSTART-"):
            if words:
                yield _sentence(path, words, notes, asked)
            words, notes = [], []
            continue
        if line.startswith(_PLUS):
            names = line.partition("=")[2].lower().split()
        if not words and line.startswith("#") and (form is None or _is_note(form, line)):
            notes.append((number, line))
            continue
        if form is None:
            form = _form(path, number, line, asked, conllu, names)
            # What begins with # and came first is a word after all if it is cut like one.
            for earlier, note in [n for n in notes if not _is_note(form, n[1])]:
                notes.remove((earlier, note))
                _add(path, words, earlier, note, form)
        _add(path, words, number, line, form)
    if words:
        yield _sentence(path, words, notes, asked)


def _is_note(form: _Form, line: str) -> bool:
    """Whether a line that begins with # is a comment: any is in CoNLL-U, elsewhere those of words.

    A word "#" has the columns of a word; a comment seldom has.
    """
    return form.ids or len(form.cut(line)) != form.columns


def _add(
    path: Path, words: list[tuple[int, str, str]], number: int, line: str, form: _Form
) -> None:
    """The word of one line, if it is one."""
    fields = form.cut(line)
    if len(fields) != form.columns:
        raise InputError(
            f"the line has {_columns(len(fields))}, the lines before it have {form.columns}"
            if not form.ids
            else f"the line has {_columns(len(fields))}, CoNLL-U has {form.columns}",
            where=place(path, number),
            expected=f"{_columns(form.columns)} with {'tabs' if form.tabs else 'spaces'} between",
            hint="an empty line ends a sentence",
        )
    if form.ids:
        if "-" in fields[0] or "." in fields[0]:
            return  # several words at once, or a word that was left out
        if fields[0] != str(len(words) + 1):
            raise InputError(
                f"the word has the number {fields[0]!r}, and it is word {len(words) + 1}",
                where=place(path, number),
                expected="words numbered 1, 2, 3, ... in each sentence",
                hint="an empty line ends a sentence: is one missing?",
            )
    word, tag = fields[form.word], fields[form.tag]
    if not word.strip(" ") or not tag.strip(" "):
        tagless = bool(word.strip(" "))
        raise InputError(
            f"the {'tag' if tagless else 'word'} is missing: "
            f"column {(form.tag if tagless else form.word) + 1} is empty",
            where=place(path, number),
            expected="a word and its tag on every line",
        )
    if form.gaps and tag == "_":
        raise InputError(
            "the tag is missing: in CoNLL-U _ stands for none",
            where=place(path, number),
            expected="a tag for every word",
            hint="leave the sentence out, or name another column: --tag-column; in Python y",
        )
    if len(words) >= LONGEST:
        raise InputError(
            f"the sentence has more than {LONGEST:,} words",
            where=place(path, number),
            expected="an empty line after each sentence",
        )
    words.append((number, word, tag))


def _form(
    path: Path, number: int, line: str, asked: Columns, conllu: bool, names: list[str] | None
) -> _Form:
    """What the first line with a word tells of a file."""
    tabs = "\t" in line or conllu
    fields = line.split("\t") if tabs else _SPACES.split(line.strip(" \t"))
    ids = conllu or (tabs and len(fields) == len(NAMES) and fields[0] in ("1", "1-2"))
    if ids and names is None:
        names = list(NAMES)
    if ids and names:
        count = len(names)
        by_default: tuple[Column, Column] = ("form", "upos")
    else:
        count = len(fields)
        by_default = (1, count)
    where = place(path, number)
    word = _index("word", by_default[0] if asked.word is None else asked.word, count, names, where)
    tag = _index("tag", by_default[1] if asked.tag is None else asked.tag, count, names, where)
    if word == tag:
        one = count == 1
        raise InputError(
            f"there is only one column: {line.strip()!r:.60}"
            if one
            else f"word and tag are the same column {word + 1}",
            where=where,
            expected="a word and its tag on every line, spaces or a tab between them",
            hint=None if one else "name both: --word-column, --tag-column; in Python word, y",
        )
    known = names if ids and names else [""] * count
    return _Form(tabs, count, word, tag, known[0] == "id", known[tag] in _GAPS)


def _index(what: str, column: Column, count: int, names: list[str] | None, where: str) -> int:
    """The place of a column that is given by name, or by number from 1, or from -1 for the last."""
    if isinstance(column, str) and re.fullmatch(r"-?\d+", column):
        column = int(column)
    if isinstance(column, str):
        if names and column.lower() in names:
            return names.index(column.lower())
        raise InputError(
            f"there is no column {column!r}",
            where=where,
            expected="one of " + listed(names, 20) if names else f"a number from 1 to {count}",
            hint=f"--{what}-column NUMBER; the columns of this file have no names"
            if not names
            else None,
        )
    if not 1 <= abs(column) <= count:
        raise InputError(
            f"there is no column {column}",
            where=where,
            expected=f"a number from 1 to {count}, or from -1 (the last) to -{count}",
        )
    return column - 1 if column > 0 else count + column


def _sentence(
    path: Path, words: list[tuple[int, str, str]], notes: list[tuple[int, str]], asked: Columns
) -> Sentence:
    label: str | None = None
    if asked.label is not None:
        said = [found.groups() for _, note in notes if (found := _KEY.fullmatch(note))]
        label = next((value for key, value in said if key == asked.label and value), None)
        if label is None:
            raise InputError(
                f"the sentence has no label {asked.label!r}",
                where=place(path, words[0][0]),
                expected=f"a line '# {asked.label} = LABEL' above its first word",
            )
    lines = [number for number, _, _ in words]
    tokens, tags = [word for _, word, _ in words], [tag for _, _, tag in words]
    return Sentence(path, tokens, tags, label, lines[0], lines)


def _columns(count: int) -> str:
    return f"{count} column{'s' if count != 1 else ''}"
