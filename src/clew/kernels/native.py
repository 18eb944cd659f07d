"""One layer by the native kernels (native/layer.h): any option, both directions, on the CPU.

The kernels read and write the memory of torch's tensors. What they keep for backward, the record,
is what a trace shows. Backward is native too; a backward that is itself recorded
(``create_graph=True``) differentiates the formula instead, so that derivatives of any order are
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from clew.kernels import formula, simd, threads
from clew.kernels.cells import GATES
from clew.kernels.derivatives import by_formula, wants_formula
from clew.kernels.schedule import Sequences
from clew.kernels.settings import Cell, Masks, Mode, State, Weights
from clew.kernels.transforms import autocast

_MODES: dict[Mode, int] = {"RNN_TANH": 0, "RNN_RELU": 1, "GRU": 2, "LSTM": 3}
_ROWS: dict[Mode, int] = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}  # of H, in W
_SLOTS: dict[Mode, int] = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 4, "LSTM": 5}  # in a record
_NORM_SLOTS: dict[Mode, int] = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 5}  # more of them
TYPES = (torch.float32, torch.float64)
KINDS = (Tensor, torch.nn.Parameter, torch.nn.Buffer)  # others may have no memory of their own

_ALIGNMENT = 64  # bytes, of a record
_LARGE = 1 << 21  # bytes from which on its memory is used again by the next one
_WIDEST = 128  # bytes that the units of a record are rounded up to at most


def can(cell: Cell, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether there are kernels for a cell with weights of this type, there."""
    return device.type == "cpu" and dtype in TYPES


def fits(cell: Cell, x: Tensor, state: State | None, weights: Sequence[Weights]) -> bool:
    """Whether the kernels can read these very tensors: all of one type, with memory of their own.

    Under autocast input and state may have another type; they get that of the weights.
    """
    w_ih = weights[0].w_ih
    dtype = w_ih.dtype
    if not can(cell, w_ih.device, dtype):
        return False
    cast = autocast("cpu")
    for part in (x, *(state or ())):
        if not _readable(part) or (part.dtype != dtype and not cast):
            return False
    return all(
        _readable(part) and part.dtype == dtype for w in weights for part in w if part is not None
    )


def _readable(tensor: Tensor) -> bool:
    return type(tensor) in KINDS and tensor.is_cpu and tensor.layout is torch.strided


def layer(
    cell: Cell,
    x: Tensor,
    state: State | None,
    weights: Sequence[Weights],
    sequences: Sequences,
    masks: Sequence[Masks] | None,
    traces: list[dict[str, Tensor]] | None = None,
) -> tuple[Tensor, State]:
    """Runs one layer over (T, B, D) of tensors that fit; arguments as of ``formula.layer``.

    ``state`` may be None for zeros.
    """
    dtype = weights[0].w_ih.dtype
    x = in_memory(x.to(dtype))
    given = () if state is None else tuple(in_memory(part.to(dtype)) for part in state)
    flat, fields = flatten(weights)
    reading = Reading(cell, x, flat[1], fields, sequences, masks)
    reading.traced = traces is not None
    tensors = (x, *given, *map(in_memory, flat))
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        outputs = _Differentiable.apply(reading, *tensors)  # type: ignore[no-untyped-call]
    else:
        record = reading.record(x) if reading.traced else None
        outputs = reading.forward(tensors, record)
        if record is not None:
            outputs += reading.gates(tensors, record)
    y, final = outputs[0], outputs[1 : 1 + cell.states]
    if traces is not None:
        traces += reading.named(y, outputs[1 + cell.states :])
    if autocast("cpu"):
        return _as_torch_casts(cell, masks, y, final)
    return y, final


def in_memory(tensor: Tensor) -> Tensor:
    """The tensor such that its memory is what it says: without gaps, and no view of minus itself.

    The imaginary part of a conjugate is such a view.
    """
    tensor = tensor.contiguous()
    return tensor.resolve_neg() if tensor.is_neg() else tensor


def plain(cell: Cell, masks: Sequence[Masks] | None) -> bool:
    """Whether a layer computes just what torch's own computes."""
    quiet = masks is None or all(part is None for mask in masks for part in mask)
    return not cell.layer_norm and cell.zoneout == (0.0, 0.0) and quiet


def _as_torch_casts(
    cell: Cell, masks: Sequence[Masks] | None, y: Tensor, final: State
) -> tuple[Tensor, State]:
    """The types that torch's own layer answers in under autocast; inside it is the weights' own."""
    if y.dtype != torch.float32 or cell.mode == "GRU" or not plain(cell, masks):
        return y, final
    dtype = torch.get_autocast_dtype("cpu")
    projected = cell.states == 2 and final[0].shape[2] != final[1].shape[2]
    h, rest = final[0].to(dtype), final[1:]
    return y.to(dtype), (h, *(c if projected else c.to(dtype) for c in rest))


def flatten(weights: Sequence[Weights]) -> tuple[list[Tensor], tuple[bool, ...]]:
    """The tensors of all directions one after the other, and which fields of each are there."""
    fields = tuple(part is not None for part in weights[0])
    return [part for w in weights for part in w if part is not None], fields


def record_bound(cell: Cell, hidden: int, itemsize: int) -> int:
    """Values of a record for each step of a sequence, at most, whatever the processor."""
    whole = _WIDEST // itemsize
    slots = _SLOTS[cell.mode] + (_NORM_SLOTS[cell.mode] if cell.layer_norm else 0)
    gaps = (3 if cell.layer_norm else 1) * whole  # between rows, where a record has them
    return cell.directions * (slots * (-(-hidden // whole) * whole) + gaps)


class Reading:
    """One layer with the sequences of one call, for the tensors (x, *state, *weights).

    Weights come flat, those of one direction after those of the other; all are contiguous. Where
    ``traced`` is set what is returned goes on with every gate.
    """

    traced = False

    def __init__(
        self,
        cell: Cell,
        x: Tensor,
        w_hh: Tensor,
        fields: tuple[bool, ...],
        sequences: Sequences,
        masks: Sequence[Masks] | None,
    ) -> None:
        steps, batch, width = x.shape
        hidden, shown = hidden_size(cell, w_hh), w_hh.shape[1]
        directions = cell.directions
        self.cell, self.sequences, self.masks = cell, sequences, masks
        self.fields = fields
        self.count = sum(fields) * directions  # tensors of weights
        self.shapes = (steps, batch, shown, hidden)
        # Kept as long as their addresses are.
        self._noise: list[Tensor | None] = [
            None if part is None else part.contiguous() for mask in masks or () for part in mask
        ]
        self._noise_at = _addresses(self._noise) or [0] * (3 * directions)
        self._call = simd.checked(
            simd.native().Layer,
            x.dtype == torch.float64,
            _MODES[cell.mode],
            width,
            hidden,
            shown,
            directions,
            cell.layer_norm,
            *cell.zoneout,
            sequences.native,
        )

    def record_size(self) -> int:
        """Values of T that backward needs kept."""
        return int(self._call.record_size())

    def record(self, like: Tensor) -> Tensor:
        """Room for what backward needs."""
        size = self.record_size()
        if size * like.element_size() < _LARGE:
            return like.new_empty(size)
        return cast(Tensor, self._call.record())

    def forward(self, tensors: Sequence[Tensor], record: Tensor | None) -> tuple[Tensor, ...]:
        """(y, *final state); what backward needs goes into ``record``."""
        x, h_0, c_0, weights = self._parts(tensors)
        steps, batch, shown, hidden = self.shapes
        n = self.cell.directions
        y = x.new_empty((steps, batch, n * shown))
        h_n = x.new_empty((n, batch, shown))
        c_n = x.new_empty((n, batch, hidden)) if self.cell.states == 2 else None
        self._call.forward(
            x.data_ptr(),
            h_0,
            c_0,
            weights,
            self._noise_at,
            y.data_ptr(),
            h_n.data_ptr(),
            0 if c_n is None else c_n.data_ptr(),
            0 if record is None else record.data_ptr(),
            threads.count(),
        )
        return (y, h_n) if c_n is None else (y, h_n, c_n)

    def backward(
        self,
        tensors: Sequence[Tensor],
        y: Tensor,
        record: Tensor,
        grads: Sequence[Tensor | None],
        needed: Sequence[bool],
    ) -> list[Tensor | None]:
        """The gradients of ``tensors`` where needed. The record is of no use afterwards."""
        x, h_0, c_0, weights = self._parts(tensors)
        if record.data_ptr() % _ALIGNMENT:  # given back by who kept it elsewhere meanwhile
            record = record.clone()
        states = len(tensors) - self.count - 1
        pulls = [None if grad is None else in_memory(grad) for grad in grads]
        pulls += [None] * (3 - len(pulls))
        # The kernels make those of all weights together.
        found: list[Tensor | None] = [
            torch.empty_like(tensor) if k > states or needed[k] else None
            for k, tensor in enumerate(tensors)
        ]
        of_state = [*found[1 : 1 + states], None, None]
        self._call.backward(
            x.data_ptr(),
            h_0,
            c_0,
            weights,
            self._noise_at,
            y.data_ptr(),
            record.data_ptr(),
            *_addresses(pulls),
            *_addresses([found[0], *of_state[:2]]),
            self._placed(found[1 + states :]),
            threads.count(),
        )
        return [grad if need else None for grad, need in zip(found, needed, strict=True)]

    def gates(self, tensors: Sequence[Tensor], record: Tensor) -> tuple[Tensor, ...]:
        """For each direction in turn what ``GATES`` names and, of an LSTM, c: each (T, B, H)."""
        steps, batch, _, hidden = self.shapes
        count = len(self._names()) * self.cell.directions
        out = [record.new_empty((steps, batch, hidden)) for _ in range(count)]
        self._call.trace(self._parts(tensors)[3], record.data_ptr(), _addresses(out))
        return tuple(out)

    def named(self, y: Tensor, gates: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """One dict a direction of what a trace shows."""
        names = self._names()
        shown = y.shape[2] // self.cell.directions
        return [
            {
                **dict(zip(names, gates[d * len(names) : (d + 1) * len(names)], strict=True)),
                "h": y[:, :, d * shown : (d + 1) * shown],
            }
            for d in range(self.cell.directions)
        ]

    def exact(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The same by the formula."""
        count = len(tensors) - self.count
        x, state, rest = tensors[0], tensors[1:count], iter(tensors[count:])
        weights = [
            Weights(*(next(rest) if there else None for there in self.fields))  # type: ignore[arg-type]
            for _ in range(self.cell.directions)
        ]
        if not state:
            state = zeros(self.cell, weights, x)
        traces: list[dict[str, Tensor]] | None = [] if self.traced else None
        schedule = self.sequences.schedule(x.device)
        y, final = formula.layer(self.cell, x, state, weights, schedule, self.masks, traces)
        names = self._names()
        return y, *final, *(gates[name] for gates in traces or () for name in names)

    def _names(self) -> tuple[str, ...]:
        names = GATES[self.cell.mode]
        return (*names, "c") if self.cell.states == 2 else names

    def _parts(self, tensors: Sequence[Tensor]) -> tuple[Tensor, int, int, list[int]]:
        """x, and the addresses of h_0, of c_0 and of the weights."""
        count = len(tensors) - self.count
        state = [part.data_ptr() for part in tensors[1:count]] + [0, 0]
        return tensors[0], state[0], state[1], self._placed(tensors[count:])

    def _placed(self, flat: Sequence[Tensor | None]) -> list[int]:
        """The address of each field of each direction, 0 for those that are not there."""
        rest = iter(flat)
        every = self.fields * self.cell.directions
        return _addresses([next(rest) if there else None for there in every])


def _addresses(tensors: Sequence[Tensor | None]) -> list[int]:
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]


def hidden_size(cell: Cell, w_hh: Tensor) -> int:
    """H of a layer with this W_hh."""
    return w_hh.shape[0] // _ROWS[cell.mode]


def zeros(cell: Cell, weights: Sequence[Weights], like: Tensor, layers: int = 1) -> State:
    """The state of sequences (T, B, D) that have read nothing, of so many layers."""
    w_hh = weights[0].w_hh
    widths = [w_hh.shape[1], hidden_size(cell, w_hh)][: cell.states]
    rows = layers * cell.directions
    return tuple(like.new_zeros((rows, like.shape[1], width)) for width in widths)


class _Differentiable(torch.autograd.Function):
    """A reading whose outputs know where they came from."""

    @staticmethod
    def forward(ctx: Any, reading: Reading, *tensors: Tensor) -> tuple[Tensor, ...]:
        record = reading.record(tensors[0])
        outputs = reading.forward(tensors, record)
        ctx.set_materialize_grads(False)
        ctx.reading = reading
        if reading.traced:  # differentiated by the formula
            ctx.save_for_backward(*tensors)
            return outputs + reading.gates(tensors, record)
        ctx.save_for_backward(*tensors, outputs[0], record)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        reading, needed = ctx.reading, ctx.needs_input_grad[1:]
        saved = ctx.saved_tensors  # raises torch's own error after the graph was freed
        tensors = saved[: len(needed)]
        if reading.traced or wants_formula(grads):
            return None, *by_formula(reading.exact, tensors, needed, grads)
        y, record = saved[len(needed) :]
        if torch._C._autograd._get_current_graph_task_keep_graph():
            record = record.clone()
        return None, *reading.backward(tensors, y, record, grads, needed)
