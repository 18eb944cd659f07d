import pytest
import torch
from torch import nn

from clew.errors import InputError
from clew.memory.probes import Adding, Agreement, Architecture, Parity, ProbeNetwork
from clew.nn import Stack


def test_answers_stand_in_the_order_of_what_is_asked():
    torch.manual_seed(0)
    network = ProbeNetwork(Parity(), Architecture("gru", 4).build)
    inputs, lengths = torch.randint(2, (5, 3)), torch.tensor([5, 2, 4])
    asked = torch.zeros(5, 3, dtype=torch.bool)
    asked[4, 0] = asked[1, 1] = asked[0, 2] = True
    said = network(inputs, lengths, asked)
    for row, (t, b) in zip(said, [(0, 2), (1, 1), (4, 0)], strict=True):
        y, _ = network.reader(network.embedding(inputs[: t + 1, b : b + 1]))
        torch.testing.assert_close(row, network.output(y[-1, 0]))


def test_sizes():
    network = ProbeNetwork(Agreement(), Architecture("lstm", 7, 2).build)
    assert network.embedding.weight.shape == (len(Agreement().words), 32)
    assert network.output.weight.shape == (12, 7)
    assert len(network.reader.layers) == 2
    assert ProbeNetwork(Parity(), Architecture().build).embedding.weight.shape == (2, 2)
    features = ProbeNetwork(Adding(), Architecture().build)
    assert features.embedding is None
    assert features.output.weight.shape == (1, 32)
    x = torch.rand(3, 2, 2)
    assert features.vectors(x) is x


def test_a_reader_of_both_ways_has_twice_the_width():
    network = ProbeNetwork(Parity(), lambda width: Stack(width, 3, bidirectional=True))
    assert network.output.weight.shape == (2, 6)


class Last(nn.Module):
    def forward(self, x, state, lengths):
        return x[-1], state


class Broken(nn.Module):
    def forward(self, x, state, lengths):
        return self.inner(x), state


@pytest.mark.parametrize(
    "reader",
    [
        lambda width: nn.LSTM(width, 3),
        lambda width: Last(),
        lambda width: Broken(),
        nn.GRU(2, 3),
        7,
    ],
)
def test_what_is_no_reader(reader):
    with pytest.raises(InputError) as caught:
        ProbeNetwork(Parity(), reader)
    assert caught.value.where == "reader"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"cell": "LSTM"}, "cell"), ({"hidden_size": 0}, "hidden_size"),
        ({"num_layers": 1.0}, "num_layers"), ({"init": "zeros"}, "init"),
        ({"init": "chrono"}, "t_max"), ({"t_max": 9.0}, "t_max"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(settings, name):
    with pytest.raises(InputError) as caught:
        Architecture(**settings)
    assert caught.value.where == name


def test_an_architecture_in_words():
    assert str(Architecture("gru", 8, 2)) == "GRU of 2 x 8 units"
    chrono = Architecture("lstm", 8, init="chrono", t_max=30.0)
    assert str(chrono) == "LSTM of 8 units, chrono initialisation up to 30"
