"""``clew fit``: train a model, show how it goes, and say what came of it. One file a task."""

from __future__ import annotations

import typer

from clew.cli import (
    fit_classify,
    fit_compose,
    fit_forecast,
    fit_language,
    fit_tag,
    fit_transcribe,
    fit_translate,
)

TASKS = (
    fit_classify, fit_language, fit_tag, fit_translate, fit_transcribe, fit_forecast, fit_compose,
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``clew fit`` and its tasks to `app`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for task in TASKS:
        task.register(group)
    app.add_typer(group, name="fit", help="Train a model: clew fit TASK DATA --out MODEL")
