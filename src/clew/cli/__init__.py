"""The command line: thin commands that parse, call and print.

Nothing here imports torch before work begins, so that ``clew --help`` answers at once.
"""

from __future__ import annotations

from clew.cli.app import main

__all__ = ["main"]
