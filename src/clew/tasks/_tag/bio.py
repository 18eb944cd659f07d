"""Spans written as a tag a word: BIO (IOB2), and what is read as it: IOB1, IOBES, BILOU.

In BIO a span of kind X is B-X and then I-X as often as it is long; all else is O. IOB1 begins a
span with I-X unless it follows another of its kind at once. IOBES ends a span with E-X and writes
one of a single word as S-X; BILOU does the same with L and U. Kinds may be missing altogether
(B, I, O). Read are tags as conlleval reads them (Tjong Kim Sang & Buchholz 2000): where I-X, or
what ends a span, goes on from nothing, a span begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[str, int, int]  # kind, first word, word after the last

OUTSIDE = "O"
_SCHEMES = ({"B", "I"}, {"B", "I", "E", "S"}, {"B", "I", "L", "U"})
_BEGINS = frozenset("BSU")
_ENDS = frozenset("ESLU")


def is_bio(tags: Iterable[str]) -> bool:
    """Whether these tags, all that there are, mark spans in one of the schemes above."""
    every = set(tags)
    names = every - {OUTSIDE}
    parts = [_parts(name) for name in names]
    letters = {letter for letter, _ in parts}
    if not letters & {"B", "I"} or not any(letters <= scheme for scheme in _SCHEMES):
        return False
    # Tags without any kind are spans only beside O: B and I alone may mean anything.
    bare = names == letters and OUTSIDE in every
    return bare or all(kind for _, kind in parts)


def complete(tags: Iterable[str]) -> list[str]:
    """All tags of BIO with the kinds of these, in order: O, then B and I of each kind."""
    kinds = sorted({_parts(tag)[1] for tag in tags if tag != OUTSIDE})
    return [OUTSIDE, *(_tag(letter, kind) for kind in kinds for letter in "BI")]


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of a sentence, in order: (kind, first word, word after the last)."""
    found: list[Span] = []
    begin, kind = 0, None  # of the span that is open, if one is
    ended = True
    for place, tag in enumerate(tags):
        if tag == OUTSIDE:
            letter, here = OUTSIDE, None
        else:
            letter, here = _parts(tag)
        begins = here is not None and (letter in _BEGINS or ended or here != kind)
        if kind is not None and (begins or here is None):
            found.append((kind, begin, place))
        if begins:
            begin = place
        kind, ended = here, here is None or letter in _ENDS
    if kind is not None:
        found.append((kind, begin, len(tags)))
    return found


def written(found: Iterable[Span], length: int) -> list[str]:
    """BIO tags of a sentence of `length` words with these spans."""
    tags = [OUTSIDE] * length
    for kind, begin, end in found:
        tags[begin:end] = [_tag("B", kind)] + [_tag("I", kind)] * (end - begin - 1)
    return tags


def repair(tags: Sequence[str]) -> list[str]:
    """The same spans as well-formed BIO: I-X without a span to go on from becomes B-X."""
    return written(spans(tags), len(tags))


def faults(tags: Sequence[str]) -> list[int]:
    """Places of words that go on from nothing: I-X after O, after another kind, or at the start."""
    begun = {begin for _, begin, _ in spans(tags)}
    return [place for place in sorted(begun) if _parts(tags[place])[0] not in _BEGINS]


def follows(before: str, tag: str) -> bool:
    """Whether `tag` may come right after `before` in BIO; the first word comes after O."""
    if tag == OUTSIDE or _parts(tag)[0] == "B":
        return True
    return before != OUTSIDE and _parts(before)[1] == _parts(tag)[1]


def _parts(tag: str) -> tuple[str, str]:
    """The letter and the kind of a tag that is not O; kinds may hold a dash."""
    letter, _, kind = tag.partition("-")
    return letter, kind


def _tag(letter: str, kind: str) -> str:
    return f"{letter}-{kind}" if kind else letter
