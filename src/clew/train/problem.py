"""What the loop trains: a network, its batches, its loss and its held-out evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

# What is carried from one batch to the next: None, a tensor, or a tuple or list of states.
State: TypeAlias = Any


@dataclass(frozen=True)
class Evaluation:
    """Held-out figures. `objective`, lower is better, decides the best weights."""

    objective: float
    figures: dict[str, float]


class Problem(Protocol):
    """What a task hands to the loop.

    The loop moves `network` to the device of the settings; `loss` and `evaluate` bring their
    data to where the network's parameters are.
    """

    @property
    def network(self) -> torch.nn.Module:
        """What is trained."""
        ...

    @property
    def unit(self) -> str:
        """What `count` counts, for progress: "tokens", "sequences"."""
        ...

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Any]:
        """The epoch's batches for this process: a pure function of its arguments and the seed.

        Every rank's plan has the same length; an item is None where a rank has nothing to do.
        """
        ...

    def loss(self, item: Any, carry: State) -> tuple[Tensor, int, State]:
        """Summed loss over `count` elements, `count`, and the state for the next item.

        The carry is None at the start of every epoch, and detached between items by the loop.
        """
        ...

    def evaluate(self, full: bool = False) -> Evaluation:
        """Held-out figures; called in eval mode under no_grad.

        The loop asks with full=False, which may look at a part; full=True is for the task's
        own last word.
        """
        ...
