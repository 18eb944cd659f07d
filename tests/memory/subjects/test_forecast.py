"""A forecaster as a subject, beside its own reading of the same origins."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from asking import FAR, asked, check, losses, slopes
from forecasters import TINY, panel, waves

from clew.data.panel import Panel
from clew.errors import InputError
from clew.memory.opening import opened
from clew.tasks._forecast import problem
from clew.tasks._forecast.blocks import Blocks
from clew.tasks._forecast.histories import PanelHistories
from clew.tasks.forecast import Forecaster


@pytest.fixture(autouse=True, scope="module")
def short_epochs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "LEAST", 6)
        yield


def fitted(**changes):
    return Forecaster(**{**TINY, **changes}).fit(panel())


@pytest.fixture(scope="module")
def plain(short_epochs):
    return fitted()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"members": 2, "cell": "gru"},
        {"likelihood": "student-t", "base": "ari"},
        {"likelihood": "negative-binomial", "decoding": "recursive"},
    ],
    ids=str,
)
def test_says_with_everything_what_the_model_says(changes, plain):
    data = panel()
    if changes.get("likelihood") == "negative-binomial":
        data = Panel.of({n: np.round(10 * y) for n, y in waves(gaps=False).items()}, freq="day")
        model = Forecaster(**{**TINY, **changes}).fit(data)
    else:
        model = fitted(**changes) if changes else plain
    subject = opened(model, data)
    cases = subject.cases(12, FAR)
    network, facts = model.network_, model._facts
    blocks = Blocks(PanelHistories(data, facts), facts.scaling, network.horizon)
    for case, loss in zip(cases, losses(subject, cases), strict=True):
        [seen] = problem.survey(network, blocks, {case.source: np.array([case.at])})
        y = problem.truth_of(blocks, case.source, seen.origin, 0, int(data.lengths[case.source]))
        z = torch.from_numpy((y - seen.base) / seen.unit)
        there = ~z.isnan()
        parts = (torch.from_numpy(part) for part in (seen.base, seen.unit))
        each = network.likelihood.loss(seen.out.double(), torch.where(there, z, 0.0), *parts)
        assert loss == pytest.approx(float((each * there).sum() / there.sum()), rel=1e-3)
    check(subject, reach=7)


def test_first_it_says_the_median_that_is_forecast(plain):
    whole = Panel.of({"s0": waves(gaps=False)["s0"]}, freq="day")
    subject = opened(plain, whole)
    case = next(case for case in subject.cases(FAR, FAR) if case.at == 40)
    _, said, _ = asked(subject, [case])
    assert subject.answers[:4] == ["day 1", "day 2", "day 3", "day 4"]
    cut = Panel.of({"s0": waves(gaps=False)["s0"][:41]}, freq="day")
    table = plain.predict(data=cut)
    found = case.extra.base + case.extra.unit * said[0, :4].detach().numpy()
    np.testing.assert_allclose(found, table["forecast"].to_numpy(), rtol=1e-4)


def test_gradients_by_what_is_read(plain):
    model = copy.deepcopy(plain)  # it is made one of float64
    subject = opened(model, panel())
    slopes(subject, subject.cases(3, 9))
    assert subject.element == ("day", "days")
    assert subject.loss_name == "pinball loss"


@pytest.mark.parametrize("init", ["torch", "chrono"])
def test_before_it_learned(init):
    model = fitted(learning_rate=1e-30, weight_decay=0.0, init=init, members=2, average=0.0)
    first = opened(model, panel()).untrained()
    for name, tensor in first.network.members.state_dict().items():
        torch.testing.assert_close(tensor, model.network_.members.state_dict()[name])


def test_refuses(plain):
    model = plain
    with pytest.raises(InputError, match="is of an hour"):
        opened(model, panel("hour"))
    with pytest.raises(InputError):
        opened(model, "no table")
    with pytest.raises(InputError, match="columns name"):
        opened(model, panel(), columns={"y": "x"})


@pytest.mark.parametrize(
    ("series", "says"),
    [
        ([[2.0]], "the series has 1 value\n"),
        ([[2.0], [3.0, 4.0]], "the longest series has 2 values\n"),
        ([[5.0] * 300], "the values of the series are all the same"),
        ([[5.0] * 300, [4.0] * 90], "only one value, again and again"),
        ([[5.0] * 300, [1.0, 2.0]], "no series has enough before a step"),
    ],
)
def test_says_why_no_step_can_be_asked(series, says, plain):
    given = {str(k): np.array(values) for k, values in enumerate(series)}
    with pytest.raises(InputError, match=says):
        opened(plain, Panel.of(given, freq="day")).cases(3, 3)


@pytest.mark.parametrize("base", ["last", "season", "ar"])
def test_how_many_values_are_enough_is_as_many_as_it_says(base, plain):
    model = plain if base == "last" else fitted(base=base)
    few = waves(gaps=False)["s0"]
    with pytest.raises(InputError, match="or more: this model") as told:
        opened(model, Panel.of({"a": few[:2]}, freq="day")).cases(3, 3)
    least = int(str(told.value.expected).split()[0])
    assert least > 2
    with pytest.raises(InputError, match=f"has {least - 1} values"):
        opened(model, Panel.of({"a": few[: least - 1]}, freq="day")).cases(3, 3)
    [case] = opened(model, Panel.of({"a": few[:least]}, freq="day")).cases(3, FAR)
    assert case.at == least - 2  # one value follows
