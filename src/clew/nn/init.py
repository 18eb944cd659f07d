"""Initial weights as named choices."""

from __future__ import annotations

import torch
from torch.nn import RNNBase

from clew.errors import InputError
from clew.nn import checks

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def initialise(layer: RNNBase, init: str, t_max: float | None) -> None:
    """Sets the weights of a layer by the name of an initialiser; "torch" leaves them."""
    if init == "orthogonal":
        orthogonal_(layer)
    elif init == "chrono" and t_max is not None:
        chrono_(layer, t_max)


@torch.no_grad()
def orthogonal_(layer: RNNBase) -> None:
    """Orthogonal recurrent weights, gate by gate, and an LSTM that begins by remembering.

    Each gate's block of W_hh is orthogonal (Saxe et al. 2014), each gate's block of W_ih and a
    projection are Xavier uniform (Glorot & Bengio 2010), biases are 0, but for the LSTM's forget
    gate, whose two biases sum to 1 (Jozefowicz et al. 2015): b_ih holds it.

    Raises:
        InputError: not a recurrent layer.
    """
    gates = _gates(layer)
    for name, parameter in layer.named_parameters(recurse=False):
        if name.startswith("weight_hh"):
            for block in parameter.chunk(gates):
                torch.nn.init.orthogonal_(block)
        elif name.startswith("weight_ih"):
            for block in parameter.chunk(gates):
                torch.nn.init.xavier_uniform_(block)
        elif name.startswith("weight_hr"):
            torch.nn.init.xavier_uniform_(parameter)
        elif name.startswith("bias"):
            parameter.zero_()
            if layer.mode == "LSTM" and name.startswith("bias_ih"):
                parameter.chunk(4)[1].fill_(1.0)


@torch.no_grad()
def chrono_(layer: RNNBase, t_max: float) -> None:
    """Biases for memories of up to ``t_max`` steps (Tallec & Ollivier 2018).

    LSTM: b_f = log u with u uniform in [1, t_max - 1], one a unit, and b_i = -b_f. GRU: b_z = log
    u, on the gate that keeps (h' = (1 - z) * n + z * h). The other biases are 0; of torch's two
    biases b_ih holds the value and b_hh is 0, so that it counts once. The weights stay.

    Raises:
        InputError: a layer without gates or without biases; ``t_max`` of 2 or less.
    """
    _gates(layer)
    checks.chrono(layer.mode, layer.bias, t_max)
    for name, parameter in layer.named_parameters(recurse=False):
        if not name.startswith("bias"):
            continue
        parameter.zero_()
        if name.startswith("bias_ih"):
            if layer.mode == "LSTM":
                i, f, _, _ = parameter.chunk(4)
                f.uniform_(1.0, t_max - 1.0).log_()
                i.copy_(-f)
            else:
                _, z, _ = parameter.chunk(3)
                z.uniform_(1.0, t_max - 1.0).log_()


def _gates(layer: RNNBase) -> int:
    if not isinstance(layer, RNNBase):
        raise InputError(
            f"initialiser of {type(layer).__name__}", where="layer", expected="an RNN, LSTM or GRU"
        )
    return _GATES[layer.mode]
