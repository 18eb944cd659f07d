"""What cells are compared with: layers that see a window of their input, in a layer's signature.

Shapes: T steps, B sequences, D features of the input, H units; K elements of the window.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.nn import checks

Make: TypeAlias = Callable[..., nn.Module]

_STANDING_IN: ContextVar[Make | None] = ContextVar("standing_in", default=None)
_PIECE = 64  # steps at least that attend together: beyond these memory would grow as their square
_HEADS = 4
_SINUSOIDS = 32  # that say how far away an element is


@contextmanager
def in_place_of_cells(make: Make) -> Iterator[None]:
    """Each layer of a Stack that is made within the block is make(input_size, H, bidirectional).

    For comparisons: a task then learns as it always does, with another layer where a cell would be.
    """
    token = _STANDING_IN.set(make)
    try:
        yield
    finally:
        _STANDING_IN.reset(token)


def standing_in() -> Make | None:
    """What layers are made by in place of cells; None: cells."""
    return _STANDING_IN.get()


class _Seeing(nn.Module, ABC):
    """Reads with each element the K - 1 before it, and as many after it where it reads both ways.

    The state is the last K - 1 elements, (K - 1, B, D + 1): behind the D features a 1, or all zeros
    where there was nothing yet.
    """

    def __init__(self, input_size: int, hidden_size: int, bidirectional: bool, reach: int) -> None:
        super().__init__()
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
            _whole(name, value, 1)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.bidirectional, self.reach = bidirectional, reach
        self.width = hidden_size * (2 if bidirectional else 1)

    def forward(
        self,
        x: Tensor,
        state: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Reads (T, B, D) and returns (y (T, B, H * directions), state); zeros beyond the lengths.

        lengths: (B,) whole numbers 0..T. reset: (T, B) bool, forget all before this step.

        Raises:
            InputError: shapes that do not fit; a state for a layer that reads both ways.
        """
        if x.dim() != 3 or x.shape[2] != self.input_size:
            raise InputError(
                f"x of shape {tuple(x.shape)}", where="x", expected=f"(T, B, {self.input_size})"
            )
        steps, batch = x.shape[:2]
        if lengths is None:
            lengths = torch.full((batch,), steps, device=x.device)
        lengths = checks.whole_lengths(lengths, batch).to(x.device)
        if batch and not 0 <= int(lengths.min()) <= int(lengths.max()) <= steps:
            raise InputError(
                f"lengths from {int(lengths.min())} to {int(lengths.max())}",
                where="lengths",
                expected=f"whole numbers from 0 to {steps}",
            )
        real = torch.arange(steps, device=x.device)[:, None] < lengths  # (T, B)
        x = x.masked_fill(~real[:, :, None], 0.0)
        begun = torch.zeros(steps, batch, dtype=torch.bool, device=x.device)
        if reset is not None:
            begun = torch.as_tensor(reset, device=x.device)
            if begun.dtype != torch.bool or tuple(begun.shape) != (steps, batch):
                raise InputError(
                    f"reset of {begun.dtype} and shape {tuple(begun.shape)}",
                    where="reset",
                    expected=f"bool, {(steps, batch)}",
                )
        past, there = self._begin(x, state)
        whole = torch.cat([past, x])  # (P + T, B, D)
        # Which sequence an element is of: 0 as it was carried in, one more after each reset; below
        # all of them what was never there.
        part = torch.cat([there.long() - 1, begun.long().cumsum(0).masked_fill(~real, -2)])
        y = self._answers(whole, part, steps).masked_fill(~real[:, :, None], 0.0)
        return y, self._end(whole, part, lengths)

    def step(self, x_t: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reads one step (B, D), or (D,), and returns (y_t, state).

        Raises:
            InputError: the layer reads both ways; shapes that do not fit.
        """
        checks.one_way(self, "step")
        if x_t.dim() not in (1, 2) or x_t.shape[-1] != self.input_size:
            raise InputError(
                f"a step of shape {tuple(x_t.shape)}", where="x_t",
                expected=f"(B, {self.input_size}), or ({self.input_size},)",
            )  # fmt: skip
        x = x_t.reshape(1, -1, self.input_size)
        past, there = self._begin(x, state)
        y = self._now(torch.cat([past, x]), there)
        flags = torch.cat([there.to(x), x.new_ones(1, x.shape[1])])
        after = torch.cat([torch.cat([past, x]), flags[:, :, None]], 2)[1:]
        return y.reshape(*x_t.shape[:-1], self.width), after

    def _begin(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The elements carried in (P, B, D), and which of them are there (P, B)."""
        shape = (self.reach, x.shape[1], self.input_size + 1)
        if state is None:
            state = x.new_zeros(shape)
        elif self.bidirectional:
            raise InputError(
                "a state for a layer that reads both ways", where="state", expected="None"
            )
        elif not isinstance(state, Tensor) or tuple(state.shape) != shape:
            raise InputError("a state of another shape", where="state", expected=f"{shape}")
        return state[:, :, :-1], state[:, :, -1] > 0

    def _end(self, whole: Tensor, part: Tensor, lengths: Tensor) -> Tensor:
        """The state after the last real step of each sequence."""
        steps = torch.arange(self.reach, device=whole.device)[:, None] + lengths  # (P, B)
        columns = torch.arange(whole.shape[1], device=whole.device)
        now = part[self.reach + lengths - 1, columns] if len(part) else lengths
        kept = part[steps, columns] == torch.where(lengths > 0, now, 0)
        flagged = torch.cat([whole, whole.new_ones(*whole.shape[:2], 1)], 2)
        return flagged[steps, columns].masked_fill(~kept[:, :, None], 0.0)

    @abstractmethod
    def _answers(self, whole: Tensor, part: Tensor, steps: int) -> Tensor:
        """What is said of the last T = `steps` of whole (P + T, B, D), of the parts (P + T, B)."""

    @abstractmethod
    def _now(self, whole: Tensor, there: Tensor) -> Tensor:
        """What is said of the last of K elements (K, B, D), where those before are `there`."""

    def _ahead(self, values: Tensor, fill: float) -> Tensor:
        """The same with P more behind it, where those are read too."""
        if not self.bidirectional or self.reach == 0:
            return values
        more = values.new_full((self.reach, *values.shape[1:]), fill)
        return torch.cat([values, more])


class Window(_Seeing):
    """A feedforward network over a window: y_t = max(0, W [x_{t-K+1}, ..., x_t] + b).

    Where it reads both ways, over K - 1 elements on each side. Elements that are not there are
    zeros. Bengio et al. (2003) predict words so.

    Args:
        input_size, hidden_size, bidirectional: as the recurrent layers take them.
        window: K, elements read, 1 or more.

    Raises:
        InputError: a size out of range.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bidirectional: bool = False, *, window: int = 8
    ) -> None:
        _whole("window", window, 1)
        super().__init__(input_size, hidden_size, bidirectional, window - 1)
        seen = self.reach * (2 if bidirectional else 1) + 1
        self.linear = nn.Linear(seen * input_size, self.width)

    def _answers(self, whole: Tensor, part: Tensor, steps: int) -> Tensor:
        whole, part = self._ahead(whole, 0.0), self._ahead(part, -2)
        own = part[self.reach : self.reach + steps]
        seen = [
            whole[k : k + steps] * (part[k : k + steps] == own)[:, :, None]
            for k in range(len(whole) - steps + 1)
        ]
        return torch.relu(self.linear(torch.cat(seen, -1)))

    def _now(self, whole: Tensor, there: Tensor) -> Tensor:
        return torch.relu(self.linear(whole.transpose(0, 1).flatten(1)))


class Attending(_Seeing):
    """Self-attention over the last K elements: torch's TransformerEncoderLayer, norm first.

    To the score of an element d steps away each head adds w^T s(d), s(d) being sinusoids of d: what
    is said depends on how far away an element is, and not on where the sequence began (the bias of
    places in Dai et al. 2019; the norm as in Xiong et al. 2020). Where it reads both ways, it
    attends to K - 1 elements on each side.

    Args:
        input_size, hidden_size, bidirectional: as the recurrent layers take them.
        context: K, elements attended to, 1 or more.
        feedforward: units of the layer behind the attention; None: twice the width.

    Raises:
        InputError: a size out of range.
    """

    sinusoids: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bidirectional: bool = False,
        *,
        context: int = 64,
        feedforward: int | None = None,
    ) -> None:
        _whole("context", context, 1)
        super().__init__(input_size, hidden_size, bidirectional, context - 1)
        wide = 2 * self.width if feedforward is None else feedforward
        _whole("feedforward", wide, 1)
        self.heads = math.gcd(self.width, _HEADS)
        self.enter = nn.Linear(input_size, self.width)
        self.encoder = nn.TransformerEncoderLayer(
            self.width, self.heads, wide, dropout=0.0, norm_first=True
        )
        self.away = nn.Linear(_SINUSOIDS, self.heads, bias=False)
        self.register_buffer("sinusoids", _sinusoids(self.reach), persistent=False)

    def _answers(self, whole: Tensor, part: Tensor, steps: int) -> Tensor:
        read, part = self.enter(self._ahead(whole, 0.0)), self._ahead(part, -2)  # (S, B, W)
        sides, piece, reach = len(read) - steps, max(_PIECE, self.reach), self.reach
        said = []
        for k in range(0, steps, piece):
            stop = min(k + piece, steps)
            near, of = read[k : stop + sides], part[k : stop + sides]
            own = of[reach : reach + stop - k]
            said.append(self._attended(near, stop - k, own.T[:, :, None] == of.T[:, None]))
        return torch.cat(said) if said else read[:0]

    def _now(self, whole: Tensor, there: Tensor) -> Tensor:
        seen = torch.cat([there, there.new_ones(1, there.shape[1])])  # (K, B)
        return self._attended(self.enter(whole), 1, seen.T[:, None])[0]

    def _attended(self, read: Tensor, queries: int, seen: Tensor) -> Tensor:
        """The encoder layer, of its own parts in their order, at `queries` elements after P others.

        read: (S, B, W). seen: (B, queries, S), what is of the same sequence.
        """
        layer, first = self.encoder, self.reach
        places = torch.arange(len(read), device=read.device)
        away = places - places[first : first + queries, None]  # (Q, S), below 0 behind
        near = (away >= -first) & (away <= (first if self.bidirectional else 0))
        seen = (near & seen) | (away == 0)  # padding sees itself: no row of the softmax is empty
        bias = self.away(self.sinusoids)[away.clamp(-first, first)]  # (Q, S, heads)
        scores = bias.permute(2, 0, 1).masked_fill(~seen[:, None], -math.inf)  # (B, heads, Q, S)
        normed = layer.norm1(read)
        heard, _ = layer.self_attn(
            normed[first : first + queries], normed, normed,
            attn_mask=scores.flatten(0, 1), need_weights=False,
        )  # fmt: skip
        x = read[first : first + queries] + heard
        y: Tensor = x + layer.linear2(layer.activation(layer.linear1(layer.norm2(x))))
        return y


def _sinusoids(reach: int) -> Tensor:
    """Sines and cosines (2 P + 1, 32) of d = 0, 1, ..., P, -P, ..., -1: by d as an index."""
    turns = torch.logspace(math.log2(reach + 1), 0.0, _SINUSOIDS // 2, 2.0, dtype=torch.float64)
    away = torch.cat([torch.arange(reach + 1), torch.arange(-reach, 0)]).double()
    angle = away[:, None] * turns * (math.pi / (reach + 1))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1).to(torch.get_default_dtype())


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name}={value!r}", where=name, expected=f"a whole number of {least} or more"
        )
