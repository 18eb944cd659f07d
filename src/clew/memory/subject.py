"""What the instruments look at: any recurrent model, and the cases that it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Case:
    """A sequence, the step at which the model is asked, and what would have been right.

    inputs: what was given, ids (T,) or features (T, D). at: the step whose output is asked, from 0
    to T - 1; what stands behind it is read by models of both directions only. target: what the
    subject's loss compares with. extra: whatever else it needs, such as the sentence to translate.
    source: which sequence of the data it was taken from; cases of one sequence hang together.
    """

    inputs: NDArray[Any]
    at: int
    target: Any
    extra: Any = None
    source: int = 0


class Subject(Protocol):
    """A model under examination, as every instrument sees it; in eval mode, on the CPU or a GPU.

    Windows are made by the instruments: they cut `Case.inputs`, and ask at the step that is then
    the case's own. It may have more: `note`, a sentence on how it is asked; `relative`, whether its
    loss is a share already; `likeliest`, whether the largest number of an answer is what it says
    (taken for granted); `beside(case)`, names of what its attention looks at.
    """

    @property
    def title(self) -> str:
        """The model in a few words: "language model, LSTM of 2 x 512"."""
        ...

    @property
    def task(self) -> str:
        """The task's name on the command line; "module" of a torch module, "probe" of a probe."""
        ...

    @property
    def element(self) -> tuple[str, str]:
        """What one step is: ("character", "characters"), ("hour", "hours"), ("step", "steps")."""
        ...

    @property
    def both_ways(self) -> bool:
        """Whether what follows a step is read before it is answered."""
        ...

    @property
    def network(self) -> nn.Module:
        """All weights."""
        ...

    @property
    def reader(self) -> Any:
        """The recurrent part: maps (x (T, B, D), state) to (y (T, B, H), state)."""
        ...

    @property
    def loss_name(self) -> str:
        """What `losses` counts: "nats a character", "pinball loss"."""
        ...

    @property
    def in_nats(self) -> bool:
        """Whether losses are -ln of a probability."""
        ...

    @property
    def answers(self) -> Sequence[str] | None:
        """A name for each of the C numbers of `said`; None where they have none."""
        ...

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """At most `count` cases drawn from the data, with up to `reach` elements before the step.

        Drawn from different sequences as far as there are any; a case with less past than `reach`
        is taken only where there are not enough others.
        """
        ...

    def vectors(self, inputs: Tensor) -> Tensor:
        """What the lowest layer reads, (T, B, D), of ids (T, B) or features (T, B, F).

        Gradients go through where inputs are features.
        """
        ...

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """What the model answers (B, C) at the steps `at` (B,) of x (T, B, D), lengths (B,).

        Scores (logits), or the numbers that are forecast; differentiable by x. `cases` say what
        else is needed; their inputs and their own `at` are not looked at.
        """
        ...

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """The loss (B,) of answers (B, C); differentiable."""
        ...

    def names(self, case: Case) -> list[str]:
        """What each element of a case is called in a picture, T of them; "" of numbers."""
        ...

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """An element that says nothing, () or (D,): <unk>, or the mean of what is read."""
        ...

    def untrained(self) -> Subject | None:
        """The same model as it was before it learned; None where that cannot be known."""
        ...
