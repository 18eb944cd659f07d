"""One file a task, one story each: the network, its loss, its answers, its score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clew.errors import InputError

if TYPE_CHECKING:
    from clew.tasks.classify import Classifier
    from clew.tasks.language import LanguageModel

__all__ = ["load"]


def load(folder: str | Path) -> Classifier | LanguageModel:
    """Read a model folder that `save` or `clew fit` wrote; it predicts bit for bit as before.

    Raises InputError naming the file and what is wrong with it. No pickle is ever opened.
    """
    from clew.tasks._folder import CONFIG, read_model

    contents = read_model(folder)
    if contents.task == "classify":
        from clew.tasks.classify import Classifier

        return Classifier._read(contents)
    if contents.task == "language":
        from clew.tasks.language import LanguageModel

        return LanguageModel._read(contents)
    raise InputError(
        f"unknown task {contents.task[:80]!r}",
        where=str(contents.folder / CONFIG),
        expected="classify or language",
        hint="pip install --upgrade clew",
    )
