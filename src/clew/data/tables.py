"""Labelled texts, and texts alone, out of tables, lines, folders and archives."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

from clew.data import folders
from clew.data.files import existing, listed, text_of, unreadable
from clew.data.folders import Labelled, Part
from clew.data.public import read_imdb
from clew.data.rows import MISSING, Table, place, read_table, separated
from clew.errors import InputError

__all__ = ["Labelled", "Part", "read_labelled", "read_texts"]

# Names that tell what a column holds, the surest first.
_TEXT: tuple[str, ...] = (
    "text",
    "sentence",
    "review",
    "document",
    "content",
    "comment",
    "tweet",
    "message",
)
_TEXT += ("body", "question", "description", "utterance", "title", "name", "input")
_LABEL: tuple[str, ...] = (
    "label",
    "class",
    "category",
    "target",
    "sentiment",
    "intent",
    "topic",
    "polarity",
)
_LABEL += ("language", "rating", "stars", "score", "emotion", "tag", "output")


def read_labelled(
    path: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    split: Part | None = None,
) -> Labelled:
    """Texts with a label each, from any of the layouts below; nothing is left out silently.

    - `.csv`, `.tsv`, `.jsonl` / `.ndjson` / `.json`, `.parquet`: the columns `text` and `label`, or
      those that are called so (text, sentence, review, ...; label, class, category, ...), or the
      only two, of which the one with the longer entries is the text. Other labels than text become
      it: 1 is "1", 1.0 is "1", true is "true".
    - any other file: lines `label sentence` (as SST-2), or with a tab between
    - a folder `label/*.txt`: a document a file; a folder of `label.txt`: a text a line
    - `aclImdb_v1.tar.gz` as it is downloaded, or unpacked (see `clew.data.public`)
    - a folder with parts named train, dev and test (files or folders)

    `split` picks the part; None is "train" where there are parts. Texts may be empty, labels not.
    Raises InputError naming file and line for whatever is broken.
    """
    source = existing(path)
    _check_split(split)
    if source.is_dir():
        source, split = folders.part(source, split), None
    if source.is_dir():
        found = folders.read(source)
        if isinstance(found, Labelled):
            _no_columns(source, text, label)
            return found
        source = found
    elif folders.is_archive(source):
        _no_columns(source, text, label)
        return read_imdb(source, split or "train")
    elif split not in (None, "train"):
        raise InputError(
            f"a single file has no part {split!r}", where=str(source), hint="give the folder"
        )
    data = _bytes(source)
    fingerprint = hashlib.sha256(data).hexdigest()
    table = read_table(source, data) or _tabs_with_names(source, data)
    if table is None:
        _no_columns(source, text, label)
        return _lines(source, text_of(source, data), fingerprint)
    text_name, label_name = _two_columns(table, text, label)
    if text is None and label is None and _names_are_data(table, text_name, label_name):
        table = _with_names_as_row(table)
    texts = [_text(table, text_name, i, v) for i, v in enumerate(table.columns[text_name])]
    labels = [_label(table, label_name, i, v) for i, v in enumerate(table.columns[label_name])]
    if not texts:
        raise InputError(
            "the table has no rows",
            where=str(source),
            expected="a row for each text below the names of the columns",
            hint="check that this is the file you mean",
        )
    where = [table.place(i) for i in range(len(texts))]
    return Labelled(texts, labels, where, fingerprint)


def read_texts(path: str | Path, text: str | None = None) -> list[str]:
    """Texts without labels, in order: tables as in `read_labelled`, otherwise one text a line.

    An empty line is an empty text. Raises InputError as `read_labelled` does.
    """
    source = existing(path)
    parts = {} if source.is_file() else folders.parts(source)
    if parts or folders.is_archive(source):
        raise InputError(
            "there are several parts, and it is not clear which to read",
            where=str(source),
            hint="name one: " + " or ".join(map(str, parts.values()))
            if parts
            else "unpack the archive and name a part of it",
        )
    if source.is_dir():
        found = folders.read(source)
        if isinstance(found, Labelled):
            _no_columns(source, text, None)
            return found.sequences
        source = found
    data = _bytes(source)
    table = read_table(source, data)
    if table is None:
        _no_columns(source, text, None)
        return folders.lines(text_of(source, data))
    name = _text_column(table, text)
    return [_text(table, name, i, v) for i, v in enumerate(table.columns[name])]


def _check_split(split: Any) -> None:
    if split not in (None, "train", "dev", "test"):
        raise InputError(f"unknown part {split!r}", expected='"train", "dev" or "test"')


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if not data:
        raise InputError(
            "the file is empty",
            where=str(path),
            expected="texts",
            hint="check that this is the file you mean",
        )
    return data


def _no_columns(path: Path, text: str | None, label: str | None) -> None:
    if text is not None or label is not None:
        raise InputError(
            "there are no columns to choose from: this is no table",
            where=str(path),
            hint="leave out the names of the columns",
        )


def _chosen(table: Table, name: str) -> str:
    if name not in table.columns:
        raise InputError(
            f"there is no column {name!r}",
            where=str(table.path),
            expected="one of " + listed(table.columns, 20),
        )
    return name


def _known(table: Table, names: tuple[str, ...]) -> str | None:
    """The column with the first of `names` that there is, in any case of letters."""
    by_name = {column.lower(): column for column in reversed(table.columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _two_columns(table: Table, text: str | None, label: str | None) -> tuple[str, str]:
    text_name = _chosen(table, text) if text is not None else _known(table, _TEXT)
    label_name = _chosen(table, label) if label is not None else _known(table, _LABEL)
    names = list(table.columns)
    if len(names) == 2:
        first, second = names
        if text_name is None and label_name is None:
            longer = _longer(table, first, second)
            text_name, label_name = (first, second) if longer else (second, first)
        elif text_name is None or (text_name == label_name and text is None):
            text_name = second if label_name == first else first
        elif label_name is None or (text_name == label_name and label is None):
            label_name = second if text_name == first else first
    for name, option in ((text_name, "text"), (label_name, "label")):
        if name is None:
            raise InputError(
                f"which column holds the {option}?",
                where=str(table.path),
                expected="one of " + listed(names, 20),
                hint=f"name it: --{option} COLUMN, or {option}=... in Python",
            )
    if text_name == label_name:
        raise InputError(
            f"text and label are the same column {text_name!r}",
            where=str(table.path),
            expected="two columns",
            hint="name both: --text and --label",
        )
    assert text_name is not None
    assert label_name is not None
    return text_name, label_name


def _text_column(table: Table, text: str | None) -> str:
    names = list(table.columns)
    if text is not None:
        return _chosen(table, text)
    name = _known(table, _TEXT)
    if name is None and len(names) == 1 and table.header is None:
        name = names[0]
    if name is None and len(names) == 2 and (_known(table, _LABEL) or table.header is None):
        name = _two_columns(table, None, None)[0]
    if name is None:
        # A first line of unknown names could as well be data, so we ask rather than lose it.
        raise InputError(
            "which column holds the text?",
            where=str(table.path),
            expected="one of " + listed(names, 20),
            hint="name it: --text COLUMN, or text=... in Python",
        )
    return name


def _longer(table: Table, first: str, second: str) -> bool:
    """Whether the entries of `first` are the longer ones."""
    size = {n: sum(len(str(v)) for v in table.columns[n]) for n in (first, second)}
    return size[first] >= size[second]


def _names_are_data(table: Table, text: str, label: str) -> bool:
    """Whether the line of names is evidently a row of data.

    That is so if no name is known, and one is a label further down or the other a sentence.
    """
    known = {*_TEXT, *_LABEL}
    return (
        table.header is not None
        and not any(name.lower() in known for name in table.columns)
        and (label in table.columns[label] or text.count(" ") > 3)
    )


def _with_names_as_row(table: Table) -> Table:
    assert table.header is not None
    columns = {name: [name, *values] for name, values in table.columns.items()}
    return Table(table.path, columns, [table.header, *table.numbers])


def _tabs_with_names(path: Path, data: bytes) -> Table | None:
    """A file of another ending as a table, if its first line is names with tabs between."""
    first = data.partition(b"\n")[0].decode("utf-8", "replace").strip("\ufeff\r")
    names = {name.strip().lower() for name in first.split("\t")}
    if len(names) > 1 and names & set(_TEXT) and names & set(_LABEL):
        return separated(path, text_of(path, data), "\t")
    return None


def _text(table: Table, name: str, row: int, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is MISSING or value is None:
        said = "the key is missing" if value is MISSING else "it is null"
        raise InputError(
            f"there is no text under {name!r}: {said}",
            where=table.place(row),
            expected='a text; "" for an empty one',
        )
    raise InputError(
        f"{name!r} is {value!r:.60}, no text", where=table.place(row), expected="a text"
    )


def _label(table: Table, name: str, row: int, value: Any) -> str:
    found: str | None = None
    if isinstance(value, str):
        found = value.strip()
    elif isinstance(value, bool):
        found = "true" if value else "false"
    elif isinstance(value, int):
        found = str(value)
    elif isinstance(value, float) and math.isfinite(value):
        found = str(int(value)) if value.is_integer() else repr(value)
    elif value is MISSING or value is None or isinstance(value, float):
        found = ""
    if found is None:
        raise InputError(
            f"{name!r} is {value!r:.60}, no label",
            where=table.place(row),
            expected="text, a number, true or false",
        )
    if not found:
        raise InputError(
            f"the label is missing: {name!r} is {'not there' if value is MISSING else 'empty'}",
            where=table.place(row),
            expected="a label on every row",
        )
    return found


def _lines(path: Path, text: str, fingerprint: str) -> Labelled:
    """Lines `label sentence`; where all have one tab, it stands between, in either order."""
    rows = folders.lines(text)
    while rows and not rows[-1].strip():
        rows.pop()
    if not rows:
        raise InputError(
            "the file holds only empty lines",
            where=str(path),
            expected="a label and a text on each line",
            hint="check that this is the file you mean",
        )
    separator = "\t" if all(row.count("\t") == 1 for row in rows) else " "
    pairs = [row.partition(separator) for row in rows]
    if separator == "\t" and sum(len(a) for a, _, _ in pairs) > sum(len(b) for _, _, b in pairs):
        pairs = [(b, sep, a) for a, sep, b in pairs]
    known = {a for a, sep, _ in pairs if sep}
    for number, (first, sep, _) in enumerate(pairs, 1):
        if not first.strip() or (not sep and first not in known):
            raise InputError(
                "the label is missing" if not first.strip() else f"no sentence after {first!r}",
                where=place(path, number),
                expected="a label, a space, a sentence",
            )
    if len(known) > max(20, len(rows) // 2):
        raise InputError(
            f"the lines begin with {len(known)} different words; these are hardly labels",
            where=str(path),
            expected="lines of the form: label sentence",
            hint="use CSV, or a folder with a file label.txt for each label",
        )
    where = [place(path, number) for number in range(1, len(rows) + 1)]
    return Labelled([b for _, _, b in pairs], [a.strip() for a, _, _ in pairs], where, fingerprint)
