"""The network of a probe: what is read, a recurrent reader, and an answer at each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory.probes.batch import Probe, check_whole
from clew.nn import Stack

WIDEST = 32  # of the vectors that stand for ids


@dataclass(frozen=True)
class Architecture:
    """The reader: `num_layers` layers of `hidden_size` units of a cell, with their first weights.

    cell: "lstm", "gru" or "rnn". init: "torch", "orthogonal" or "chrono", which takes `t_max`, the
    longest memory in steps (Tallec & Ollivier 2018).
    """

    cell: str = "lstm"
    hidden_size: int = 32
    num_layers: int = 1
    init: str = "torch"
    t_max: float | None = None

    def __post_init__(self) -> None:
        check_whole("hidden_size", self.hidden_size, 1)
        check_whole("num_layers", self.num_layers, 1)
        for name, known in (
            ("cell", ("lstm", "gru", "rnn")), ("init", ("torch", "orthogonal", "chrono"))
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}", where=name, expected=", ".join(known)
                )
        if self.init == "chrono" and self.t_max is None:
            raise InputError(
                "chrono initialisation without t_max",
                where="t_max",
                expected="the longest memory in steps",
            )
        if self.init != "chrono" and self.t_max is not None:
            raise InputError(
                f"t_max={self.t_max!r} with init={self.init!r}",
                where="t_max",
                expected="none: it is of chrono initialisation",
            )

    def build(self, input_size: int) -> Stack:
        """The stack, its weights drawn from torch's generator."""
        settings: dict[str, Any] = asdict(self)
        return Stack(input_size, **settings)

    def __str__(self) -> str:
        deep = f"{self.num_layers} x " if self.num_layers > 1 else ""
        chrono = f", chrono initialisation up to {self.t_max:g}" if self.init == "chrono" else ""
        return f"{self.cell.upper()} of {deep}{self.hidden_size} units{chrono}"


class ProbeNetwork(nn.Module):
    """Vectors of ids (or features as they are), a reader, and a linear layer.

    reader: makes, of D, a module that maps (x (T, B, D), state, lengths=(B,)) to (y (T, B, H),
    state).

    Raises InputError for a reader that cannot read, or says something else.
    """

    def __init__(self, probe: Probe, reader: Callable[[int], nn.Module]) -> None:
        super().__init__()
        if isinstance(reader, nn.Module) or not callable(reader):
            raise InputError(
                f"{type(reader).__name__} does not make a reader",
                where="reader",
                expected="a class or function that makes a module of the width D",
            )
        self.embedding: nn.Embedding | None = None
        size = probe.features
        if probe.words is not None:
            size = min(len(probe.words), WIDEST)
            self.embedding = nn.Embedding(len(probe.words), size)
        self.reader = reader(size)
        self.output = nn.Linear(_width(self.reader, size), len(probe.answers or "1"))

    def vectors(self, inputs: Tensor) -> Tensor:
        """What the reader reads, (T, B, D)."""
        return inputs if self.embedding is None else self.embedding(inputs)

    def forward(self, inputs: Tensor, lengths: Tensor, asked: Tensor) -> Tensor:
        """What is answered where it is asked: (N, C), in the order of asked (T, B)."""
        y, _ = self.reader(self.vectors(inputs), None, lengths=lengths)
        said: Tensor = self.output(y[asked])
        return said


def _width(reader: nn.Module, size: int) -> int:
    """H of what a reader says, told by a short reading."""
    lengths = torch.tensor([2])
    try:
        with torch.no_grad():
            y, _ = reader(torch.zeros(2, 1, size), None, lengths=lengths)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"the reader cannot read: {error}",
            where="reader",
            expected=f"a module (x (T, B, {size}), state, lengths=(B,)) -> (y (T, B, H), state)",
        ) from error
    if not isinstance(y, Tensor) or y.dim() != 3 or y.shape[:2] != (2, 1):
        raise InputError(
            "the reader says something else than one vector a step",
            where="reader",
            expected="(y (T, B, H), state)",
        )
    return y.shape[2]
