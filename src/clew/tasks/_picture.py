"""Writing a picture: the formats there are, and what is said where it cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clew.errors import InputError

_FORMATS = (".png", ".svg", ".pdf")


def drawn(path: str | Path | None, draw: Callable[[str], bytes]) -> bytes:
    """What `draw` makes for a format ("png", "svg", "pdf"): PNG, or what `path` ends in.

    Written to `path` where one is given. Raises InputError where it cannot be.
    """
    kind = ".png" if path is None else Path(path).suffix.lower()
    if kind not in _FORMATS:
        raise InputError(
            f"a picture cannot be written as {kind or 'a file without an ending'}",
            where=str(path),
            expected="a name that ends in " + ", ".join(_FORMATS),
        )
    data = draw(kind[1:])
    if path is not None:
        try:
            Path(path).write_bytes(data)
        except OSError as error:
            raise InputError(
                f"the picture cannot be written: {error.strerror}",
                where=str(path),
                hint="is there such a folder, and leave to write there?",
            ) from error
    return data
