"""Reading endless sequences one step at a time, in NumPy."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import InputError

Array = np.ndarray[Any, Any]
StreamState = Any  # arrays in the nesting of the layer's state: h, (h, c), or a tuple of those


class Stream:
    """Carries the state of ``batch_size`` sequences and reads them step by step, without gradients.

    The weights are copied when the stream is made: training the layer afterwards changes nothing
    here, and no two streams share anything. Made by ``layer.stream()`` or ``Stack.stream()``.
    """

    def __init__(self, network: Any, batch_size: int = 1) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(
                f"batch_size={batch_size!r}",
                where="batch_size",
                expected="a whole number of 1 or more",
            )
        self._network = _frozen(network)
        self._batch_size = batch_size
        parameter = next(self._network.parameters())
        self._dtype, self._device = parameter.dtype, parameter.device
        self._input_size = int(network.input_size)
        self._state = self._zeros()

    @property
    def batch_size(self) -> int:
        """How many sequences are read side by side."""
        return self._batch_size

    def push(self, x_t: Any) -> Array:
        """Reads one step (D,) or (B, D) and returns what the layer says of it, (H,) or (B, H).

        Raises:
            InputError: a wrong shape, NaN or infinity; the state is as it was before.
        """
        x = self._tensor(x_t, "x_t")
        single = x.dim() == 1
        if single and self._batch_size == 1:
            x = x.unsqueeze(0)
        if x.shape != (self._batch_size, self._input_size):
            shape = (self._batch_size, self._input_size)
            also = f" or ({self._input_size},)" if self._batch_size == 1 else ""
            raise InputError(
                f"a step of shape {tuple(np.shape(x_t))}",
                where="x_t",
                expected=f"shape {shape}{also}",
            )
        with torch.inference_mode():
            y, self._state = self._network.step(x, self._state)
        return _array(y[0] if single else y)

    @property
    def state(self) -> StreamState:
        """A copy of the state as arrays (layers, B, H), in the nesting of the layer's state."""
        return _map(_array, self._state)

    @state.setter
    def state(self, state: StreamState) -> None:
        self._state = self._checked(state, self._state, "state")

    def reset(self) -> None:
        """Forgets everything: the state becomes zero."""
        self._state = self._zeros()

    def _zeros(self) -> Any:
        like = torch.zeros(
            self._batch_size, self._input_size, dtype=self._dtype, device=self._device
        )
        with torch.inference_mode():
            return _map(torch.zeros_like, self._network.step(like)[1])

    def _tensor(self, value: Any, where: str) -> Tensor:
        try:
            tensor = torch.as_tensor(value).detach().to(self._device, self._dtype, copy=True)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"not numbers: {error}", where=where, expected="an array") from error
        if not bool(torch.isfinite(tensor).all()):
            raise InputError("NaN or infinity", where=where, expected="finite numbers")
        return tensor

    def _checked(self, given: Any, like: Any, where: str) -> Any:
        if isinstance(like, tuple):
            if not isinstance(given, tuple | list) or len(given) != len(like):
                raise InputError(
                    f"a state of type {type(given).__name__}",
                    where=where,
                    expected=f"a tuple of {len(like)}, as stream.state returns it",
                )
            pairs = zip(given, like, strict=True)
            return tuple(
                self._checked(g, part, f"{where}[{k}]") for k, (g, part) in enumerate(pairs)
            )
        tensor = self._tensor(given, where)
        if tensor.shape != like.shape:
            raise InputError(
                f"a state of shape {tuple(tensor.shape)}",
                where=where,
                expected=f"shape {tuple(like.shape)}",
            )
        return tensor


def _frozen(network: nn.Module) -> Any:
    network = copy.deepcopy(network).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def _map(function: Any, state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(_map(function, part) for part in state)
    return function(state)


def _array(tensor: Tensor) -> Array:
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    return np.array(tensor.cpu().numpy())  # a copy: nothing of the stream leaves it
