"""What RNN, LSTM and GRU share: reading sequences whole, by steps, as a trace, as a stream."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import RNNBase
from torch.nn.parameter import Parameter
from torch.nn.utils.rnn import PackedSequence

from clew import kernels
from clew.errors import InputError
from clew.kernels.stream import Storey
from clew.nn import checks
from clew.nn.init import initialise
from clew.nn.stream import Stream
from clew.nn.trace import Trace, make_trace

Init = Literal["torch", "orthogonal", "chrono"]
Zoneout = float | tuple[float, float]

_GAINS = {  # parameters of layer normalisation, in the order of kernels.Weights
    "RNN_TANH": ["ln"],
    "RNN_RELU": ["ln"],
    "GRU": ["ln_ih", "ln_hh"],
    "LSTM": ["ln_ih", "ln_hh", "ln_c_weight", "ln_c_bias"],
}


class Recurrent(RNNBase):
    """What RNN, LSTM and GRU share. Not for use by itself."""

    layer_norm: bool
    recurrent_dropout: float
    zoneout: Zoneout
    init: Init
    t_max: float | None

    def _set_options(
        self,
        layer_norm: bool,
        recurrent_dropout: float,
        zoneout: Zoneout,
        init: Init,
        t_max: float | None,
    ) -> None:
        checks.options(self.mode, self.bias, layer_norm, recurrent_dropout, zoneout, init, t_max)
        self.layer_norm = layer_norm
        self.recurrent_dropout = float(recurrent_dropout)
        self.zoneout = zoneout
        self.init = init
        self.t_max = t_max
        if layer_norm:
            self._add_gains()
        if init != "torch":
            initialise(self, init, t_max)

    def _add_gains(self) -> None:
        like = cast(Tensor, self.weight_ih_l0)
        for place in self._places():
            for name in _GAINS[self.mode]:
                size = self.hidden_size if name.startswith("ln_c") else like.shape[0]
                fill = torch.zeros if name == "ln_c_bias" else torch.ones
                gain = fill((size,), dtype=like.dtype, device=like.device)
                self.register_parameter(name + place, Parameter(gain))

    def _places(self) -> list[str]:
        """What follows the names of the parameters: "_l0", "_l0_reverse", "_l1", ..."""
        return [names[0].removeprefix("weight_ih") for names in self._all_weights]

    def reset_parameters(self) -> None:
        """Draws the weights anew, as the constructor did."""
        bound = self.hidden_size**-0.5
        for name in self._flat_weights_names:
            torch.nn.init.uniform_(getattr(self, name), -bound, bound)
        if "init" not in self.__dict__:
            return  # called by RNNBase, before the options are known
        for name, parameter in self.named_parameters(recurse=False):
            if name.startswith("ln_"):
                torch.nn.init.constant_(parameter, 0.0 if name.startswith("ln_c_bias") else 1.0)
        if self.init != "torch":
            initialise(self, self.init, self.t_max)

    def forward(
        self,
        input: Tensor | PackedSequence,  # noqa: A002 torch's name for it
        hx: Any = None,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Any, Any]:
        """Reads sequences and returns (output, final state).

        Args:
            input: (T, B, D), (B, T, D) with ``batch_first``, (T, D), or a PackedSequence.
            hx: initial state; h (layers * directions, B, H), for the LSTM (h, c); zeros where None.
            lengths: (B,) whole numbers 0..T; zeros beyond, see ``clew.nn.recurrent``.
            reset: bool in the layout of the input; forget before this step, see there.

        Returns:
            output (T, B, H * directions) in the layout of the input, and the state, shaped as
            ``hx``.

        Raises:
            ValueError, RuntimeError: wrong shapes and types, as torch raises them.
            InputError: lengths or reset of a wrong shape, type or range.
        """
        return self._run(input, hx, lengths, reset, None)

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Reads one step and returns (y_t, state).

        Args:
            x_t: (B, D), or (D,) with a state that has no B either.
            state: as ``forward`` takes and returns it; zeros where None.

        Returns:
            y_t (B, H) or (H,), and the state after the step.

        In training, masks of recurrent dropout are drawn for every call: use ``forward`` to train.

        Raises:
            InputError: the layer is bidirectional, and what it says of a step depends on later
                steps.
        """
        checks.one_way(self, "step")
        if x_t.dim() not in (1, 2):
            raise InputError(
                f"a step of {x_t.dim()} dimensions", where="x_t", expected="(B, D) or (D,)"
            )
        time = 1 if self.batch_first and x_t.dim() == 2 else 0
        y, state = self._run(x_t.unsqueeze(time), state, None, None, None)
        return y.squeeze(time), state

    def trace(
        self,
        x: Tensor,
        state: Any = None,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> Trace:
        """Reads sequences as ``forward`` does and returns every gate and state of every step."""
        if isinstance(x, PackedSequence):
            raise InputError(
                "trace of a PackedSequence", where="x", expected="a tensor", hint="give lengths="
            )
        traces: list[dict[str, Tensor]] = []
        output, final = self._run(x, state, lengths, reset, traces)
        if x.dim() == 2:
            traces = [{name: v.squeeze(1) for name, v in gates.items()} for gates in traces]
        return make_trace(self.mode, traces, output, final)

    def stream(self, batch_size: int = 1, dtype: Any = None) -> Stream:
        """A reader of endless sequences, NumPy in and NumPy out, with the weights as they are now.

        dtype: "bfloat16" keeps the weights in half the memory, see ``Stream``.

        Raises:
            InputError: the layer is bidirectional; ``batch_size`` is not positive; another dtype.
        """
        checks.one_way(self, "stream")
        return Stream(self, batch_size, dtype)

    def _storeys(self) -> list[Storey]:
        """The layers one above the other, as a stream reads them."""
        cell = self._cell()
        return [Storey(cell, weights, False) for (weights,) in self._weights(cell)]

    def _run(
        self,
        given: Tensor | PackedSequence,
        hx: Any,
        lengths: Tensor | None,
        reset: Tensor | None,
        traces: list[dict[str, Tensor]] | None,
    ) -> tuple[Any, Any]:
        if isinstance(given, PackedSequence):
            return self._run_packed(given, hx, lengths, reset)
        state = checks.forward(self, given, hx)
        batched = given.dim() == 3
        x = given.transpose(0, 1) if batched and self.batch_first else given
        if not batched:
            x = x.unsqueeze(1)
            state = None if state is None else tuple(part.unsqueeze(1) for part in state)
        lengths, reset = checks.lengths_and_reset(self, given, lengths, reset)
        cell = self._cell()
        y, final = kernels.network(
            cell,
            x,
            state,
            self._weights(cell),
            dropout=self.dropout,
            training=self.training,
            lengths=lengths,
            reset=reset,
            traces=traces,
        )
        if not batched:
            y = y.squeeze(1)
            final = tuple(part.squeeze(1) for part in final)
        elif self.batch_first:
            y = y.transpose(0, 1)
        return y, final if self.mode == "LSTM" else final[0]

    def _run_packed(
        self, packed: PackedSequence, hx: Any, lengths: Tensor | None, reset: Tensor | None
    ) -> tuple[PackedSequence, Any]:
        if lengths is not None or reset is not None:
            raise InputError(
                "a PackedSequence with lengths or reset beside it",
                where="input",
                expected="one or the other",
                hint="pad_packed_sequence gives a padded tensor with its lengths",
            )
        data, batch_sizes, order, back = packed
        state = checks.packed(self, data, int(batch_sizes[0]), hx)
        cell = self._cell()
        if state is not None and order is not None:
            state = tuple(part.index_select(1, order) for part in state)
        y, final = kernels.packed_network(
            cell,
            data,
            batch_sizes,
            state,
            self._weights(cell),
            dropout=self.dropout,
            training=self.training,
        )
        if back is not None:
            final = tuple(part.index_select(1, back) for part in final)
        output = PackedSequence(y, batch_sizes, order, back)
        return output, final if self.mode == "LSTM" else final[0]

    def _cell(self) -> kernels.Cell:
        z = self.zoneout
        pair = z if isinstance(z, tuple) else (z, z if self.mode == "LSTM" else 0.0)
        return kernels.Cell(
            self.mode,  # type: ignore[arg-type]
            self.bidirectional,
            self.layer_norm,
            self.recurrent_dropout,
            (float(pair[0]), float(pair[1])),
        )

    def _weights(self, cell: kernels.Cell) -> list[list[kernels.Weights]]:
        """The parameters as they are now, whoever put them there (torch.func, parametrisations)."""
        fields = ["weight_ih", "weight_hh"]
        fields += ["bias_ih", "bias_hh"] if self.bias else ["", ""]
        fields += ["weight_hr"] if self.proj_size > 0 else [""]
        fields += _GAINS[self.mode] if self.layer_norm else []
        found = []
        for place in self._places():
            values: Any = [getattr(self, name + place) if name else None for name in fields]
            found.append(kernels.Weights(*values))
        n = cell.directions
        return [found[k : k + n] for k in range(0, len(found), n)]

    def extra_repr(self) -> str:
        """The arguments that are not the defaults."""
        text = super().extra_repr()
        if self.layer_norm:
            text += ", layer_norm=True"
        if self.recurrent_dropout:
            text += f", recurrent_dropout={self.recurrent_dropout}"
        if self.zoneout not in (0, (0, 0)):
            text += f", zoneout={self.zoneout}"
        if self.init != "torch":
            text += f", init={self.init!r}"
        return text
