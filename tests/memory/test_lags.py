"""Gradients by lag, against one backward pass a case, and models whose gradients are known."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from toys import Toy, between, delay, ids, leaky, without_memory

import clew.nn
from clew import InputError
from clew.memory.horizon import horizon
from clew.memory.lags import gradient_by_lag
from clew.memory.linear import linear
from clew.memory.subject import Case


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


def test_both_ways_asked_at_the_end():
    """Nothing follows the last step, so nothing is said of what does."""
    subject = between(3)
    ends = [Case(c.inputs[: c.at + 1], c.at, c.target, source=c.source)
            for c in subject.cases(12, 40)]  # fmt: skip
    names = [c.name for c in gradient_by_lag(subject, ends, lags=8).curves]
    assert names == ["layer 1", "layer 1 backwards", "loss", "gradient x input"]
    assert "on each side" not in " ".join(horizon(subject, ends, reach=20, far=False).words())


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
    reader = clew.nn.Stack(2, 4, 2).double().eval()
    subject = Toy("lstm", _Ids(reader), torch.randn(5, 4).double(), lambda w, at, r: w[at],
                  ids()[:, :2])  # fmt: skip
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
@pytest.mark.parametrize("value", [-1, 1.5, True, "3", 10**30])
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
