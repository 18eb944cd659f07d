"""Calls of one layer, drawn: any cell and option, sizes about the widths of vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from clew.kernels import Cell, Masks, Mode, Weights, draw_masks, formula, native
from clew.kernels.schedule import Sequences

ROWS: dict[Mode, int] = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


@dataclass(frozen=True)
class Call:
    """One layer and what it is called with; random numbers follow from the seed."""

    mode: Mode = "LSTM"
    T: int = 5
    B: int = 3
    D: int = 4
    H: int = 6
    P: int | None = None  # with a projection
    both: bool = False
    bias: bool = True
    dtype: torch.dtype = torch.float64
    lengths: tuple[int, ...] | None = None
    reset: float = 0.0  # the chance of one
    zoneout: tuple[float, float] = (0.0, 0.0)
    dropout: float = 0.0
    norm: bool = False
    training: bool = False
    given: bool = True  # whether there is an initial state
    seed: int = 0

    @property
    def cell(self) -> Cell:
        return Cell(self.mode, self.both, self.norm, self.dropout, self.zoneout)

    @property
    def width(self) -> int:
        return self.H if self.P is None else self.P

    @property
    def gains(self) -> list[int]:
        """Sizes of what layer norm adds to the weights."""
        rows = ROWS[self.mode] * self.H
        sizes = {"LSTM": [rows, rows, self.H, self.H], "GRU": [rows, rows]}
        return sizes.get(self.mode, [rows]) if self.norm else []

    def of(self, dtype: torch.dtype) -> Call:
        return replace(self, dtype=dtype)

    def tensors(self) -> tuple[Tensor, tuple[Tensor, ...] | None, list[Weights]]:
        """x, the initial state, the weights: the same numbers in either precision, rounded."""
        g = torch.Generator().manual_seed(self.seed)

        def normal(*shape: int, scale: float = 1.0) -> Tensor:
            drawn = torch.randn(*shape, generator=g, dtype=torch.float64) * scale
            return drawn.float().to(self.dtype)

        rows, scale = ROWS[self.mode] * self.H, self.H**-0.5
        n = self.cell.directions
        weights = [
            Weights(
                normal(rows, self.D, scale=max(self.D, 1) ** -0.5),
                normal(rows, self.width, scale=scale),
                normal(rows, scale=scale) if self.bias else None,
                normal(rows, scale=scale) if self.bias else None,
                None if self.P is None else normal(self.P, self.H, scale=scale),
                *(1 + normal(size, scale=0.3) for size in self.gains),
            )
            for _ in range(n)
        ]
        x = normal(self.T, self.B, self.D)
        widths = (self.width, self.H)[: self.cell.states]
        state = tuple(normal(n, self.B, size) for size in widths)
        return x, state if self.given else None, weights

    def sequences(self) -> Sequences:
        g = torch.Generator().manual_seed(self.seed + 1)
        lengths = None if self.lengths is None else torch.tensor(self.lengths, dtype=torch.int64)
        reset = torch.rand(self.T, self.B, generator=g) < self.reset
        return Sequences(self.T, self.B, lengths, reset if self.reset else None)

    def masks(self) -> list[Masks] | None:
        if not self.training:
            return None
        torch.manual_seed(self.seed)
        like = torch.empty(0, dtype=torch.float32)  # torch draws other numbers in another type
        drawn = draw_masks(self.cell, self.T, self.B, self.width, self.H, like)
        return [Masks(*(v if v is None else v.to(self.dtype) for v in masks)) for masks in drawn]

    def run(self, how: Any, x: Tensor, state: Any, weights: list[Weights], traces: Any = None):
        """(y, *final) by the kernels ("native") or by the formula."""
        sequences, masks = self.sequences(), self.masks()
        if how == "native":
            y, final = native.layer(self.cell, x, state, weights, sequences, masks, traces)
        else:
            if state is None:
                state = native.zeros(self.cell, weights, x)
            schedule = sequences.schedule(x.device)
            y, final = formula.layer(self.cell, x, state, weights, schedule, masks, traces)
        return (y, *final)

    def read(self, how: str) -> tuple[Tensor, ...]:
        with torch.no_grad():
            return self.run(how, *self.tensors())

    def gradients(self, how: str) -> list[Tensor]:
        """Of outputs bent and summed, by every input: x, state and weights."""
        x, state, weights = self.tensors()
        flat = [p for w in weights for p in w if p is not None]
        leaves = [x, *(state or ()), *flat]
        for leaf in leaves:
            leaf.requires_grad_()
        outputs = self.run(how, x, state, weights)
        loss = sum((y * y.cos()).sum() for y in outputs)
        found = [None] * len(leaves)
        if loss.requires_grad:
            found = torch.autograd.grad(loss, leaves, allow_unused=True)
        return [
            torch.zeros_like(leaf) if grad is None else grad
            for leaf, grad in zip(leaves, found, strict=True)
        ]


KINDS: list[dict[str, Any]] = [
    {"mode": "LSTM"},
    {"mode": "LSTM", "P": 3},
    {"mode": "GRU"},
    {"mode": "RNN_TANH"},
    {"mode": "RNN_RELU"},
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"zoneout": (0.3, 0.2)},
    {"zoneout": (0.3, 0.2), "training": True},
    {"dropout": 0.4, "training": True},
    {"zoneout": (0.0, 0.5), "dropout": 0.3, "training": True},
    {"norm": True},
    {"norm": True, "zoneout": (0.3, 0.2), "dropout": 0.3, "training": True},
]


@st.composite
def calls(draw: st.DrawFn, **fixed: Any) -> Call:
    """Sizes from none at all to beyond two vectors of every target."""
    kind = dict(draw(st.sampled_from(KINDS)))
    T, B = draw(st.integers(0, 7)), draw(st.integers(0, 9))
    H = draw(st.sampled_from([1, 3, 8, 15, 16, 17, 33, 40]))
    if kind.get("P"):
        H = max(H, 3)
        kind["P"] = draw(st.integers(1, H - 1))
    lengths = st.tuples(*[st.integers(0, T)] * B)
    both = draw(st.booleans())
    return Call(
        **{
            **kind,
            **draw(st.sampled_from(OPTIONS)),
            "T": T,
            "B": B,
            "H": H,
            "D": draw(st.sampled_from([0, 1, 2, 7, 16, 19])),
            "both": both,
            "bias": draw(st.booleans()),
            "lengths": draw(st.none() | lengths),
            "reset": draw(st.sampled_from([0.0, 0.3])),
            "given": draw(st.booleans()),
            "dtype": draw(st.sampled_from([torch.float64, torch.float32])),
            "seed": draw(st.integers(0, 999)),
            **fixed,
        }
    )


def agree(ours: Sequence[Tensor], true: Sequence[Tensor], tolerance: float) -> None:
    """The same to a tolerance, of the largest true value where that is above one."""
    assert len(ours) == len(true)
    for k, (a, b) in enumerate(zip(ours, true, strict=True)):
        assert a.shape == b.shape
        scale = max(1.0, float(b.detach().abs().max())) if b.numel() else 1.0
        gap = float((a.double() - b.double()).detach().abs().max()) if b.numel() else 0.0
        assert gap <= tolerance * scale, f"number {k} of {len(ours)} differs by {gap:.1e}"


def same(ours: Sequence[Tensor], true: Sequence[Tensor]) -> None:
    """The same bit for bit."""
    assert len(ours) == len(true)
    for a, b in zip(ours, true, strict=True):
        assert torch.equal(a, b)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
