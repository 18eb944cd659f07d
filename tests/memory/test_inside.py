"""A network opened, against the network itself, and each direction against torch's own layers."""

import copy
from types import SimpleNamespace

import pytest
import torch
import toys

import clew.nn
from clew import InputError
from clew.memory.inside import inside, layers, turned

T, B, D, H = 7, 4, 3, 5
LENGTHS = torch.tensor([7, 3, 0, 5])
TORCH = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}
kinds = pytest.mark.parametrize("kind", TORCH)
both = pytest.mark.parametrize("both", [False, True])


def data(seed=0):
    return torch.randn(T, B, D, generator=torch.Generator().manual_seed(seed)).double()


def seeded(make, *sizes, **options):
    torch.manual_seed(1)
    return make(*sizes, **options).double().eval()


def again(layers, lengths):
    """What each layer says when read once more, by number: both directions side by side."""
    said = {}
    for one in layers:
        y = one.module(one.x, None)[0]  # zeros beyond a length come after it: no harm
        y = y.masked_fill(~one.real().unsqueeze(2), 0.0)
        torch.testing.assert_close(y, one.y, rtol=0, atol=1e-12)
        said.setdefault(one.number, []).append(one.in_order(y))
    return [torch.cat(sides, -1) for sides in said.values()]


@kinds
@both
@pytest.mark.parametrize("library", ["torch", "clew", "stack"])
def test_directions_read_again_say_what_the_network_says(kind, both, library):
    if library == "torch":
        network = seeded(TORCH[kind], D, H, 2, bidirectional=both)
    elif library == "clew":
        network = seeded(getattr(clew.nn, kind), D, H, 2, bidirectional=both)
    else:
        network = seeded(clew.nn.Stack, D, H, 2, cell=kind.lower(), bidirectional=both)
    found = layers(network, data())
    said = again(found, None)
    torch.testing.assert_close(said[-1], network(data())[0], rtol=0, atol=1e-12)
    sides = ["layer 1", "layer 1 backwards", "layer 2", "layer 2 backwards"]
    assert [one.name for one in found] == (sides if both else sides[::2])
    assert {one.kind for one in found} == {kind}
    assert [one.backwards for one in found] == ([False, True] * 2 if both else [False] * 2)


@kinds
def test_lengths_are_those_of_the_network_whatever_stands_beyond_them(kind):
    network = seeded(getattr(clew.nn, kind), D, H, 2, bidirectional=True)
    x = data()
    for column, length in enumerate(LENGTHS):
        x[length:, column] = torch.nan
    found = layers(network, x, LENGTHS)
    expected = network(x.nan_to_num(), lengths=LENGTHS)[0]
    torch.testing.assert_close(again(found, LENGTHS)[-1], expected, rtol=0, atol=1e-12)
    assert found[0].real().sum(0).tolist() == LENGTHS.tolist()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@both
def test_of_a_stack_with_every_option_the_residuals_are_left_out(cell, both):
    width = H * (1 + both)
    network = seeded(
        clew.nn.Stack, D, H, 3, cell=cell, bidirectional=both, residual=True, layer_norm=True,
        zoneout=0.3, recurrent_dropout=0.2, dropout=0.5,
    )  # fmt: skip
    found = layers(network, data(), LENGTHS)
    first, second, third = again(found, LENGTHS)
    top = first + second + third
    torch.testing.assert_close(top, network(data(), lengths=LENGTHS)[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(found[-1].in_order(found[-1].x), first + second)
    assert found[-1].x.shape == (T, B, width)


def test_torch_options_that_change_shapes():
    for network in [
        seeded(torch.nn.LSTM, D, H, 2, proj_size=2, bidirectional=True),
        seeded(torch.nn.LSTM, D, H, 2, bias=False),
        seeded(torch.nn.RNN, D, H, 2, nonlinearity="relu"),
    ]:
        found = layers(network, data())
        torch.testing.assert_close(again(found, None)[-1], network(data())[0], rtol=0, atol=1e-12)


def test_a_layer_with_the_batch_first_is_read_time_first():
    network = seeded(torch.nn.GRU, D, H, batch_first=True)
    expected = network(data().transpose(0, 1))[0].transpose(0, 1)
    torch.testing.assert_close(layers(network, data())[0].y, expected, rtol=0, atol=1e-12)


def test_numbers_are_shared_and_states_are_not():
    network = seeded(clew.nn.LSTM, D, H, 2)
    before = copy.deepcopy(network.state_dict())
    one = layers(network, data())[1]
    assert one.module.weight_hh_l0 is network.weight_hh_l1
    with torch.no_grad():
        network.bias_hh_l1 += 1.0
    changed = one.module(one.x)[0]
    torch.testing.assert_close(changed, network(data())[0], rtol=0, atol=1e-12)
    assert list(network.state_dict()) == list(before)
    y, state = one.module(one.x[:4])
    rest, _ = one.module(one.x[4:], state)
    torch.testing.assert_close(torch.cat([y, rest]), changed, rtol=0, atol=1e-12)


def test_opening_draws_no_random_number_and_leaves_training_as_it_is():
    network = seeded(clew.nn.Stack, D, H, 2, dropout=0.5, recurrent_dropout=0.3).train()
    torch.manual_seed(5)
    found = layers(network, data())
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))
    assert network.training
    assert not found[0].module.training
    torch.testing.assert_close(found[1].y, network.eval()(data())[0], rtol=0, atol=1e-12)


@kinds
def test_a_trace_is_of_the_steps_as_they_are_read(kind):
    network = seeded(TORCH[kind], D, H, bidirectional=True)
    forwards, backwards = layers(network, data(), LENGTHS)
    twin = clew.nn.__dict__[kind](D, H, bidirectional=True).double()
    twin.load_state_dict(network.state_dict())
    truth = twin.trace(data(), lengths=LENGTHS)
    names = {"LSTM": "ifgoch", "GRU": "rznh", "RNN": "h"}[kind]
    for name in names:
        first, second = getattr(truth, name)
        torch.testing.assert_close(getattr(forwards.trace(), name)[0], first)
        torch.testing.assert_close(
            backwards.in_order(getattr(backwards.trace(), name)[0]), second, rtol=0, atol=1e-12
        )
    torch.testing.assert_close(backwards.trace().h[0], backwards.y)


def test_turned_is_each_sequence_from_its_end():
    values = torch.arange(12).reshape(4, 3)
    assert turned(values, torch.tensor([4, 2, 0])).tolist() == [
        [9, 4, 0], [6, 1, 0], [3, 0, 0], [0, 0, 0],
    ]  # fmt: skip


class Sum(torch.nn.Module):
    """A foreign module: the sum so far, and three times as much."""

    def forward(self, x, state):
        y = x.cumsum(0) + (0 if state is None else state)
        return torch.cat([y, 3 * y], -1), y[-1]


def test_a_foreign_module_is_itself():
    module = Sum()
    (one,) = layers(module, data(), LENGTHS)
    assert (one.name, one.number, one.kind, one.backwards) == ("network", 1, "", False)
    assert one.module is module
    assert one.trace() is None
    for column, length in enumerate(LENGTHS):
        expected = torch.zeros(T, D).double()
        expected[:length] = data()[:length, column].cumsum(0)
        torch.testing.assert_close(one.y[:, column], torch.cat([expected, 3 * expected], -1))


def test_a_subclass_that_reads_otherwise_is_foreign():
    class Doubled(torch.nn.LSTM):
        def forward(self, x, state=None):
            y, state = super().forward(x, state)
            return 2 * y, state

    network = seeded(Doubled, D, H)
    (one,) = layers(network, data())
    assert one.kind == ""
    torch.testing.assert_close(one.y, network(data())[0])


def test_what_parametrisations_make_of_a_weight_is_read():
    network = seeded(torch.nn.GRU, D, H)
    torch.nn.utils.parametrizations.orthogonal(network, "weight_hh_l0")
    (one,) = layers(network, data())
    assert one.kind == "GRU"
    torch.testing.assert_close(one.y, network(data())[0], rtol=0, atol=1e-12)


def test_a_subject_is_opened_by_its_reader():
    toy = toys.delay(2)
    (one,) = inside(toy, toy.vectors(torch.tensor([[0], [1], [2], [3]])))
    assert one.kind == "RNN"
    assert one.y.shape == (4, 1, 15)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, state: x,
        lambda x, state: (x[:-1], state),
        lambda x, state: (x[0], state),
        lambda x, state: (x, state, state),
    ],
)
def test_a_module_of_another_form_is_refused(wrong):
    with pytest.raises(InputError, match="returned"):
        layers(wrong, data())


def test_what_does_not_fit_is_refused():
    network = seeded(torch.nn.GRU, D, H)
    subject = SimpleNamespace(reader=network, both_ways=False)
    with pytest.raises(InputError, match="x of shape"):
        inside(subject, data()[0])
    for lengths in ([T + 1] * B, [-1] * B, [1] * (B + 1), [1.5] * B):
        with pytest.raises(InputError, match="lengths"):
            inside(subject, data(), torch.tensor(lengths))


def test_empty_sequences_are_read():
    for network in (seeded(torch.nn.LSTM, D, H), Sum()):
        (one,) = layers(network, data(), torch.zeros(B, dtype=torch.int64))
        assert one.y.abs().sum() == 0
