"""What happened inside a layer: every gate and every state of every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Values = tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class RNNTrace:
    """Every state of an RNN.

    Each field but ``output`` and ``state`` is a tuple with one (T, B, H) tensor a layer and
    direction, in the order of torch's states: ``h[k * directions + d]``. Time comes first whatever
    the layout of the input; for unbatched input they are (T, H). Beyond a length they are zeros.
    ``output`` and ``state`` are what ``forward`` returns. All of it can be differentiated.
    """

    h: Values
    output: Tensor
    state: Tensor


@dataclass(frozen=True, eq=False)
class LSTMTrace:
    """Input, forget, candidate and output gates, cell and output of an LSTM; as ``RNNTrace``.

    c and h are what is carried to the next step, after zoneout; h is (T, B, P) with projections.
    """

    i: Values
    f: Values
    g: Values
    o: Values
    c: Values
    h: Values
    output: Tensor
    state: tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class GRUTrace:
    """Reset and update gates, candidate and output of a GRU; laid out as ``RNNTrace``."""

    r: Values
    z: Values
    n: Values
    h: Values
    output: Tensor
    state: Tensor


Trace = RNNTrace | LSTMTrace | GRUTrace


def make_trace(mode: str, traces: Sequence[dict[str, Tensor]], output: Tensor, state: Any) -> Trace:
    """The trace of a layer from what the kernel collected, one dict a layer and direction."""
    kind: Any = {"LSTM": LSTMTrace, "GRU": GRUTrace}.get(mode, RNNTrace)
    values = {name: tuple(gates[name] for gates in traces) for name in traces[0]}
    trace: Trace = kind(**values, output=output, state=state)
    return trace
