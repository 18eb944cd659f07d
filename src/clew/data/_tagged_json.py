"""Tagged sentences as JSON, one object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clew.data._conll import Columns, Lines, Sentence
from clew.data.files import listed
from clew.data.rows import place
from clew.errors import InputError

_TOKENS = ("tokens", "words", "text", "sentence")
_TAGS = ("tags", "ner_tags", "pos_tags", "upos", "slots")
_SPANS = ("spans", "entities")
_WORD = re.compile(r"\S+")
_SHAPE = '{"tokens": ["New", "York"], "tags": ["B-place", "I-place"]}'
_SPAN = '{"start": 0, "end": 8, "label": "place"}, start and end counted in characters'


def sentences(path: Path, lines: Lines, asked: Columns) -> Iterator[Sentence]:
    """The sentences of a file of JSON lines; raises InputError naming the line."""
    for number, line in lines:
        if line.strip():
            yield _sentence(path, number, line, asked)


def _sentence(path: Path, number: int, line: str, asked: Columns) -> Sentence:
    where = place(path, number)
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        column = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"the line is not JSON: {getattr(error, 'msg', error)}",
            where=where + column,
            expected=f"one object a line, such as {_SHAPE}",
            hint=f"jq -c '.[]' {path.name} makes lines of a list"
            if line.lstrip()[:1] == "["
            else None,
        ) from error
    if not isinstance(row, dict):
        raise InputError(
            f"this is {line.strip():.40}, no object",
            where=where,
            expected=f"one object a line, such as {_SHAPE}",
        )
    text = _get(row, asked.word, _TOKENS, where)
    cut: str | None = None
    if asked.tag is None and not any(name in row for name in _TAGS):
        tokens, tags, cut = _of_spans(text, _get(row, None, (*_TAGS, *_SPANS), where), where)
    else:
        tokens = _strings("tokens", text, where)
        tags = _strings("tags", _get(row, asked.tag, _TAGS, where), where)
        if len(tokens) != len(tags):
            raise InputError(
                f"{_many(tokens, 'token')} and {_many(tags, 'tag')}",
                where=where,
                expected="a tag for every token",
            )
    label = None
    if asked.label is not None:
        label = _plain(_get(row, asked.label, (), where))
        if label is None:
            raise InputError(
                f"the label {row[asked.label]!r:.60} is no text", where=where, expected="a text"
            )
    return Sentence(path, tokens, tags, label, number, [number] * len(tokens), cut)


def _get(row: dict[str, Any], asked: str | int | None, known: tuple[str, ...], where: str) -> Any:
    """What an object has under the key that was asked for, or the first of those known."""
    key = next((name for name in known if name in row), None) if asked is None else asked
    if key in row:
        return row[str(key)]
    raise InputError(
        f"there is no {asked!r}" if asked is not None else f"there is neither {listed(known)}",
        where=where,
        expected=_SHAPE if asked is None else f"a key {asked!r} in every object",
        hint=f"it has {listed(map(repr, row))}" if row else None,
    )


def _strings(what: str, value: Any, where: str) -> list[str]:
    """A list of texts, or the words of one; numbers and truth values become texts."""
    items = value.split() if isinstance(value, str) else value
    if not isinstance(items, list):
        raise InputError(f"the {what} are {value!r:.60}", where=where, expected="a list of texts")
    found = [_plain(item) for item in items]
    for index, item in enumerate(found):
        if item is None:
            raise InputError(
                f"{what}[{index}] is {items[index]!r:.60}", where=where, expected="a text"
            )
    return [item for item in found if item is not None]


def _many(items: list[str], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"


def _plain(value: Any) -> str | None:
    """A text; None for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no text can hold
        return None
    return value


def _of_spans(text: Any, spans: Any, where: str) -> tuple[list[str], list[str], str | None]:
    """Words and BIO tags of a text with marked spans; a word is cut where a span begins or ends.

    Last the first span that begins or ends between two letters or digits, None if there is none.
    """
    if _plain(text) is None or not isinstance(text, str):
        raise InputError(f"the text is {text!r:.60}", where=where, expected="a text (str)")
    if not isinstance(spans, list):
        raise InputError(f"the spans are {spans!r:.60}", where=where, expected=f"a list of {_SPAN}")
    marked = sorted(_span(text, span, where) for span in spans)
    tokens: list[str] = []
    tags: list[str] = []
    at = 0
    for begin, end, kind in [*marked, (len(text), len(text), "")]:
        if begin < at:
            raise InputError(
                f"two spans overlap at {text[begin:end]!r:.60}",
                where=where,
                expected="spans that do not overlap",
            )
        outside = _WORD.findall(text, at, begin)
        inside = _WORD.findall(text, begin, end)
        tokens += outside + inside
        tags += ["O"] * len(outside)
        tags += [f"{'I' if place else 'B'}-{kind}" for place in range(len(inside))]
        at = end
    cut = (text[a:b] for a, b, _ in marked if _inside(text, a) or _inside(text, b))
    return tokens, tags, next(cut, None)


def _inside(text: str, at: int) -> bool:
    """Whether a place is between two letters or digits."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _span(text: str, span: Any, where: str) -> tuple[int, int, str]:
    if not isinstance(span, dict) or not {"start", "end", "label"} <= set(span):
        raise InputError(f"a span is {span!r:.80}", where=where, expected=_SPAN)
    begin, end, kind = span["start"], span["end"], _plain(span["label"])
    if type(begin) is not int or type(end) is not int or not kind or kind.split() != [kind]:
        raise InputError(f"a span is {span!r:.80}", where=where, expected=_SPAN)
    if not 0 <= begin < end <= len(text) or not text[begin:end].strip():
        raise InputError(
            f"the span from {begin} to {end} holds no word of the text, "
            f"which has {len(text)} characters",
            where=where,
            expected=_SPAN,
        )
    return begin, end, kind
