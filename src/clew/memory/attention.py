"""Where attention looks: its weights on the elements of a sequence, as the model answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory._lettering import drawable, label_elements, shown
from clew.memory._reading import padded
from clew.memory.finding import Table
from clew.memory.subject import Case, Subject
from clew.nn import AdditiveAttention, DotAttention, GeneralAttention

KINDS: dict[type[nn.Module], str] = {
    AdditiveAttention: "additive",
    DotAttention: "dot",
    GeneralAttention: "general",
}
_LABELLED = 80  # elements that still get their names in a picture

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Attention:
    """Weights (Q, S): how much each of Q that ask looks at each of S elements; rows sum to 1.

    asking: names of the rows, "" where they have none. read: names of the columns. kind: "dot".
    """

    asking: list[str]
    read: list[str]
    weights: Weights
    kind: str

    name = "attention"
    title = "Where attention looks"

    @property
    def method(self) -> str:
        """Whose weights these are, and what they do not tell."""
        return (
            f"The weights of {self.kind} attention (Bahdanau et al. 2015; Luong et al. 2015) over "
            f"{len(self.read)} elements, as the model answers. They are given to what recurrent "
            "layers said at these elements, which knows of the others, too: a weight tells where "
            "was looked, not which element decided."
        )

    def words(self) -> list[str]:
        """What is looked at most, and over how many elements attention spreads."""
        spread = _spread(self.weights)
        many = f"{len(self.read)} elements"
        if len(self.weights) == 1:
            row = self.weights[0]
            top = np.argsort(-row, kind="stable")[:5]
            told = ", ".join(f"{_called(self.read, k)} ({row[k]:.2f})" for k in top)
            return [
                f"Of {many} attention looks most at {told}.",
                f"It spreads as if it looked at {spread[0]:.1f} of them alike.",
            ]
        sharp = int(np.argmax(self.weights.max(1)))
        lines = [
            f"Each of {len(self.weights)} steps looks at {many}, in the mean as if at "
            f"{spread.mean():.1f} of them alike.",
            f"Surest is {_called(self.asking, sharp)}, which gives "
            f"{_called(self.read, int(self.weights[sharp].argmax()))} "
            f"{self.weights[sharp].max():.2f}.",
        ]
        least = int(self.weights.sum(0).argmin())
        lines.append(
            f"Least looked at is {_called(self.read, least)}: {self.weights[:, least].sum():.2f} "
            "of all steps together."
        )
        return lines

    def tables(self) -> list[Table]:
        """A row for each that asks; of a single one a row for each element."""
        if len(self.weights) == 1:
            rows: list[list[str | int | float | None]] = [[k, shown(name), _round(weight)]
                    for k, (name, weight) in enumerate(zip(self.read, self.weights[0], strict=True))
                    ]  # fmt: skip
            return [Table("Weight of each element", ["place", "element", "weight"], rows)]
        columns = ["", *(_called(self.read, k) for k in range(len(self.read)))]
        return [
            Table(
                "Weights of each step on each element",
                columns,
                [[_called(self.asking, k), *(_round(w) for w in row)]
                 for k, row in enumerate(self.weights)],
            )
        ]  # fmt: skip

    def size(self) -> tuple[float, float]:
        """Larger for more elements."""
        rows, columns = self.weights.shape
        wide = min(16.0, max(6.0, 2.0 + 0.2 * columns))
        return (wide, 3.5 if rows == 1 else min(14.0, max(3.5, 1.5 + 0.2 * rows)))

    def draw(self, figure: Any) -> None:
        """Bars of a single row, else a heat map: black is all of the weight."""
        axes = figure.subplots()
        across = range(len(self.read))
        if len(self.weights) == 1:
            axes.bar(across, self.weights[0], color="0.55", edgecolor="black", linewidth=0.5)
            axes.set_ylabel("weight")
        else:
            image = axes.imshow(
                self.weights, cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto",
                interpolation="nearest",
            )  # fmt: skip
            figure.colorbar(image, ax=axes, pad=0.01, aspect=30).set_label("weight", fontsize=8)
            axes.set_ylabel("step that asks")
            if any(self.asking) and len(self.asking) <= _LABELLED:
                axes.set_yticks(range(len(self.asking)), labels=map(drawable, self.asking))
                for label in axes.get_yticklabels():
                    label.set(parse_math=False, fontsize=8)
        axes.set_xlabel("element that is looked at")
        label_elements(axes, across, self.read, _LABELLED)

    def data(self) -> dict[str, Any]:
        """Names and weights."""
        return {
            "kind": self.kind,
            "asking": self.asking,
            "read": self.read,
            "weights": self.weights.tolist(),
        }


def attends(subject: Subject) -> bool:
    """Whether a model has a layer of attention of clew.nn."""
    return any(type(part) in KINDS for part in subject.network.modules())


def attention(subject: Subject, case: Case) -> Attention:
    """Where the attention of a model looks as it answers a case.

    Of a model that reads the case's elements through attention there is one row, or one for each
    step of what it writes; of one whose own elements ask about others (`case.extra`) there is one
    for each element up to the step asked.

    Raises InputError for a model without attention, and one that did not use it.
    """
    if not attends(subject):
        raise InputError(
            "the model has no attention", where="model", expected="a layer of attention of clew.nn"
        )
    asks = case.extra is not None
    steps = len(case.inputs) if not asks else case.at + 1
    with torch.no_grad():
        given = padded(subject, [case.inputs[:steps]])
        x = subject.vectors(given)
    at = torch.arange(steps) if asks else torch.tensor([case.at])
    x = x.expand(-1, len(at), -1)
    at, lengths = at.to(x.device), torch.full((len(at),), steps, device=x.device)
    # With a graph, as layers take another way without one when they write step by step.
    with torch.enable_grad(), _watched(subject.network) as seen:
        subject.said(x, lengths, at, [case] * len(at))
    if not seen:
        raise InputError("the model answered without looking through its attention", where="model")
    layer = seen[0][0]
    every = [found for other, found in seen if other is layer]
    weights = every[0]
    if len(every) > 1:  # (B, S) of each step in turn
        weights = torch.stack([found[0] for found in every])
    elif weights.dim() == 3:  # (Q, B, S) of a sequence that is written
        weights = weights[:, 0]
    own, other = subject.names(case), _beside(subject, case)
    read = other if asks else own
    asking = own[:steps] if asks else other
    rows, columns = weights.shape
    return Attention(
        _fitted(asking, rows),
        _fitted(read, columns),
        weights.double().cpu().numpy(),
        KINDS[type(layer)],
    )


@contextmanager
def _watched(network: nn.Module) -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """Collects the weights of every call of attention, with the layer that was called."""
    seen: list[tuple[nn.Module, Tensor]] = []

    def note(layer: nn.Module, _: Any, found: tuple[Tensor, Tensor]) -> None:
        seen.append((layer, found[1].detach()))

    hooks = [part.register_forward_hook(note) for part in network.modules() if type(part) in KINDS]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _beside(subject: Subject, case: Case) -> list[str]:
    """Names of what stands on the other side of attention, where a subject knows them."""
    names: Any = getattr(subject, "beside", None)
    return [] if names is None else list(names(case))


def _fitted(names: Sequence[str], count: int) -> list[str]:
    """As many names as there are weights; none where they do not belong together."""
    if len(names) > count and not any(names[count:]):
        names = names[:count]
    return list(names) if len(names) == count else [""] * count


def _spread(weights: Weights) -> Weights:
    """exp of the entropy of each row: over how many elements alike it would be the same."""
    logs = np.log(np.where(weights > 0, weights, 1.0))
    found: Weights = np.exp(-(weights * logs).sum(1))
    return found


def _called(names: Sequence[str], k: int) -> str:
    return repr(shown(names[k])) if names[k] else f"number {k + 1}"


def _round(value: float) -> float:
    return float(f"{value:.4g}")
