"""Norms of Jacobians, against products of Jacobians of cells written out here."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.autograd.functional import jacobian
from toys import leaky

import clew.nn
from clew import InputError
from clew.memory._jacobians import state_norms
from clew.memory.inside import layers

T, B, D, H, LAGS = 6, 2, 2, 4, 4


def normed(a, gain, *sizes):
    if gain is None:
        return a
    blocks = [F.layer_norm(block, block.shape[1:]) for block in a.split(sizes or a.shape[1], 1)]
    return gain * torch.cat(blocks, 1)


def rnn(x, h, w):
    a = x @ w["weight_ih"].T + h @ w["weight_hh"].T
    return torch.tanh(normed(a, w.get("ln")) + w["bias_ih"] + w["bias_hh"])


def lstm(x, s, w):
    h, c = s.chunk(2, 1)
    a = normed(x @ w["weight_ih"].T, w.get("ln_ih")) + w["bias_ih"] + w["bias_hh"]
    i, f, g, o = (a + normed(h @ w["weight_hh"].T, w.get("ln_hh"))).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    shown = c if "ln_ih" not in w else normed(c, w["ln_c_weight"]) + w["ln_c_bias"]
    return torch.cat([o.sigmoid() * shown.tanh(), c], 1)


def gru(x, h, w):
    a = normed(x @ w["weight_ih"].T, w.get("ln_ih"), 2 * H, H) + w["bias_ih"]
    b = normed(h @ w["weight_hh"].T, w.get("ln_hh"), 2 * H, H) + w["bias_hh"]
    r, z = (a + b)[:, : 2 * H].sigmoid().chunk(2, 1)
    n = (a[:, 2 * H :] + r * b[:, 2 * H :]).tanh()
    return (1 - z) * n + z * h


STEPS = {"rnn": rnn, "lstm": lstm, "gru": gru}


def products(step, w, x):
    """|dh_t/ds_{t-tau}|_F / sqrt(H) of x (T, B, D): by all of s, by h, by c; each (B, lags)."""
    states = [torch.zeros(x.shape[1], H * (1 + (step is lstm)), dtype=torch.float64)]
    for x_t in x:
        states.append(step(x_t, states[-1], w))
    product, found = torch.eye(states[0].shape[1], dtype=torch.float64)[:H], []
    for t in range(len(x) - 1, len(x) - 1 - LAGS, -1):
        # Of the sum over the batch: no sequence has to do with another.
        slope = jacobian(lambda s, t=t: step(x[t], s, w).sum(0), states[t])  # (S, B, S)
        product = product @ slope.movedim(1, 0)
        found.append([part.norm(dim=(1, 2)) for part in (product, *product.split(H, dim=2))])
    return [torch.stack(part, 1).numpy() / math.sqrt(H) for part in zip(*found, strict=True)]


def made(cell, depth, both, norm, **more):
    torch.manual_seed(depth + 2 * both)
    stack = clew.nn.Stack(
        D, H, depth, cell=cell, bidirectional=both, layer_norm=norm, **more
    ).double()
    with torch.no_grad():
        for p in stack.parameters():
            if p.dim() == 1:
                p.add_(0.3 * torch.randn_like(p))
    return stack.eval()


def read():
    return torch.randn(T, B, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("cell", STEPS)
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_layers_are_products_of_jacobians(cell, depth, both, norm):
    for layer in layers(made(cell, depth, both, norm), read()):
        found = state_norms(layer.module, layer.x, LAGS)
        w = {name.removesuffix("_l0"): p.detach() for name, p in layer.module.named_parameters()}
        true = products(STEPS[cell], w, layer.x)
        for ours, theirs in zip([found.whole, *found.parts], true, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_zoneout_is_what_is_expected_of_it():
    """A state of which z stays: the RNN's Jacobian is z + (1 - z) that of the cell."""
    (layer,) = layers(made("rnn", 1, False, False, zoneout=0.4), read())
    w = {name.removesuffix("_l0"): p.detach() for name, p in layer.module.named_parameters()}

    def step(x, h, w):
        return 0.4 * h + 0.6 * rnn(x, h, w)

    found = state_norms(layer.module, layer.x, LAGS)
    np.testing.assert_allclose(found.whole, products(step, w, layer.x)[0], atol=1e-12)


def test_estimates_come_close():
    (layer,) = layers(made("lstm", 1, False, False), read())
    exact = state_norms(layer.module, layer.x, LAGS).whole
    found = state_norms(layer.module, layer.x, LAGS, vectors=1000, seed=1).whole
    np.testing.assert_allclose(found, exact, rtol=0.08)
    assert not np.array_equal(
        state_norms(layer.module, layer.x, LAGS, vectors=2, seed=1).whole,
        state_norms(layer.module, layer.x, LAGS, vectors=2, seed=2).whole,
    )


def test_norms_far_below_and_above_single_precision():
    for a in (0.5, 2.0):
        (layer,) = layers(leaky(a).reader.float(), torch.ones(160, 1, 1))
        found = state_norms(layer.module, layer.x, 120).whole[0]
        np.testing.assert_array_equal(found, a ** np.arange(1, 121.0))
    layer.module.weight_hh_l0.data.fill_(1e30)  # states that are infinite
    found = state_norms(layer.module, layer.x, 8).whole[0]
    np.testing.assert_allclose(found, [*1e30 ** np.arange(1, 6.0), *[np.inf] * 3], rtol=1e-6)


class Counting(torch.nn.Module):
    """A foreign module: a dict of a state with its batch first, a counter, and two memories."""

    def forward(self, x, state=None):
        state = state or {
            "seen": 0,
            "a": x.new_zeros(x.shape[1], 2),
            "b": [x.new_zeros(x.shape[1])],
        }
        a, b, said = state["a"], state["b"][0], []
        for x_t in x:
            a, b = 0.5 * a + x_t, 0.25 * b + a.sum(1)
            said.append(torch.cat([a, b[:, None]], 1))
        return torch.stack(said), {"seen": state["seen"] + len(x), "a": a, "b": [b]}


def test_states_of_any_form():
    found = state_norms(Counting(), read(), 3)
    # d(a, b)/da_{t-tau}, d(a, b)/db_{t-tau}: linear, by hand. b_t = b/4 + 1.a_{t-1}
    one = np.array([[0.5, 0, 0], [0, 0.5, 0], [1, 1, 0.25]])
    for tau in (1, 2, 3):
        power = np.linalg.matrix_power(one, tau)
        for b in range(B):
            assert found.whole[b, tau - 1] == pytest.approx(np.linalg.norm(power) / 3**0.5)
            assert found.parts[1][b, tau - 1] == pytest.approx(power[2, 2] / 3**0.5)


class Folded(torch.nn.Module):
    """Its state has sequences and heads on one axis: which belongs to which cannot be known."""

    def forward(self, x, state=None):
        state = x.new_zeros(2 * x.shape[1], 1) if state is None else state
        return x, state + 1


class Cut(torch.nn.Module):
    """It answers without a way back."""

    def forward(self, x, state=None):
        with torch.no_grad():
            state = x.new_zeros(x.shape[1:]) if state is None else state
            y = state + x.cumsum(0)
        return y, y[-1]


class Blind(torch.nn.Module):
    """It carries something, and does not look at it."""

    def forward(self, x, state=None):
        return 2 * x, x[-1] if state is None else state + x[-1]


def test_states_that_tell_nothing_are_refused_or_zero():
    with pytest.raises(InputError, match="one axis"):
        state_norms(Folded(), read(), 3)
    with pytest.raises(InputError, match="cannot be differentiated"):
        state_norms(Cut(), read(), 3)
    assert (state_norms(Blind(), read(), 3).whole == 0).all()
