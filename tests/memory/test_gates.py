"""Time scales against what is left of a state, and shares against plain counting."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from toys import Toy, delay

import clew.nn
from clew import InputError
from clew.memory import _reading
from clew.memory.gates import gates
from clew.memory.subject import Case

CELLS = {"LSTM": clew.nn.LSTM, "GRU": clew.nn.GRU}
GATES = {"LSTM": "ifgo", "GRU": "rzn"}


def subject(reader, **more):
    size = getattr(reader, "hidden_size", 2)
    readout = torch.zeros(1, size, dtype=torch.float64)
    return Toy("by hand", reader.double().eval(), readout, lambda *_: 0.0, **more)


def cases(*lengths, seed=0):
    random = np.random.default_rng(seed)
    return [Case(random.normal(size=(n, 1)), n - 1, 0.0, source=k) for k, n in enumerate(lengths)]


def held(kind, keep, **options):
    """A layer whose units keep a share of what they hold at every step, and add nothing."""
    layer = CELLS[kind](1, len(keep), **options)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        parts = dict(zip(GATES[kind], layer.bias_ih_l0.chunk(len(GATES[kind])), strict=True))
        parts["f" if kind == "LSTM" else "z"].copy_(torch.logit(torch.tensor(keep)))
    return layer


def drawn(finding):
    figure = Figure(figsize=finding.size(), layout="constrained")
    finding.draw(figure)
    FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("zoneout", [0.0, 0.3])
def test_a_time_scale_is_that_by_which_the_state_fades(kind, zoneout):
    found = gates(subject(held(kind, [0.5, 0.9, 0.999], zoneout=zoneout)), cases(30, 7))
    layer = held(kind, [0.5, 0.9, 0.999], zoneout=zoneout).double().eval()
    one = torch.ones(1, 1, 3, dtype=torch.float64)
    state = (0 * one, one) if kind == "LSTM" else one
    _, final = layer(torch.zeros(8, 1, 1, dtype=torch.float64), state)
    left = (final[1] if kind == "LSTM" else final)[0, 0]
    expected = -8 / left.log()
    np.testing.assert_allclose(found.layers[0].scales, expected.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("kind", CELLS)
def test_means_and_shares_are_over_every_step_of_every_sequence(kind, monkeypatch):
    torch.manual_seed(0)
    reader = clew.nn.Stack(1, 6, 2, cell=kind.lower(), bidirectional=True)
    with torch.no_grad():
        for weight in reader.parameters():
            weight.mul_(5.0)
    some = cases(5, 1, 9, 9, 3)
    whole = gates(subject(reader), some)
    monkeypatch.setattr(_reading.batches, "__defaults__", (10,))
    np.testing.assert_allclose(
        gates(subject(reader), some).layers[3].scales, whole.layers[3].scales, rtol=1e-12
    )
    gate = "f" if kind == "LSTM" else "z"
    rows = [[], [], [], []]
    for case in some:
        x = torch.from_numpy(case.inputs).unsqueeze(1)
        for k, layer in enumerate(reader.layers):
            trace = layer.trace(x)
            rows[2 * k] += getattr(trace, gate)[0][:, 0].tolist()
            rows[2 * k + 1] += getattr(trace, gate)[1][:, 0].tolist()
            x = trace.output
    for layer, values in zip(whole.layers, rows, strict=True):
        values = np.array(values)
        assert len(values) == whole.steps == 27
        np.testing.assert_allclose(layer.scales, -1 / np.log(values).mean(0), rtol=1e-9)
        np.testing.assert_allclose(layer.averages, -1 / np.log(values.mean(0)), rtol=1e-9)
        assert (layer.averages >= layer.scales).all()
        np.testing.assert_allclose(layer.open[gate], (values > 0.9).mean(0))
        np.testing.assert_allclose(layer.shut[gate], (values < 0.1).mean(0))
    assert [layer.name for layer in whole.layers][2:] == ["layer 2", "layer 2 backwards"]
    assert whole.layers[3].units[4] == "2b:5"


def test_the_longest_units_are_named_with_their_layers():
    reader = clew.nn.Stack(1, 3, 2, cell="lstm")
    for layer, keep in zip(reader.layers, ([0.5, 0.99, 0.6], [0.9, 0.2, 0.95]), strict=True):
        layer.bias_ih_l0.data.copy_(held("LSTM", keep).bias_ih_l0)
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_hh_l0"):
            getattr(layer, name).data.zero_()
    found = gates(subject(reader), cases(4), most=2)
    assert [unit for unit, *_ in found.longest()] == ["1:2", "2:3"]
    assert "1:2 in layer 1, keeps 37 % of what it holds for 99 symbols" in found.words()[0]
    assert "half of the units hold on for 2 symbols" in found.words()[1]  # -1 / ln 0.6 = 1.96


def test_a_gate_that_is_never_shut_holds_without_end():
    found = gates(subject(held("LSTM", [1.0, 1.0]).float()), cases(5))
    assert found.layers[0].scales.tolist() == [math.inf, math.inf]
    assert "never lets go" in found.words()[0]
    assert found.data()["layers"][0]["time_scales"] == [None, None]
    drawn(found)


def test_a_gate_that_is_always_shut_holds_nothing():
    found = gates(subject(held("GRU", [0.0])), cases(5))
    assert 0 <= found.layers[0].scales[0] < 0.01
    assert found.layers[0].shut["z"] == 1.0
    figure = drawn(found)
    told = [t.get_text() for which in ("major", "minor")
            for t in figure.axes[0].get_yticklabels(which=which)]  # fmt: skip
    assert any(told)
    assert not any("e" in text for text in told)


def test_a_simple_network_has_no_gates_and_it_is_said():
    toy = delay(2, sequences=2)
    found = gates(toy, toy.cases(2, 5))
    assert "Layer 1 has no gates" in found.words()[0]
    assert found.layers[0].scales is None
    assert len(found.tables()) == 1
    drawn(found)
    json.dumps(found.data(), allow_nan=False)


def test_of_a_foreign_module_nothing_is_known():
    class Last(torch.nn.Module):
        def forward(self, x, state=None):
            return torch.cat([x, x], -1), x[-1]

    found = gates(subject(Last()), cases(3))
    assert "cannot be opened" in found.words()[0]


def test_before_training_stands_beside_after():
    before = subject(held("LSTM", [0.5, 0.5]))
    after = replace(subject(held("LSTM", [0.9, 0.99])), before=before)
    found = gates(after, cases(6))
    told = (
        "hold on for 9.5 symbols or more, a tenth for 99 symbols or more (before training 1.4 and"
    )
    assert told in found.words()[-1]
    assert any("layer 1 before training" in row for row in found.tables()[1].rows)
    figure = drawn(found)
    assert "before training" in [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    json.dumps(found.data(), allow_nan=False)


def test_projections_have_more_cells_than_outputs():
    torch.manual_seed(0)
    found = gates(subject(torch.nn.LSTM(1, 5, proj_size=2)), cases(6))
    assert len(found.layers[0].scales) == len(found.layers[0].units) == 5


def test_without_a_step_there_is_nothing_to_say():
    with pytest.raises(InputError, match="without a step"):
        gates(delay(1), [Case(np.zeros(0, dtype=np.int64), 0, 0)])
    with pytest.raises(InputError, match="no cases"):
        gates(delay(1), [])
    with pytest.raises(InputError, match="steps is 0"):
        gates(delay(1), [], steps=0)
    with pytest.raises(InputError, match="seed is -1"):
        gates(delay(1), delay(1).cases(2, 5), seed=-1)


def test_as_many_sequences_are_drawn_as_give_the_steps():
    reader = held("LSTM", [0.5, 0.9])
    some = cases(*[10] * 8)
    found = gates(subject(reader), some, steps=25)
    assert (found.sequences, found.steps) == (3, 30)
    assert gates(subject(reader), some, steps=25).data() == found.data()
