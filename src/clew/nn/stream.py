"""Reading endless sequences one step at a time, in NumPy."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.kernels.stream import Running, Storey, can

Array = np.ndarray[Any, Any]
StreamState = Any  # arrays in the nesting of the layer's state: h, (h, c), or a tuple of those


class Stream:
    """Carries the state of ``batch_size`` sequences and reads them step by step, without gradients.

    The weights are copied when the stream is made: training the layer afterwards changes nothing
    here, and no two streams share anything. Made by ``layer.stream()`` or ``Stack.stream()``. On
    the CPU a stream says bit for bit what the layer says of the whole sequence.

    With ``dtype="bfloat16"`` a layer of float32 keeps its weights, and nothing else, as bfloat16:
    half the memory to read at each step. Outputs, which lie in (-1, 1), then differ from those of
    the layer: over 1000 steps of one of 64 or 256 units with its first weights by at most 0.005
    (RNN), 0.003 (GRU), 0.002 (LSTM), in the mean square by 0.0008, 0.0005, 0.0002; with weights
    three times as large, as training may leave them, by at most 0.03, 0.02, 0.013.
    """

    def __init__(self, network: Any, batch_size: int = 1, dtype: Any = None) -> None:
        half = check_stream(batch_size, dtype)
        self._batch_size = batch_size
        self._input_size = int(network.input_size)
        self._stacked = not isinstance(network, nn.RNNBase)
        storeys: list[Storey] = network._storeys()
        self._engine: Running | _Stepping
        if can(storeys):
            if half and storeys[0].weights.w_ih.dtype != torch.float32:
                raise InputError(
                    "weights of bfloat16 for a layer of float64",
                    where="dtype",
                    expected="a layer of float32",
                )
            self._engine = Running(storeys, batch_size, half=half)
        elif half:
            raise InputError(
                "weights of bfloat16 beside a layer that is not of float32 on the CPU",
                where="dtype",
                expected="None: the layer's own",
            )
        else:
            self._engine = _Stepping(network, batch_size)
        self._push = self._engine.push

    @property
    def batch_size(self) -> int:
        """How many sequences are read side by side."""
        return self._batch_size

    def push(self, x_t: Any, moves: Any = None) -> Array:
        """Reads one step (D,) or (B, D) and returns what the layer says of it, (H,) or (B, H).

        moves: (B,) bool, who of the sequences reads; None is all of them. The others keep their
        state, what is given for them is not read, and their rows of the answer are zeros.

        Raises:
            InputError: a wrong shape, NaN or infinity; the state is as it was before.
        """
        y = self._push(x_t, moves)  # None where it is not at once fit to be read
        return self._converted(x_t, moves) if y is None else y

    def _converted(self, x_t: Any, moves: Any) -> Array:
        x = numbers(x_t, "x_t", self._engine.dtype)
        rows = self._batch_size
        single = x.ndim == 1 and rows == 1
        if single:
            x = x[np.newaxis]
        if x.shape != (rows, self._input_size):
            also = f" or ({self._input_size},)" if rows == 1 else ""
            raise InputError(
                f"a step of shape {tuple(np.shape(x_t))}",
                where="x_t",
                expected=f"shape {(rows, self._input_size)}{also}",
            )
        mask = who(moves, rows, "moves")
        if mask is not None:
            x = np.where(mask[:, np.newaxis], x, 0)
        check_finite(x, "x_t")
        y = self._engine.push(np.ascontiguousarray(x, self._engine.dtype), mask)
        assert y is not None
        return y[0] if single else y

    @property
    def state(self) -> StreamState:
        """A copy of the state as arrays (layers, B, H), in the nesting of the layer's state."""
        return nested(self._engine.states(), self._stacked)

    @state.setter
    def state(self, state: StreamState) -> None:
        self._engine.set_states(
            checked(state, self._engine.states(), self._stacked, self._engine.dtype)
        )

    def reset(self, mask: Any = None) -> None:
        """Forgets everything, or what those sequences carry that a (B,) bool mask names."""
        self._engine.reset(who(mask, self._batch_size, "mask"))

    def __reduce__(self) -> Any:
        raise not_copied(self, "layer.stream()")


class _Stepping:
    """The same in torch operations, for what is on a GPU or of another type."""

    def __init__(self, network: nn.Module, batch: int) -> None:
        self._network = _frozen(network)
        parameter = next(self._network.parameters())
        self._like = parameter.new_zeros((batch, int(self._network.input_size)))
        self._stacked = not isinstance(network, nn.RNNBase)
        self.dtype = np.dtype(np.float64 if parameter.dtype == torch.float64 else np.float32)
        with torch.inference_mode():
            zeros = self._network.step(self._like)[1]
        self._state = _map(torch.zeros_like, zeros)

    def push(self, x: Any, moves: Array | None) -> Array | None:
        """Reads (B, D) of finite numbers of ``dtype``; None for anything else."""
        if type(x) is not np.ndarray or x.dtype != self.dtype or x.shape != self._like.shape:
            return None
        if not (moves is None or isinstance(moves, np.ndarray)) or not np.isfinite(x).all():
            return None
        with torch.inference_mode():
            y, state = self._network.step(
                torch.from_numpy(np.ascontiguousarray(x)).to(self._like), self._state
            )
            if moves is not None:
                on = torch.from_numpy(moves).to(y.device)[:, None]
                y = torch.where(on, y, 0.0)
                state = _map2(lambda new, old: torch.where(on, new, old), state, self._state)
        self._state = state
        return _array(y)

    def states(self) -> list[tuple[Array, ...]]:
        """Of each layer h (B, P), and c (B, H) of an LSTM."""
        if self._stacked:
            return [
                tuple(_array(part[0]) for part in (layer if isinstance(layer, tuple) else (layer,)))
                for layer in self._state
            ]
        parts = self._state if isinstance(self._state, tuple) else (self._state,)
        return [tuple(_array(part[k]) for part in parts) for k in range(len(parts[0]))]

    def set_states(self, states: Sequence[tuple[Array, ...]]) -> None:
        """Takes what ``states`` gave."""
        self._state = _map(
            lambda part: torch.from_numpy(np.array(part)).to(self._like),
            nested(list(states), self._stacked),
        )

    def reset(self, mask: Array | None) -> None:
        """Forgets everything, or what those of the mask carry."""
        off = slice(None) if mask is None else torch.from_numpy(mask).to(self._like.device)

        def forget(part: Tensor) -> Tensor:
            part = part.clone()
            part[:, off] = 0.0
            return part

        self._state = _map(forget, self._state)


def check_stream(batch_size: Any, dtype: Any) -> bool:
    """Whether weights are wanted as bfloat16; InputError for what no stream takes."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InputError(
            f"batch_size={batch_size!r}", where="batch_size", expected="a whole number of 1 or more"
        )
    if dtype is not None and dtype not in ("bfloat16", torch.bfloat16):
        raise InputError(
            f"dtype={dtype!r}",
            where="dtype",
            expected='None, the type of the layer, or "bfloat16" for weights of half the size',
        )
    return dtype is not None


def not_copied(stream: Any, another: str) -> TypeError:
    """Why a stream, whose state is in native memory, cannot be pickled or copied."""
    return TypeError(
        f"a {type(stream).__name__} cannot be pickled or copied\n"
        f"  try: its state can: other = {another}; other.state = stream.state"
    )


def numbers(value: Any, where: str, dtype: np.dtype[Any]) -> Array:
    """An array of ``dtype`` of whatever real numbers these are."""
    try:
        if isinstance(value, np.ndarray):
            # torch refuses negative strides and foreign byte orders.
            value = np.array(value, value.dtype.newbyteorder("="))
        tensor = torch.as_tensor(value)
        if tensor.is_complex():
            raise TypeError("complex")
        return tensor.detach().cpu().to(_torch_type(dtype)).resolve_neg().numpy()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"not numbers: {error}", where=where, expected="an array") from error


def check_finite(x: Array, where: str) -> None:
    """InputError for NaN and infinity."""
    if not np.isfinite(x).all():
        raise InputError("NaN or infinity", where=where, expected="finite numbers")


def who(mask: Any, batch: int, where: str) -> Array | None:
    """A mask as (B,) bool without gaps."""
    if mask is None:
        return None
    found = np.asarray(mask)
    if found.dtype != np.bool_ or found.shape != (batch,):
        raise InputError(
            f"a mask of shape {found.shape} and type {found.dtype}",
            where=where,
            expected=f"({batch},) of bool",
        )
    return np.ascontiguousarray(found)


def nested(states: Sequence[tuple[Array, ...]], stacked: bool) -> StreamState:
    """What each layer carries in the nesting of a Stack's state, or of a layer's."""
    if stacked:
        return tuple(
            tuple(part[np.newaxis] for part in parts) if len(parts) > 1 else parts[0][np.newaxis]
            for parts in states
        )
    together = tuple(np.stack(parts) for parts in zip(*states, strict=True))
    return together if len(together) > 1 else together[0]


def checked(
    given: Any, like: Sequence[tuple[Array, ...]], stacked: bool, dtype: np.dtype[Any]
) -> list[tuple[Array, ...]]:
    """The reverse of ``nested``: what each layer carries, of finite numbers in the same shapes."""
    parts = _same(given, nested(like, stacked), "state", dtype)
    if stacked:
        return [
            tuple(part[0] for part in layer) if isinstance(layer, tuple) else (layer[0],)
            for layer in parts
        ]
    whole = parts if isinstance(parts, tuple) else (parts,)
    return [tuple(part[k] for part in whole) for k in range(len(like))]


def _same(given: Any, like: Any, where: str, dtype: np.dtype[Any]) -> Any:
    if isinstance(like, tuple):
        if not isinstance(given, tuple | list) or len(given) != len(like):
            raise InputError(
                f"a state of type {type(given).__name__}",
                where=where,
                expected=f"a tuple of {len(like)}, as stream.state returns it",
            )
        pairs = zip(given, like, strict=True)
        return tuple(_same(g, part, f"{where}[{k}]", dtype) for k, (g, part) in enumerate(pairs))
    array = numbers(given, where, dtype)
    if array.shape != like.shape:
        raise InputError(
            f"a state of shape {array.shape}", where=where, expected=f"shape {like.shape}"
        )
    check_finite(array, where)
    return array


def _torch_type(dtype: np.dtype[Any]) -> torch.dtype:
    return torch.float64 if dtype == np.float64 else torch.float32


def _frozen(network: nn.Module) -> Any:
    network = copy.deepcopy(network).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def _map(function: Any, state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(_map(function, part) for part in state)
    return function(state)


def _map2(function: Any, one: Any, other: Any) -> Any:
    if isinstance(one, tuple):
        return tuple(_map2(function, a, b) for a, b in zip(one, other, strict=True))
    return function(one, other)


def _array(tensor: Tensor) -> Array:
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    return np.array(tensor.cpu().numpy())  # a copy: nothing of the stream leaves it
