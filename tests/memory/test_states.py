"""Heat maps of states: the numbers against the network's own, step by step."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from toys import Toy, between, delay

import clew.nn
from clew import InputError
from clew.memory.gates import gates
from clew.memory.states import states
from clew.memory.subject import Case

TABLE = torch.rand(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def toy(reader, **more):
    torch.manual_seed(2)
    for weight in reader.parameters():
        torch.nn.init.normal_(weight)
    return Toy("by hand", reader.double().eval(), None, None, TABLE, **more)


def case(steps=12, at=None, seed=0):
    ids = np.random.default_rng(seed).integers(0, 5, steps)
    return Case(ids, steps - 1 if at is None else at, 0)


def by_steps(layers, x):
    """h and c of every unit after every step, a step at a time: (T, units of all layers)."""
    state, rows = [None] * len(layers), []
    for x_t in x:
        row = []
        for k, layer in enumerate(layers):
            x_t, state[k] = layer.step(x_t, state[k])
            row.append(torch.cat([part.flatten() for part in state[k]]))
        rows.append(torch.cat(row))
    return torch.stack(rows).detach().numpy()


def drawn(finding):
    figure = Figure(figsize=finding.size(), layout="constrained")
    finding.draw(figure)
    FigureCanvasAgg(figure).draw()
    return figure


def test_values_are_those_of_reading_a_step_at_a_time():
    subject = toy(clew.nn.Stack(3, 4, 2))
    found = states(subject, case(), units=["2:1", "1:3", "2:4"], sort=False)
    rows = by_steps(subject.reader.layers, TABLE[torch.from_numpy(case().inputs)].unsqueeze(1))
    assert found.units == ["2:1", "1:3", "2:4"]
    # h and c of layer 1, then h and c of layer 2, four units each
    np.testing.assert_allclose(found.values["h"], rows[:, [8, 2, 11]], atol=1e-12)
    np.testing.assert_allclose(found.values["c"], rows[:, [12, 6, 15]], atol=1e-12)
    ratio = found.values["h"] / np.tanh(found.values["c"])
    np.testing.assert_allclose(found.values["o"], ratio, atol=1e-9)
    assert list(found.values) == ["h", "c", "f", "i", "o"]


def test_what_comes_before_the_elements_shown_is_read():
    subject = toy(clew.nn.GRU(3, 4))
    whole = states(subject, case(30), sort=False)
    few = states(subject, case(30, at=19), sort=False, steps=5, most=2)
    np.testing.assert_allclose(
        few.values["h"],
        whole.values["h"][15:20, [int(name[2:]) - 1 for name in few.units]],
        atol=1e-12,
    )
    assert few.places == [-4, -3, -2, -1, 0]
    assert few.names == subject.names(case(30))[15:20]


def test_backwards_layers_stand_in_the_order_of_the_text():
    subject = toy(clew.nn.LSTM(3, 4, bidirectional=True), both_ways=True)
    found = states(subject, case(12, at=6), layer="1b", sort=False)
    x = TABLE[torch.from_numpy(case().inputs)].unsqueeze(1)
    expected = subject.reader(x)[0][:, 0, 4:].detach().numpy()
    np.testing.assert_allclose(found.values["h"], expected, atol=1e-12)
    assert found.places == list(range(-6, 6))
    assert found.units == ["1b:1", "1b:2", "1b:3", "1b:4"]


def test_units_are_sorted_by_time_scales_of_gates():
    subject = toy(clew.nn.LSTM(3, 5))
    some = [case(20, seed=k) for k in range(3)]
    measured = gates(subject, some)
    found = states(subject, some[0], gates=measured, most=3)
    assert found.units == [unit for unit, *_ in measured.longest()[:3]]
    assert found.scales == [scale for _, _, scale, _ in measured.longest()[:3]]
    named = states(subject, some[0], units=["1:1", "1:2", "1:3"], gates=measured)
    assert sorted(named.scales, reverse=True) == named.scales
    alone = states(subject, some[0])
    assert alone.scales == [scale for _, _, scale, _ in gates(subject, some[:1]).longest()]


def test_without_gates_those_are_shown_that_vary_most():
    subject = delay(3)
    found = states(subject, subject.cases(1, 40)[0], most=4)
    assert list(found.values) == ["h"]
    assert found.scales == [None] * 4
    spread = found.values["h"].std(0)
    assert list(spread) == sorted(spread, reverse=True)
    assert "vary" in found.order


def test_words_count_stretches_of_one_sign():
    subject = toy(clew.nn.GRU(3, 2))
    found = states(subject, case(8))
    values = np.array([[1, 1], [1, -1], [1, 1], [1, -1], [-1, 1], [-1, -1], [1, 1], [1, -1]]) / 2
    told = replace(found, values={"h": values}, units=["1:1", "1:2"]).words()
    assert "1:1 keeps its sign longest, 2.67 symbols at a time" in told[0]
    assert "1:2 changes it most often, after 1." in told[0]
    assert told[1].startswith("Output h: from -0.50 to 0.50")


def test_a_single_unit_is_told_by_itself():
    found = states(toy(clew.nn.GRU(3, 2)), case(8), units=["1:2"])
    assert found.words()[0].startswith("Unit 1:2 keeps its sign for ")
    assert "of 1 unit at 8 symbols" in found.method
    alike = replace(found, values={"h": np.ones((8, 2))}, units=["1:1", "1:2"])
    told = "Each of the 2 units shown keeps its sign for 8 symbols at a time in output h."
    assert alike.words()[0] == told
    short = states(toy(clew.nn.GRU(3, 2)), case(1), units=["1:2"])
    assert short.words()[0].startswith("Unit 1:2 keeps its sign for 1 symbol at a time")


@pytest.mark.parametrize(
    "name", ["1:" + 5000 * "9", "3:1", "1:5", "1:0", "2b:1", "1", "x", "", "1:-1", "1:²"]
)
def test_unknown_units_are_refused(name):
    with pytest.raises(InputError, match="there is no unit"):
        states(toy(clew.nn.Stack(3, 4, 2)), case(), units=[name])


def test_of_a_single_layer_a_number_is_enough():
    assert states(toy(clew.nn.GRU(3, 4)), case(), units=["3"]).units == ["1:3"]


def test_numbers_that_are_not_finite_are_told():
    subject = toy(clew.nn.LSTM(3, 4))
    with torch.no_grad():
        subject.reader.bias_ih_l0[:2] = torch.tensor([np.nan, np.inf])
    with pytest.raises(InputError, match="layer 1 has numbers that are not finite"):
        states(subject, case(), units=["1:1"])
    with pytest.raises(InputError, match="layer 1 has numbers that are not finite"):
        gates(subject, [case()])


def test_other_bad_questions():
    subject = toy(clew.nn.Stack(3, 4, 2))
    for wrong, match in [
        ({"layer": 3}, "no layer"),
        ({"layer": "1b"}, "no layer"),
        ({"units": []}, "no units"),
        ({"steps": 0}, "steps is 0"),
        ({"most": 0}, "most is 0"),
    ]:
        with pytest.raises(InputError, match=match):
            states(subject, case(), **wrong)
    with pytest.raises(InputError, match="is asked"):
        states(subject, Case(np.arange(3), 3, 0))
    with pytest.raises(InputError):
        states(subject, Case(np.zeros(0, dtype=np.int64), 0, 0))


def test_projected_outputs_are_no_units():
    found = states(toy(torch.nn.LSTM(3, 4, proj_size=2)), case())
    assert "h" not in found.values
    assert len(found.units) == 4


@pytest.mark.parametrize("subject", [toy(clew.nn.LSTM(3, 4)), between(1)], ids=["lstm", "both"])
def test_pictures_tables_and_data(subject):
    found = states(subject, case(30, at=20))
    figure = drawn(found)
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    for image, values in zip(images, found.values.values(), strict=True):
        np.testing.assert_array_equal(image, values.T)
    for table in found.tables():
        assert all(len(row) == len(table.columns) for row in table.rows)
    json.dumps(found.data(), allow_nan=False)
