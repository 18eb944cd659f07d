"""``clew learn author``: prove a course of one's own, and begin one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli import say
from clew.cli.options import Grouped


def register(group: typer.Typer) -> None:
    """Add ``clew learn author`` to `group`."""
    author = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    author.command(cls=Grouped)(check)
    author.command("new", cls=Grouped)(new)
    group.add_typer(author, name="author", help="For teachers: prove a course, begin a lesson.")


def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Lessons, or the file of one.")],
) -> None:
    """Prove a course: run every starter, solution and example, and tell what is wrong by line.

    Exits with 1 if anything is wrong; notes are told and stop nobody.

    Example: clew learn author check my-course
    """  # fmt: skip
    from clew.course.author import check as prove
    from clew.course.course import lesson_files

    count = len(lesson_files(folder))
    found = prove(folder, tell=lambda title: say.note(f"{title} ..."))
    for problem in found:
        say.result(str(problem))
    errors = sum(problem.kind == "error" for problem in found)
    files = f"{count} lesson{'s' * (count != 1)}"
    if errors:
        say.note(f"{files}: {errors} error{'s' * (errors != 1)}")
        raise typer.Exit(1)
    say.note(f"{files}: all proved")


def new(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The file to write, or the course's folder.")
    ],
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its title.", show_default=False)
    ] = None,
) -> None:
    """Write a lesson to begin with: every part of the format, and it proves as it stands.

    Example: clew learn author new my-course --title "The loop"
    """  # fmt: skip
    from clew.course.author import new as begin

    path = begin(path, title)
    say.result(str(path))
    say.note(f"Change it, then:\n  clew learn author check {path}")
