"""What a run leaves behind: its learning curve and how it ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass
class History:
    """The curve and the end of a run.

    rows: one dict an evaluation: the COLUMNS, then the held-out figures under their own names.
        `train_loss` is the mean since the evaluation before.
    best: the lowest objective, reached at `best_step`. steps, seconds: of the whole run, its
        interrupted parts together. clipped: steps whose gradient was clipped.
    finished_by: "epochs", "patience", "target" or "time"; "" while a run is not finished.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "step",
        "epoch",
        "seconds",
        "train_loss",
        "learning_rate",
        "objective",
        "best",
    )

    rows: list[dict[str, Any]] = field(default_factory=list)
    best: float | None = None
    best_step: int = 0
    steps: int = 0
    seconds: float = 0.0
    clipped: int = 0
    finished_by: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The history as plain JSON values (a figure that is not finite becomes None)."""
        return {
            "rows": [{name: _plain(value) for name, value in row.items()} for row in self.rows],
            "best": self.best,
            "best_step": self.best_step,
            "steps": self.steps,
            "seconds": self.seconds,
            "clipped": self.clipped,
            "finished_by": self.finished_by,
        }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
