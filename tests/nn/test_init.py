"""Initial weights against what their papers say of them."""

import math

import pytest
import torch

import clew.nn
from clew import InputError

ORTHOGONAL = {"RNN": 1, "LSTM": 4, "GRU": 3}  # gates


def blocks(layer, name, gates):
    return getattr(layer, name).detach().chunk(gates)


def places(layer):
    return [names[0].removeprefix("weight_ih") for names in layer._all_weights]


@pytest.mark.parametrize("kind", ORTHOGONAL)
def test_orthogonal_recurrent_weights_keep_the_length_of_h(kind):
    layer = getattr(clew.nn, kind)(5, 16, 2, bidirectional=True, init="orthogonal")
    gates = ORTHOGONAL[kind]
    seen = []
    for place in places(layer):
        for block in blocks(layer, "weight_hh" + place, gates):
            torch.testing.assert_close(block @ block.t(), torch.eye(16), rtol=1e-5, atol=1e-5)
            seen.append(block)
        for block in blocks(layer, "weight_ih" + place, gates):
            bound = math.sqrt(6.0 / sum(block.shape))  # Glorot & Bengio 2010
            assert 0.8 * bound < block.abs().max() <= bound
        total = getattr(layer, "bias_ih" + place) + getattr(layer, "bias_hh" + place)
        for gate, bias in enumerate(total.detach().chunk(gates)):
            assert torch.equal(bias, torch.full((16,), float(kind == "LSTM" and gate == 1)))
    assert not any(torch.allclose(a, b) for k, a in enumerate(seen) for b in seen[:k])


def test_orthogonal_with_projection_and_without_biases():
    layer = clew.nn.LSTM(5, 16, proj_size=6, bias=False, init="orthogonal")
    for block in blocks(layer, "weight_hh_l0", 4):  # (16, 6): its columns are orthonormal
        torch.testing.assert_close(block.t() @ block, torch.eye(6), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "gates", "gate"), [("LSTM", 4, 1), ("GRU", 3, 1)])
def test_chrono_biases_have_their_distribution_and_count_once(kind, gates, gate):
    t_max = 50.0
    torch.manual_seed(0)
    plain = getattr(clew.nn, kind)(3, 4000)
    torch.manual_seed(0)
    layer = getattr(clew.nn, kind)(3, 4000, init="chrono", t_max=t_max)
    assert torch.equal(layer.weight_hh_l0, plain.weight_hh_l0)
    total = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().chunk(gates)
    u = total[gate].exp().sort().values  # uniform in [1, t_max - 1]
    assert u[0] >= 1.0 - 1e-5
    assert u[-1] <= t_max - 1.0 + 1e-4
    even = torch.linspace(1.0, t_max - 1.0, 4000)
    assert (u - even).abs().max() < 0.03 * t_max  # Kolmogorov-Smirnov at p < 1e-3
    others = [bias for k, bias in enumerate(total) if k != gate]
    if kind == "LSTM":
        assert torch.equal(others[0], -total[gate])
        others = others[1:]
    assert not any(bias.any() for bias in others)


def half_life(layer):
    """Steps until a state of one has halved, on average over the units, without input."""
    h = torch.ones(1, 1, layer.hidden_size)
    with torch.no_grad():
        for p in layer.parameters():
            if p.dim() == 2:
                p.zero_()
        state = (torch.zeros_like(h), h) if isinstance(layer, clew.nn.LSTM) else h
        trace = layer.trace(torch.zeros(60, 1, 1), state)
    course = (trace.c if isinstance(layer, clew.nn.LSTM) else trace.h)[0][:, 0].mean(1)
    return int((course > 0.5).sum())


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_chrono_remembers_for_longer(kind):
    build = getattr(clew.nn, kind)
    torch.manual_seed(0)
    assert half_life(build(1, 64, init="chrono", t_max=100)) > 10
    assert half_life(build(1, 64)) < 3


def test_the_functions_do_what_the_names_do():
    torch.manual_seed(4)
    named = clew.nn.LSTM(3, 4, init="orthogonal")
    torch.manual_seed(4)
    called = clew.nn.LSTM(3, 4)
    clew.nn.orthogonal_(called)
    for a, b in zip(named.parameters(), called.parameters(), strict=True):
        assert torch.equal(a, b)
    torch.manual_seed(4)
    named = clew.nn.GRU(3, 4, init="chrono", t_max=9)
    torch.manual_seed(4)
    called = clew.nn.GRU(3, 4)
    clew.nn.chrono_(called, 9)
    for a, b in zip(named.parameters(), called.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("options", [{}, {"init": "orthogonal"}, {"init": "chrono", "t_max": 9}])
def test_reset_parameters_draws_what_the_constructor_drew(options):
    torch.manual_seed(6)
    layer = clew.nn.LSTM(3, 4, 2, layer_norm=True, **options)
    first = [p.detach().clone() for p in layer.parameters()]
    with torch.no_grad():
        for p in layer.parameters():
            p.fill_(7.0)
    torch.manual_seed(6)
    layer.reset_parameters()
    for a, b in zip(layer.parameters(), first, strict=True):
        assert torch.equal(a, b)


def test_options_draw_no_random_numbers():
    torch.manual_seed(8)
    plain = torch.nn.LSTM(3, 4)
    after = torch.rand(1)
    torch.manual_seed(8)
    layer = clew.nn.LSTM(3, 4, layer_norm=True, zoneout=0.1, recurrent_dropout=0.1)
    assert torch.equal(torch.rand(1), after)
    for name, p in plain.named_parameters():
        assert torch.equal(p, getattr(layer, name))


@pytest.mark.parametrize(
    ("kind", "options", "what"),
    [
        ("RNN", {"init": "chrono", "t_max": 9}, "no gates"),
        ("LSTM", {"init": "chrono"}, "t_max=None"),
        ("LSTM", {"init": "chrono", "t_max": 2}, "t_max=2"),
        ("LSTM", {"init": "chrono", "t_max": math.nan}, "t_max=nan"),
        ("GRU", {"init": "chrono", "t_max": 9, "bias": False}, "without biases"),
        ("GRU", {"init": "xavier"}, "init='xavier'"),
        ("GRU", {"t_max": 9}, "t_max=9"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, options, what):
    with pytest.raises(InputError, match=what):
        getattr(clew.nn, kind)(3, 4, **options)


def test_only_recurrent_layers_are_initialised():
    with pytest.raises(InputError, match="Linear"):
        clew.nn.orthogonal_(torch.nn.Linear(2, 2))
