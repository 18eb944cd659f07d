"""Write docs/commands.md anew from what `--help` says (or print it, with --print)."""

import contextlib
import io
import os
import sys
from pathlib import Path

os.environ["COLUMNS"] = "80"  # before the formatter looks at the terminal

from clew.cli.app import main, program

HEAD = """# Commands

Made from `--help` by `make docs`; do not edit.

Every command exits with 0 on success, 1 on failure, 2 on wrong usage and 130 when interrupted.
Results go to standard output; progress and errors go to standard error.
"""


def every_command(command, path=()):
    """The words of every command, groups before what is in them."""
    yield path
    for name in getattr(command, "list_commands", lambda context: [])(None):
        yield from every_command(command.commands[name], (*path, name))


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path in every_command(program()):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            assert main([*path, "--help"]) == 0
        parts.append(
            f"\n## {' '.join(('clew', *path))}\n\n```text\n{text.getvalue().strip()}\n```\n"
        )
    return "".join(parts)


if __name__ == "__main__":
    if "--print" in sys.argv[1:]:
        sys.stdout.write(page())
    else:
        (Path(__file__).parent / "commands.md").write_text(page(), encoding="utf-8")
