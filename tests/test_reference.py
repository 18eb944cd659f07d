"""The definition against hand arithmetic, the standard library and PyTorch's own cells."""

import ast
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clew import reference
from clew.reference import (
    Weights,
    both_ways,
    gru_step,
    lstm_step,
    normed,
    read,
    relu,
    rnn_step,
    sigmoid,
    stacked,
    tanh,
)

WORKED = [[0.6640, 0.0000], [0.3203, 0.6995], [0.5581, 0.6537]]
anything = st.floats(allow_nan=False)


def summing(x, h):
    """A cell whose memory is easy to follow: the running total."""
    return [h[0] + x[0]]


def column(*values):
    return [[float(v)] for v in values]


# --- numbers -------------------------------------------------------------------------------------


def test_the_worked_network_gives_the_published_numbers():
    w = Weights(w_ih=[[0.8, 0.0], [0.0, 0.8]], w_hh=[[0.5, 0.1], [0.1, 0.5]])
    hs, last = read(lambda x, h: rnn_step(x, h, w), [[1, 0], [0, 1], [0.5, 0.5]], [0.0, 0.0])
    for h, worked in zip(hs, WORKED, strict=True):
        assert h == pytest.approx(worked, abs=5e-5)
    assert last == hs[-1]
    forgetful = Weights(w_ih=[[1.0, 0.0], [0.0, 1.0]], w_hh=[[0.0, 0.0], [0.0, 0.0]])
    assert rnn_step([0.5, -0.5], [0.0, 0.0], forgetful) == pytest.approx(
        [0.4621, -0.4621], abs=5e-5
    )


def test_running_the_module_prints_them():
    done = subprocess.run(
        [sys.executable, "-m", "clew.reference"], capture_output=True, text=True, check=True
    )
    for line in ("[0.6640, 0.0000]", "[0.3203, 0.6995]", "[0.5581, 0.6537]", "[0.4621, -0.4621]"):
        assert line in done.stdout
    assert done.stderr == ""


def test_an_lstm_by_hand():
    """One unit, every gate at a value known in closed form."""
    ln3 = math.log(3.0)  # sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4, tanh(ln 3) = 4/5
    w = Weights(w_ih=[[ln3], [-ln3], [ln3], [0.0]], w_hh=[[0.0]] * 4)
    h, c = lstm_step([1.0], ([0.5], [2.0]), w)
    assert c == pytest.approx([0.25 * 2.0 + 0.75 * 0.8])
    assert h == pytest.approx([0.5 * math.tanh(1.1)])


def test_a_gru_by_hand():
    ln3 = math.log(3.0)
    w = Weights(w_ih=[[ln3], [-ln3], [0.0]], w_hh=[[0.0]] * 3, b_hh=[0.0, 0.0, ln3 / 0.75])
    assert gru_step([1.0], [2.0], w) == pytest.approx([0.75 * 0.8 + 0.25 * 2.0])


def test_it_needs_nothing_but_the_standard_library():
    tree = ast.parse(Path(reference.__file__).read_text())
    found = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    found |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert {name.split(".")[0] for name in found} <= set(sys.stdlib_module_names)


# --- the curves ----------------------------------------------------------------------------------


@given(anything)
def test_tanh_is_tanh_everywhere(x):
    assert tanh(x) == pytest.approx(math.tanh(x), rel=4e-16, abs=5e-324)
    assert tanh(-x) == -tanh(x)


@given(anything)
def test_sigmoid_never_overflows_and_its_halves_add_up(x):
    assert 0.0 <= sigmoid(x) <= 1.0
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1.0, rel=4e-16)
    if abs(x) < 700:
        assert sigmoid(x) == pytest.approx(1.0 / (1.0 + math.exp(-x)), rel=4e-16)


@pytest.mark.parametrize("x", [701.0, 710.0, 1e6, 1e308, math.inf])
def test_curves_far_out(x):
    assert (tanh(x), tanh(-x)) == (1.0, -1.0)
    assert sigmoid(x) == 1.0
    assert 0.0 <= sigmoid(-x) < 1e-300


def test_nan_stays_nan():
    assert all(math.isnan(curve(math.nan)) for curve in (tanh, sigmoid, relu))


# --- against torch -------------------------------------------------------------------------------


def drawn(layer, seed=0):
    """Give a torch layer weights worth testing and return them as plain Weights, by direction."""
    generator = torch.Generator().manual_seed(seed)
    for p in layer.parameters():
        torch.nn.init.normal_(p, std=0.8, generator=generator)
    return {
        way: Weights(
            **{
                name: value.tolist()
                for key, name in (
                    ("weight_ih", "w_ih"),
                    ("weight_hh", "w_hh"),
                    ("bias_ih", "b_ih"),
                    ("bias_hh", "b_hh"),
                    ("weight_hr", "w_hr"),
                )
                if (value := getattr(layer, f"{key}_l0{way}", None)) is not None
            }
        )
        for way in ("", "_reverse")
        if hasattr(layer, "weight_ih_l0" + way)
    }


def close(ours, theirs):
    torch.testing.assert_close(
        torch.tensor(ours, dtype=torch.float64), theirs.double(), atol=1e-12, rtol=1e-12
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(
    ("kind", "step", "options"),
    [
        (torch.nn.RNN, rnn_step, {}),
        (torch.nn.RNN, lambda x, h, w: rnn_step(x, h, w, curve=relu), {"nonlinearity": "relu"}),
        (torch.nn.GRU, gru_step, {}),
        (torch.nn.LSTM, lstm_step, {}),
        (torch.nn.LSTM, lstm_step, {"proj_size": 2}),
    ],
)
def test_whole_sequences_equal_torch(kind, step, options, both, bias):
    layer = kind(3, 4, bias=bias, bidirectional=both, dtype=torch.float64, **options)
    ways = drawn(layer)
    ways_n, shown = len(ways), options.get("proj_size", 4)
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    h = torch.randn(ways_n, shown, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    c = torch.randn(ways_n, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    pair = kind is torch.nn.LSTM
    y, end = layer(x, (h, c) if pair else h)

    readings = [
        read(
            lambda x, s, w=w: step(x, s, w),
            x.tolist(),
            (h[k].tolist(), c[k].tolist()) if pair else h[k].tolist(),
            reverse=k == 1,
        )
        for k, w in enumerate(ways.values())
    ]
    ys, ends = both_ways(*readings) if both else (readings[0][0], (readings[0][1],))
    close(ys, y)
    if pair:
        close([e[0] for e in ends], end[0])
        close([e[1] for e in ends], end[1])
    else:
        close(list(ends), end)


def test_a_stack_equals_torch():
    layers = [torch.nn.GRU(3, 3, dtype=torch.float64) for _ in range(2)]
    weights = [drawn(layer, seed)[""] for seed, layer in enumerate(layers)]
    readers = [lambda xs, h, w=w: read(lambda x, h: gru_step(x, h, w), xs, h) for w in weights]
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    states = [[0.1, 0.2, 0.3], [-0.1, 0.0, 0.1]]
    y_0, end_0 = layers[0](x, torch.tensor([states[0]], dtype=torch.float64))
    for residual in (False, True):
        middle = y_0 + x if residual else y_0
        y_1, end_1 = layers[1](middle, torch.tensor([states[1]], dtype=torch.float64))
        ys, ends = stacked(readers, x.tolist(), states, residual=residual)
        close(ys, y_1 + middle if residual else y_1)
        close(ends, torch.cat([end_0, end_1]))


# --- the loop ------------------------------------------------------------------------------------


def test_reading_both_ways():
    xs = column(1, 2, 4)
    assert read(summing, xs, [8.0]) == (column(9, 11, 15), [15.0])
    assert read(summing, xs, [8.0], reverse=True) == (column(15, 14, 12), [15.0])


def test_beyond_the_length_there_are_zeros():
    xs = column(1, 2, 4, math.nan)
    assert read(summing, xs, [8.0], length=2) == (column(9, 11, 0, 0), [11.0])
    assert read(summing, xs, [8.0], length=2, reverse=True) == (column(11, 10, 0, 0), [11.0])


@pytest.mark.parametrize("reverse", [False, True])
def test_an_empty_sequence_returns_its_state(reverse):
    assert read(summing, column(1, 2), [8.0], length=0, reverse=reverse) == (column(0, 0), [8.0])
    assert read(summing, [], [8.0], reverse=reverse) == ([], [8.0])


def test_a_reset_cuts_the_sequence_in_both_directions():
    xs, reset = column(1, 2, 4, 16), [False, False, True, False]
    assert read(summing, xs, [8.0], reset=reset) == (column(9, 11, 4, 20), [20.0])
    assert read(summing, xs, [8.0], reset=reset, reverse=True) == (column(3, 2, 28, 24), [3.0])


def test_a_reset_at_the_edges():
    """At step 0 the initial state goes; a border at the length is none: nothing was read there."""
    xs = column(1, 2, 4)
    first, beyond = [True, False, False], [False, False, True]
    assert read(summing, xs, [8.0], reset=first) == (column(1, 3, 7), [7.0])
    assert read(summing, xs, [8.0], reset=first, reverse=True) == (column(15, 14, 12), [15.0])
    back = read(summing, xs, [8.0], length=2, reset=beyond, reverse=True)
    assert back == (column(11, 10, 0), [11.0])


# --- the options ---------------------------------------------------------------------------------


def test_layer_norm_equals_torch():
    a = torch.randn(12, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    gain = torch.linspace(-1, 2, 12, dtype=torch.float64)
    close(
        normed(a.tolist(), gain.tolist()),
        torch.nn.functional.layer_norm(a, (12,)) * gain,
    )
    halves = [torch.nn.functional.layer_norm(part, (len(part),)) for part in a.split((8, 4))]
    close(normed(a.tolist(), gain.tolist(), (8, 4)), torch.cat(halves) * gain)


def test_layer_norm_forgets_the_scale_of_its_input():
    """What layer norm is for: a sum of inputs a hundred times as large makes no difference."""
    w = Weights(
        w_ih=[[1.0, -2.0], [0.5, 3.0], [2.0, 2.0]], w_hh=[[0.0] * 3] * 3, gain_ih=[1.0, 2.0, 3.0]
    )
    near = rnn_step([40.0, 10.0], [0.0] * 3, w)
    far = rnn_step([4000.0, 1000.0], [0.0] * 3, w)
    assert near == pytest.approx(far, rel=1e-6)


def test_zoneout_holds_or_mixes():
    w = Weights(w_ih=[[1.0]], w_hh=[[1.0]])
    new = math.tanh(1.5)
    assert rnn_step([1.0], [0.5], w, zone=[1.0]) == [0.5]
    assert rnn_step([1.0], [0.5], w, zone=[0.0]) == pytest.approx([new])
    assert rnn_step([1.0], [0.5], w, zone=[0.25]) == pytest.approx([0.25 * 0.5 + 0.75 * new])


def test_zoneout_of_an_lstm_shows_the_candidate_cell():
    w = Weights(w_ih=[[1.0]] * 4, w_hh=[[0.5]] * 4)
    state = ([0.3], [0.7])
    plain_h, _ = lstm_step([1.0], state, w)
    assert lstm_step([1.0], state, w, zone=([0.0], [1.0])) == (plain_h, [0.7])


@pytest.mark.parametrize("step", [rnn_step, gru_step])
def test_recurrent_dropout_hides_the_past_from_the_weights(step):
    gates = 3 if step is gru_step else 1
    w = Weights(w_ih=[[0.4, -0.3]] * 2 * gates, w_hh=[[0.5, -1.0]] * 2 * gates)
    unheard = Weights(w_ih=w.w_ih, w_hh=[[1.0, 0.0]] * 2 * gates)  # column 0 doubled, 1 gone
    x, h = [1.0, 2.0], [0.5, -0.25]
    assert step(x, h, w, drop=[2.0, 0.0]) == pytest.approx(step(x, h, unheard))
