"""Every cell in plain Python: the definition that the fast layers are measured against.

Only the standard library, only lists of floats, one sequence at a time. A vector is a list of
floats, a matrix a list of rows. Letters: T steps, D features of an input, H hidden units,
P units of a projected hidden state. Gate order and parameters are PyTorch's.

    python -m clew.reference        a network of two units, worked through

The plain cells are `rnn_step`, `lstm_step` and `gru_step`; `read` carries the state from step to
step. What a cell can have besides (layer norm, dropout of the recurrence, zoneout, a projection)
stands in one small helper each, and is absent unless asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Vector = list[float]
Matrix = list[list[float]]
Pair = tuple[Vector, Vector]
State = TypeVar("State")  # what a cell carries: h (a Vector), or (h, c) (a Pair)
Item = TypeVar("Item")  # what a cell reads at one step: x (a Vector), or x and that step's masks

EPSILON = 1e-5  # keeps the variance in `norm` away from zero, as in torch.nn.LayerNorm


@dataclass(frozen=True)
class Weights:
    """What one cell has learned; G is its number of gates (RNN 1, GRU 3, LSTM 4).

    The last five are None in a plain cell. An RNN with layer norm has one gain, `gain_ih`.
    """

    w_ih: Matrix  # (G*H, D)  what each unit makes of the input
    w_hh: Matrix  # (G*H, H)  what each unit makes of the past; (4*H, P) with a projection
    b_ih: Vector | None = None  # (G*H,)
    b_hh: Vector | None = None  # (G*H,)
    w_hr: Matrix | None = None  # (P, H)   LSTM only: the projection
    gain_ih: Vector | None = None  # (G*H,)  layer norm of what comes from the input
    gain_hh: Vector | None = None  # (G*H,)  layer norm of what comes from the past
    gain_c: Vector | None = None  # (H,)    LSTM only: layer norm of the cell
    bias_c: Vector | None = None  # (H,)


# --- the two curves ------------------------------------------------------------------------------


def tanh(x: float) -> float:
    """Return (e^x - e^-x) / (e^x + e^-x), written so that no exponent is ever positive."""
    e = math.expm1(-2.0 * abs(x))  # e^(-2|x|) - 1, exact near zero too
    return math.copysign(-e / (2.0 + e), x)


def sigmoid(x: float) -> float:
    """Return 1 / (1 + e^-x), written so that no exponent is ever positive."""
    e = math.exp(-abs(x))
    return 1.0 / (1.0 + e) if x >= 0 else e / (1.0 + e)


def relu(x: float) -> float:
    """Return x where it is positive, else 0 (NaN stays NaN)."""
    return 0.0 if x < 0 else x


# --- the cells -----------------------------------------------------------------------------------


def rnn_step(
    x: Vector,
    h: Vector,
    w: Weights,
    *,
    curve: Callable[[float], float] = tanh,
    drop: Vector | None = None,
    zone: Vector | None = None,
) -> Vector:
    """Return the next hidden state (H,) of a simple recurrent network (Elman 1990).

        h' = tanh(W_ih x + b_ih + W_hh h + b_hh)

    `curve` is `tanh` or `relu`; `drop` (H,) see `dropped`; `zone` (H,) see `zoned`.
    """
    a = add(times(w.w_ih, x), times(w.w_hh, dropped(h, drop)))
    a = add(add(normed(a, w.gain_ih), w.b_ih), w.b_hh)
    h_new = [curve(v) for v in a]
    return zoned(h, h_new, zone)


def lstm_step(
    x: Vector,
    state: Pair,
    w: Weights,
    *,
    drop: Vector | None = None,
    zone: tuple[Vector | None, Vector | None] = (None, None),
) -> Pair:
    """Return the next (h, c) of a long short-term memory.

        i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)      what to write
        f = sigmoid(W_if x + b_if + W_hf h + b_hf)      what to keep
        g =    tanh(W_ig x + b_ig + W_hg h + b_hg)      what could be written
        o = sigmoid(W_io x + b_io + W_ho h + b_ho)      what to show
        c' = f * c + i * g
        h' = o * tanh(c')

    Hochreiter & Schmidhuber 1997; the forget gate f is of Gers, Schmidhuber & Cummins 2000.
    `drop` (P,) see `dropped`; `zone` the pair for h (P,) and c (H,), see `zoned`.
    """
    h, c = state
    a_x = add(normed(times(w.w_ih, x), w.gain_ih), w.b_ih)
    a_h = add(normed(times(w.w_hh, dropped(h, drop)), w.gain_hh), w.b_hh)
    i, f, g, o = cut(add(a_x, a_h), 4)
    c_new = [
        sigmoid(f_k) * c_k + sigmoid(i_k) * tanh(g_k)
        for i_k, f_k, g_k, c_k in zip(i, f, g, c, strict=True)
    ]
    shown = add(normed(c_new, w.gain_c), w.bias_c)  # the cell itself without layer norm
    h_new = [sigmoid(o_k) * tanh(c_k) for o_k, c_k in zip(o, shown, strict=True)]
    h_new = projected(h_new, w.w_hr)
    return zoned(h, h_new, zone[0]), zoned(c, c_new, zone[1])


def gru_step(
    x: Vector,
    h: Vector,
    w: Weights,
    *,
    drop: Vector | None = None,
    zone: Vector | None = None,
) -> Vector:
    """Return the next hidden state (H,) of a gated recurrent unit (Cho et al. 2014).

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        how much of the past the candidate sees
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        how much of the past stays
        n =    tanh(W_in x + b_in + r * (W_hn h + b_hn))  the candidate
        h' = (1 - z) * n + z * h

    As in PyTorch and cuDNN, r is applied after the product, and b_hn stands inside.
    `drop` (H,) see `dropped`; `zone` (H,) see `zoned`.
    """
    size = len(h)
    blocks = (2 * size, size)  # layer norm: r and z together, the candidate by itself
    a_x = add(normed(times(w.w_ih, x), w.gain_ih, blocks), w.b_ih)
    a_h = add(normed(times(w.w_hh, dropped(h, drop)), w.gain_hh, blocks), w.b_hh)
    r_x, z_x, n_x = cut(a_x, 3)
    r_h, z_h, n_h = cut(a_h, 3)
    r = [sigmoid(v) for v in add(r_x, r_h)]
    z = [sigmoid(v) for v in add(z_x, z_h)]
    n = [tanh(v + r_k * u) for v, r_k, u in zip(n_x, r, n_h, strict=True)]
    h_new = [(1.0 - z_k) * n_k + z_k * h_k for z_k, n_k, h_k in zip(z, n, h, strict=True)]
    return zoned(h, h_new, zone)


# --- what a cell can have besides ----------------------------------------------------------------


def normed(a: Vector, gain: Vector | None, blocks: Sequence[int] | None = None) -> Vector:
    """Return gain * (a - mean) / sqrt(variance + 1e-5), or `a` itself if there is no gain.

    Layer norm (Ba, Kiros & Hinton 2016), over all of `a` or over each of the `blocks` (sizes)
    for itself. The variance is the biased one.
    """
    if gain is None:
        return a
    out: Vector = []
    for size in blocks or (len(a),):
        block = a[len(out) : len(out) + size]
        mean = sum(block) / size
        spread = math.sqrt(sum((v - mean) ** 2 for v in block) / size + EPSILON)
        out += [(v - mean) / spread for v in block]
    return [k * v for k, v in zip(gain, out, strict=True)]


def dropped(h: Vector, mask: Vector | None) -> Vector:
    """Return `h` as the recurrent weights see it under recurrent dropout (Gal & Ghahramani 2016).

    One `mask` of 0 and 1/(1 - p) is drawn for a sequence and used at each of its steps.
    """
    return h if mask is None else [m * v for m, v in zip(mask, h, strict=True)]


def zoned(old: Vector, new: Vector, keep: Vector | None) -> Vector:
    """Return keep * old + (1 - keep) * new: zoneout (Krueger et al. 2017).

    In training `keep` is a fresh draw of 0 and 1 at each step (1 with probability p: that unit
    holds its value); in evaluation it is p itself, the expectation.
    """
    if keep is None:
        return new
    return [k * a + (1.0 - k) * b for a, b, k in zip(old, new, keep, strict=True)]


def projected(h: Vector, w_hr: Matrix | None) -> Vector:
    """Return W_hr h (P,): the LSTM's smaller hidden state (Sak, Senior & Beaufays 2014)."""
    return h if w_hr is None else times(w_hr, h)


# --- the loop through time -----------------------------------------------------------------------


def read(
    step: Callable[[Item, State], State],
    xs: Sequence[Item],
    state: State,
    *,
    length: int | None = None,
    reset: Sequence[bool] | None = None,
    reverse: bool = False,
) -> tuple[list[Vector], State]:
    """Read a sequence and return the output of each step, (T, H), and the final state.

    `step(x, state)` is a cell with its weights, such as `lambda x, h: gru_step(x, h, w)`.
    Only the first `length` elements count: the outputs beyond are zeros, and of an empty
    sequence the state comes back as it went in. Where `reset[t]` is true a new piece begins at t
    and what was read on the other side of that border is forgotten. `reverse` reads from the last
    element to the first; outputs keep their places.
    """
    length = len(xs) if length is None else length
    begins = [False] * len(xs) if reset is None else list(reset)
    order = range(length - 1, -1, -1) if reverse else range(length)
    ys: list[Vector] = [[0.0] * len(shown(state)) for _ in xs]
    for t in order:
        border = t + 1 < length and begins[t + 1] if reverse else begins[t]
        if border:
            state = blank(state)
        state = step(xs[t], state)
        ys[t] = list(shown(state))
    return ys, state


def both_ways(
    ahead: tuple[list[Vector], State], back: tuple[list[Vector], State]
) -> tuple[list[Vector], tuple[State, State]]:
    """Return two readings side by side: at each step the outputs joined, and both states.

    Bidirectional networks: Schuster & Paliwal 1997.
    """
    joined = [y + z for y, z in zip(ahead[0], back[0], strict=True)]
    return joined, (ahead[1], back[1])


def stacked(
    layers: Sequence[Callable[[list[Vector], State], tuple[list[Vector], State]]],
    xs: list[Vector],
    states: Sequence[State],
    *,
    residual: bool = False,
) -> tuple[list[Vector], list[State]]:
    """Let each layer read what the one below it wrote; return the last outputs and all states.

    With `residual` a layer's input is added to its output wherever the two have one size.
    """
    ends: list[State] = []
    for layer, state in zip(layers, states, strict=True):
        ys, end = layer(xs, state)
        if residual and xs and len(xs[0]) == len(ys[0]):
            ys = [add(y, x) for y, x in zip(ys, xs, strict=True)]
        xs = ys
        ends.append(end)
    return xs, ends


def shown(state: Any) -> Vector:
    """Return the part of a state that is also the output: h of h, h of (h, c)."""
    h: Vector = state[0] if isinstance(state, tuple) else state
    return h


def blank(state: State) -> State:
    """Return a state of the same shape that remembers nothing: zeros."""
    empty: Any
    if isinstance(state, tuple):
        empty = tuple([0.0] * len(part) for part in state)
    else:
        empty = [0.0] * len(shown(state))
    answer: State = empty
    return answer


# --- arithmetic on lists -------------------------------------------------------------------------


def times(matrix: Matrix, v: Vector) -> Vector:
    """Return the matrix (R, C) times the vector (C,)."""
    return [sum(m * u for m, u in zip(row, v, strict=True)) for row in matrix]


def add(a: Vector, b: Vector | None) -> Vector:
    """Return a + b; a missing b counts as zeros."""
    return a if b is None else [u + v for u, v in zip(a, b, strict=True)]


def cut(a: Vector, parts: int) -> list[Vector]:
    """Return `a` cut into equal parts: the gates, in their order."""
    size = len(a) // parts
    return [a[k * size : (k + 1) * size] for k in range(parts)]


# --- worked through ------------------------------------------------------------------------------


def worked() -> str:
    """Return two networks of two units at work, step by step, as text."""
    mixing = Weights(w_ih=[[0.8, 0.0], [0.0, 0.8]], w_hh=[[0.5, 0.1], [0.1, 0.5]])
    forgetful = Weights(w_ih=[[1.0, 0.0], [0.0, 1.0]], w_hh=[[0.0, 0.0], [0.0, 0.0]])
    return "\n".join(
        [
            "h' = tanh(W_x x + W_h h), W_h = [[0.5, 0.1], [0.1, 0.5]], W_x = 0.8 I, h = 0",
            *told(mixing, [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]),
            "h' = tanh(W_x x + W_h h), W_h = 0, W_x = I, h = 0",
            *told(forgetful, [[0.5, -0.5]]),
        ]
    )


def told(w: Weights, xs: list[Vector]) -> list[str]:
    """Return, a line a step, what a simple recurrent network of two units makes of its inputs."""
    hs, _ = read(lambda x, h: rnn_step(x, h, w), xs, [0.0, 0.0])
    return [
        f"  x = [{x_1:.1f}, {x_2:.1f}]  ->  h = [{h_1:.4f}, {h_2:.4f}]"
        for (x_1, x_2), (h_1, h_2) in zip(xs, hs, strict=True)
    ]


if __name__ == "__main__":
    print(worked())  # noqa: T201 (this is what `python -m clew.reference` is for)
