"""Where words go: results to standard output, everything else to standard error.

In a run of several processes only the first one speaks.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO


def is_main() -> bool:
    """Whether this process speaks: always, except under torchrun, where only rank 0 does."""
    return os.environ.get("RANK", "0") == "0"


def result(text: str = "", *, end: str = "\n", flush: bool = False) -> None:
    """Print to standard output what was asked for."""
    if is_main():
        sys.stdout.write(text + end)
        if flush:
            sys.stdout.flush()


def note(text: str = "") -> None:
    """Print to standard error what a person wants to know and a pipe does not."""
    if is_main():
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def error(text: str) -> None:
    """Print an error: its first line marked, the rest as it is."""
    if not is_main():
        return
    mark = "\x1b[1;31merror:\x1b[0m " if colours(sys.stderr) else "error: "
    sys.stderr.write(mark + text + "\n")
    sys.stderr.flush()


def colours(stream: TextIO) -> bool:
    """Whether colours are welcome on this stream."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
