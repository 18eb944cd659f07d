"""What Clew says when something is wrong: what, where, what was expected, what to try."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


class InputError(ValueError):
    """A mistake in what the user gave: a file, an argument, an array.

    ``str()`` of it reads::

        what is wrong
          where: file and line, or the name of the argument
          expected: what would have been right
          try: what to do about it

    with only those lines that were given.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        for label, text in (("where", self.where), ("expected", self.expected), ("try", self.hint)):
            if text is not None:
                lines.append(f"  {label}: {text}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments would be lost on the way to or from a worker process.
        return _rebuild, (self.what, self.where, self.expected, self.hint)


def _rebuild(what: str, where: str | None, expected: str | None, hint: str | None) -> InputError:
    return InputError(what, where=where, expected=expected, hint=hint)


def need(module: str, extra: str) -> Any:
    """The module of a package that only the extra ``clew[extra]`` installs.

    Raises InputError naming the extra where it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"this needs the package {module.partition('.')[0]}, which cannot be imported",
            where=str(error),
            hint=f"pip install 'clew[{extra}]'",
        ) from error


def lacks_memory(problem: BaseException) -> bool:
    """Whether an error says that memory ran out: Python's, NumPy's, torch's of any device."""
    if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":
        return True
    said = str(problem)  # torch's allocator on the CPU has no error of its own
    return isinstance(problem, RuntimeError) and any(
        words in said
        for words in ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
    )


class Interrupted(KeyboardInterrupt):
    """A run was stopped by Ctrl-C or SIGTERM and its work is safe in ``folder``.

    ``folder`` is None where the run keeps nothing on disk.
    """

    def __init__(self, message: str = "interrupted", *, folder: Path | None = None) -> None:
        super().__init__(message)
        self.folder = folder
