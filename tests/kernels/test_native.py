"""The native layers against the formula: values, gradients, bits, on every target there is."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import processes
import pytest
import torch
from hypothesis import example, given, settings

sys.path.insert(0, str(Path(__file__).parent))
from calls import KINDS, OPTIONS, Call, agree, calls, same, threads

from clew import nn
from clew.kernels import native, simd

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda k: "-".join(map(str, k.values())))
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def check(call):
    """Values and gradients; the truth is always in double precision."""
    loose, looser = (1e-11, 1e-10) if call.dtype == torch.float64 else (1e-5, 1e-4)
    if call.norm:  # where units agree it divides by sqrt(1e-5), and rounding errors grow
        loose, looser = 300 * loose, 3000 * looser
    truth = call.of(torch.float64)
    agree(call.read("native"), truth.read("formula"), loose)
    agree(call.gradients("native"), truth.gradients("formula"), looser)


@given(call=calls())
@settings(max_examples=150)
@example(Call(T=0, lengths=(0, 0, 0)))
@example(Call(mode="GRU", B=0, lengths=()))
@example(Call(mode="GRU", D=0, lengths=(0, 0, 0), both=True))
@example(Call(P=2, lengths=(0, 5, 2), both=True, reset=0.4, **OPTIONS[4]))
def test_layers_are_the_formula(call):
    check(call)


@every_kind
@every_dtype
def test_sizes_that_are_shared_out_between_threads(kind, dtype):
    for sizes in ({"T": 9, "B": 2, "H": 150, "D": 60}, {"T": 4, "B": 70, "H": 50, "D": 33}):
        lengths = tuple((7 * b) % (sizes["T"] + 1) for b in range(sizes["B"]))
        call = Call(**kind, **sizes, both=True, dtype=dtype, lengths=lengths, reset=0.1)
        with threads(4):
            check(call)


@every_kind
@pytest.mark.parametrize("options", OPTIONS[1:], ids=str)
def test_traces_are_the_formula(kind, options):
    call = Call(**kind, **options, both=True, lengths=(2, 0, 5), reset=0.3)
    found = []
    for how in ("native", "formula"):
        x, state, weights = call.tensors()
        leaves = [x, *state, *(p for w in weights for p in w if p is not None)]
        for leaf in leaves:
            leaf.requires_grad_()
        traces = []
        call.run(how, x, state, weights, traces)
        shown = [values for gates in traces for values in gates.values()]
        names = [list(gates) for gates in traces]
        loss = sum((y * y.cos()).sum() for y in shown)
        grads = torch.autograd.grad(loss, leaves)
        x, state, weights = call.tensors()
        alone = []
        with torch.no_grad():
            call.run(how, x, state, weights, alone)
        same([v for gates in alone for v in gates.values()], [y.detach() for y in shown])
        found.append((names, [*shown, *grads]))
    assert found[0][0] == found[1][0]
    agree(found[0][1], found[1][1], 1e-11)


# --- bits ---------------------------------------------------------------------------------------


def part(call, rows, steps):
    """y and the final state of some sequences, read by themselves and only so far."""
    x, state, weights = call.tensors()
    short = replace(call, T=steps, B=len(rows), lengths=None)
    with torch.no_grad():
        return short.run("native", x[:steps, rows], tuple(v[:, rows] for v in state), weights)


@every_kind
@every_dtype
@pytest.mark.parametrize("size", [20, 200])
def test_a_sequence_has_its_bits_wherever_it_stands(kind, dtype, size):
    lengths = (9, 3, 0, 12, 12, 1, 7, 12, 5, 2, 12, 9, 4)
    call = Call(
        **kind,
        T=12,
        B=13,
        D=17,
        H=size,
        both=True,
        dtype=dtype,
        lengths=lengths,
        zoneout=(0.1, 0.2),
    )
    with threads(1):
        y, *final = call.read("native")
    for count in (2, 3, 4):
        with threads(count):
            same(call.read("native"), (y, *final))
    for count, rows in ((1, [3]), (4, [3]), (4, [4, 3]), (3, [7, 3, 10, 4]), (2, [0]), (4, [11])):
        steps = lengths[rows[-1]]
        with threads(count):
            y_own, *final_own = part(call, rows, steps)
        for k, b in enumerate(rows):
            assert torch.equal(y_own[:, k], y[:steps, b])
            same([v[:, k] for v in final_own], [v[:, b] for v in final])
        assert not y[steps:, rows[-1]].any()


@every_kind
@every_dtype
@pytest.mark.parametrize("size", [20, 200])
def test_whole_is_split_is_stepwise_bit_for_bit(kind, dtype, size):
    call = Call(**kind, T=11, B=3, D=9, H=size, dtype=dtype, zoneout=(0.1, 0.2))
    x, state, weights = call.tensors()
    whole = call.read("native")
    for cuts in ([4, 7], [1] * 11, [10, 1]):
        said, at, carried = [], 0, state
        for steps in cuts:
            piece = replace(call, T=steps)
            with torch.no_grad():
                y, *carried = piece.run("native", x[at : at + steps], tuple(carried), weights)
            said.append(y)
            at += steps
        same((torch.cat(said), *carried), whole)


@every_kind
@every_dtype
def test_gradients_do_not_depend_on_the_threads(kind, dtype):
    call = Call(**kind, T=9, B=20, D=17, H=60, both=True, dtype=dtype, reset=0.1)
    with threads(1):
        once = call.gradients("native")
        same(call.gradients("native"), once)
    with threads(3):
        agree(call.gradients("native"), once, 1e-12 if dtype == torch.float64 else 1e-5)
        same(call.gradients("native"), call.gradients("native"))


# --- what is not a number, precision ------------------------------------------------------------


@every_kind
@every_dtype
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_passes_as_in_torch_and_reaches_no_neighbour(kind, dtype, bad):
    call = Call(**kind, T=6, B=5, D=8, H=20, dtype=dtype, lengths=(6, 4, 6, 0, 5))
    found = {}
    for how in ("native", "formula", "clean"):
        x, state, weights = call.tensors()
        if how != "clean":
            x[2, 1, 3] = bad
            x[5, 1] = bad  # padding
        x.requires_grad_()
        y, *_ = call.run("formula" if how == "formula" else "native", x, state, weights)
        (slope,) = torch.autograd.grad(y[:, [0, 2, 3, 4]].sum() + y[:2, 1].sum(), x)
        found[how] = (y.detach(), slope)
    ours, true = found["native"][0], found["formula"][0]
    torch.testing.assert_close(ours, true, equal_nan=True, rtol=1e-4, atol=1e-5)
    others = [0, 2, 3, 4]
    assert torch.equal(ours[:, others], found["clean"][0][:, others])
    assert torch.equal(found["native"][1][:, others], found["clean"][1][:, others])
    assert not found["native"][1][4:, 1].any()


@every_kind
@pytest.mark.parametrize("both", [False, True])
def test_derivatives_agree_with_finite_differences(kind, both):
    call = Call(**kind, T=3, H=4, D=2, both=both, lengths=(1, 3, 0), reset=0.4)
    x, state, weights = call.tensors()
    flat, fields = native.flatten(weights)

    def run(x, *rest):
        state, rest = rest[: call.cell.states], iter(rest[call.cell.states :])
        own = [
            type(weights[0])(*(next(rest) if there else None for there in fields)) for _ in weights
        ]
        return call.run("native", x, state, own)

    inputs = tuple(v.requires_grad_() for v in (x, *state, *flat))
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


@every_kind
def test_single_precision_stays_close_over_a_thousand_steps(kind):
    call = Call(**kind, T=1000, B=2, D=5, H=32, dtype=torch.float32)
    agree(call.read("native"), call.of(torch.float64).read("formula"), 1e-5)


@every_kind
@pytest.mark.parametrize("count", [1, 3])
def test_gradients_that_vanish_end_in_zero_and_leave_no_trace_on_the_threads(kind, count):
    tiny = torch.full((100_000,), 1e-39)  # a denormal: half of it is one, too
    torch.manual_seed(0)
    layers = {
        "LSTM": nn.LSTM(5, 40),
        "GRU": nn.GRU(5, 40),
        "RNN_TANH": nn.RNN(5, 40),
        "RNN_RELU": nn.RNN(5, 40, nonlinearity="relu"),
    }
    layer = nn.LSTM(5, 40, proj_size=kind["P"]) if "P" in kind else layers[kind["mode"]]
    for weight in layer.parameters():
        weight.data *= 0.3  # at most: what reaches the first steps is far below 1e-38
    x = torch.randn(400, 12, 5, requires_grad=True)
    with threads(count):
        y, _ = layer(x)
        (y[-1] * 1e-20).sum().backward()
        assert torch.all(tiny * 0.5 > 0)  # on the threads that had just been at work
    size = x.grad.abs()
    assert torch.all(size[0] == 0)
    assert torch.all(size[-1].amax(1) > 0)
    if os.uname().machine == "x86_64":
        assert torch.all((size == 0) | (size >= torch.finfo(torch.float32).tiny))


# --- targets ------------------------------------------------------------------------------------


def every_check():
    """What holds on any target, without pytest around it."""
    for kind in KINDS:
        for k, options in enumerate(OPTIONS):
            for dtype in (torch.float32, torch.float64):
                call = Call(**kind, **options, T=5, B=6, D=7, H=37, both=k % 2 == 1, dtype=dtype)
                check(replace(call, lengths=(5, 2, 0, 5, 1, 4), reset=0.2))
        for dtype in (torch.float32, torch.float64):
            test_a_sequence_has_its_bits_wherever_it_stands(kind, dtype, 20)
            test_whole_is_split_is_stepwise_bit_for_bit(kind, dtype, 20)
            test_what_is_not_finite_passes_as_in_torch_and_reaches_no_neighbour(
                kind, dtype, torch.nan
            )


def every_check_on(target):
    os.environ["CLEW_SIMD"] = target
    torch.set_num_threads(1)
    assert simd.target() == target
    every_check()
    print(simd.target())  # noqa: T201 (for the test that started this)


@pytest.mark.parametrize("target", simd.targets())
def test_every_target_holds_all_that(target, tmp_path):
    assert processes.told(tmp_path / "log", every_check_on, target).strip() == target


@pytest.mark.skipif(len(simd.targets()) < 2, reason="this processor runs one target only")
def test_backward_runs_on_the_target_that_forward_ran_on(monkeypatch):
    layer = nn.LSTM(5, 37)
    x = torch.linspace(-1, 1, 7 * 3 * 5).reshape(7, 3, 5)
    layer(x)[0].sum().backward()
    expected = [weight.grad.clone() for weight in layer.parameters()]
    layer.zero_grad()
    y, _ = layer(x)
    monkeypatch.setenv("CLEW_SIMD", "portable")
    y.sum().backward()
    assert all(torch.equal(a, w.grad) for a, w in zip(expected, layer.parameters(), strict=True))
