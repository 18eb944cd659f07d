"""Copies of a layer: deepcopy, pickle, replicas, weights put in from outside."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch

import clew.nn

D, H, T, B = 2, 3, 4, 3
PLAIN = {
    "rnn": (clew.nn.RNN, {}),
    "gru": (clew.nn.GRU, {}),
    "lstm": (clew.nn.LSTM, {}),
}
KINDS = PLAIN | {
    "lstm-projected": (clew.nn.LSTM, {"proj_size": 2}),
    "gru-options": (clew.nn.GRU, {"layer_norm": True, "zoneout": 0.2}),
    "lstm-options": (clew.nn.LSTM, {"layer_norm": True, "zoneout": (0.2, 0.1)}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


def made(kind, **more):
    torch.manual_seed(3)
    build, options = KINDS[kind]
    return build(D, H, **{**options, **more}, dtype=torch.float64).eval()


def data():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(T, B, D, dtype=torch.float64, generator=generator)


def scalar(answer):
    y, state = answer
    return sum(part.sin().sum() for part in (y, *(state if isinstance(state, tuple) else (state,))))


@every_kind
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
def test_a_copy_computes_the_same_and_is_independent(kind, how):
    layer = made(kind, num_layers=2)
    if how == "deepcopy":
        twin = copy.deepcopy(layer)
    elif how == "pickle":
        twin = pickle.loads(pickle.dumps(layer))
    else:
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        twin = torch.load(file, weights_only=False)
    x = data()
    before = layer(x)[0]
    assert torch.equal(twin(x)[0], before)
    with torch.no_grad():
        for p in twin.parameters():
            p.zero_()
    assert torch.equal(layer(x)[0], before)
    assert not torch.equal(twin(x)[0], before)
    twin.float()
    assert twin(x.float())[0].dtype == torch.float32


@every_kind
def test_replicas_of_data_parallel_give_their_gradients_to_the_layer(kind):
    # What torch.nn.parallel.replicate does for each GPU, here on the CPU.
    layer = made(kind)
    whole = torch.autograd.grad(scalar(layer(data())), list(layer.parameters()))
    replica = layer._replicate_for_data_parallel()
    for name, p in layer._parameters.items():
        setattr(replica, name, p * 1.0)
    scalar(replica(data())).backward()
    for p, true in zip(layer.parameters(), whole, strict=True):
        torch.testing.assert_close(p.grad, true)


@pytest.mark.parametrize("kind", PLAIN)
def test_weights_reparametrised_from_outside_are_used(kind):
    layer = made(kind)
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    before = layer(data())[0]
    with torch.no_grad():
        layer.parametrizations.weight_hh_l0.original0.mul_(2.0)
    plain = made(kind)
    with torch.no_grad():
        plain.weight_hh_l0.mul_(2.0)
    torch.testing.assert_close(layer(data())[0], plain(data())[0])
    assert not torch.allclose(layer(data())[0], before)


def test_a_stream_is_not_copied_but_its_state_is():
    x = data()[0, 0].numpy()
    stream = made("lstm").stream()
    stream.push(x)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"pickled or copied\n  try: its state can"):
            attempt(stream)
    other = made("lstm").stream()
    other.state = pickle.loads(pickle.dumps(stream.state))
    assert np.array_equal(other.push(x), stream.push(x))
