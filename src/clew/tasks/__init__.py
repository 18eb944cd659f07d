"""One file a task, one story each: the network, its loss, its answers, its score."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from clew.errors import InputError

__all__ = ["load"]

# The module and the class of each task, imported when a model of it is read.
TASKS = {
    "classify": ("clew.tasks.classify", "Classifier"),
    "compose": ("clew.tasks.compose", "Composer"),
    "forecast": ("clew.tasks.forecast", "Forecaster"),
    "language": ("clew.tasks.language", "LanguageModel"),
    "tag": ("clew.tasks.tag", "Tagger"),
    "transcribe": ("clew.tasks.transcribe", "Transcriber"),
    "translate": ("clew.tasks.translate", "Translator"),
}


def load(folder: str | Path) -> Any:
    """Read a model folder that `save` or `clew fit` wrote; it predicts bit for bit as before.

    What comes back is of the class that wrote it: a Classifier, a LanguageModel and so on. Raises
    InputError naming the file and what is wrong with it. No pickle is ever opened.
    """
    from clew.tasks._folder import CONFIG, read_model

    contents = read_model(folder)
    if contents.task not in TASKS:
        *others, last = TASKS
        raise InputError(
            f"unknown task {contents.task[:80]!r}",
            where=str(contents.folder / CONFIG),
            expected=f"{', '.join(others)} or {last}",
            hint="pip install --upgrade clew",
        )
    module, name = TASKS[contents.task]
    return getattr(import_module(module), name)._read(contents)
