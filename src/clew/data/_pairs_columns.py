"""Which columns of a table hold the source, the target and the conversation of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.data.files import listed
from clew.data.rows import place
from clew.errors import InputError

_SOURCE: tuple[str, ...] = (
    "source",
    "src",
    "input",
    "question",
    "prompt",
    "document",
    "article",
    "text",
)
_TARGET: tuple[str, ...] = (
    "target",
    "tgt",
    "output",
    "answer",
    "reply",
    "response",
    "translation",
    "summary",
)
_TARGET += ("highlights",)
_CONVERSATION = ("conversation", "conversation_id", "dialogue", "dialogue_id", "dialog_id")


@dataclass(frozen=True)
class Columns:
    """Which columns hold what: by name, by number from 1 where there are no names, or as found."""

    source: str | int | None = None
    target: str | int | None = None
    conversation: str | int | None = None

    def given(self) -> list[str | int]:
        """Those that were named."""
        return [c for c in (self.source, self.target, self.conversation) if c is not None]

    def numbered(self) -> bool:
        """Whether columns were chosen by number."""
        return any(_number(column) is not None for column in self.given())


def _number(column: str | int) -> int | None:
    """A column given by its number, "2" being 2 as well; None for a name."""
    if isinstance(column, str) and not (column.isascii() and column.isdigit()):
        return None
    return int(column)


def is_header(labels: list[str], columns: Columns, names: bool) -> bool:
    """Whether the first record names the columns: it was said so, or is plain to see."""
    if len(set(labels)) < len(labels):
        return False
    known = {label.lower() for label in labels}
    if columns.given() and not columns.numbered():
        return True
    if known & set(_SOURCE) and known & set(_TARGET):
        return True
    sentences = any(" " in label or label[-1:] in tuple(".?!") for label in labels)
    return names and not columns.given() and not sentences


def by_number(path: Path, line: int, count: int, columns: Columns) -> list[int | None]:
    """The places of source, target and conversation in records without names."""
    for column in columns.given():
        number = _number(column)
        if number is None or not 1 <= number <= count:
            raise InputError(
                f"there is no column {column!r}",
                where=place(path, line),
                expected=f"a number from 1 to {count}: the columns have no names",
            )
    chosen = [
        None if column is None else (_number(column) or 0) - 1
        for column in (columns.source, columns.target, columns.conversation)
    ]
    rest = [i for i in range(count) if i not in chosen]
    open_sides = [side for side in (0, 1) if chosen[side] is None]
    if len(open_sides) == len(rest):
        for side, column in zip(open_sides, rest, strict=True):
            chosen[side] = column
    if chosen[0] is None or chosen[1] is None:
        raise InputError(
            f"there are {count} columns: which hold source and target?" if count > 1
            else "there is one column, where a pair has two",
            where=place(path, line),
            expected="two columns" if count < 2 else "two columns, or to be told which",
            hint=None if count < 2 else "source=1, target=2, or whichever they are, in Python, or "
            "--source-column 1 --target-column 2",
        )  # fmt: skip
    _different(path, chosen[0], chosen[1])
    return chosen


def _different(path: Path, source: Any, target: Any) -> None:
    if source == target:
        raise InputError(
            "source and target are the same column", where=str(path), expected="two columns"
        )


def by_name(path: Path, names: list[str], columns: Columns) -> tuple[str, str, str | None]:
    """The names of the columns of source, target and conversation, the last if there is one."""
    for column in columns.given():
        if column not in names:
            raise InputError(
                f"there is no column {column!r}",
                where=str(path),
                expected="one of " + listed(names, 20),
            )
    conversation = columns.conversation or _known(names, _CONVERSATION)
    rest = [name for name in names if name != conversation]
    both = [name for name in rest if name.startswith("translation.")]
    rest = both if len(both) == 2 else rest
    source = columns.source or _known(rest, _SOURCE, columns.target)
    target = columns.target or _known(rest, _TARGET, source)
    if len(rest) == 2:
        # The other of two; where neither is known, the first is the source.
        source = source or next(name for name in rest if name != target)
        target = target or next(name for name in rest if name != source)
    if source is None or target is None:
        raise InputError(
            "which columns hold source and target?" if len(rest) > 1
            else "there is one column of text, where a pair has two",
            where=str(path),
            expected="two of " + listed(names, 20),
            hint="name them: source=..., target=... in Python, or --source-column, --target-column",
        )  # fmt: skip
    _different(path, source, target)
    return str(source), str(target), None if conversation is None else str(conversation)


def _known(names: list[str], known: tuple[str, ...], other: Any = None) -> str | None:
    """The column with the first of the `known` names, in any case of letters, but not `other`."""
    by_name = {name.lower(): name for name in reversed(names) if name != other}
    return next((by_name[name] for name in known if name in by_name), None)


def conversation_missing(where: str) -> InputError:
    """What to tell of a row that belongs to no conversation where others do."""
    return InputError(
        "the conversation has no name", where=where, expected="a text or a whole number on each row"
    )
