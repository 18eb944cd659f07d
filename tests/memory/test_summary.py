"""What the instruments say together, of findings whose numbers are made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import delay, far, leaky

from clew.memory import Settings, examine
from clew.memory._lag_curve import TAKEN
from clew.memory._summary import Depth, clear_peak, depths, kept, summary
from clew.memory.html import page


@pytest.fixture(scope="module")
def found():
    """Of a delay of 3: all that the sentences join, over lags 0 to 8."""
    settings = Settings(("horizon", "gradient", "linear", "saliency"), reach=16, lags=8, cases=16)
    return dict(examine(delay(3), settings=settings).findings)


def drawn(findings):
    return {name: [b"<?xml", b"PNG"] for name in findings}


def with_layer(linear, **values):
    [layer] = linear.layers
    return replace(linear, measured=replace(linear.measured, layers=[replace(layer, **values)]))


def changed(gradient, name, values):
    curves = [
        replace(c, mean=np.asarray(values, dtype=float)) if c.name == name and c.trained else c
        for c in gradient.curves
    ]
    return replace(gradient, curves=curves)


def test_a_gradient_felt_as_far_as_was_looked_is_not_compared_but_its_peak_is(found):
    level = changed(found["gradient-by-lag"], "loss", np.ones(9))
    findings = {**found, "gradient-by-lag": level}
    assert depths(findings)["felt"] == Depth(3, looked=8, peak=True)
    lines = summary(findings, {})
    assert (
        "The gradient of the loss is still more than 1 % of its largest 8 symbols back, as far as "
        "was looked; the answer hangs most, by gradient x input, on what stands 3 symbols back."
    ) in lines
    assert (
        "The instruments agree roughly, in steps back: what it uses (ablation) 3, where gradient x "
        "input is greatest 3, what a line reads off its state but not off the current one 3."
    ) in lines
    text = page("m", "", "", lines, findings, {}, drawn(findings))
    assert "gradient x input is greatest there" in text
    assert "or more" not in text.split('class="depths"')[1].split("</table>")[0]


def test_without_a_peak_it_only_says_how_far_was_looked(found):
    level = changed(changed(found["gradient-by-lag"], "loss", np.ones(9)), TAKEN, np.ones(9))
    findings = {**found, "gradient-by-lag": level}
    horizon = found["horizon"]
    findings["horizon"] = replace(horizon, seen=replace(horizon.seen, needed=5))
    lines = summary(findings, {})
    [agree] = [line for line in lines if "agree roughly" in line]
    assert "gradient" not in agree
    assert ("Not compared, for there was looked no further: what its gradient feels 8.") in lines
    text = page("m", "", "", lines, findings, {}, drawn(findings))
    assert "as far as was looked: it may be more" in text


def test_a_peak_elsewhere_than_what_it_uses_is_told(found):
    gradient = changed(found["gradient-by-lag"], "loss", np.ones(9))
    findings = {**found, "gradient-by-lag": changed(gradient, TAKEN, np.eye(9)[8])}
    horizon = found["horizon"]
    findings["horizon"] = replace(horizon, seen=replace(horizon.seen, needed=2))
    del findings["linear-memory"]
    [line] = [line for line in summary(findings, {}) if "differ" in line]
    assert "what gradient x input names most (8) is not the furthest that it uses (2)" in line


@pytest.mark.parametrize(
    ("values", "peak"),
    [
        ([9, 0, 0, 5, 0, 0, 0, 0, 0], 3),
        ([9, 4, 2, 5, 4, 0, 0, 0, 0], 3),  # beside it, and at lags 0 and 1, all may be high
        ([9, 0, 0, 5, 0, 0, 4, 0, 0], None),  # two places
        ([9, 6, 1, 5, 0, 0, 0, 0, 0], None),  # most at lag 1
        ([9, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ([9, 0, 0, np.inf, 0, 0, 0, 0, 0], None),
        (np.ones(9), None),
    ],
)
def test_a_clear_peak_stands_alone(found, values, peak):
    assert clear_peak(changed(found["gradient-by-lag"], TAKEN, values)) == peak


def test_a_fit_without_memory_that_fails_is_no_memory_of_the_state(found):
    linear = found["linear-memory"]
    r2, alone = np.array([1, 0.9, 0.5, 0, 0, 0, 0, 0, -0.001]), np.full(9, -0.2)
    made = with_layer(linear, r2=r2, alone=alone, chance=0.02)
    assert kept(made).steps == 2
    assert kept(with_layer(made, chance=0.6)) is None


def test_what_lies_beyond_all_lags_is_not_called_gone():
    toy = far(40, length=200)
    settings = Settings(("horizon", "gradient", "linear"), reach=80, lags=20, cases=24)
    report = examine(toy, settings=settings)
    text = " ".join(report.summary())
    assert "Looks back 40" in text
    assert "The gradient of the loss is 0 at all lags that were looked at, 0 to 20." in text
    assert "differ" not in text
    assert "mixed with the rest" not in text


def test_gradients_that_name_the_same_but_reach_further_are_told_so():
    settings = Settings(("saliency",), reach=16, cases=6)
    found = dict(examine(leaky(0.5), settings=settings).findings)
    near = found["saliency-by-distance"]
    assert summary(found, {})[-1].endswith("Gradients name the same elements.")
    wide = replace(near, integrated=np.ones_like(near.integrated), shared=0.8, aligned=1.0)
    assert summary({"saliency-by-distance": wide}, {})[-1].endswith(
        "Gradients name the same elements, but mislead in how far the rest lies."
    )
