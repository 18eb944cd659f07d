"""What the recurrent layers refuse; where torch has an error for it, type and text are torch's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clew.errors import InputError
from clew.kernels.transforms import autocast

if TYPE_CHECKING:
    from clew.nn.base import Recurrent

State = tuple[Tensor, ...]


def no_projection(proj_size: None) -> None:
    """Only the LSTM has projections."""
    if proj_size is not None:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


def options(
    mode: str,
    bias: bool,
    layer_norm: object,
    recurrent_dropout: object,
    zoneout: object,
    init: object,
    t_max: object,
) -> None:
    """The keyword-only arguments of a constructor."""
    if not isinstance(layer_norm, bool):
        raise TypeError(f"layer_norm should be of type bool, got: {type(layer_norm).__name__}")
    chance("recurrent_dropout", recurrent_dropout)
    if isinstance(zoneout, tuple):
        if mode != "LSTM" or len(zoneout) != 2:
            raise InputError(
                f"zoneout={zoneout!r}",
                where="zoneout",
                expected="a number, or for the LSTM a pair (z_h, z_c)",
            )
        for z in zoneout:
            chance("zoneout", z)
    else:
        chance("zoneout", zoneout)
    if init not in ("torch", "orthogonal", "chrono"):
        raise InputError(
            f"init={init!r}", where="init", expected="'torch', 'orthogonal' or 'chrono'"
        )
    if init == "chrono":
        chrono(mode, bias, t_max)
    elif t_max is not None:
        raise InputError(
            f"t_max={t_max!r} with init={init!r}",
            where="t_max",
            expected="t_max with init='chrono' only",
        )


def chance(name: str, value: object) -> None:
    """A probability below 1."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < 1:  # type: ignore[operator]
        raise InputError(f"{name}={value!r}", where=name, expected="a number in [0, 1)")


def chrono(mode: str, bias: bool, t_max: object) -> None:
    """Chrono initialisation needs gates, biases and a longest dependency."""
    if mode not in ("LSTM", "GRU"):
        raise InputError(
            "chrono initialisation of an RNN, which has no gates",
            where="init",
            expected="an LSTM or a GRU",
            hint="init='orthogonal'",
        )
    if not bias:
        raise InputError("chrono initialisation of a layer without biases", where="bias")
    number = isinstance(t_max, int | float) and not isinstance(t_max, bool)
    if not number or not (2 < t_max < math.inf):  # type: ignore[operator]
        raise InputError(
            f"t_max={t_max!r}",
            where="t_max",
            expected="the longest dependency in steps, greater than 2",
        )


def one_way(layer: Any, what: str) -> None:
    """A bidirectional layer cannot be stepped."""
    if layer.bidirectional:
        raise InputError(
            f"{what} of a bidirectional layer: what it says of one step depends on all later steps",
            where="bidirectional",
            expected="a layer with bidirectional=False",
            hint="read whole sequences with forward",
        )


def forward(layer: Recurrent, x: Tensor, hx: Any) -> State | None:
    """Input and initial state of a call; returns the state as a tuple."""
    name = layer.mode.split("_")[0]
    if x.dim() not in (2, 3):
        raise ValueError(f"{name}: Expected input to be 2D or 3D, got {x.dim()}D instead")
    batched = x.dim() == 3
    state = as_tuple(layer, hx)
    if state is not None:
        dims = [part.dim() for part in state]
        want = 3 if batched else 2
        if any(dim != want for dim in dims):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            got = ", ".join(f"{dim}-D" for dim in dims)
            what = "hx" if len(dims) == 1 else "hx and cx"
            raise RuntimeError(
                f"For {kind} input, {what} should also be {want}-D but got ({got}) tensors"
            )
    features(layer, x)
    if state is not None:
        batch = () if not batched else (x.shape[0 if layer.batch_first else 1],)
        state_shapes(layer, state, batch)
    return state


def packed(layer: Recurrent, data: Tensor, batch: int, hx: Any) -> State | None:
    """Data (N, D) and initial state of a call with a PackedSequence."""
    if data.dim() != 2:
        raise RuntimeError(f"input must have 2 dimensions, got {data.dim()}")
    features(layer, data)
    state = as_tuple(layer, hx)
    if state is not None:
        state_shapes(layer, state, (batch,))
    return state


def as_tuple(layer: Recurrent, hx: Any) -> State | None:
    """The state as a tuple of tensors."""
    if hx is None:
        return None
    if layer.mode != "LSTM":
        if not isinstance(hx, Tensor):
            raise TypeError(f"hx should be a tensor (h), got: {type(hx).__name__}")
        return (hx,)
    if len(hx) != 2:
        raise RuntimeError(f"hx should be a pair (h, c), got {len(hx)} parts")
    return (hx[0], hx[1])


def features(layer: Recurrent, x: Tensor) -> None:
    """Type and last dimension of the input."""
    dtype = layer.weight_ih_l0.dtype
    if x.dtype != dtype and not autocast(x.device.type):
        raise ValueError(
            f"RNN input dtype ({x.dtype}) does not match weight dtype ({dtype}). "
            f"Convert input: input.to({dtype}), or convert model: model.to({x.dtype})"
        )
    if x.size(-1) != layer.input_size:
        raise RuntimeError(
            "input.size(-1) must be equal to input_size. "
            f"Expected {layer.input_size}, got {x.size(-1)}"
        )


def state_shapes(layer: Recurrent, state: State, batch: tuple[int, ...]) -> None:
    """Shapes of the initial state."""
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = (layer.proj_size or layer.hidden_size, layer.hidden_size)
    for k, (part, width) in enumerate(zip(state, widths, strict=False)):
        want = (rows, *batch, width)
        if tuple(part.shape) != want:
            which = f"hidden[{k}]" if len(state) == 2 else "hidden"
            raise RuntimeError(f"Expected {which} size {want}, got {list(part.shape)}")


def lengths_and_reset(
    layer: Recurrent, x: Tensor, lengths: Tensor | None, reset: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """lengths as (B,) and reset as (T, B), whatever the layout of the input."""
    swapped = layer.batch_first and x.dim() == 3
    steps = x.shape[1 if swapped else 0]
    batch = 1 if x.dim() == 2 else x.shape[0 if swapped else 1]
    if steps == 0 and lengths is None:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if lengths is not None:
        lengths = whole_lengths(lengths, batch, alone=x.dim() == 2)
    if reset is not None:
        reset = torch.as_tensor(reset)
        if reset.dtype != torch.bool:
            raise InputError(f"reset of {reset.dtype}", where="reset", expected="bool")
        want = tuple(x.shape[:-1])
        if tuple(reset.shape) != want:
            raise InputError(
                f"reset of shape {tuple(reset.shape)}",
                where="reset",
                expected=f"the layout of the input, {want}",
            )
        if x.dim() == 2:
            reset = reset.unsqueeze(1)
        elif swapped:
            reset = reset.transpose(0, 1)
    return lengths, reset


def whole_lengths(lengths: Tensor, batch: int, *, alone: bool = False) -> Tensor:
    """lengths as (B,) whole numbers; of a sequence ``alone`` also one number."""
    lengths = torch.as_tensor(lengths)
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise InputError(f"lengths of {lengths.dtype}", where="lengths", expected="whole numbers")
    if alone and lengths.dim() == 0:
        lengths = lengths.unsqueeze(0)
    if lengths.dim() != 1 or lengths.shape[0] != batch:
        raise InputError(
            f"lengths of shape {tuple(lengths.shape)}",
            where="lengths",
            expected=f"shape ({batch},)",
        )
    return lengths
