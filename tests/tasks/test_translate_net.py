"""The translator's network: the equations, a step against the whole, memories picked apart."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.nn import Stack
from clew.tasks._translate.net import ATTENTIONS, TranslatorNetwork

S, T, B, V = 5, 4, 3, 11


def made(attention="general", feeding=False, cell="lstm", layers=2, tie=True, width=3, **options):
    torch.manual_seed(3)
    fed = (6 if tie else 7) if feeding else 0
    return (
        TranslatorNetwork(
            Stack(6, width, layers, cell=cell, bidirectional=True),
            Stack(6 + fed, 7, layers, cell=cell),
            source_size=V, target_size=V, embedding_size=6, attention=attention,
            input_feeding=feeding, tie=tie, dropout=0.0, **{"shared": False, **options},
        )
        .double()
        .eval()
    )  # fmt: skip


def read(network):
    draw = torch.Generator().manual_seed(1)
    x = torch.randint(2, V, (S, B), generator=draw)
    lengths = torch.tensor([S, 1, 3])
    return network.encode(x.where(torch.arange(S)[:, None] < lengths, 0), lengths)


every_sort = pytest.mark.parametrize(
    ("attention", "feeding", "cell"),
    [(a, f, c) for a in (*ATTENTIONS, None) for f, c in ((False, "lstm"), (True, "gru"))],
)


@pytest.mark.parametrize("keys_made", [False, True])
@every_sort
def test_whole_is_stepwise(attention, feeding, cell, keys_made):
    network = made(attention, feeding, cell)
    memory = read(network)
    y = torch.randint(2, V, (T, B), generator=torch.Generator().manual_seed(2))
    features, weights = network(y, memory)
    if keys_made:  # as in decoding: what queries are compared with is made once
        with torch.no_grad():
            memory = read(network)
        assert (memory.keys is None) == (attention is None)
    state = network.start(memory)
    for t in range(T):
        logits, state, seen = network.step(y[t], state, memory)
        torch.testing.assert_close(logits, network.logits(features[t]))
        if attention is None:
            assert weights is None
            assert seen is None
        else:
            torch.testing.assert_close(seen, weights[t])
            torch.testing.assert_close(seen.sum(1), torch.ones(B).double())
            assert (seen[1, 1:] == 0).all()


@every_sort
def test_what_is_picked_goes_on_as_it_would_have(attention, feeding, cell):
    network = made(attention, feeding, cell)
    memory = read(network)
    tokens = torch.tensor([2, 3, 4])
    _, state, _ = network.step(tokens, network.start(memory), memory)
    logits, _, _ = network.step(tokens, state, memory)
    order = torch.tensor([2, 0, 2])
    some, picked = memory.pick(order), network.pick(state, order)
    again, _, _ = network.step(tokens[order], picked, some)
    torch.testing.assert_close(again, logits[order])
    assert some.lengths.tolist() == [3, S, 3]
    assert torch.equal(some.ids, memory.ids[:, order])


def test_features_and_first_state_are_the_equations():
    network = made("general", layers=1)
    memory = read(network)
    outputs, state = network.read(memory.ids, memory.lengths)
    for kind, part in enumerate(state[0]):
        bridge = network.bridge[kind]
        first = torch.cat([part[0], part[1]], 1) @ bridge.weight.t() + bridge.bias
        torch.testing.assert_close(memory.state[0][kind][0], first.tanh() if kind == 0 else first)
    y = torch.tensor([[5, 6, 7]])
    h, _ = network.decoder(network.target(y), memory.state)
    features, _ = network(y, memory)
    for b, length in enumerate(memory.lengths.tolist()):
        kept = outputs[:length, b]  # (S, K)
        weights = torch.softmax(kept @ (network.attention.weight.t() @ h[0, b]), 0)
        joined = torch.cat([weights @ kept, h[0, b]])
        torch.testing.assert_close(features[0, b], torch.tanh(network.combine.weight @ joined))
    scores = features[0] @ network.target.weight.t() + network.bias
    torch.testing.assert_close(network.logits(features[0]), scores)


@settings(max_examples=20)
@given(st.lists(st.integers(1, S), min_size=1, max_size=4), st.sampled_from(["additive", "dot"]),
       st.integers(0, 9))  # fmt: skip
def test_padding_and_neighbours_leave_no_trace(sizes, attention, rubbish):
    network = made(attention)
    lengths = torch.tensor(sizes)
    x = torch.randint(2, V, (S, len(sizes)), generator=torch.Generator().manual_seed(5))
    padded = x.where(torch.arange(S)[:, None] < lengths, rubbish)
    y = torch.full((T, len(sizes)), 4)
    together, _ = network(y, network.encode(padded, lengths))
    for b, length in enumerate(sizes):
        memory = network.encode(x[:length, b : b + 1], lengths[b : b + 1])
        alone, _ = network(y[:, :1], memory)
        torch.testing.assert_close(alone[:, 0], together[:, b])


@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_which_tables_are_one(tie, shared):
    network = made(tie=tie, shared=shared)
    tables = [p for p in network.parameters() if p.shape[0] == V and p.dim() == 2]
    assert len(tables) == 1 + (not shared) + (not tie)
    assert network.combine.out_features == (6 if tie else 7)


def test_dot_attention_brings_sizes_together_only_where_they_differ():
    assert made("dot", width=3).narrow is not None  # 6 of the encoder, 7 of the decoder
    assert made("general", width=3).narrow is None


def test_frequent_pieces_are_likelier_at_first():
    import numpy as np

    network = made()
    network.count([np.array([3, 3, 3]), np.array([4])])
    frequencies = torch.tensor([1, 1, 1, 4, 2, *[1] * 6]).double() / 15
    torch.testing.assert_close(network.bias, frequencies.log())
    features = torch.zeros(1, 6).double()
    nats = network.nats(features, torch.tensor([3]))
    torch.testing.assert_close(nats, -(frequencies[3].log()))
