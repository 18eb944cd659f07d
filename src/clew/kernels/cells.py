"""One step of each cell in torch operations, differentiable as often as you like.

Each function takes the weights and a whole input (T, B, D), does at once what does not depend on
the
state (one matrix product for all steps) and returns that part, (T, B, G), with the function of one
step::

    step(part_t, h_in, h, c) -> (h, c, gates)

``h_in`` is h as the recurrent matrix sees it (after recurrent dropout), h and c are the state
before the step; cells without c pass it through. ``gates`` are what a trace shows, in the order of
``GATES``.

Layer normalisation follows Ba, Kiros & Hinton 2016: norm(v) = (v - mean) / sqrt(var + 1e-5) with
the biased variance, and the biases of the layer as shifts.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from clew.kernels.settings import EPSILON, Mode, Weights

Gates = tuple[Tensor, ...]
Step = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Gates]]

GATES: dict[Mode, tuple[str, ...]] = {
    "LSTM": ("i", "f", "g", "o"),
    "GRU": ("r", "z", "n"),
    "RNN_TANH": (),
    "RNN_RELU": (),
}


def lstm(w: Weights, x: Tensor) -> tuple[Tensor, Step]:
    """Long short-term memory (Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000).

    i, f, o = sigmoid(.), g = tanh(.) of  W_ih x + b_ih + W_hh h + b_hh
    c' = f * c + i * g,   h' = o * tanh(c'),   projected: h' = W_hr (o * tanh(c'))

    Normalised: a_ih * norm(W_ih x) + b_ih + a_hh * norm(W_hh h) + b_hh, each over all 4H at once,
    and h' = o * tanh(a_c * norm(c') + b_c); c' itself is carried as it is.
    """
    hidden = w.w_ih.shape[0] // 4
    w_hh = w.w_hh.t()  # (P, 4H)
    w_hr = None if w.w_hr is None else w.w_hr.t()  # (H, P)
    if w.ln_ih is None:
        part = F.linear(x, w.w_ih, _sum(w.b_ih, w.b_hh))
    else:
        part = _norm(F.linear(x, w.w_ih), w.ln_ih, _sum(w.b_ih, w.b_hh))

    def step(part_t: Tensor, h_in: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Gates]:
        if w.ln_hh is None:
            summed = torch.addmm(part_t, h_in, w_hh)
        else:
            summed = part_t + _norm(h_in @ w_hh, w.ln_hh, None)
        i_f, g, o = torch.split(summed, [2 * hidden, hidden, hidden], 1)  # (B, 2H), (B, H), (B, H)
        i, f = i_f.sigmoid().chunk(2, 1)
        g, o = g.tanh(), o.sigmoid()
        c = torch.addcmul(f * c, i, g)
        shown = c if w.ln_c_weight is None else _norm(c, w.ln_c_weight, w.ln_c_bias)
        h = o * shown.tanh()
        if w_hr is not None:
            h = h @ w_hr
        return h, c, (i, f, g, o)

    return part, step


def gru(w: Weights, x: Tensor) -> tuple[Tensor, Step]:
    """Gated recurrent unit (Cho et al. 2014, in the form of cuDNN and torch).

    r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh)
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn)),   h' = (1 - z) * n + z * h

    Normalised: the block of r and z (2H at once) and the block of n (H) each on their own, the
    input and the recurrent part separately, as for the LSTM.
    """
    hidden = w.w_ih.shape[0] // 3
    blocks = [2 * hidden, hidden]
    w_hh = w.w_hh.t()  # (P, 3H)
    if w.ln_ih is None:
        part = F.linear(x, w.w_ih, w.b_ih)
    else:
        part = _norm_blocks(F.linear(x, w.w_ih), blocks, w.ln_ih, w.b_ih)

    def step(part_t: Tensor, h_in: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Gates]:
        if w.ln_hh is not None:
            recurrent = _norm_blocks(h_in @ w_hh, blocks, w.ln_hh, w.b_hh)
        elif w.b_hh is not None:
            recurrent = torch.addmm(w.b_hh, h_in, w_hh)
        else:
            recurrent = h_in @ w_hh
        part_rz, part_n = torch.split(part_t, blocks, 1)  # (B, 2H), (B, H)
        recurrent_rz, recurrent_n = torch.split(recurrent, blocks, 1)
        r, z = (part_rz + recurrent_rz).sigmoid().chunk(2, 1)
        n = torch.addcmul(part_n, r, recurrent_n).tanh()
        return torch.lerp(n, h, z), c, (r, z, n)

    return part, step


def rnn_tanh(w: Weights, x: Tensor) -> tuple[Tensor, Step]:
    """Simple recurrent network (Elman 1990): h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Normalised: h' = tanh(a * norm(W_ih x + W_hh h) + b_ih + b_hh).
    """
    return _rnn(w, x, torch.tanh)


def rnn_relu(w: Weights, x: Tensor) -> tuple[Tensor, Step]:
    """The simple recurrent network with max(0, .) in place of tanh."""
    return _rnn(w, x, torch.relu)


def _rnn(w: Weights, x: Tensor, activation: Callable[[Tensor], Tensor]) -> tuple[Tensor, Step]:
    w_hh = w.w_hh.t()  # (H, H)
    bias = _sum(w.b_ih, w.b_hh)
    part = F.linear(x, w.w_ih, bias if w.ln_ih is None else None)

    def step(part_t: Tensor, h_in: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Gates]:
        summed = torch.addmm(part_t, h_in, w_hh)
        if w.ln_ih is not None:
            summed = _norm(summed, w.ln_ih, bias)
        return activation(summed), c, ()

    return part, step


CELLS: dict[Mode, Callable[[Weights, Tensor], tuple[Tensor, Step]]] = {
    "LSTM": lstm,
    "GRU": gru,
    "RNN_TANH": rnn_tanh,
    "RNN_RELU": rnn_relu,
}


def _sum(b_ih: Tensor | None, b_hh: Tensor | None) -> Tensor | None:
    return None if b_ih is None or b_hh is None else b_ih + b_hh


def _norm(v: Tensor, gain: Tensor, shift: Tensor | None) -> Tensor:
    return F.layer_norm(v, (v.shape[-1],), gain, shift, EPSILON)


def _norm_blocks(v: Tensor, blocks: list[int], gain: Tensor, shift: Tensor | None) -> Tensor:
    first, second = torch.split(v, blocks, -1)
    gain_1, gain_2 = torch.split(gain, blocks)
    shift_1, shift_2 = (None, None) if shift is None else torch.split(shift, blocks)
    return torch.cat((_norm(first, gain_1, shift_1), _norm(second, gain_2, shift_2)), -1)
