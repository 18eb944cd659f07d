"""The table at the end of a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_classifier(model: Any, train: Any, apart: Any) -> dict[str, float]:
    """Score of the model, and of word counts, on data kept apart."""
    return {"accuracy": float(model.score(apart.sequences, apart.labels))}


def test_language(model: Any, path: Path) -> dict[str, float]:
    """Score of the model on text kept apart."""
    return {}


def show(model: Any, target: Path, tested: dict[str, float] | None) -> None:
    """Print the table."""
