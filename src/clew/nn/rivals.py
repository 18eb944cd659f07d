"""What cells are compared with: layers that see a window of their input, in a layer's signature.

Shapes: T steps, B sequences, D features of the input, H units; K elements of the window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.nn import checks

Make: TypeAlias = Callable[..., nn.Module]
State: TypeAlias = tuple[Tensor, Tensor]

_STANDING_IN: ContextVar[Make | None] = ContextVar("standing_in", default=None)
_PIECE = 64  # steps at least that attend together: beyond these memory would grow as their square
_HEADS = 4


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


class _Seeing(nn.Module):
    """Reads with each element the K - 1 before it, and as many after it where it reads both ways.

    The state is (the last K - 1 elements (K - 1, B, D), zeros where there were none; the number of
    elements read (1, B, 1), a whole number as a float, which wraps round at a multiple of 2 K).
    """

    def __init__(self, input_size: int, hidden_size: int, bidirectional: bool, reach: int) -> None:
        super().__init__()
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
            _whole(name, value, 1)
        _whole("reach", reach, 0)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.bidirectional, self.reach = bidirectional, reach
        self.width = hidden_size * (2 if bidirectional else 1)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, State]:
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
        past, count = self._begin(x, state)
        whole = torch.cat([past, x])  # (P + T, B, D)
        # Which sequence an element is of: 0 as it was carried in, one more after each reset; below
        # all of them what was never there.
        there = torch.arange(self.reach, 0, -1, device=x.device)[:, None] <= count
        part = torch.cat([there.long() - 1, begun.long().cumsum(0)])
        part[self.reach :].masked_fill_(~real, -2)
        y = self._answers(whole, part, self._places(begun, count))
        y = y.masked_fill(~real[:, :, None], 0.0)
        return y, self._end(whole, part, lengths, begun, count)

    def step(self, x_t: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Reads one step (B, D), or (D,), and returns (y_t, state).

        Raises:
            InputError: the layer reads both ways.
        """
        checks.one_way(self, "step")
        if x_t.dim() not in (1, 2) or x_t.shape[-1] != self.input_size:
            raise InputError(
                f"a step of shape {tuple(x_t.shape)}", where="x_t",
                expected=f"(B, {self.input_size}), or ({self.input_size},)",
            )  # fmt: skip
        x = x_t.reshape(1, -1, self.input_size)
        past, count = self._begin(x, state)
        whole = torch.cat([past, x])  # (K, B, D)
        y = self._now(whole, count)
        return y.reshape(*x_t.shape[:-1], self.width), (whole[1:], self._wrapped(count + 1))

    def _begin(self, x: Tensor, state: State | None) -> State:
        batch = x.shape[1]
        shape = (self.reach, batch, self.input_size)
        if state is None:
            return x.new_zeros(shape), x.new_zeros(batch)
        counts = (1, batch, 1)
        if self.bidirectional:
            raise InputError(
                "a state for a layer that reads both ways", where="state", expected="None"
            )
        if [tuple(part.shape) for part in state] != [shape, counts]:
            raise InputError(
                "a state of other shapes", where="state", expected=f"{shape} and {counts}"
            )
        return state[0], state[1].reshape(batch)

    def _places(self, begun: Tensor, count: Tensor) -> Tensor:
        """The number of each step in its sequence, (T, B), as a float."""
        steps = torch.arange(len(begun), device=begun.device)[:, None]
        last = torch.where(begun, steps, -1).cummax(0).values if len(begun) else begun.long()
        return torch.where(last >= 0, (steps - last).to(count), steps + count)

    def _end(
        self, whole: Tensor, part: Tensor, lengths: Tensor, begun: Tensor, count: Tensor
    ) -> State:
        """The state after the last real step of each sequence."""
        steps = torch.arange(self.reach, device=whole.device)[:, None] + lengths  # (P, B)
        columns = torch.arange(whole.shape[1], device=whole.device)
        now = part[self.reach + lengths - 1, columns] if len(part) else part.new_zeros(0)
        now = torch.where(lengths > 0, now, 0)
        kept = part[steps, columns] == now
        past = whole[steps, columns].masked_fill(~kept[:, :, None], 0.0)
        if len(begun):
            last = self._places(begun, count)[(lengths - 1).clamp(min=0), columns] + 1
            count = torch.where(lengths > 0, last, count)
        return past, self._wrapped(count)

    def _wrapped(self, count: Tensor) -> Tensor:
        """The count as it is carried, (1, B, 1): more than K, and as good as any that is more."""
        turn = 2.0 * (self.reach + 1)
        return torch.where(count >= 2 * turn, count % turn + turn, count).reshape(1, -1, 1)

    def _now(self, whole: Tensor, count: Tensor) -> Tensor:
        """What is said of the last of K elements (K, B, D), `count` (B,) of which went before."""
        raise NotImplementedError

    def _answers(self, whole: Tensor, part: Tensor, places: Tensor) -> Tensor:
        """What is said of the last T of whole (P + T, B, D), parts (P + T, B), places (T, B)."""
        raise NotImplementedError

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

    def _answers(self, whole: Tensor, part: Tensor, places: Tensor) -> Tensor:
        steps = len(places)
        whole, part = self._ahead(whole, 0.0), self._ahead(part, -2)
        own = part[self.reach : self.reach + steps]
        seen = [
            whole[k : k + steps] * (part[k : k + steps] == own)[:, :, None]
            for k in range(len(whole) - steps + 1)
        ]
        return torch.relu(self.linear(torch.cat(seen, -1)))

    def _now(self, whole: Tensor, count: Tensor) -> Tensor:
        return torch.relu(self.linear(whole.transpose(0, 1).flatten(1)))


class Attending(_Seeing):
    """Self-attention over the last K elements: torch's TransformerEncoderLayer, norm first.

    The elements, brought to the width by a linear layer, with sinusoids of their places added
    (Vaswani et al. 2017; Xiong et al. 2020 for the norm). The sinusoids go round in 2 K steps,
    so that nothing is read at a place that was never learnt, however long the sequence. Where it
    reads both ways, it attends to K - 1 elements on each side.

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
        self.register_buffer("sinusoids", _sinusoids(self.reach, self.width), persistent=False)

    def _answers(self, whole: Tensor, part: Tensor, places: Tensor) -> Tensor:
        steps, reach = len(places), self.reach
        first = places[:1] if steps else places.new_zeros(1, places.shape[1])
        before = first - torch.arange(reach, 0, -1, device=whole.device)[:, None]
        at = self._ahead(torch.cat([before, places]), 0.0)
        whole, part = self._ahead(whole, 0.0), self._ahead(part, -2)
        read = self.enter(whole) + self._placed(at)  # (P + T (+ P), B, W)
        sides = len(whole) - steps
        piece = max(_PIECE, reach)
        said = [
            self._piece(
                read[k : min(k + piece, steps) + sides], part[k : min(k + piece, steps) + sides]
            )
            for k in range(0, steps, piece)
        ]
        return torch.cat(said) if said else read[:0]

    def _now(self, whole: Tensor, count: Tensor) -> Tensor:
        before = torch.arange(self.reach, -1, -1, device=whole.device)[:, None]  # (K, 1)
        read = self.enter(whole) + self._placed(count - before)
        return self._attended(read, self.reach, (before > count).T[:, None])[0]

    def _piece(self, read: Tensor, part: Tensor) -> Tensor:
        """Attends from all but P elements at the sides: the layer's own parts, in its order."""
        reach = self.reach
        queries = len(read) - reach * (2 if self.bidirectional else 1)
        away = torch.arange(len(read), device=read.device) - torch.arange(
            reach, reach + queries, device=read.device
        ).unsqueeze(1)  # (Q, S)
        near = (away >= -reach) & (away <= (reach if self.bidirectional else 0))
        own = part[reach : reach + queries]
        seen = near & (own.T[:, :, None] == part.T[:, None, :])  # (B, Q, S)
        seen = seen | (away == 0)  # padding sees itself: no row of the softmax is empty
        return self._attended(read, reach, ~seen, queries)

    def _attended(self, read: Tensor, first: int, barred: Tensor, queries: int = 1) -> Tensor:
        """The encoder layer at `queries` elements from `first` on, in the order of its own parts.

        read: (S, B, W). barred: (B, queries, S), what is not attended to.
        """
        layer, x = self.encoder, read[first : first + queries]
        normed = layer.norm1(read)
        heard, _ = layer.self_attn(
            normed[first : first + queries], normed, normed,
            attn_mask=barred.repeat_interleave(self.heads, 0), need_weights=False,
        )  # fmt: skip
        x = x + heard
        y: Tensor = x + layer.linear2(layer.activation(layer.linear1(layer.norm2(x))))
        return y

    def _placed(self, places: Tensor) -> Tensor:
        """The sinusoids (..., W) of places (...), whole numbers."""
        return self.sinusoids[(places % len(self.sinusoids)).long()]


def _sinusoids(reach: int, width: int) -> Tensor:
    """Sines and cosines (2 K, W) of 2 K places: 1 to K turns in all of them."""
    turns = torch.logspace(math.log2(reach + 1), 0.0, (width + 1) // 2, 2.0, dtype=torch.float64)
    places = torch.arange(2 * (reach + 1), dtype=torch.float64)[:, None]
    angle = places * turns.round() * (math.pi / (reach + 1))
    found = torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)[:, :width]
    return found.to(torch.get_default_dtype())


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name}={value!r}", where=name, expected=f"a whole number of {least} or more"
        )
