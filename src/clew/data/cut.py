"""Cutting a text into pieces that are tokenized as they would be in the whole."""

from __future__ import annotations

from collections.abc import Iterator


def cut(text: str, limit: int) -> Iterator[str]:
    """Yield pieces of at most `limit` characters that join to `text`.

    The cut is after a newline; where `limit` characters hold none, before a lone space (a word
    carries the space before it); only where there is none of these either, anywhere.
    """
    start, stop = 0, len(text)
    while stop - start > limit:
        end = text.rfind("\n", start, start + limit) + 1
        if end <= start:
            end = _lone_space(text, start + 1, start + limit)
        if end <= start:
            end = start + limit
        yield text[start:end]
        start = end
    if start < stop:
        yield text[start:stop]


def _lone_space(text: str, start: int, stop: int) -> int:
    """The last position in [start, stop) of a space between two characters that are no spaces."""
    end = stop
    while (end := text.rfind(" ", start, end)) >= 0:
        if not text[end - 1].isspace() and not text[end + 1].isspace():
            return end
    return -1
