"""Where a run stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Position:
    """Everything a run knows of itself besides tensors; JSON values only.

    step: steps done; epoch, item: the next batch; evaluated_at: the step of the last evaluation;
    stale: evaluations since the best; loss_sum, loss_count: training loss since the last
    evaluation; clipped: clip events; seconds: time taken by the parts before this one;
    look_seconds: the last evaluation's length; learning_rate: of the last step; rows: the
    history's.
    """

    step: int = 0
    epoch: int = 0
    item: int = 0
    evaluated_at: int = 0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    clipped: int = 0
    seconds: float = 0.0
    look_seconds: float = 0.0
    learning_rate: float = 0.0
    finished_by: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
