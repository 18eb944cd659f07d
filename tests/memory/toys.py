"""Subjects made by hand, whose memory is known exactly: what the instruments must find in them.

Each is a ReLU network with weights of 0, 1 and a in double precision. All that it reads is above
zero, so that the ReLU does nothing and the recurrence is linear: h_t = W h_{t-1} + U x_t, and
dh_t/dh_{t-tau} = W^tau.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import clew.nn
from clew.memory.subject import Case

SYMBOLS = 5  # and one more id, that says nothing

Target = Callable[[NDArray[Any], int, np.random.Generator], Any]


@dataclass(frozen=True, eq=False)
class Toy:
    """A linear recurrence, what is read off its state, and endless sequences to ask about.

    table: (V, D) a vector for each id; None: features are read as they are, (T, 1) above zero.
    readout: (C, H) of said = readout h. target: of a sequence and a step, what is right there.
    """

    title: str
    reader: nn.Module
    readout: Tensor
    target: Target
    table: Tensor | None = None
    both_ways: bool = False
    sequences: int = 20
    length: int = 200
    before: Toy | None = None  # it learned

    task = "module"
    element = ("symbol", "symbols")

    @property
    def network(self) -> nn.Module:
        return nn.ModuleDict({"reader": self.reader})

    @property
    def in_nats(self) -> bool:
        return self.table is not None

    @property
    def loss_name(self) -> str:
        return "nats a symbol" if self.in_nats else "squared error"

    @property
    def answers(self) -> Sequence[str] | None:
        return list("abcdefghij"[: len(self.readout)]) if self.in_nats else None

    def sequence(self, seed: int) -> NDArray[Any]:
        random = np.random.default_rng(seed)
        if self.table is None:
            return random.uniform(0.1, 1.0, (self.length, 1))
        return random.integers(0, len(self.table) - 1, self.length)

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        random = np.random.default_rng(seed)
        beyond = reach if self.both_ways else 0
        least = max(min(reach, self.length - 1), self.length // 2)
        found = []
        for k in range(count):
            source = k % self.sequences
            whole = self.sequence(1000 + source)
            at = int(random.integers(least, max(self.length - beyond, least + 1)))
            begin = max(at - reach, 0)
            right = self.target(whole, at, random)
            found.append(Case(whole[begin : at + beyond + 1], at - begin, right, source=source))
        return found

    def vectors(self, inputs: Tensor) -> Tensor:
        return inputs.double() if self.table is None else self.table[inputs]

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        assert x.shape[1] == len(lengths) == len(at) == len(cases)
        assert bool((at < lengths).all())
        y, _ = self.reader(x, lengths=lengths)
        return y[at, torch.arange(len(at))] @ self.readout.T

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        if self.in_nats:
            right = torch.tensor([case.target for case in cases])
            return nn.functional.cross_entropy(said, right, reduction="none")
        return (said[:, 0] - torch.tensor([case.target for case in cases])).square()

    def names(self, case: Case) -> list[str]:
        if self.table is None:
            return [""] * len(case.inputs)
        return ["abcdefghij"[i] for i in case.inputs]

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        return np.array([0.55]) if self.table is None else np.array(len(self.table) - 1)

    def untrained(self) -> Toy | None:
        return self.before


def linear(recurrent: Tensor, given: Tensor, both_ways: bool = False) -> nn.Module:
    """h = W h + U x, W (H, H), U (H, D); the same in both directions."""
    layer = clew.nn.RNN(
        given.shape[1], len(recurrent), nonlinearity="relu", bias=False, dtype=torch.float64,
        bidirectional=both_ways,
    )  # fmt: skip
    with torch.no_grad():
        for end in ("", "_reverse")[: 1 + both_ways]:
            getattr(layer, "weight_hh_l0" + end).copy_(recurrent)
            getattr(layer, "weight_ih_l0" + end).copy_(given)
    return layer.eval()


def ids() -> Tensor:
    """A vector for each symbol, all above zero: 1 everywhere, 2 in one place; the last is flat."""
    flat = torch.full((1, SYMBOLS), 1 + 1 / SYMBOLS, dtype=torch.float64)
    return torch.cat([1 + torch.eye(SYMBOLS, dtype=torch.float64), flat])


def register(k: int, both_ways: bool = False) -> nn.Module:
    """A shift register of k + 1 places: its state is the last k + 1 vectors, the newest first."""
    size = SYMBOLS * (k + 1)
    shift = torch.zeros(size, size, dtype=torch.float64)
    shift[SYMBOLS:, : size - SYMBOLS] = torch.eye(size - SYMBOLS, dtype=torch.float64)
    return linear(shift, torch.eye(size, SYMBOLS, dtype=torch.float64), both_ways)


def last(k: int, noise: float = 0.0) -> Tensor:
    """(SYMBOLS, H): what was read k steps ago, as scores: 20, nearly sure, or as sure as is right.

    With a share `noise` of targets drawn from all symbols these are the best scores there are.
    """
    score = math.log(SYMBOLS * (1 - noise) / noise + 1) if noise else 20.0
    return score * torch.eye(SYMBOLS * (k + 1), dtype=torch.float64)[SYMBOLS * k :]


def delay(k: int, noise: float = 0.0, **more: Any) -> Toy:
    """Says the symbol of k steps ago, which is right, but for a share `noise`: horizon k.

    Where it has not seen that symbol, all scores are 0, and it loses ln 5.
    """

    def target(whole: NDArray[Any], at: int, random: np.random.Generator) -> int:
        drawn = random.random() < noise
        return int(random.integers(SYMBOLS) if drawn else whole[at - k])

    return Toy(f"delay line of {k}", register(k), last(k, noise), target, ids(), **more)


def without_memory(**more: Any) -> Toy:
    """Says the symbol that it reads: horizon 0, and dh_t/dh_{t-1} = 0."""
    return delay(0, **more)


def leaky(a: float, noise: float = 0.5, **more: Any) -> Toy:
    """h = a h + x, which is right, but for normal noise: dh_t/dh_{t-tau} = a^tau.

    With a = 1 it is a plain sum: the order of what it reads does not matter.
    """

    def target(whole: NDArray[Any], at: int, random: np.random.Generator) -> float:
        ages = np.arange(at, -1, -1)
        return float((a**ages * whole[: at + 1, 0]).sum() + noise * random.normal())

    one = torch.ones(1, 1, dtype=torch.float64)
    return Toy(f"leaky sum of {a}", linear(a * one, one), one, target, **more)


def between(k: int, **more: Any) -> Toy:
    """Reads both ways; right is the symbol k steps before or the one k steps behind, by chance.

    It gives both the same score, and loses about ln 2: horizon k, on both sides.
    """

    def target(whole: NDArray[Any], at: int, random: np.random.Generator) -> int:
        return int(random.choice([whole[at - k], whole[at + k]]))

    both = torch.cat([last(k), last(k)], 1) / 4
    return Toy(f"between {k}", register(k, True), both, target, ids(), both_ways=True, **more)


class Shift(nn.Module):
    """y_t = x_{t-k}, 0 before there is one; of both ways x_{t-k} + x_{t+k}. No state is kept."""

    def __init__(self, k: int, both_ways: bool) -> None:
        super().__init__()
        self.k, self.both_ways = k, both_ways

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, None]:
        zeros = x.new_zeros(self.k, *x.shape[1:])
        y = torch.cat([zeros, x])[: len(x)]
        if self.both_ways:
            y = y + torch.cat([x, zeros])[self.k :]
        return y, None


def far(k: int, both_ways: bool = False, **more: Any) -> Toy:
    """`delay`, or `between`, of a long way: as cheap to read as a short one, but cannot be opened.

    Of padded batches it must not be asked: it takes padding for a part of a sequence.
    """

    def target(whole: NDArray[Any], at: int, random: np.random.Generator) -> int:
        return int(whole[at - k])

    return Toy(f"shift by {k}", Shift(k, both_ways), last(0), target, ids(), both_ways=both_ways,
               **more)  # fmt: skip
