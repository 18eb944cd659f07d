"""RNN, LSTM and GRU: torch's layers with what torch leaves out.

Beside torch's arguments all three take, by keyword only:

``layer_norm``
    Layer normalisation inside the cell (Ba, Kiros & Hinton 2016); see ``clew.kernels.cells`` for the
    equations. Adds the gains ``ln_ih_l{k}`` and ``ln_hh_l{k}`` (one value a row of the weight matrix;
    the RNN, which normalises the sum, has ``ln_l{k}`` only), for the LSTM also ``ln_c_weight_l{k}`` and
    ``ln_c_bias_l{k}`` (H,), each also with ``_reverse``. Gains start at 1; the layer's biases shift.
``recurrent_dropout``
    Chance p that a unit of h is hidden from W_hh, one mask a sequence, kept units times 1 / (1 - p),
    in training only (Gal & Ghahramani 2016).
``zoneout``
    Chance z that a unit keeps its former value at a step, drawn anew each step; in evaluation the
    expectation z * old + (1 - z) * new (Krueger et al. 2017). The LSTM takes one number for h and c or
    a pair (z_h, z_c); its new h comes from the new c before zoneout.
``init``, ``t_max``
    "torch" (as torch), "orthogonal" or "chrono" (needs ``t_max``); see ``clew.nn.init``.

and at call time

``lengths``
    (B,) whole numbers 0..T, on any device, in any order. Outputs beyond a length are zeros; the final
    state is that of the last real step; an empty sequence returns its initial state, in both directions.
    The reverse direction starts at the last real step.
``reset``
    bool in the layout of the input, (T, B) or (B, T) with ``batch_first``: the state becomes zero
    before that step. The steps between resets are sequences of their own in the reverse direction
    too: its initial state enters at the end of the last of them, its final state leaves from the
    beginning of the first. A reset beyond a length does nothing.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import RNNBase
from torch.nn.parameter import Parameter
from torch.nn.utils.rnn import PackedSequence

from clew import kernels
from clew.errors import InputError
from clew.nn import checks
from clew.nn.init import initialise
from clew.nn.stream import Stream
from clew.nn.trace import Trace, make_trace

Init = Literal["torch", "orthogonal", "chrono"]
Zoneout = float | tuple[float, float]


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
        like = self.weight_ih_l0
        rows = like.shape[0]
        for names in self._all_weights:
            place = names[0].removeprefix("weight_ih")  # "_l0", "_l0_reverse", ...
            if self.mode.startswith("RNN"):
                sizes = {"ln": rows}
            elif self.mode == "GRU":
                sizes = {"ln_ih": rows, "ln_hh": rows}
            else:
                hidden = self.hidden_size
                sizes = {"ln_ih": rows, "ln_hh": rows, "ln_c_weight": hidden, "ln_c_bias": hidden}
            for name, size in sizes.items():
                fill = torch.zeros if name == "ln_c_bias" else torch.ones
                gain = fill(size, dtype=like.dtype, device=like.device)
                self.register_parameter(name + place, Parameter(gain))

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
        input: Tensor | PackedSequence,
        hx: Any = None,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Any, Any]:
        """Reads sequences and returns (output, final state).

        Args:
            input: (T, B, D), (B, T, D) with ``batch_first``, (T, D), or a PackedSequence.
            hx: initial state; h (layers * directions, B, H), for the LSTM (h, c); zeros where None.
            lengths: (B,) whole numbers 0..T; zeros beyond, see the module.
            reset: bool in the layout of the input; forget before this step, see the module.

        Returns:
            output (T, B, H * directions) in the layout of the input, and the state, shaped as ``hx``.

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
            InputError: the layer is bidirectional, and what it says of a step depends on later steps.
        """
        checks.one_way(self, "step")
        if x_t.dim() not in (1, 2):
            raise InputError(f"a step of {x_t.dim()} dimensions", where="x_t", expected="(B, D) or (D,)")
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

    def stream(self, batch_size: int = 1) -> Stream:
        """A reader of endless sequences, NumPy in and NumPy out, with the weights as they are now.

        Raises:
            InputError: the layer is bidirectional; ``batch_size`` is not positive.
        """
        checks.one_way(self, "stream")
        return Stream(self, batch_size)

    def _run(
        self,
        input: Tensor | PackedSequence,
        hx: Any,
        lengths: Tensor | None,
        reset: Tensor | None,
        traces: list[dict[str, Tensor]] | None,
    ) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx, lengths, reset)
        state = checks.forward(self, input, hx)
        batched = input.dim() == 3
        x = input.transpose(0, 1) if batched and self.batch_first else input
        if not batched:
            x = x.unsqueeze(1)
            state = None if state is None else tuple(part.unsqueeze(1) for part in state)
        lengths, reset = checks.lengths_and_reset(self, input, lengths, reset)
        cell = self._cell()
        y, final = kernels.network(
            cell,
            x,
            self._zeros(cell, x, x.shape[1]) if state is None else state,
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
        if state is None:
            state = self._zeros(cell, data, int(batch_sizes[0]))
        elif order is not None:
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
        return PackedSequence(y, batch_sizes, order, back), final if self.mode == "LSTM" else final[0]

    def _zeros(self, cell: kernels.Cell, like: Tensor, batch: int) -> tuple[Tensor, ...]:
        rows = self.num_layers * cell.directions
        widths = (self.proj_size or self.hidden_size, self.hidden_size)[: cell.states]
        return tuple(like.new_zeros((rows, batch, width)) for width in widths)

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
        """The parameters as they are now, whoever has put them there (torch.func, parametrisations)."""
        found = []
        for names in self._all_weights:
            place = names[0].removeprefix("weight_ih")
            biases = (getattr(self, n + place) if self.bias else None for n in ("bias_ih", "bias_hh"))
            gains: list[Tensor | None] = []
            if self.layer_norm:
                wanted = (
                    ("ln",) if self.mode.startswith("RNN")
                    else ("ln_ih", "ln_hh") if self.mode == "GRU"
                    else ("ln_ih", "ln_hh", "ln_c_weight", "ln_c_bias")
                )
                gains = [getattr(self, name + place) for name in wanted]
            found.append(
                kernels.Weights(
                    getattr(self, "weight_ih" + place),
                    getattr(self, "weight_hh" + place),
                    *biases,
                    getattr(self, "weight_hr" + place) if self.proj_size > 0 else None,
                    *gains,
                )
            )
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


class RNN(Recurrent):
    """Simple recurrent network (Elman 1990): h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or ReLU.

    Arguments, defaults, parameter names and initial weights are those of ``torch.nn.RNN``; the further
    keywords are described in the module.

    Raises:
        ValueError, TypeError: sizes and options out of range, as torch; InputError for the keywords.
    """

    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        proj_size: None = None,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Init = "torch",
        t_max: float | None = None,
    ) -> None:
        checks.no_projection(proj_size)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = "RNN_TANH" if nonlinearity == "tanh" else "RNN_RELU"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity
        self._set_options(layer_norm, recurrent_dropout, zoneout, init, t_max)


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000).

    i, f, o = sigmoid, g = tanh of W_ih x + b_ih + W_hh h + b_hh;  c' = f * c + i * g;  h' = o * tanh(c').

    Arguments, defaults, parameter names and initial weights are those of ``torch.nn.LSTM``; the further
    keywords are described in the module.

    Raises:
        ValueError, TypeError: sizes and options out of range, as torch; InputError for the keywords.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: Zoneout = 0.0,
        init: Init = "torch",
        t_max: float | None = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip
        self._set_options(layer_norm, recurrent_dropout, zoneout, init, t_max)

    get_expected_cell_size = torch.nn.LSTM.get_expected_cell_size
    check_forward_args = torch.nn.LSTM.check_forward_args  # type: ignore[assignment]
    permute_hidden = torch.nn.LSTM.permute_hidden  # type: ignore[assignment]


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014).

    r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh);  n = tanh(W_in x + b_in + r * (W_hn h + b_hn));
    h' = (1 - z) * n + z * h.

    Arguments, defaults, parameter names and initial weights are those of ``torch.nn.GRU``; the further
    keywords are described in the module.

    Raises:
        ValueError, TypeError: sizes and options out of range, as torch; InputError for the keywords.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        proj_size: None = None,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Init = "torch",
        t_max: float | None = None,
    ) -> None:
        checks.no_projection(proj_size)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
        self._set_options(layer_norm, recurrent_dropout, zoneout, init, t_max)
