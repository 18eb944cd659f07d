"""Names of elements as a terminal and a picture can show them: one line, blanks that are seen."""

from __future__ import annotations

import functools
from typing import Any

_SEEN = {"\n": "⏎", "\t": "⇥", "\r": "␍"}


def shown(name: str, most: int = 16) -> str:
    """A name of an element on one line, in which blanks are seen and nothing moves the cursor."""
    inner = name.strip(" ")
    before = len(name) - len(name.lstrip(" ")) if inner else 0
    seen = "".join(_SEEN.get(c, c if c.isprintable() else "·") for c in inner)
    text = "␣" * before + seen + "␣" * (len(name) - len(inner) - before)
    return text if len(text) <= most else text[: most - 1] + "…"


def drawable(name: str, most: int = 16) -> str:
    """`shown`, of the signs that the font of pictures has; "?" for others."""
    glyphs = _glyphs()
    return "".join(c if ord(c) in glyphs else "?" for c in shown(name, most))


@functools.cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font: Any = get_font(findfont(FontProperties()))
    return frozenset(font.get_charmap())


def label_elements(axes: Any, places: Any, names: list[str], most: int = 80) -> None:
    """Write names at places of the x axis, where there are any and not too many to be read."""
    if not any(names) or len(names) > most:
        return
    axes.set_xticks(list(places), labels=[drawable(name) for name in names])
    long = max(len(name) for name in names) > 1
    size = 9 if len(names) <= 40 else 7
    for label in axes.get_xticklabels():
        label.set(parse_math=False, rotation=90 if long else 0, fontsize=size)
