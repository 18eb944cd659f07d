"""Gradients by lag, against products of Jacobians of cells written out here, and known truths."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch.autograd.functional import jacobian
from toys import Toy, between, delay, ids, leaky, without_memory

import clew.nn
from clew import InputError
from clew.memory._jacobians import state_norms
from clew.memory.horizon import horizon
from clew.memory.inside import layers
from clew.memory.lags import gradient_by_lag
from clew.memory.linear import linear
from clew.memory.subject import Case

T, B, D, H, LAGS = 6, 2, 2, 4, 4


# --- cells, written out --------------------------------------------------------------------------


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


# --- subjects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.5, 0.8, 0.97, 1.0, 1.05])
def test_a_leaky_sum_decays_as_it_leaks(a):
    subject = leaky(a)
    found = gradient_by_lag(subject, subject.cases(20, 64), lags=24)
    for c in found.curves[:2]:
        assert c.decay.rate == pytest.approx(-math.log(a), abs=1e-6)
        np.testing.assert_allclose(c.mean / c.mean[0], a ** (c.lags - c.lags[0]), rtol=1e-9)
    assert found.curve("layer 1").mean[0] == pytest.approx(a)
    norms = a ** np.arange(25.0)
    shares = np.cumsum(norms) / norms.sum()
    assert found.curve("loss").within(0.5) == np.flatnonzero(shares >= 0.5 - 1e-9)[0]
    kind = "explodes" if a > 1.03 else "holds" if a > 0.975 else "vanishes"
    assert found.curve("loss").decay.kind == found.curve("layer 1").decay.kind == kind
    assert found.words()[0].startswith(f"Loss by what was read: {kind}")


def test_the_gradient_of_a_delay_line_is_at_its_lag():
    subject = delay(5, 0.1, before=delay(2, 0.1))
    found = gradient_by_lag(subject, subject.cases(12, 40), lags=16)
    assert np.flatnonzero(found.curve("loss").mean).tolist() == [5]
    assert found.curve("loss").within() == 5
    assert np.flatnonzero(found.curve("loss", trained=False).mean).tolist() == [2]
    state = found.curve("layer 1").mean
    np.testing.assert_allclose(state, np.sqrt(np.maximum(6 - np.arange(1, 17), 0) / 6), atol=1e-12)
    assert "Before training: there is some at lag 2 only" in found.words()[0]


@pytest.mark.parametrize("a", [0.5, 1.0])
def test_what_a_sum_hangs_on_is_what_was_read_times_its_weight(a):
    """Its answer is sum a^tau x_{t-tau}: without x_{t-tau} the mean x stands there instead."""
    subject = leaky(a)
    cases = subject.cases(9, 30)
    found = gradient_by_lag(subject, cases, lags=24).curve("gradient x input")
    read = np.stack([case.inputs[case.at - 30 : case.at + 1, 0] for case in cases])
    each = a ** np.arange(25.0) * np.abs(read - read.mean())[:, ::-1][:, :25]
    np.testing.assert_allclose(found.mean, each.mean(0), rtol=1e-9)
    np.testing.assert_allclose(found.median, np.median(each, 0), rtol=1e-9)
    assert found.peak == 1 + each.mean(0)[1:].argmax()
    share = 100 * each.mean(0)[found.peak] / each.mean(0)[1:].sum()
    steps = "1 symbol" if found.peak == 1 else f"{found.peak} symbols"
    told = found.words(("symbol", "symbols"))
    assert f"on what stands {steps} back: {share:.2g} % of" in told


def test_the_answer_is_that_which_is_likeliest():
    """Of two letters a step ago and now, the greater score counts, and it alone has a gradient."""
    subject = delay(1)
    subject.readout[:, 5:] += 30 * torch.eye(5, 5, dtype=torch.float64)  # 50 of x_{t-1}
    subject.readout[:, :5] = 20 * torch.eye(5, 5, dtype=torch.float64)
    cases = [Case(np.array([0, 2, 1]), 2, 0), Case(np.array([1, 3, 4]), 2, 0, source=1)]
    found = gradient_by_lag(subject, cases).curve("gradient x input")
    share = np.array([1, 2, 1, 1, 1]) / 6  # of each letter among all that was read
    np.testing.assert_allclose(found.mean[1], 50 * np.mean([1 - share[2], 1 - share[3]]))
    np.testing.assert_allclose(found.mean[0], 20 * np.mean([share[2], share[3]]))
    assert found.mean[2] == 0


def test_elements_that_are_all_alike_tell_of_nothing():
    subject = leaky(0.9)
    cases = [Case(np.full((30, 1), 0.3), 29, 1.0, source=k) for k in range(5)]
    found = gradient_by_lag(subject, cases, lags=8)
    assert (found.curve("gradient x input").mean == 0).all()
    assert found.curve("loss").mean.min() > 0


def test_three_instruments_agree_on_how_far_back():
    """Where the truth is known: ablation, the gradient of the answer, and what can be read off."""
    for k in (3, 12):
        subject = delay(k, 0.1)
        cases = subject.cases(24, 40)
        looks = horizon(subject, cases, reach=40, far=False).horizon
        hangs = gradient_by_lag(subject, cases, lags=30).curve("gradient x input").peak
        keeps = linear(subject, cases, lags=k + 2).layers[0].furthest(0.5)
        assert (looks, hangs, keeps) == (k, k, k)


def test_both_ways():
    subject = between(3)
    found = gradient_by_lag(subject, subject.cases(12, 40), lags=8)
    names = ["layer 1", "layer 1 backwards", "loss", "loss, behind"]
    names += ["gradient x input", "gradient x input, behind"]
    assert [c.name for c in found.curves] == names
    for name in names[2:]:
        assert found.curve(name).peak == 3
        assert np.flatnonzero(found.curve(name).mean).tolist() == [3]
    assert found.words()[2].startswith("Of what came before the answer hangs most")
    assert "what stands 3 symbols ahead: 100 % of its" in found.words()[3]
    np.testing.assert_array_equal(
        found.curve("layer 1").mean, found.curve("layer 1 backwards").mean
    )


def test_without_memory():
    subject = without_memory()
    found = gradient_by_lag(subject, subject.cases(12, 40), lags=8)
    assert {c.decay.kind for c in found.curves} == {"none"}
    assert found.curve("loss").within() == 0  # the current one alone
    assert found.curve("layer 1").within() is None
    assert found.curve("gradient x input").peak is None
    assert found.curve("gradient x input").within() == 0
    assert "zero at every lag" in found.words()[0]
    assert found.words()[1] == "The answer hangs on nothing that came before, to first order."


def test_the_loss_against_one_gradient_a_case():
    torch.manual_seed(3)
    reader = made("lstm", 2, False, False)
    subject = Toy("lstm", _Ids(reader), torch.randn(5, H).double(), lambda w, at, r: w[at],
                  torch.cat([ids()[:, :D]]))  # fmt: skip
    cases = subject.cases(7, 12)
    found = gradient_by_lag(subject, cases, lags=6, most=7)
    norms = []
    for case in cases:
        x = subject.vectors(torch.tensor(case.inputs)[:, None]).requires_grad_()
        y, _ = reader(x)
        loss = F.cross_entropy(y[-1] @ subject.readout.T, torch.tensor([case.target]))
        loss.backward()
        norms.append(x.grad[:, 0].norm(dim=1).flip(0)[:7].numpy())
    np.testing.assert_allclose(found.curve("loss").mean, np.mean(norms, 0), atol=1e-12)
    np.testing.assert_allclose(found.curve("loss").median, np.median(norms, 0), atol=1e-12)
    assert all(p.requires_grad and p.grad is not None for p in reader.parameters())


class _Ids(torch.nn.Module):
    """A stack that counts as the reader of a toy."""

    def __init__(self, stack):
        super().__init__()
        self.stack = stack

    def forward(self, x, state=None, lengths=None):
        return self.stack(x, state, lengths=lengths)


def test_an_answer_takes_the_place_of_a_loss_that_is_nothing():
    subject = leaky(0.5, noise=0.0)
    cases = [Case(c.inputs, c.at, 0.0) for c in subject.cases(5, 60)]
    for k, c in enumerate(cases):
        x = torch.tensor(c.inputs)[:, None]
        said = subject.said(x, torch.tensor([61]), torch.tensor([60]), [c])
        cases[k] = Case(c.inputs, c.at, float(said[0, 0].detach()), source=k)
    found = gradient_by_lag(subject, cases, lags=8)
    assert [c.name for c in found.curves] == ["layer 1", "answer", "gradient x input"]
    assert found.words()[0].startswith("Answer by what was read: vanishes")
    assert "Answer: |d a_t" in found.method
    np.testing.assert_allclose(found.curve("answer").mean, 0.5 ** np.arange(9))


def test_a_loss_that_is_a_share_is_not_differentiated():
    """As of modules without targets, whose loss with all is hardly anything, but not 0."""

    @dataclass(frozen=True, eq=False)
    class Relative(Toy):
        relative = True

    toy = leaky(0.5)
    subject = Relative(toy.title, toy.reader, toy.readout, toy.target)
    found = gradient_by_lag(subject, subject.cases(5, 60), lags=8)
    assert [c.name for c in found.curves] == ["layer 1", "answer", "gradient x input"]
    assert "random signs (seed 0)" in found.method


def test_numbers_that_are_no_scores_are_looked_at_one_by_one():
    """Of a mean and a spread in nats the first counts, though the second is greater."""

    @dataclass(frozen=True, eq=False)
    class Spread(Toy):
        likeliest = False

    toy = delay(1)
    readout = toy.readout.roll(1, 0) + 0.0
    readout[0] = torch.eye(10, dtype=torch.float64)[0]  # the first number is of the current one
    subject = Spread(toy.title, toy.reader, readout, toy.target, ids())
    found = gradient_by_lag(subject, subject.cases(5, 20), lags=4).curve("gradient x input")
    assert np.flatnonzero(found.mean).tolist() == [0]


def test_as_many_lags_as_there_are():
    subject = leaky(0.9)
    found = gradient_by_lag(subject, subject.cases(6, 10), lags=50)
    assert [c.lags[-1] for c in found.curves] == [10, 10, 10]
    assert found.words()[-1].startswith("There are only 10 lags, not 50")
    short = gradient_by_lag(subject, subject.cases(6, 1), lags=50)
    assert short.words()[-1].startswith("There is only 1 lag, not 50")
    alone = [Case(c.inputs[-1:], 0, c.target) for c in subject.cases(3, 10)]
    with pytest.raises(InputError, match="nothing before the symbol"):
        gradient_by_lag(subject, alone)
    with pytest.raises(InputError, match="no cases"):
        gradient_by_lag(subject, [])


@pytest.mark.parametrize("option", ["lags", "most", "vectors", "seed"])
@pytest.mark.parametrize("value", [-1, 1.5, True, "3"])
def test_settings_out_of_range(option, value):
    subject = leaky(0.9)
    with pytest.raises(InputError, match=option):
        gradient_by_lag(subject, subject.cases(2, 10), **{option: value})


def test_told_in_full():
    subject = delay(2, 0.1, before=delay(1, 0.1))
    found = gradient_by_lag(subject, subject.cases(6, 20), lags=6)
    assert json.loads(json.dumps(found.data(), allow_nan=False))["asked"] == 6
    layer, loss, answer, rates = found.tables()
    assert all(len(row) == len(t.columns) for t in found.tables() for row in t.rows)
    assert [row[0] for row in layer.rows] == [1, 2, 3, 4, 5, 6]
    assert [row[0] for row in loss.rows] == [0, 1, 2, 3, 4, 5, 6]
    assert [row[1] > 0 for row in answer.rows] == [lag == 2 for lag in range(7)]
    assert len(rates.rows) == len(found.curves)
    figure = Figure(figsize=found.size(), layout="constrained")
    found.draw(figure)
    figure.canvas.draw()
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 2]
    assert "dh_t" in found.method


def test_seeded_is_repeated():
    torch.manual_seed(0)
    subject = Toy("gru", clew.nn.GRU(5, 8, dtype=torch.float64).eval(),
                  torch.randn(5, 8).double(), lambda w, at, r: w[at], ids())  # fmt: skip
    cases = subject.cases(6, 20)
    one, same, other = (
        gradient_by_lag(subject, cases, lags=6, exact=False, vectors=2, seed=seed)
        for seed in (1, 1, 2)
    )
    assert one.data() == same.data()
    assert one.curve("layer 1").data() != other.curve("layer 1").data()
    assert one.curve("loss").mean.tolist() == other.curve("loss").mean.tolist()
