"""The network of piano rolls: whole = split = stepwise, alone = together, what it counts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rolls import PITCHES, network, roll, window

from clew.tasks._compose.roll_net import Window

NETWORKS = {
    "gru": lambda: network(),
    "lstm of two": lambda: network("independent", cell="lstm", layers=2),
    "window": lambda: window(),
}


def steps(count, batch, seed=0):
    g = torch.Generator().manual_seed(seed)
    return (torch.rand((count, batch, PITCHES), generator=g) < 0.3).double()


@pytest.mark.parametrize("name", NETWORKS)
@given(data=st.data())
@settings(max_examples=6)
def test_whole_is_split_is_stepwise(name, data):
    net = NETWORKS[name]().double()
    count = data.draw(st.integers(2, 9))
    x = steps(count, 2)
    y, end = net(net.inputs(x, True))
    parts, state, at = [], None, 0
    while at < count:
        more = data.draw(st.integers(1, count - at))
        part, state = net(net.inputs(x[at : at + more], at == 0), state)
        parts.append(part)
        at += more
    torch.testing.assert_close(torch.cat(parts), y, atol=1e-12, rtol=0)
    for ours, theirs in zip(_leaves(state), _leaves(end), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_roll_alone_and_in_a_padded_batch(name):
    net = NETWORKS[name]().double()
    x, lengths = steps(7, 3), torch.tensor([7, 3, 5])
    x[3:, 1] = 1.0
    y, _ = net(net.inputs(x, True), lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        alone, _ = net(net.inputs(x[:length, b : b + 1], True))
        torch.testing.assert_close(alone[:, 0], y[:length, b], atol=1e-12, rtol=0)


def test_a_window_sees_its_steps_and_no_more():
    reader = Window(2, 4, 3)
    x = torch.rand(6, 1, 2)
    y, _ = reader(x)
    for t in range(6):
        seen = torch.cat([x[t - k, 0] if t >= k else torch.zeros(2) for k in (2, 1, 0)])
        truth = torch.relu(reader.linear.weight @ seen + reader.linear.bias)
        torch.testing.assert_close(y[t, 0], truth, atol=1e-6, rtol=0)


def test_the_mark_is_read_before_the_first_step_only():
    net = network()
    x = torch.zeros(3, 2, PITCHES)
    assert net.inputs(x, True)[..., -1].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert not net.inputs(x, False).any()


@pytest.mark.parametrize("notes", ["in turn", "independent"])
def test_what_is_counted(notes):
    """Chords of three; two steps of 1000 are silent, ten have five notes, one has seven."""
    odd = np.zeros((1000, PITCHES), np.uint8)
    odd[:, [1, 5, 8]] = 1
    odd[:2] = 0
    odd[5:15, [9, 11]] = 1
    odd[20, :7] = 1
    net = network(notes)
    assert net.polyphony.tolist() == [0, PITCHES]
    net.count([odd[:400], odd[400:]])
    assert net.polyphony.tolist() == [3, 5]
    net.count([roll(10)])
    assert net.polyphony.tolist() == [0, 3]
    net.count([odd[:0]])  # nothing was seen
    assert net.polyphony.tolist() == [0, PITCHES]


def _leaves(state):
    if isinstance(state, torch.Tensor):
        return [state]
    return [leaf for part in state for leaf in _leaves(part)]
