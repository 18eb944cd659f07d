"""``clew demo``: the main job, on text that every Python carries."""

from __future__ import annotations

import typer

from clew.cli import say
from clew.cli.options import Grouped


def register(app: typer.Typer) -> None:
    """Add ``clew demo`` to `app`."""
    app.command(cls=Grouped)(demo)


def demo() -> None:
    """Learn Python's own documentation, and write some."""
    say.note("")
