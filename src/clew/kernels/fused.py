"""torch's fused layers (oneDNN and cuDNN where torch has them), for layers without options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from clew.kernels import formula
from clew.kernels.derivatives import Run, by_formula, gradients, spread, wants_formula
from clew.kernels.schedule import Schedule, plan
from clew.kernels.settings import Cell, State, Weights
from clew.kernels.transforms import traced

_FUSED: dict[str, Run] = {
    "LSTM": torch._VF.lstm,
    "GRU": torch._VF.gru,
    "RNN_TANH": torch._VF.rnn_tanh,
    "RNN_RELU": torch._VF.rnn_relu,
}


def layer(cell: Cell, x: Tensor, state: State, weights: Sequence[Weights]) -> tuple[Tensor, State]:
    """One layer over (T, B, D), every step real."""
    return layers(cell, x, state, [weights], 0.0)


def layers(
    cell: Cell,
    x: Tensor,
    state: State,
    weights: Sequence[Sequence[Weights]],
    dropout: float,
) -> tuple[Tensor, State]:
    """Layers one above the other over (T, B, D) in one call, which is how cuDNN wants them."""
    flat, fields = _flatten([w for own in weights for w in own])
    count, directions = len(state), cell.directions

    def fast(*tensors: Tensor) -> tuple[Tensor, ...]:
        return _call(cell, tensors, count, layers=len(weights), dropout=dropout)

    def exact(*tensors: Tensor) -> tuple[Tensor, ...]:
        if dropout > 0 and len(weights) > 1:
            raise RuntimeError(
                "second derivatives through cuDNN's dropout, whose masks cannot be read: "
                "use dropout=0, or one layer after the other with torch.nn.Dropout between them"
            )
        y, whole = tensors[0], _unflatten(tensors[1 + count :], fields)
        finals = []
        for k in range(0, len(whole), directions):
            own = tuple(part[k : k + directions] for part in tensors[1 : 1 + count])
            y, final = formula.layer(cell, y, own, whole[k : k + directions], Schedule())
            finals.append(final)
        return y, *(torch.cat(parts) for parts in zip(*finals, strict=True))

    # oneDNN knows the LSTM in single precision; everything else on a CPU torch builds of operations
    # that can be differentiated again.
    once = x.is_cuda or (cell.mode == "LSTM" and x.dtype != torch.float64)
    y, *final = _differentiable(once, fast, exact, (x, *state, *flat))
    return y, tuple(final)


def packed_layer(
    cell: Cell, x: Tensor, state: State, weights: Sequence[Weights], lengths: Tensor
) -> tuple[Tensor, State]:
    """One layer over (T, B, D) with lengths, through torch's packed sequences.

    Empty sequences, which torch refuses, are left out and keep their state.
    """
    lengths = lengths.cpu()
    real = lengths.nonzero().squeeze(1)
    if len(real) < len(lengths) or len(real) == 0:
        lengths = lengths[real]
        real = real.to(x.device)
        y = x.new_zeros((*x.shape[:2], cell.directions * state[0].shape[-1]))
        if len(real) == 0:
            return y, state
        inner = tuple(part.index_select(1, real) for part in state)
        y_real, final = packed_layer(cell, x.index_select(1, real), inner, weights, lengths)
        whole = tuple(part.index_copy(1, real, new) for part, new in zip(state, final, strict=True))
        return y.index_copy(1, real, y_real), whole
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None
    assert back is not None
    state = tuple(part.index_select(1, order) for part in state)
    data, final = on_packed(cell, packed.data, packed.batch_sizes, state, weights)
    final = tuple(part.index_select(1, back) for part in final)
    y_packed = PackedSequence(data, packed.batch_sizes, order, back)
    y, _ = pad_packed_sequence(y_packed, total_length=x.shape[0])
    return y, final


def on_packed(
    cell: Cell, data: Tensor, batch_sizes: Tensor, state: State, weights: Sequence[Weights]
) -> tuple[Tensor, State]:
    """One layer over the data (N, D) of a PackedSequence, the state in the order of the packing."""
    flat, fields = _flatten(weights)
    count = len(state)

    def fast(*tensors: Tensor) -> tuple[Tensor, ...]:
        return _call(cell, tensors, count, batch_sizes=batch_sizes)

    def exact(*tensors: Tensor) -> tuple[Tensor, ...]:
        x, lengths = pad_packed_sequence(PackedSequence(tensors[0], batch_sizes))
        schedule = plan(len(x), lengths, None, x.device, look=True)
        whole = _unflatten(tensors[1 + count :], fields)
        y, final = formula.layer(cell, x, tensors[1 : 1 + count], whole, schedule)
        return pack_padded_sequence(y, lengths).data, *final

    y, *final = _differentiable(data.is_cuda, fast, exact, (data, *state, *flat))
    return y, tuple(final)


def _call(
    cell: Cell,
    tensors: Sequence[Tensor],
    count: int,
    *,
    batch_sizes: Tensor | None = None,
    layers: int = 1,
    dropout: float = 0.0,
) -> tuple[Tensor, ...]:
    """torch's own entry point with (x, *state, *weights).

    It is told that it trains whenever gradients may be wanted, now or of a traced graph, because
    oneDNN and cuDNN keep what backward needs only then; dropout is a number of its own here and
    does not depend on it.
    """
    x, state, flat = tensors[0], tuple(tensors[1 : 1 + count]), list(tensors[1 + count :])
    biased = len(flat) // (layers * cell.directions) >= 4
    train = torch.is_grad_enabled() or traced() or dropout > 0
    hx = state if count == 2 else state[0]
    head = (x, hx) if batch_sizes is None else (x, batch_sizes, hx)
    tail = (False,) if batch_sizes is None else ()  # batch_first
    outputs: tuple[Tensor, ...] = _FUSED[cell.mode](
        *head, flat, biased, layers, dropout, train, cell.bidirectional, *tail
    )
    return outputs


def _flatten(weights: Sequence[Weights]) -> tuple[list[Tensor], list[tuple[bool, ...]]]:
    """The tensors of the weights in torch's order, and which fields of each are there."""
    flat = [part for w in weights for part in w if part is not None]
    return flat, [tuple(part is not None for part in w) for w in weights]


def _unflatten(flat: Sequence[Tensor], sizes: Sequence[tuple[bool, ...]]) -> list[Weights]:
    rest = iter(flat)
    return [Weights(*(next(rest) if there else None for there in fields)) for fields in sizes]  # type: ignore[arg-type]


def _differentiable(
    once: bool, fast: Run, exact: Run, tensors: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """``fast``, and where it can be differentiated only once, with ``exact`` behind it."""
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    if not wanted or not once or traced():  # a traced graph knows torch's own only
        return fast(*tensors)
    outputs: tuple[Tensor, ...] = _FastThenExact.apply(  # type: ignore[no-untyped-call]
        fast, exact, *tensors
    )
    return outputs


class _FastThenExact(torch.autograd.Function):
    """A function with a fast kernel that can be differentiated once, and an exact formula for more.

    oneDNN's LSTM and cuDNN have a backward that cannot itself be differentiated. So the graph of
    the fast kernel is kept inside, and where the backward is being recorded (``create_graph=True``)
    the formula is run and differentiated in its place.
    """

    @staticmethod
    def forward(ctx: Any, fast: Run, exact: Run, *tensors: Tensor) -> tuple[Tensor, ...]:
        needed = ctx.needs_input_grad[2:]
        with torch.enable_grad():
            inner = [t.detach().requires_grad_(n) for t, n in zip(tensors, needed, strict=True)]
            outputs = fast(*inner)
        ctx.set_materialize_grads(False)
        ctx.exact = exact
        ctx.inner = ([t for t, n in zip(inner, needed, strict=True) if n], outputs)
        ctx.save_for_backward(*tensors)
        return tuple(output.detach() for output in outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors  # raises torch's own error after the graph was freed
        needed = ctx.needs_input_grad[2:]
        if wants_formula(grads):
            return None, None, *by_formula(ctx.exact, tensors, needed, grads)
        sources, outputs = ctx.inner
        keep = torch._C._autograd._get_current_graph_task_keep_graph()
        found = gradients(outputs, sources, grads, retain_graph=keep)
        if not keep:
            ctx.inner = None
        return None, None, *spread(found, needed)
