"""A network opened: each direction of each of its layers as a module of its own that reads one way.

Shapes: T steps, B sequences, D features that a layer reads, H that it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory._carried import held
from clew.memory.subject import Subject
from clew.nn import GRU, LSTM, RNN, Stack, Trace
from clew.nn.base import Recurrent
from clew.nn.checks import whole_lengths

Kind = Literal["LSTM", "GRU", "RNN", ""]

_KINDS: dict[str, Kind] = {"LSTM": "LSTM", "GRU": "GRU", "RNN_TANH": "RNN", "RNN_RELU": "RNN"}
# What these define is known; a subclass that reads in another way is foreign.
_FORWARDS = (Recurrent.forward, nn.LSTM.forward, nn.GRU.forward, nn.RNN.forward)


@dataclass(frozen=True, eq=False)
class Inside:
    """One direction of one layer: what it is, what it read, what it said.

    name: "layer 1", "layer 2 backwards", or "network" for a module that cannot be opened.
    number: of the layer, from 1 at the bottom. kind: "" where it cannot be opened. module: reads
    (x (T, B, D), state or None) and returns (y (T, B, H), state); its parameters are those of the
    network, its state its own. x, y: (T, B, D) and (T, B, H), what it read and said, in the order
    in which it reads: of a backwards layer, each sequence from its end, whose first step then is
    its last one. lengths: (B,). Beyond them all is zeros.
    """

    name: str
    number: int
    kind: Kind
    backwards: bool
    module: nn.Module
    x: Tensor
    y: Tensor
    lengths: Tensor

    def trace(self) -> Trace | None:
        """Every gate and state of every step, in the order of `x`; None where kind is "".

        Read anew from zeros at every call, without a graph. Its tuples have one tensor each.
        """
        if not isinstance(self.module, Recurrent):
            return None
        with torch.no_grad():
            return self.module.trace(self.x, lengths=self.lengths)

    @property
    def units(self) -> int:
        """How many units carry its state: H, or with a projection the cells of the LSTM."""
        return self.module.hidden_size if isinstance(self.module, Recurrent) else self.y.shape[2]

    def in_order(self, values: Tensor) -> Tensor:
        """Values (T, B, ...) in the order of `x`, put into the order of the sequence."""
        return turned(values, self.lengths) if self.backwards else values

    def real(self) -> Tensor:
        """(T, B) bool: True at the steps within the lengths."""
        return _within(self.lengths, len(self.x))


def inside(subject: Subject, x: Tensor, lengths: Tensor | None = None) -> list[Inside]:
    """Each direction of each layer of a subject's reader, from bottom to top.

    x: (T, B, D), what `subject.vectors` gives, read from the state of zeros, without a graph.
    lengths: (B,), T each where None. Layers of clew.nn and torch.nn and a Stack are opened: an LSTM
    in layers and directions, each a layer of clew.nn in eval mode, which makes their traces. A
    module that holds one such layer, and nothing else that carries a state, gives that layer; all
    others are returned whole. With residuals y is what the layer itself said: what the layer
    above reads is x + y.

    Raises:
        InputError: a module that is not of the form (x, state) -> (y (T, B, H), state); x or
            lengths that do not fit.
    """
    return layers(subject.reader, x, lengths, subject.both_ways)


def layers(
    reader: Any, x: Tensor, lengths: Tensor | None = None, both_ways: bool = False
) -> list[Inside]:
    """`inside` of a module that reads (x (T, B, D), state) whatever its own layout of batches."""
    if x.dim() != 3:
        raise InputError(f"x of shape {tuple(x.shape)}", where="x", expected="(T, B, D)")
    if lengths is None:
        lengths = torch.full((x.shape[1],), len(x))
    lengths = whole_lengths(lengths, x.shape[1]).to(x.device)
    if bool((lengths < 0).any() or (lengths > len(x)).any()):
        raise InputError(
            f"lengths from {int(lengths.min())} to {int(lengths.max())}",
            where="lengths",
            expected=f"whole numbers from 0 to {len(x)}",
        )
    with torch.no_grad():
        x = _cut(x.detach(), lengths)
        storeys = list(_storeys(reader))
        # Where padding that follows a sequence could be read, there is no reading all at once.
        if not storeys and not both_ways and (part := held(reader, x)) is not None:
            storeys = list(_storeys(part.layer))
            x = _cut(part.x, lengths) if storeys else x
        if not storeys:
            return [Inside("network", 1, "", False, reader, x, _said(reader, x, lengths), lengths)]
        found: list[Inside] = []
        for number, storey in enumerate(storeys, 1):
            sides = _sides(storey, number, x, lengths)
            y = torch.cat([side.in_order(side.y) for side in sides], -1)
            x = x + y if storey.residual and x.shape[-1] == y.shape[-1] else y
            found += sides
    return found


def turned(values: Tensor, lengths: Tensor) -> Tensor:
    """Values (T, B, ...) with each sequence from its end to its beginning, zeros beyond it."""
    steps = torch.arange(len(values), device=values.device).unsqueeze(1)
    places = (lengths.to(values.device) - 1 - steps).clamp(min=0)  # (T, B)
    columns = torch.arange(values.shape[1], device=values.device)
    return _cut(values[places, columns], lengths)


class _Storey(NamedTuple):
    """One layer, of one or both directions, of a module that holds it as its k-th."""

    layer: nn.RNNBase
    k: int
    residual: bool


def _storeys(reader: Any, residual: bool = False) -> Iterator[_Storey]:
    """The layers of a reader from bottom to top; none where it cannot be opened."""
    if isinstance(reader, Stack) and type(reader).forward is Stack.forward:
        for layer in reader.layers:
            yield from _storeys(layer, reader.residual)
    elif isinstance(reader, nn.RNNBase) and type(reader).forward in _FORWARDS:
        for k in range(reader.num_layers):
            yield _Storey(reader, k, residual)


def _sides(storey: _Storey, number: int, x: Tensor, lengths: Tensor) -> list[Inside]:
    """Both directions of a layer that reads x (T, B, D), or its only one."""
    found = []
    for backwards in (False, True) if storey.layer.bidirectional else (False,):
        name = f"layer {number} backwards" if backwards else f"layer {number}"
        module = _one_way(storey.layer, storey.k, backwards)
        read = turned(x, lengths) if backwards else x
        y = module(read, lengths=lengths)[0]
        kind = _KINDS[storey.layer.mode]
        found.append(Inside(name, number, kind, backwards, module, read, y, lengths))
    return found


def _one_way(layer: nn.RNNBase, k: int, backwards: bool) -> Recurrent:
    """One direction of the k-th layer, reading forwards, time first, with the same parameters."""
    place = f"_l{k}_reverse" if backwards else f"_l{k}"
    inputs = getattr(layer, "weight_ih" + place).shape[1]
    options: dict[str, Any] = {"bias": layer.bias, "device": "meta"}  # draws no random number
    if isinstance(layer, Recurrent):
        options |= {"layer_norm": layer.layer_norm, "zoneout": layer.zoneout}
    kind = _KINDS[layer.mode]
    module: Recurrent
    if kind == "LSTM":
        module = LSTM(inputs, layer.hidden_size, proj_size=layer.proj_size, **options)
    elif kind == "GRU":
        module = GRU(inputs, layer.hidden_size, **options)
    else:
        curve = "tanh" if layer.mode == "RNN_TANH" else "relu"
        module = RNN(inputs, layer.hidden_size, nonlinearity=curve, **options)
    for name in dict(module.named_parameters()):
        own = getattr(layer, name.removesuffix("_l0") + place)
        # What torch.nn.utils.parametrize made of a parameter is a tensor, and no parameter.
        setattr(module, name, own if isinstance(own, nn.Parameter) else nn.Parameter(own.detach()))
    return module.eval()


def _said(reader: Any, x: Tensor, lengths: Tensor) -> Tensor:
    """What a module that cannot be opened says, (T, B, H); zeros beyond the lengths."""
    y = x.new_zeros(0)
    for length in sorted(set(lengths.tolist()) - {0}):
        # It need not know of lengths: those of one length are read together, without padding.
        those = (lengths == length).nonzero().squeeze(1)
        said = reader(x[:length, those], None)
        first = said[0] if isinstance(said, tuple) and len(said) == 2 else None
        shape = (length, len(those))
        if not isinstance(first, Tensor) or first.dim() != 3 or tuple(first.shape[:2]) != shape:
            got = type(said).__name__ if first is None else f"y of {_shape(first)}"
            raise InputError(
                f"{type(reader).__name__} of (x (T, B, D), None) returned {got}",
                where="the recurrent part of the model",
                expected=f"(y, state) with y of shape ({shape[0]}, {shape[1]}, H)",
            )
        if not y.numel():
            y = first.new_zeros((*x.shape[:2], first.shape[2]))
        y[:length, those] = first
    return y if y.numel() else x.new_zeros((*x.shape[:2], 0))


def _shape(value: Any) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _within(lengths: Tensor, steps: int) -> Tensor:
    return torch.arange(steps, device=lengths.device).unsqueeze(1) < lengths


def _cut(values: Tensor, lengths: Tensor) -> Tensor:
    """Values (T, B, ...) with zeros beyond the lengths, whatever stood there."""
    real = _within(lengths.to(values.device), len(values))
    return values.masked_fill(~real.reshape(*real.shape, *[1] * (values.dim() - 2)), 0.0)
