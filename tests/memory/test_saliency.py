"""Saliency of single elements, beside closed forms, finite differences and what cannot matter."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
import toys
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

import clew.nn
from clew.errors import InputError
from clew.memory.saliency import Saliency, saliencies, saliency
from clew.memory.subject import Case


@dataclass(frozen=True, eq=False)
class Net:
    """A real network with a table of vectors, or of features, and a linear read-out of C scores."""

    reader: nn.Module
    out: nn.Linear
    table: nn.Embedding | None
    both_ways: bool = False
    in_nats: bool = True
    likeliest: bool = True
    answers: Any = ("yes", "no", "perhaps")

    title, task, element, loss_name = "net", "module", ("step", "steps"), "nats"

    @property
    def network(self):
        parts = [self.reader, self.out] + ([] if self.table is None else [self.table])
        return nn.ModuleList(parts)

    def vectors(self, inputs):
        return inputs if self.table is None else self.table(inputs)

    def said(self, x, lengths, at, cases):
        y, _ = self.reader(x, lengths=lengths)
        return self.out(y[at, torch.arange(len(at))])

    def names(self, case):
        return [""] * len(case.inputs) if self.table is None else [f"w{i}" for i in case.inputs]

    def neutral(self, inputs):
        return np.array(0) if self.table is not None else np.array([0.2, -0.1, 0.4])


def net(kind="LSTM", *, features=False, both_ways=False, dtype=torch.float64, seed=0, **more):
    torch.manual_seed(seed)
    reader = getattr(clew.nn, kind)(3, 6, bidirectional=both_ways, dtype=dtype).eval()
    for p in reader.parameters():
        nn.init.normal_(p, std=0.7)
    out = nn.Linear(12 if both_ways else 6, 3, dtype=dtype)
    table = None if features else nn.Embedding(9, 3, dtype=dtype)
    return Net(reader, out, table, both_ways, **more)


def case(length=12, at=None, *, features=False, seed=0):
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(length, 3)) if features else random.integers(1, 9, length)
    return Case(inputs, length - 1 if at is None else at, 0)


def score(subject, one, inputs=None, answer=0):
    """F, by the subject alone."""
    x = subject.vectors(
        torch.from_numpy(np.array(one.inputs if inputs is None else inputs))[:, None]
    )
    at = torch.tensor([one.at])
    return subject.said(x.detach(), torch.tensor([len(x)]), at, [one])[0, answer].detach()


def drawn(finding):
    figure = Figure(figsize=finding.size(), layout="constrained")
    FigureCanvasAgg(figure).draw()
    finding.draw(figure)
    figure.canvas.draw()
    return figure


def test_of_a_linear_model_all_three_are_the_weights_times_the_change():
    toy = toys.leaky(0.8)
    one = toy.cases(1, 15)[0]
    found = saliency(toy, one)
    wanted = 0.8 ** np.arange(15, -1, -1) * (one.inputs[:, 0] - 0.55)
    for curve in (found.gradient, found.integrated, found.occlusion):
        np.testing.assert_allclose(curve, wanted, atol=1e-12)
    np.testing.assert_allclose(found.connectivity, 0.8 ** np.arange(15, -1, -1.0), atol=1e-12)
    assert found.shared == pytest.approx(1.0)
    assert found.aligned == pytest.approx(1.0)
    assert found.places.tolist() == list(range(-15, 1))


def test_what_a_delay_line_does_not_look_at_gets_exactly_nothing():
    toy = toys.delay(4)
    one = toy.cases(1, 10)[0]
    found = saliency(toy, one)
    others = found.places != -4
    for curve in (found.gradient, found.integrated, found.occlusion, found.connectivity):
        assert curve[~others] != 0
        assert np.all(curve[others] == 0)
    assert f"{found.names[6]!r} 4 symbols before (+16)" in found.words()[0]
    assert found.marked().splitlines()[1] == "......9...."


def test_of_a_model_of_both_ways_what_follows_counts_too():
    toy = toys.between(2)
    one = toy.cases(1, 6, seed=3)[0]
    found = saliency(toy, one, elements=5)
    assert found.places.tolist() == list(range(-4, 5))
    assert set(found.places[np.abs(found.occlusion) > 1e-9].tolist()) <= {-2, 2}
    assert found.occlusion.max() > 0
    assert "after" in found.words()[0]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("both_ways", [False, True])
def test_integrated_gradients_add_up_to_the_change_of_the_score(kind, features, both_ways):
    subject = net(kind, features=features, both_ways=both_ways)
    one = case(14, at=9 if both_ways else None, features=features)
    found = saliency(subject, one, answer=1)
    blank = np.broadcast_to(subject.neutral(one.inputs), one.inputs.shape)
    change = float(score(subject, one, answer=1) - score(subject, one, blank, answer=1))
    assert found.score - found.blank == pytest.approx(change, rel=1e-9)
    assert found.integrated.sum() == pytest.approx(change, rel=0.01)
    assert found.complete
    assert found.gap == pytest.approx(found.integrated.sum() - change, abs=1e-12)


def test_points_are_added_until_the_integral_is_whole():
    subject, one = net("RNN", seed=4), case(20, seed=5)
    rough = saliency(subject, one, steps=1, tolerance=1e9)
    fine = saliency(subject, one, steps=1, tolerance=1e-4)
    assert rough.steps == 1
    assert fine.steps > 1
    assert abs(fine.gap) <= 1e-4 * abs(fine.score - fine.blank) < abs(rough.gap)


def test_an_integral_that_stays_incomplete_is_told():
    subject = net("RNN", seed=4)
    for p in subject.reader.parameters():
        p.data *= 4  # chaotic: its gradient explodes
    found = saliency(subject, case(20, seed=5), steps=1024)
    assert found.steps == 1024
    assert not found.complete
    assert found.words()[2].endswith("too much for their sum to be trusted.")
    assert found.data()["gap"] == found.gap


@pytest.mark.parametrize("features", [False, True])
def test_gradients_are_those_of_finite_differences(features):
    subject, one = net("GRU", features=features), case(6, features=features)
    found = saliency(subject, one, answer=2)
    x = subject.vectors(torch.from_numpy(one.inputs)[:, None]).detach()
    slope = np.zeros(x.shape[::2])
    for t, d in np.ndindex(*slope.shape):
        step = torch.zeros_like(x)
        step[t, 0, d] = 1e-6
        both = [
            subject.said(x + s, torch.tensor([6]), torch.tensor([5]), [one])[0, 2].detach()
            for s in (step, -step)
        ]
        slope[t, d] = float(both[0] - both[1]) / 2e-6
    blank = np.broadcast_to(subject.neutral(one.inputs), one.inputs.shape)
    neutral = subject.vectors(torch.from_numpy(np.array(blank))[:, None]).detach()
    change = (x - neutral)[:, 0].numpy()
    np.testing.assert_allclose(found.gradient, (slope * change).sum(1), atol=1e-7)
    np.testing.assert_allclose(found.connectivity, np.linalg.norm(slope, axis=1), atol=1e-7)


def test_occlusion_is_the_score_less_that_of_the_case_without_the_element():
    subject, one = net("LSTM"), case(9, at=7)
    found = saliency(subject, one, answer="no")
    for place, change in zip(found.places, found.occlusion, strict=True):
        without = one.inputs.copy()
        without[7 + place] = 0
        wanted = float(score(subject, one, answer=1) - score(subject, one, without, answer=1))
        assert change == pytest.approx(wanted, abs=1e-12)


def test_what_follows_the_step_is_not_read_by_a_model_of_the_past():
    subject, one = net(), case(12, at=6)
    cut = Case(one.inputs[:7], 6, 0)
    np.testing.assert_array_equal(
        saliency(subject, one).occlusion, saliency(subject, cut).occlusion
    )


def test_alone_as_among_others_of_other_lengths():
    subject = net(dtype=torch.float32)
    some = [case(5), case(30, seed=1), case(12, seed=2)]
    for one, found in zip(some, saliencies(subject, some), strict=True):
        alone = saliency(subject, one)
        assert len(found.places) == len(one.inputs)  # padding gets no place at all
        np.testing.assert_array_equal(found.integrated, alone.integrated)
        assert found.data() == alone.data()


def test_elements_far_away_are_read_but_not_looked_at():
    subject, one = net(), case(20)
    near, all_of_it = saliency(subject, one, elements=5), saliency(subject, one)
    np.testing.assert_allclose(near.occlusion, all_of_it.occlusion[-5:], atol=1e-12)
    np.testing.assert_allclose(near.gradient, all_of_it.gradient[-5:], atol=1e-12)
    blank = one.inputs.copy()
    blank[-5:] = 0
    number = subject.answers.index(near.answer)
    assert near.blank == pytest.approx(float(score(subject, one, blank, answer=number)))


def test_the_likeliest_answer_or_the_one_named():
    subject, one = net(), case()
    likeliest = int(subject.said(
        subject.vectors(torch.from_numpy(one.inputs)[:, None]),
        torch.tensor([12]), torch.tensor([11]), [one],
    )[0].argmax())  # fmt: skip
    assert saliency(subject, one).answer == subject.answers[likeliest]
    by_name, by_number = saliency(subject, one, answer="perhaps"), saliency(subject, one, answer=2)
    assert by_name.data() == by_number.data()
    numbers = replace(subject, in_nats=False, answers=None)
    assert saliency(numbers, one).answer == "output 0"  # of what is forecast, the first
    kinds = replace(subject, answers=("day 1", "day 1, scale", "day 1, freedom"))
    for k in range(3):  # whichever is the largest, it is no score
        kinds.out.bias.data[:] = 100.0 * torch.eye(3)[k]
        assert saliency(kinds, one).answer == kinds.answers[k]
        assert saliency(replace(kinds, likeliest=False), one).answer == "day 1"


@pytest.mark.parametrize(
    ("answer", "names", "told"),
    [
        ("maybe", ("a", "b", "c"), "'a', 'b', 'c'"),
        ("maybe", None, "a number from 0 to 2"),
        (3, None, "a number from 0 to 2"),
        (-1, ("a", "b", "c"), "a number from 0 to 2, or a name"),
        (True, None, "a number from 0 to 2"),
    ],
)
def test_an_answer_that_there_is_not(answer, names, told):
    with pytest.raises(InputError, match="answer") as error:
        saliency(replace(net(), answers=names), case(), answer=answer)
    assert error.value.expected == told


@pytest.mark.parametrize("how", [{"elements": 0}, {"steps": 2.5}, {"elements": True}])
def test_settings_that_mean_nothing(how):
    with pytest.raises(InputError, match="whole number"):
        saliency(net(), case(), **how)


def test_a_step_that_the_case_has_not():
    for inputs, at in (([1, 2], 2), ([], 0), ([1], -1)):
        with pytest.raises(InputError, match="elements"):
            saliency(net(), Case(np.array(inputs, dtype=np.int64), at, 0))


def test_a_score_that_is_no_number():
    subject = net()
    subject.out.weight.data[:] = float("nan")
    with pytest.raises(InputError, match="nan"):
        saliency(subject, case(), answer=0)


@pytest.mark.parametrize("inputs", [[0] * 6, [3] * 6, [3]])
def test_tokens_that_are_all_equal(inputs):
    found = saliency(net(), Case(np.array(inputs), len(inputs) - 1, 0))
    assert found.words()
    assert found.marked()
    assert found.tables()[0].rows
    json.dumps(found.data(), allow_nan=False)
    if inputs[0] == 0:  # the neutral element itself: nothing changes
        assert found.flat
        assert found.words()[0].startswith("The answer")
        assert ("none of the 6 steps" if len(inputs) > 1 else "nothing of 1") in found.words()[0]
        assert set(found.marked()) <= set("w0 ")
        drawn(found)


def test_a_model_that_does_not_listen():
    subject = net()
    subject.out.weight.data.zero_()
    found = saliency(subject, case(), answer=0)
    assert found.flat
    assert not found.connectivity.any()
    assert found.shared is None
    assert len(found.words()) == 1


def test_words_of_one_element_and_of_what_speaks_against_the_answer():
    told = made("a", [2]).words()
    assert told[0].endswith("(+2): so much of the score goes where that one alone is replaced by a "
                            "neutral one.")  # fmt: skip
    assert told[1] == "With it neutral the score is 0."
    told = made("ab", [2, -1]).words()
    assert told[0].endswith("replaced by a neutral one, a minus: it rises.")
    assert told[1] == "With all 2 words neutral the score is 0."


def test_elements_that_stand_in_for_each_other():
    found = replace(made("abc", [0, 0, 0]), integrated=np.array([0.5, 0.0, 0.5]))
    assert not found.flat
    assert "hangs on no element alone: whichever of the 3 words" in found.words()[0]
    assert "the others make up for it" in found.words()[0]


def test_an_integral_is_told_as_exact_as_its_numbers_are():
    found = replace(made("abc", [1, 2, 3]), gap=5e-10)  # less than rounding, 1e-9
    assert found.words()[2].endswith("which lack nothing but rounding.")
    found = replace(found, gap=-0.004)
    assert found.words()[2].endswith("which lack 0.4 % of that change.")
    found = replace(found, blank=1.0, complete=False)
    assert "which lack 0.004, where nothing changes: too much" in found.words()[2]


def test_a_way_back_that_is_cut_is_told():
    subject = net()
    forward = subject.reader.forward
    subject.reader.forward = lambda *given, **more: torch.no_grad()(forward)(*given, **more)
    subject.out.requires_grad_(False)
    with pytest.raises(InputError, match="cannot be differentiated") as error:
        saliency(subject, case())
    assert "torch.no_grad" in error.value.hint


def test_a_gradient_that_is_no_number():
    subject = net()
    answered = subject.out.forward
    subject.out.forward = lambda y: answered(y) + (y * 0).square().sum(1, keepdim=True).sqrt()
    with pytest.raises(InputError, match="is not finite"):
        saliency(subject, case())


def test_the_weights_and_their_gradients_are_left_alone():
    subject = net()
    frozen = subject.out.bias.requires_grad_(False)
    saliency(subject, case())
    parameters = list(subject.network.parameters())
    assert all(p.grad is None for p in parameters)
    assert all(p.requires_grad is (p is not frozen) for p in parameters)


def made(names, occlusion):
    n = len(names)
    zero = np.zeros(n)
    return Saliency(
        np.arange(1 - n, 1), list(names), ("word", "words"), "x", zero, zero,
        np.array(occlusion, dtype=float), zero, 1.0, 0.0, 8, 0.0, True, 1e-9, None, None,
    )  # fmt: skip


def test_the_picture_names_every_element_whatever_its_signs():
    strange = ["$x^", "\n", "漢", "ไ", "\x1b[31m", "é"]
    figure = drawn(made(strange, range(6)))
    shown = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert shown == ["$x^", "⏎", "?", "?", "·[31m", "é"]
    assert [len(axes.lines) for axes in figure.axes] == [4, 0]  # three curves and the zero line


def test_the_table_has_every_number_of_the_picture():
    found = saliency(net(), case(7))
    (table,) = found.tables()
    assert len(table.columns) == 6
    assert [row[2] for row in table.rows] == found.occlusion.tolist()
    assert [row[0] for row in table.rows] == list(range(-6, 1))


def test_less_is_read_where_that_is_asked_for_but_all_of_it_tells_what_is_beyond():
    subject, one = net(), case(20)
    number = subject.answers.index(saliency(subject, one).answer)
    found = saliency(subject, one, elements=4, read=9)
    short = Case(one.inputs[11:], 8, 0)
    cut = saliency(subject, short, elements=4, answer=number)
    np.testing.assert_array_equal(found.occlusion, cut.occlusion)
    assert found.score == cut.score
    nearest = Case(one.inputs[16:], 3, 0)
    gone = score(subject, one, answer=number) - score(subject, nearest, answer=number)
    assert found.beyond == pytest.approx(float(gone))
    assert saliency(subject, one, elements=20).beyond is None
    with pytest.raises(InputError, match="read is 0"):
        saliency(subject, one, read=0)
