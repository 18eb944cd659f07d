"""Streams against the layer that reads the same sequence whole."""

import numpy as np
import pytest
import torch

import clew.nn
from clew import InputError

D, H, T = 3, 4, 8

NETWORKS = {
    "rnn": lambda: clew.nn.RNN(D, H, 2),
    "gru": lambda: clew.nn.GRU(D, H, 2, layer_norm=True, zoneout=0.2, batch_first=True),
    "lstm": lambda: clew.nn.LSTM(D, H, 2, recurrent_dropout=0.5, dropout=0.5),
    "projected": lambda: clew.nn.LSTM(D, H, proj_size=2),
    "double": lambda: clew.nn.LSTM(D, H, dtype=torch.float64),
    "stack": lambda: clew.nn.Stack(D, H, 3, cell="lstm", residual=True),
    "stack-gru": lambda: clew.nn.Stack(D, H, 2, cell="gru"),
}
every_network = pytest.mark.parametrize("name", NETWORKS)
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


def made(name, seed=0):
    torch.manual_seed(seed)
    return NETWORKS[name]()


def data(batch, seed=1):
    return np.random.default_rng(seed).normal(size=(T, batch, D))


def whole(network, x):
    """(T, B, H) of the network in evaluation, and its state."""
    network = network.eval()
    x = torch.as_tensor(x).to(next(network.parameters()).dtype)
    swap = getattr(network, "batch_first", False)
    with torch.no_grad():
        y, state = network(x.transpose(0, 1) if swap else x)
    return (y.transpose(0, 1) if swap else y).numpy(), state


def arrays(state):
    return [state] if isinstance(state, np.ndarray) else [a for part in state for a in arrays(part)]


def tensors(state):
    if isinstance(state, torch.Tensor):
        return [state.numpy()]
    return [t for part in state for t in tensors(part)]


@every_network
@pytest.mark.parametrize("batch", [1, 3])
def test_a_stream_says_what_the_layer_says(name, batch):
    network, x = made(name), data(batch)
    stream = network.stream(batch)
    pushed = np.stack([stream.push(x_t) for x_t in x])
    y, state = whole(network, x)
    assert pushed.dtype == y.dtype
    np.testing.assert_allclose(pushed, y, rtol=1e-4, atol=1e-6)
    for ours, true in zip(arrays(stream.state), tensors(state), strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-4, atol=1e-6)


@every_network
def test_a_state_can_be_saved_and_set_back(name):
    network, x = made(name), data(1)
    stream = network.stream()
    for x_t in x[:3]:
        stream.push(x_t)
    saved = stream.state
    first = [stream.push(x_t) for x_t in x[3:]]
    elsewhere = network.stream()
    elsewhere.state = saved
    second = [elsewhere.push(x_t) for x_t in x[3:]]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    stream.reset()
    fresh = network.stream()
    assert np.array_equal(stream.push(x[0]), fresh.push(x[0]))


def test_the_state_handed_out_and_taken_in_is_a_copy():
    stream = made("lstm").stream()
    stream.push(data(1)[0])
    taken = stream.state
    before = [a.copy() for a in arrays(taken)]
    for a in arrays(taken):
        a += 1.0
    for ours, true in zip(arrays(stream.state), before, strict=True):
        assert np.array_equal(ours, true)
    stream.state = taken
    for a in arrays(taken):
        a += 1.0
    for ours, true in zip(arrays(stream.state), before, strict=True):
        np.testing.assert_allclose(ours, true + 1.0)


def test_two_streams_share_nothing_and_training_changes_neither():
    network, x = made("stack"), data(1)
    y, _ = whole(network, x)
    network.train()
    one, two = network.stream(), network.stream()
    answers = []
    for k, x_t in enumerate(x):
        answers.append(one.push(x_t))
        if k % 2:
            two.push(x_t * 100.0)
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.1)
    np.testing.assert_allclose(np.stack(answers), y, rtol=1e-4, atol=1e-6)
    assert network.training
    assert all(p.requires_grad for p in network.parameters())


def test_a_step_may_be_one_vector_a_list_or_a_tensor():
    network, x = made("gru"), data(1)
    streams = [network.stream() for _ in range(4)]
    given = [x[0], x[0, 0], x[0, 0].tolist(), torch.tensor(x[0, 0])]
    said = [stream.push(step) for stream, step in zip(streams, given, strict=True)]
    assert said[0].shape == (1, H)
    for answer in said[1:]:
        assert isinstance(answer, np.ndarray)
        assert np.array_equal(answer, said[0][0])


def test_a_stream_keeps_nothing_of_what_it_is_given():
    stream = made("rnn").stream()
    x = data(1)[0].astype(np.float32)
    answer = stream.push(x)
    before = answer.copy()
    x[:] = 9.0
    stream.push(x)
    assert np.array_equal(answer, before)


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (np.zeros((1, D + 1)), "shape"),
        (np.zeros(D + 1), "shape"),
        (np.zeros((2, D)), "shape"),
        (np.zeros((1, 1, D)), "shape"),
        (np.array([0.0, np.nan, 0.0]), "NaN"),
        (np.array([0.0, np.inf, 0.0]), "NaN"),
        ("abc", "not numbers"),
        (None, "not numbers"),
    ],
)
def test_a_bad_step_is_refused_and_loses_nothing(step, what):
    stream = made("lstm").stream()
    stream.push(data(1)[0])
    before = arrays(stream.state)
    with pytest.raises(InputError, match=what):
        stream.push(step)
    for ours, true in zip(arrays(stream.state), before, strict=True):
        assert np.array_equal(ours, true)


def test_a_bad_state_is_refused_and_loses_nothing():
    stream = made("stack").stream()
    stream.push(data(1)[0])
    good = stream.state
    bad = [
        None,
        good[:2],
        good[0],
        tuple(h for h, _ in good),
        tuple((h, c[..., :1]) for h, c in good),
        tuple((h, c * np.nan) for h, c in good),
    ]
    for state in bad:
        with pytest.raises(InputError):
            stream.state = state
    for ours, true in zip(arrays(stream.state), arrays(good), strict=True):
        assert np.array_equal(ours, true)


@pytest.mark.parametrize("batch_size", [0, -1, 1.0, True, None])
def test_the_number_of_sequences_is_whole_and_positive(batch_size):
    with pytest.raises(InputError, match="batch_size"):
        made("gru").stream(batch_size)


@pytest.mark.parametrize("kind", [clew.nn.RNN, clew.nn.LSTM, clew.nn.GRU])
def test_a_layer_that_reads_both_ways_cannot_be_streamed_or_stepped(kind):
    layer = kind(D, H, bidirectional=True)
    with pytest.raises(InputError, match="later steps"):
        layer.stream()
    with pytest.raises(InputError, match="later steps"):
        layer.step(torch.zeros(1, D))
