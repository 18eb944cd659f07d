"""Layer norm within the native loop: the formula, the bits of a sequence, large means."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from calls import KINDS, Call, agree, same, threads

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda k: "-".join(map(str, k.values())))
EVERYTHING = {
    "zoneout": (0.3, 0.2),
    "dropout": 0.3,
    "training": True,
    "reset": 0.2,
    "both": True,
    "lengths": (9, 3, 0, 5, 9, 1, 7),
}


@every_kind
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("size", [5, 70])
def test_values_and_gradients_are_the_formula(kind, bias, options, size):
    call = Call(**kind, **options, norm=True, bias=bias, T=9, B=7, D=11, H=size)
    for count in (1, 4):
        with threads(count):
            agree(call.read("native"), call.read("formula"), 1e-10)
            agree(call.gradients("native"), call.gradients("formula"), 1e-10)


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_bit_depends_on_the_threads(kind, dtype):
    # Sequences so few that threads share the units, and so many that they share the rows.
    for sizes in ({"T": 6, "B": 2, "D": 40, "H": 256}, {"T": 4, "B": 41, "D": 7, "H": 50}):
        call = Call(**kind, **sizes, norm=True, both=True, reset=0.1, dtype=dtype)
        with threads(1):
            read, pulled = call.read("native"), call.gradients("native")
        for count in (2, 3, 4):
            with threads(count):
                same(call.read("native"), read)
                same(call.gradients("native"), pulled)


@every_kind
def test_a_sequence_has_its_bits_alone_and_among_others(kind):
    call = Call(**kind, norm=True, T=9, B=12, D=17, H=40, dtype=torch.float32, zoneout=(0.1, 0.2))
    whole = call.read("native")
    x, state, weights = call.tensors()
    for rows in ([3], [11, 0], [4, 5, 6, 7, 8]):
        own = replace(call, B=len(rows))
        with torch.no_grad():
            alone = own.run("native", x[:, rows], tuple(v[:, rows] for v in state), weights)
        same(alone, [v[:, rows] for v in whole])


@every_kind
def test_a_large_mean_costs_no_more_than_its_own_rounding(kind):
    # All rows of the weights share a part some hundred times what tells them apart.
    call = Call(**kind, norm=True, T=20, B=3, D=9, H=33, dtype=torch.float32)
    found = {}
    for dtype in (torch.float32, torch.float64):
        x, state, weights = call.tensors()
        for w in weights:
            for part in (w.w_ih, w.w_hh):
                part.add_(100)
        moved = [type(w)(*(p if p is None else p.to(dtype) for p in w)) for w in weights]
        how = "native" if dtype == torch.float32 else "formula"
        with torch.no_grad():
            states = tuple(part.to(dtype) for part in state)
            found[dtype] = call.run(how, x.to(dtype), states, moved)
    agree(found[torch.float32], found[torch.float64], 2e-3)


@pytest.mark.parametrize("kind", [{"mode": "GRU"}, {"mode": "RNN_TANH"}], ids=["GRU", "RNN"])
def test_single_precision_stays_close_over_a_thousand_steps(kind):
    # An LSTM with such weights is chaotic: torch's own operations differ by 1e-3 there.
    call = Call(**kind, norm=True, T=1000, B=2, D=5, H=32, dtype=torch.float32)
    agree(call.read("native"), call.of(torch.float64).read("formula"), 1e-5)
