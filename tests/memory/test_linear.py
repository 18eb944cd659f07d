"""Linear memory against closed forms of linear networks, and against scikit-learn."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge as Peer
from toys import Toy, delay, leaky, without_memory
from toys import linear as linear_network

from clew import InputError
from clew.memory import _ridge
from clew.memory._linear_memory import LayerMemory
from clew.memory.linear import linear, linear_of
from clew.memory.opening import opened
from clew.memory.subject import Case


def eye(size):
    return torch.eye(size, dtype=torch.float64)


def signals(*arrays):
    return [Case(array, len(array) - 1, 0.0, source=k) for k, array in enumerate(arrays)]


def noise(count, steps, width=1, seed=0):
    random = np.random.default_rng(seed)
    return [random.uniform(0.5, 1.5, (steps, width)) for _ in range(count)]


def seen(network, **more):
    return Toy("by hand", network, torch.zeros(1, network.hidden_size).double(), None, **more)


def drawn(finding):
    figure = Figure(figsize=finding.size(), layout="constrained")
    finding.draw(figure)
    FigureCanvasAgg(figure).draw()


@pytest.mark.parametrize("k", [1, 4])
def test_a_delay_line_tells_of_its_length_and_of_nothing_beyond(k):
    toy = delay(k)
    found = linear(toy, toy.cases(20, 199), lags=6, steps=2500)
    (layer,) = found.layers
    np.testing.assert_allclose(layer.r2[: k + 1], 1.0, atol=1e-9)
    assert np.abs(layer.r2[k + 1 :]).max() < 0.02
    assert layer.furthest() == layer.furthest(0.5) == k
    assert layer.capacity == pytest.approx(k, abs=1e-6)
    assert layer.furthest_alone() == 0
    assert f"up to {k} symbol{'s' * (k > 1)} ago, and nothing beyond" in found.words()[0]
    drawn(found)
    json.dumps(found.data(), allow_nan=False)


def test_a_leaky_sum_of_noise_forgets_by_the_square_of_its_rate():
    a, network = 0.7, linear_network(0.7 * eye(1), eye(1))
    found = linear(seen(network), signals(*noise(120, 300)), lags=8, steps=36_000)
    lags = np.arange(9)
    # h = sum a^tau x, of variance 1 / (1 - a^2): the correlation with x_{t-tau}, squared.
    np.testing.assert_allclose(found.layers[0].r2, a ** (2 * lags) * (1 - a * a), atol=0.02)
    assert found.layers[0].capacity == pytest.approx(a * a, abs=0.04)


def test_several_features_are_read_each_at_its_own_scale():
    given = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]], dtype=torch.float64)  # blind to the third
    network = linear_network(torch.zeros(2, 2, dtype=torch.float64), given)
    data = [x * np.array([100.0, 1.0, 0.01]) for x in noise(12, 100, 3)]
    found = linear(seen(network), signals(*data), lags=2)
    np.testing.assert_allclose(found.layers[0].r2, [2 / 3, 0, 0], atol=0.02)
    assert found.measured.scale.width == 3
    every = np.concatenate(data)[:, :]
    assert found.measured.scale.mean == pytest.approx(every.mean())
    assert found.measured.scale.deviation == pytest.approx(np.sqrt(every.var(0).mean()))


def test_data_that_hang_together_tell_of_each_other_without_memory():
    phi, random = 0.9, np.random.default_rng(0)
    data = []
    for _ in range(60):
        x = random.normal(size=(300, 1)) / np.sqrt(1 - phi * phi)
        for t in range(1, 300):
            x[t] = phi * x[t - 1] + random.normal()
        data.append(100 + x)
    network = linear_network(0 * eye(1), eye(1))
    (layer,) = linear(seen(network), signals(*data), lags=8).layers
    np.testing.assert_allclose(layer.alone, phi ** (2 * np.arange(9)), atol=0.06)
    np.testing.assert_allclose(layer.r2, layer.alone, atol=1e-9)  # it has no memory
    assert layer.furthest_alone() == 8


def test_a_layer_that_reads_backwards_remembers_what_follows():
    shift = torch.zeros(3, 3, dtype=torch.float64)
    shift[1:, :-1] = eye(2)
    network = linear_network(shift, eye(3)[:, :1], both_ways=True)
    with torch.no_grad():
        network.weight_hh_l0[2] = 0  # forwards it keeps one step less
    found = linear(seen(network, both_ways=True), signals(*noise(9, 60)), lags=4)
    forwards, backwards = found.layers
    assert (forwards.name, backwards.name) == ("layer 1", "layer 1 backwards")
    assert (forwards.furthest(), backwards.furthest()) == (1, 2)
    assert [c for c in found.tables()[1].columns if c.startswith("x_t")] == [
        "x_t alone", "x_t alone backwards",
    ]  # fmt: skip
    drawn(found)


def test_one_long_sequence_is_cut_in_time():
    network = linear_network(0.0 * eye(1), eye(1))
    found = linear(seen(network), signals(*noise(1, 200)), lags=25)
    assert found.lags == 25
    assert found.layers[0].furthest() == 0
    assert "last third" in found.method
    assert linear(seen(network), signals(*noise(1, 80)), lags=50).lags == 10


def test_of_one_long_series_all_is_read():
    series = np.random.default_rng(0).standard_normal((2000, 1)).astype(np.float32)
    subject = opened(torch.nn.RNN(1, 4), [series])
    cases = subject.cases(96, 64)
    found = linear_of(subject, cases, lags=40)
    assert found.lags == 40
    assert sum(found.measured.steps) > 1500
    assert linear(subject, cases, lags=40).lags == 8  # of the longest window alone


def test_of_short_sequences_more_are_read_and_each_but_once():
    random = np.random.default_rng(0)
    short = [random.standard_normal((20 + k % 9, 1)).astype(np.float32) for k in range(200)]
    subject = opened(torch.nn.RNN(1, 4), short)
    found = linear_of(subject, subject.cases(30, 64), lags=4)
    assert found.measured.sequences == 200
    assert sum(found.measured.steps) <= sum(len(x) - 4 for x in short)
    few = opened(torch.nn.RNN(1, 4), short[:8])
    cases = few.cases(96, 64)  # twelve of each, the one a part of the other
    found = linear_of(few, cases, lags=4)
    assert sum(found.measured.steps) <= sum(len(x) - 4 for x in short[:8])
    assert found.measured.sequences == 8


@pytest.mark.parametrize("seed", range(3))
def test_what_is_not_there_is_not_found_in_little_data(seed):
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    data = [random.standard_normal((100, 3)).astype(np.float32) for _ in range(10)]
    subject = opened(torch.nn.GRU(3, 5), data)
    (layer,) = linear(subject, subject.cases(96, 512), lags=64).layers
    assert layer.remembered <= layer.furthest() <= 6
    assert layer.furthest_alone() == 0


def test_remembered_is_above_chance_and_above_what_the_current_element_tells():
    def remembered(r2, alone, chance=0.04):
        return LayerMemory("", 1, False, 3, np.array(r2), np.array(alone), chance, 0.0).remembered

    assert remembered([1.0, 0.5, 0.1, 0.0], [1.0, 0.0, 0.0, 0.0]) == 2
    assert remembered([1.0, 0.5, 0.1, 0.02], [1.0, 0.0, 0.0, -0.3]) == 2  # less than nothing
    assert remembered([1.0, 0.9, 0.8], [1.0, 0.9, 0.5]) == 2
    assert remembered([1.0, 0.9, 0.8], [1.0, 0.9, 0.8]) == 0
    assert remembered([1.0, 0.005, 0.0], [1.0, 0.0, 0.0], 0.0) == 0


def test_of_many_tokens_the_most_frequent_are_told_back():
    table = torch.rand(40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    toy = replace(without_memory(), table=table)
    random = np.random.default_rng(0)
    some = signals(*[np.minimum(random.geometric(0.1, 150), 39) for _ in range(9)])
    found = linear(toy, some, lags=3)
    counts = np.sort(np.bincount(np.concatenate([case.inputs for case in some])))[::-1]
    share, sorts = 100 * counts[:20].sum() / counts.sum(), (counts > 0).sum()
    told = f"one-hot of the most frequent 20 of {sorts}; they make {share:.0f} % of the data"
    assert told in found.method
    assert found.layers[0].furthest() == 0


def test_equal_elements_are_nothing_to_read_back():
    same = signals(*[np.full(50, 2) for _ in range(6)])
    found = linear(without_memory(), same, lags=5)
    assert "the same" in found.words()[0]
    assert not found.layers[0].capacity
    drawn(found)
    json.dumps(found.data(), allow_nan=False)


def test_data_that_cannot_show_it_are_told_from_a_state_that_keeps_nothing():
    network = torch.nn.GRU(1, 8, dtype=torch.float64)
    season = [1 + np.sin(np.arange(300) / 3)[:, None]]
    found = linear(seen(network), signals(*season), lags=4)
    assert found.layers[0].r2.min() > 0.99  # all of it is there, but so it is of all other times
    assert not found.tells
    assert found.layers[0].chance == 1.0
    assert "these data cannot show" in found.words()[0]
    assert linear(seen(network), signals(*noise(3, 60)), lags=4).tells

    blind = linear_network(0.0 * eye(1), 0.0 * eye(1))
    few = linear(seen(blind), signals(*noise(6, 30)), lags=4)
    assert few.tells
    assert few.words()[0].startswith("Nothing of what was read can be read off layer 1 by a line")


def test_chance_is_what_upward_strays_reach():
    """Draws far below 0, as of a trend, do not raise it; it is never above 1."""

    class Given:
        def __init__(self, values):
            self.values = list(values)

        def r2(self, _):
            return self.values.pop()

    def level(values):
        targets, part = torch.zeros(9, 1), torch.arange(9) % 3
        return _ridge.chance(Given(values), targets, part, len(values), 0)

    even = np.linspace(-0.02, 0.02, 20)
    assert level(0.1 + even) == pytest.approx(0.1 + 6 * even.std())
    assert level([*even[10:], *[-50.0] * 10]) == pytest.approx(6 * even.std(), rel=0.05)
    assert level([0.0] * 12 + [0.9] * 8) == 1.0
    assert level([None] * 3) == level([-0.5] * 4) == 0.0


def test_a_state_that_overflows_is_told():
    network = linear_network(4.0 * eye(1), eye(1))
    with pytest.raises(InputError, match="layer 1 has numbers that are not finite"):
        linear(seen(network), signals(*noise(6, 600)), lags=4)


def test_too_short_sequences():
    toy = leaky(0.5)
    found = linear(toy, signals(*noise(30, 20)), lags=100)
    assert found.lags == 10
    assert any("too short for 100 lags: these are 10" in line for line in found.words())
    with pytest.raises(InputError, match="too short for any lag"):
        linear(toy, signals(*noise(30, 1)))
    with pytest.raises(InputError, match="too few"):
        linear(toy, signals(*noise(4, 4)), lags=2)
    with pytest.raises(InputError, match="too few"):
        linear(toy, signals(*noise(2, 7)))
    with pytest.raises(InputError, match="1 sequence of at most 1 step: too short for any lag"):
        linear(toy, signals(*noise(1, 1)))
    with pytest.raises(InputError, match="lags is 0"):
        linear(toy, signals(*noise(4, 4)), lags=0)
    with pytest.raises(InputError):
        linear(toy, [])


def test_ridge_against_scikit_learn():
    random = np.random.default_rng(3)
    h, y = random.normal(size=(90, 8)), random.normal(size=(90, 3))
    y[:, 0] += h[:, 0]
    part = np.repeat([0, 1, 2], 30)
    h += 5.0
    learned = part < 2
    centre = h[learned].mean(0), y[learned].mean(0)

    def scale(rows):
        return np.square(h[rows] - centre[0]).sum() / 8

    def fitted(rows, share, penalty=None):
        model = Peer(alpha=share * scale(rows), fit_intercept=False)
        return model.fit(h[rows] - centre[0], y[rows] - centre[1])

    def lost(share):
        pairs = ((part == 0, part == 1), (part == 1, part == 0))
        return sum(
            np.square(y[b] - centre[1] - fitted(a, share).predict(h[b] - centre[0])).sum()
            for a, b in pairs
        )

    best = min(_ridge._PENALTIES, key=lost)
    said = fitted(learned, best).predict(h[~learned] - centre[0])
    truth = y[~learned] - centre[1]
    expected = 1 - np.square(truth - said).sum() / np.square(truth).sum()
    ridge = _ridge.Ridge(torch.from_numpy(h), torch.from_numpy(part))
    assert ridge.r2(torch.from_numpy(y)) == pytest.approx(expected, abs=1e-9)


def test_more_units_than_steps_are_read_with_a_warning():
    random = np.random.default_rng(0)
    network = linear_network(
        torch.zeros(60, 60).double(), torch.from_numpy(random.uniform(size=(60, 1)))
    )
    found = linear(seen(network), signals(*noise(6, 16)), lags=3)
    assert any("lower bounds" in line for line in found.words())
    assert found.layers[0].r2[0] > 0.99


def test_the_seed_decides_and_nothing_else():
    toy = leaky(0.8)
    one, same, other = (
        linear(toy, toy.cases(20, 80), lags=2, steps=400, seed=s).data() for s in (1, 1, 2)
    )
    assert one == same != other


def test_what_is_known_only_where_it_is_asked_for_is_found_there():
    # A latch: it takes in the one step that is marked and holds it, and is asked 6 steps later.
    class Latch(torch.nn.Module):
        hidden_size = 1

        def forward(self, x, state=None):
            kept, held = (x[0, :, :1] * 0 if state is None else state), []
            for x_t in x:
                kept = torch.where(x_t[:, 1:] > 0.5, x_t[:, :1], kept)
                held.append(kept)
            return torch.stack(held), kept

    class Event(Toy):
        task = "probe"

        def cases(self, count, reach, seed=0):
            return drawn_events(count)

    def drawn_events(count):
        random, found = np.random.default_rng(0), []
        for k in range(count):
            x = np.stack([random.normal(size=15), np.zeros(15)], 1)
            x[8, 1] = 1.0
            found.append(Case(x, 14, 0.0, source=k))
        return found

    probe = Event("by hand", Latch(), torch.zeros(1, 1).double(), None)
    found = linear_of(probe, probe.cases(20, 14), lags=12)  # it draws more
    assert found.at_asked
    assert found.layers[0].furthest(0.5) == found.layers[0].furthest() == 6
    some = drawn_events(300)
    found = linear(seen(Latch()), some, lags=12, asked=True)
    assert found.layers[0].furthest() == 6
    np.testing.assert_allclose(found.layers[0].r2[[5, 6, 7]], [0, 1, 0], atol=0.08)
    assert linear(seen(Latch()), some, lags=20, asked=True).lags == 14
    with pytest.raises(InputError, match="too short for any lag"):
        linear(seen(Latch()), [replace(case, at=0) for case in some], asked=True)
    with pytest.raises(InputError, match="too few"):
        linear(seen(Latch()), some[:20], asked=True)
