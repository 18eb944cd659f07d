"""Streams against the layer that reads the same sequence whole."""

import copy
import sys
import threading

import numpy as np
import pytest
import torch

import clew.nn
from clew import InputError

D, H, T = 3, 4, 8

NETWORKS = {
    "rnn": lambda: clew.nn.RNN(D, H, 2),
    "relu": lambda: clew.nn.RNN(D, H, nonlinearity="relu", bias=False),
    "gru": lambda: clew.nn.GRU(D, H, 2, layer_norm=True, zoneout=0.2, batch_first=True),
    "lstm": lambda: clew.nn.LSTM(D, H, 2, recurrent_dropout=0.5, dropout=0.5),
    "projected": lambda: clew.nn.LSTM(D, H, proj_size=2, zoneout=(0.1, 0.3)),
    "normed": lambda: clew.nn.LSTM(D, 33, layer_norm=True, zoneout=0.1),
    "double": lambda: clew.nn.LSTM(D, H, dtype=torch.float64),
    "wide": lambda: clew.nn.GRU(D, 70, dtype=torch.float64),
    "one": lambda: clew.nn.LSTM(D, 1, 3),
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
@pytest.mark.parametrize("batch", [1, 2, 3, 9])
def test_a_stream_says_what_the_layer_says_bit_for_bit(name, batch):
    network, x = made(name), data(batch)
    stream = network.stream(batch)
    pushed = np.stack([stream.push(x_t) for x_t in x])
    y, state = whole(network, x)
    assert pushed.dtype == y.dtype
    assert np.array_equal(pushed, y)
    for ours, true in zip(arrays(stream.state), tensors(state), strict=True):
        assert np.array_equal(ours, true)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("batch", [1, 3, 40])
@pytest.mark.parametrize(
    "make",
    [
        lambda: clew.nn.LSTM(200, 260, 2),
        lambda: clew.nn.LSTM(300, 300, layer_norm=True),
        lambda: clew.nn.LSTM(300, 300, proj_size=70),
        lambda: clew.nn.Stack(250, 250, 2, cell="gru", residual=True),
    ],
    ids=["lstm", "normed", "projected", "stack"],
)
def test_steps_large_enough_to_be_shared_have_the_same_bits(make, batch, threads):
    torch.manual_seed(0)
    network = make()
    x = np.random.default_rng(1).normal(size=(3, batch, network.input_size)).astype(np.float32)
    y, _ = whole(network, x)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        stream = network.stream(batch)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(np.stack([stream.push(x_t) for x_t in x]), y)


@every_network
def test_only_those_who_move_read(name):
    batch, steps = 4, 12
    network = made(name)
    draw = np.random.default_rng(3)
    x, moves = draw.normal(size=(steps, batch, D)), draw.random((steps, batch)) < 0.5
    moves[2], moves[5] = False, True
    stream, alone = network.stream(batch), [network.stream() for _ in range(batch)]
    for x_t, who in zip(x, moves, strict=True):
        x_t[~who] = np.nan  # not read
        said = stream.push(x_t, who)
        for b in range(batch):
            if who[b]:
                assert np.array_equal(said[b], alone[b].push(x_t[b]))
            else:
                assert not said[b].any()
    apart = [arrays(one.state) for one in alone]
    for k, together in enumerate(arrays(stream.state)):
        assert np.array_equal(together, np.concatenate([parts[k] for parts in apart], axis=1))


@every_network
def test_some_of_the_sequences_are_forgotten(name):
    network, x = made(name), data(3)
    stream = network.stream(3)
    stream.push(x[0])
    before = arrays(stream.state)
    stream.reset(np.array([True, False, True]))
    for ours, old in zip(arrays(stream.state), before, strict=True):
        assert np.array_equal(ours[:, 1], old[:, 1])
        assert not ours[:, [0, 2]].any()
    stream.reset([False] * 3)
    for ours, old in zip(arrays(stream.state), before, strict=True):
        assert np.array_equal(ours[:, 1], old[:, 1])


@pytest.mark.parametrize("mask", [np.ones(2, bool), np.ones((3, 1), bool), [1, 0, 1], "yes", 1.0])
def test_a_mask_of_another_shape_or_type_is_refused(mask):
    stream = made("gru").stream(3)
    stream.push(data(3)[0])
    before = stream.state
    with pytest.raises(InputError, match="moves"):
        stream.push(data(3)[1], mask)
    with pytest.raises(InputError, match="mask"):
        stream.reset(mask)
    assert np.array_equal(stream.state, before)


def test_weights_of_half_the_size_say_nearly_the_same():
    torch.manual_seed(0)
    for network in (
        clew.nn.LSTM(16, 40, 2),
        clew.nn.LSTM(16, 40, proj_size=9, layer_norm=True),
        clew.nn.Stack(40, 40, 2, cell="gru", residual=True),
        clew.nn.RNN(16, 5),
    ):
        rounded = copy.deepcopy(network)
        with torch.no_grad():
            for name, p in rounded.named_parameters():
                if name.split(".")[-1].startswith("weight"):
                    p.copy_(p.bfloat16())
        x = np.random.default_rng(0).normal(size=(50, 2, network.input_size)).astype(np.float32)
        half, like = network.stream(2, dtype="bfloat16"), rounded.stream(2)
        said = np.stack([half.push(x_t) for x_t in x])
        if not any("ln_" in name for name, _ in network.named_parameters()):
            # Nothing but the weights is rounded, to the nearest as torch does it.
            assert np.array_equal(said, np.stack([like.push(x_t) for x_t in x]))
        y, _ = whole(network, x)
        assert 0 < abs(said - y).max() < 0.03
        assert said.dtype == np.float32
        assert arrays(half.state)[0].dtype == np.float32


@pytest.mark.parametrize("dtype", ["float16", torch.float64, 16, "bf16"])
def test_other_types_of_weights_are_refused(dtype):
    with pytest.raises(InputError, match="dtype"):
        made("lstm").stream(dtype=dtype)


def test_weights_of_half_the_size_are_of_layers_of_float32():
    with pytest.raises(InputError, match="float32"):
        made("double").stream(dtype="bfloat16")
    assert made("lstm").stream(dtype=torch.bfloat16).push(np.zeros(D)).shape == (H,)


def test_a_layer_of_bfloat16_is_read_by_torch():
    torch.manual_seed(0)
    layer = clew.nn.LSTM(D, H).bfloat16()
    x = data(3)
    stream = layer.stream(3)
    pushed = np.stack([stream.push(x_t) for x_t in x[:4]])
    y, _ = whole(copy.deepcopy(layer).float(), x[:4])
    np.testing.assert_allclose(pushed, y, atol=0.02)
    kept = stream.state
    moves = np.array([True, False, True])
    said = stream.push(x[4], moves)
    assert not said[1].any()
    for ours, old in zip(arrays(stream.state), arrays(kept), strict=True):
        assert np.array_equal(ours[:, 1], old[:, 1])
        assert not np.array_equal(ours[:, 0], old[:, 0])
    stream.reset(moves)
    assert not arrays(stream.state)[0][:, 0].any()
    assert np.array_equal(arrays(stream.state)[0][:, 1], arrays(kept)[0][:, 1])
    stream.state = kept
    assert np.array_equal(stream.push(x[4], moves), said)


def test_threads_that_push_at_once_lose_no_step():
    """Each push of a large stream runs without the interpreter's lock."""
    torch.manual_seed(0)
    network = clew.nn.LSTM(300, 300)
    x = np.random.default_rng(0).normal(size=(300,))
    stream, alone = network.stream(), network.stream()

    def push():
        for _ in range(20):
            stream.push(x)

    workers = [threading.Thread(target=push) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for _ in range(60):
        alone.push(x)
    for ours, true in zip(arrays(stream.state), arrays(alone.state), strict=True):
        assert np.array_equal(ours, true)


@pytest.fixture
def hasty():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_no_answer_is_of_two_steps_when_threads_push_at_once(hasty):
    """NumPy lets go of the interpreter's lock while it copies an answer of more than 500 values."""
    network = clew.nn.RNN(1, 8, nonlinearity="relu")
    with torch.no_grad():  # it counts its steps, in every unit
        network.weight_ih_l0.zero_()
        network.weight_hh_l0.copy_(torch.eye(8))
        network.bias_ih_l0.fill_(1.0)
        network.bias_hh_l0.zero_()
    stream, x = network.stream(300), np.zeros((300, 1), np.float32)
    answers: list[np.ndarray] = []
    workers = [
        threading.Thread(target=lambda: answers.extend(stream.push(x) for _ in range(1000)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(answer.min() == answer.max() for answer in answers)
    assert sorted(answer[0, 0] for answer in answers) == list(range(1, 4001))


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
    assert np.array_equal(np.stack(answers), y)
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_step_may_lie_in_memory_as_it_likes(dtype):
    network, x = made("lstm").to(dtype), data(2)[0].astype(np.float32)
    true = network.stream(2).push(x)
    backwards = np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    for given in (backwards, np.asfortranarray(x), x.astype(">f4"), np.repeat(x, 2, 1)[:, ::2]):
        assert np.array_equal(network.stream(2).push(given), true)


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
        (np.zeros((1, D), np.complex64), "not numbers: complex"),
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
