"""Networks that are read one step at a time: layers with what is below and above them, natively.

The state stays in native memory, the weights are packed once. What a stream says has the bits of
the whole sequence read by the layers, because both are made by the same kernels in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from clew.kernels import simd, threads
from clew.kernels.native import in_memory
from clew.kernels.settings import Cell, Mode, Weights

Array = np.ndarray[Any, Any]
Pool = Literal["last", "max", "mean"]
Ending = Literal["scores", "log_probabilities", "probabilities"]

_MODES: dict[Mode, int] = {"RNN_TANH": 0, "RNN_RELU": 1, "GRU": 2, "LSTM": 3}
_POOLS: dict[Pool, int] = {"last": 0, "max": 1, "mean": 2}
_ENDINGS: dict[Ending, int] = {"scores": 0, "log_probabilities": 1, "probabilities": 2}
_FIELDS = 9  # of native Parameters


class Storey(NamedTuple):
    """One layer of a network, read forward; with ``residual`` it adds its input to its output."""

    cell: Cell
    weights: Weights
    residual: bool


class Head(NamedTuple):
    """Scores of what the last layer says: weight (O, P), bias (O,), and what is made of them."""

    weight: Tensor
    bias: Tensor | None
    ending: Ending


def can(storeys: Sequence[Storey]) -> bool:
    """Whether the kernels can read these: on the CPU, all of float32 or all of float64."""
    parts = [part for storey in storeys for part in storey.weights if part is not None]
    dtype = parts[0].dtype
    return dtype in (torch.float32, torch.float64) and all(
        part.device.type == "cpu" and part.dtype == dtype for part in parts
    )


class Running:
    """The native memory of a stream of ``batch`` sequences.

    ``push(x, moves)`` is the native call itself: x is (B, D), or (D,) where B is 1, of float32 or
    float64, ``moves`` None or (B,) bool; it gives a new array, or None and does nothing where x is
    of another sort or not finite. With a ``table`` (ids, D) x are ids: int64 (B,), or one int.
    ``half`` keeps weights as bfloat16. ``pool``: what the head is given.
    """

    def __init__(
        self,
        storeys: Sequence[Storey],
        batch: int,
        *,
        half: bool = False,
        table: Tensor | None = None,
        pool: Pool = "last",
        head: Head | None = None,
    ) -> None:
        kept: list[Tensor] = []  # until all is packed

        def address(part: Tensor | None) -> int:
            if part is None:
                return 0
            kept.append(in_memory(part.detach()))
            return kept[-1].data_ptr()

        floors, self.widths = [], []
        for cell, weights, residual in storeys:
            w_ih, w_hh, w_hr = weights.w_ih, weights.w_hh, weights.w_hr
            hidden = w_ih.shape[0] // {"LSTM": 4, "GRU": 3}.get(cell.mode, 1)
            shown = hidden if w_hr is None else w_hr.shape[0]
            addresses = [address(part) for part in weights]
            addresses += [0] * (_FIELDS - len(addresses))
            floors.append(
                (_MODES[cell.mode], w_ih.shape[1], hidden, w_hh.shape[1], *cell.zoneout,
                 residual, addresses)
            )  # fmt: skip
            self.widths.append((shown, hidden) if cell.mode == "LSTM" else (shown,))
        double = storeys[0].weights.w_ih.dtype == torch.float64
        self.dtype = np.dtype(np.float64 if double else np.float32)
        self.batch = batch
        self.pools = pool != "last"
        self.ids = 0 if table is None else len(table)
        make = simd.native().Stream64 if double else simd.native().Stream32
        self._native = simd.checked(
            make, floors, batch, half, address(table), self.ids, _POOLS[pool],
            address(None if head is None else head.weight),
            address(None if head is None else head.bias),
            0 if head is None else len(head.weight),
            0 if head is None else _ENDINGS[head.ending], threads.count(),
        )  # fmt: skip
        self.push = self._native.push

    def states(self) -> list[tuple[Array, ...]]:
        """Of each layer h (B, P), and c (B, H) of an LSTM: copies."""
        found = [
            tuple(np.empty((self.batch, width), self.dtype) for width in widths)
            for widths in self.widths
        ]
        self._exchange(found, False)
        return found

    def set_states(self, states: Sequence[tuple[Array, ...]]) -> None:
        """Takes what ``states`` gave, of these very shapes; the arrays are copied."""
        self._exchange(
            [tuple(np.ascontiguousarray(part, self.dtype) for part in parts) for parts in states],
            True,
        )

    def pooled(self) -> tuple[Array, Array]:
        """What was pooled so far (B, P), the largest or the sum, and of how many steps (B,)."""
        values = np.empty((self.batch, self.widths[-1][0]), self.dtype)
        steps = np.empty(self.batch, np.int64)
        self._native.pooled(values.ctypes.data, steps.ctypes.data, False)
        return values, steps

    def set_pooled(self, values: Array, steps: Array) -> None:
        """Takes what ``pooled`` gave; the arrays are copied."""
        values = np.ascontiguousarray(values, self.dtype)
        steps = np.ascontiguousarray(steps, np.int64)
        self._native.pooled(values.ctypes.data, steps.ctypes.data, True)

    def reset(self, mask: Array | None = None) -> None:
        """Forgets everything, or what those of a (B,) bool mask carry."""
        self._native.reset(mask)

    def _exchange(self, states: Sequence[tuple[Array, ...]], store: bool) -> None:
        for k, parts in enumerate(states):
            at = [part.ctypes.data for part in parts]
            self._native.states(k, at[0], at[1] if len(at) > 1 else 0, store)
