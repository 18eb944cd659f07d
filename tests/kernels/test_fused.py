"""The fused ways of computing a layer against the formula, values and gradients of both orders."""

import pytest
import torch

from clew.kernels import Cell, Weights, formula, fused
from clew.kernels.schedule import Schedule, plan

D, H, T, B = 3, 4, 6, 5
ROWS = {"LSTM": 4 * H, "GRU": 3 * H, "RNN_TANH": H, "RNN_RELU": H}
LENGTHS = torch.tensor([0, 4, 5, 1, 4])  # none of all T steps, and one empty


def drawn(mode, dtype, both=False, layers=1, scale=0.5):
    """A cell with random weights (layers, directions), an input and a state."""
    g = torch.Generator().manual_seed(7)

    def normal(*shape):
        return (torch.randn(*shape, generator=g, dtype=torch.float64) * scale).to(dtype)

    cell = Cell(mode, both)
    rows, n = ROWS[mode], cell.directions
    weights = [
        [
            Weights(
                normal(rows, D if k == 0 else H * n), normal(rows, H), normal(rows), normal(rows)
            )
            for _ in range(n)
        ]
        for k in range(layers)
    ]
    state = tuple(normal(layers * n, B, H) for _ in range(cell.states))
    return cell, weights, normal(T, B, D), state


def gradients(run, x, state, weights):
    """Outputs, gradients, and gradients of the squared gradient by x."""
    x = x.clone().requires_grad_()
    state = tuple(part.clone().requires_grad_() for part in state)
    whole = [
        [Weights(*(p if p is None else p.clone().requires_grad_() for p in w)) for w in own]
        for own in weights
    ]
    leaves = [x, *state, *(p for own in whole for w in own for p in w if p is not None)]
    y, final = run(x, state, whole)
    loss = sum((part * part.cos()).sum() for part in (y, *final))
    first = torch.autograd.grad(loss, leaves, create_graph=True)
    second = torch.autograd.grad(first[0].square().sum(), leaves, allow_unused=True)
    return [y, *final, *first, *(g for g in second if g is not None)]


def agree(ours, true, tolerance):
    assert len(ours) == len(true)
    for a, b in zip(ours, true, strict=True):
        torch.testing.assert_close(a.double(), b.double(), rtol=tolerance, atol=tolerance)


def formula_of(cell, schedule):
    def run(x, state, weights):
        finals = []
        for k, own in enumerate(weights):
            mine = tuple(part[k * cell.directions : (k + 1) * cell.directions] for part in state)
            x, final = formula.layer(cell, x, mine, own, schedule)
            finals.append(final)
        return x, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))

    return run


@pytest.mark.parametrize("mode", ROWS)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_layers_in_one_call_are_the_formula(mode, both, dtype):
    cell, weights, x, state = drawn(mode, dtype, both, layers=2)
    ours = gradients(lambda x, s, w: fused.layers(cell, x, s, w, 0.0), x, state, weights)
    true = gradients(formula_of(cell, Schedule()), x, state, weights)
    agree(ours, true, 1e-4 if dtype == torch.float32 else 1e-10)


@pytest.mark.parametrize("mode", ROWS)
@pytest.mark.parametrize("both", [False, True])
def test_packed_steps_are_the_formula(mode, both):
    cell, weights, x, state = drawn(mode, torch.float64, both)
    schedule = plan(T, LENGTHS, None, x.device, look=True)

    def run(x, state, weights):
        return fused.packed_layer(cell, x, state, weights[0], LENGTHS)

    ours = gradients(run, x, state, weights)
    agree(ours, gradients(formula_of(cell, schedule), x, state, weights), 1e-10)


def test_packed_steps_of_empty_sequences_only_change_nothing():
    cell, weights, x, state = drawn("GRU", torch.float64)
    y, final = fused.packed_layer(cell, x, state, weights[0], torch.zeros(B, dtype=torch.long))
    assert torch.equal(y, torch.zeros(T, B, H, dtype=torch.float64))
    assert torch.equal(final[0], state[0])
