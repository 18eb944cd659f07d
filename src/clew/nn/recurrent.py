"""RNN, LSTM and GRU: torch's layers with what torch leaves out.

Beside torch's arguments all three take, by keyword only:

``layer_norm``
    Layer normalisation inside the cell (Ba, Kiros & Hinton 2016); see ``clew.kernels.cells`` for
    the equations. Adds the gains ``ln_ih_l{k}`` and ``ln_hh_l{k}`` (one value a row of the weight
    matrix; the RNN, which normalises the sum, has ``ln_l{k}`` only), for the LSTM also
    ``ln_c_weight_l{k}`` and ``ln_c_bias_l{k}`` (H,), each also with ``_reverse``. Gains start at 1;
    the layer's biases shift.
``recurrent_dropout``
    Chance p that a unit of h is hidden from W_hh, one mask a sequence, kept units times
    1 / (1 - p), in training only (Gal & Ghahramani 2016).
``zoneout``
    Chance z that a unit keeps its former value at a step, drawn anew each step; in evaluation the
    expectation z * old + (1 - z) * new (Krueger et al. 2017). The LSTM takes one number for h and c
    or a pair (z_h, z_c); its new h comes from the new c before zoneout.
``init``, ``t_max``
    "torch" (as torch), "orthogonal" or "chrono" (needs ``t_max``); see ``clew.nn.init``.

and at call time

``lengths``
    (B,) whole numbers 0..T, on any device, in any order. Outputs beyond a length are zeros; the
    final state is that of the last real step; an empty sequence returns its initial state, in both
    directions. The reverse direction starts at the last real step.
``reset``
    bool in the layout of the input, (T, B) or (B, T) with ``batch_first``: the state becomes zero
    before that step. The steps between resets are sequences of their own in the reverse direction
    too: its initial state enters at the end of the last of them, its final state leaves from the
    beginning of the first. A reset beyond a length does nothing.
"""

from __future__ import annotations

from typing import Any

import torch

from clew.nn import checks
from clew.nn.base import Init, Recurrent, Zoneout


class RNN(Recurrent):
    """Simple recurrent network (Elman 1990): h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or ReLU.

    Arguments, defaults, parameter names and initial weights are those of ``torch.nn.RNN``; the
    further keywords are described in the module.

    Raises:
        ValueError, TypeError: sizes and options out of range, as torch; InputError for the
            keywords.
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
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        mode = "RNN_TANH" if nonlinearity == "tanh" else "RNN_RELU"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity
        self._set_options(layer_norm, recurrent_dropout, zoneout, init, t_max)


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000).

    i, f, o = sigmoid, g = tanh of W_ih x + b_ih + W_hh h + b_hh;  c' = f * c + i * g;
    h' = o * tanh(c').

    Arguments, defaults, parameter names and initial weights are those of ``torch.nn.LSTM``; the
    further keywords are described in the module.

    Raises:
        ValueError, TypeError: sizes and options out of range, as torch; InputError for the
            keywords.
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

    Arguments, defaults, parameter names and initial weights are those of ``torch.nn.GRU``; the
    further keywords are described in the module.

    Raises:
        ValueError, TypeError: sizes and options out of range, as torch; InputError for the
            keywords.
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
