"""Stack: layers one above the other, the network that the tasks are built of."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.kernels.stream import Storey
from clew.nn import checks, rivals
from clew.nn.base import Init, Zoneout
from clew.nn.recurrent import GRU, LSTM, RNN
from clew.nn.stream import Stream

_CELLS: dict[str, Any] = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


class Stack(nn.Module):
    """Recurrent layers one above the other, with dropout between them and, if wished, residuals.

    Layer k reads what layer k - 1 said. With ``residual=True`` a layer whose input and output have
    one size adds its input to its output (He et al. 2016). Time first: (T, B, D).

    Args:
        input_size: D, features of one input.
        hidden_size: H, units of each layer and direction.
        num_layers: L.
        cell: "lstm", "gru" or "rnn".
        bidirectional: every layer reads both ways.
        residual: add the input of a layer to its output where the sizes allow it.
        dropout: chance of a zero between layers, in training.
        layer_norm, recurrent_dropout, zoneout, init, t_max: as the layers take them.

    The state is a tuple with the state of each layer: h (directions, B, H), or (h, c) for the LSTM.

    Raises:
        InputError, ValueError, TypeError: a size or option out of range.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        bidirectional: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: Zoneout = 0.0,
        init: Init = "torch",
        t_max: float | None = None,
    ) -> None:
        super().__init__()
        if cell not in _CELLS:
            raise InputError(f"cell={cell!r}", where="cell", expected="'lstm', 'gru' or 'rnn'")
        if isinstance(num_layers, bool) or not isinstance(num_layers, int) or num_layers < 1:
            raise InputError(
                f"num_layers={num_layers!r}",
                where="num_layers",
                expected="a whole number of 1 or more",
            )
        checks.chance("dropout", dropout)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bidirectional = bidirectional
        self.residual = residual
        self.dropout = float(dropout)
        self.output_size = hidden_size * (2 if bidirectional else 1)
        own = {
            "layer_norm": layer_norm, "recurrent_dropout": recurrent_dropout, "zoneout": zoneout,
            "init": init, "t_max": t_max,
        }  # fmt: skip
        make = rivals.standing_in() or partial(_CELLS[cell], **own)
        self.layers = nn.ModuleList(
            make(
                input_size if k == 0 else self.output_size,
                hidden_size,
                bidirectional=bidirectional,
            )
            for k in range(num_layers)
        )

    def forward(
        self,
        x: Tensor,
        state: tuple[Any, ...] | None = None,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Reads (T, B, D) and returns (y (T, B, H * directions), state); zeros beyond the lengths.

        Raises:
            InputError: a state with another number of layers; lengths or reset that do not fit.
            ValueError, RuntimeError: other shapes that do not fit, as the layers raise them.
        """
        self._check_state(state)
        if x.dim() != 3:
            raise InputError(f"x of shape {tuple(x.shape)}", where="x", expected="(T, B, D)")
        if lengths is not None and self.residual:
            lengths = checks.whole_lengths(lengths, x.shape[1])
            # A residual carries padding past a layer, so it is made zero once, at the bottom.
            real = torch.arange(len(x), device=x.device).unsqueeze(1) < lengths.to(x.device)
            x = x.masked_fill(~real.unsqueeze(2), 0.0)
        finals = []
        for k, layer in enumerate(self.layers):
            below = torch.dropout(x, self.dropout, self.training) if k > 0 else x
            y, final = layer(
                below, None if state is None else state[k], lengths=lengths, reset=reset
            )
            x = x + y if self.residual and x.shape[-1] == y.shape[-1] else y
            finals.append(final)
        return x, tuple(finals)

    def step(
        self, x_t: Tensor, state: tuple[Any, ...] | None = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Reads one step (B, D), or (D,), and returns (y_t (B, H), state).

        Raises:
            InputError: the stack is bidirectional.
        """
        checks.one_way(self, "step")
        self._check_state(state)
        finals = []
        for k, layer in enumerate(self.layers):
            below = torch.dropout(x_t, self.dropout, self.training) if k > 0 else x_t
            y, final = layer.step(  # type: ignore[operator]
                below, None if state is None else state[k]
            )
            x_t = x_t + y if self.residual and x_t.shape[-1] == y.shape[-1] else y
            finals.append(final)
        return x_t, tuple(finals)

    def stream(self, batch_size: int = 1, dtype: Any = None) -> Stream:
        """A reader of endless sequences, NumPy in and NumPy out, with the weights as they are now.

        dtype: "bfloat16" keeps the weights in half the memory, see ``Stream``.

        Raises:
            InputError: the stack is bidirectional; ``batch_size`` is not positive; another dtype.
        """
        checks.one_way(self, "stream")
        return Stream(self, batch_size, dtype)

    def _storeys(self) -> list[Storey]:
        """The layers one above the other, as a stream reads them."""
        found: list[Storey] = []
        for layer in self.layers:
            residual = self.residual and layer.input_size == layer.hidden_size
            found += [storey._replace(residual=residual) for storey in layer._storeys()]  # type: ignore[operator]
        return found

    def _check_state(self, state: tuple[Any, ...] | None) -> None:
        if state is not None and len(state) != len(self.layers):
            raise InputError(
                f"a state of {len(state)} parts",
                where="state",
                expected=f"one for each of the {len(self.layers)} layers, as forward returns it",
            )
