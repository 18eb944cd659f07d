"""What an instrument found: in words, as a table, as a picture, and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Table:
    """Numbers that a picture shows: a heading a column, and rows of text and numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]


class Finding(Protocol):
    """The answer of one instrument."""

    @property
    def name(self) -> str:
        """Short, of letters and hyphens, for file names: "horizon", "gradient-by-lag"."""
        ...

    @property
    def title(self) -> str:
        """A heading: "How far back it looks"."""
        ...

    @property
    def method(self) -> str:
        """How it was measured, with settings and source, in two or three sentences."""
        ...

    def words(self) -> list[str]:
        """What was found, in plain sentences; the first is the answer."""
        ...

    def tables(self) -> list[Table]:
        """Every number that the picture shows."""
        ...

    def draw(self, figure: Any) -> None:
        """Draw on an empty matplotlib figure; readable in black and white."""
        ...

    def size(self) -> tuple[float, float]:
        """Of the picture, in inches."""
        ...

    def data(self) -> dict[str, Any]:
        """All of it as what JSON can hold: numbers, text, lists, None for what is not a number."""
        ...
