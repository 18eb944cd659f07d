"""What modules of one's own carry: their states, read by linear memory, and the layers in them."""

import numpy as np
import pytest
import torch
from torch import nn

import clew.nn
from clew.memory._carried import MOST, carried, held
from clew.memory.gates import gates
from clew.memory.inside import layers
from clew.memory.lags import gradient_by_lag
from clew.memory.linear import linear
from clew.memory.opening import opened
from clew.memory.states import states


def drawn(count=12, steps=120, width=2):
    draw = np.random.default_rng(0)
    return [draw.standard_normal((steps + k, width)).astype(np.float32) for k in range(count)]


class Delay(nn.Module):
    """Says what it read `steps` ago; its state is what it read since."""

    def __init__(self, steps=5, as_dict=False):
        super().__init__()
        self.steps, self.as_dict = steps, as_dict

    def forward(self, x, state=None):
        kept = x.new_zeros(self.steps, *x.shape[1:]) if state is None else state
        kept = torch.cat([kept["past"] if self.as_dict and state is not None else kept, x])
        state = kept[len(x) :]
        return kept[: len(x)].clone(), {"past": state} if self.as_dict else state


class Around(nn.Module):
    """A layer between an embedding or a line, and a readout."""

    def __init__(self, layer, size, ids=0, twice=False, counts=False):
        super().__init__()
        self.before = nn.Embedding(ids, 4) if ids else nn.Linear(2, 4)
        self.layer, self.after = layer, nn.Linear(size, 3)
        self.twice, self.counts = twice, counts

    def forward(self, x, state=None):
        inner, count = state if state is not None and self.counts else (state, 0)
        y, inner = self.layer(self.before(x), inner)
        if self.twice:
            y, inner = self.layer(self.before(x), inner)
        # As a memory beside it: how many steps there were.
        y = self.after(y) + (torch.zeros(x.shape[1], 1) + count if self.counts else 0)
        return y, (inner, torch.full((x.shape[1], 1), 0.0) + count) if self.counts else inner


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_line_reads_off_the_state_that_a_module_returns(as_dict):
    subject = opened(Delay(5, as_dict), drawn())
    found = linear(subject, subject.cases(48, 64), lags=8)
    (layer,) = found.layers
    assert (layer.name, layer.units) == ("state", 10)
    np.testing.assert_allclose(layer.r2[:5], 1.0, atol=1e-6)
    assert np.abs(layer.r2[5:]).max() < 0.1
    assert "up to 4 steps ago" in found.words()[0]
    assert "State (10 numbers)" in found.words()[1]
    assert "the state that the module returns" in found.method
    assert found.data()["state_unread_because"] is None


class Grows(nn.Module):
    """Keeps all that it read."""

    def forward(self, x, state=None):
        kept = x if state is None else torch.cat([state, x])
        return x.clone(), kept


def test_where_the_state_cannot_be_read_the_output_is_and_it_says_so():
    x = torch.randn(6, 3, 2)
    assert carried(Delay(4), x).shape == (6, 3, 8)
    for module, why in (
        (Grows(), "grows"),
        (Delay(MOST), f"more than {MOST:,} numbers"),
        (clew.nn.Stack(2, 3, 1), None),
        (lambda x, state: (x, None), "carries no numbers"),
        (lambda x, state: (x, torch.zeros(len(x[0]), len(x[0]))), "no axis"),
    ):
        found = carried(module, x)
        assert why is None or why in found
    subject = opened(Grows(), drawn())
    found = linear(subject, subject.cases(24, 32), lags=3)
    assert found.layers[0].name == "output"
    assert found.words()[0].startswith("Off its output half of what was read")
    assert any("not off what it carries: its state grows" in line for line in found.words())
    assert "the output of the module" in found.method


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (nn.GRU(4, 5), "GRU"), (nn.LSTM(4, 5, 2, batch_first=True), "LSTM"),
        (clew.nn.LSTM(4, 5), "LSTM"), (clew.nn.Stack(4, 5, 2, cell="gru"), "GRU"),
    ],
    ids=lambda given: type(given).__name__,
)  # fmt: skip
def test_the_layer_in_a_module_of_ones_own_is_opened(layer, kind):
    class Turned(Around):
        def forward(self, x, state=None):
            y, state = self.layer(self.before(x).transpose(0, 1), state)
            return self.after(y.transpose(0, 1)), state

    first = getattr(layer, "batch_first", False)
    module = (Turned if first else Around)(layer, 5).eval()
    x = torch.randn(7, 3, 2)
    some = layers(module, x, torch.tensor([7, 4, 0]))
    read = module.before(x)
    every = layers(layer, read, torch.tensor([7, 4, 0]))
    assert [one.kind for one in some] == [kind] * len(every)
    for one, other in zip(some, every, strict=True):
        torch.testing.assert_close(one.y, other.y, rtol=0, atol=0)
    subject = opened(module, drawn(6, 40))
    cases = subject.cases(12, 24)
    vectors = [module.before(torch.from_numpy(x)).detach().numpy() for x in drawn(6, 40)]
    direct = opened(layer, vectors)
    same = direct.cases(12, 24)
    for one, other in zip(gates(subject, cases).layers, gates(direct, same).layers, strict=True):
        np.testing.assert_allclose(one.scales, other.scales, rtol=1e-4)
    for name in ("layer 1", f"layer {len(every)}"):
        np.testing.assert_allclose(
            gradient_by_lag(subject, cases, lags=6).curve(name).mean,
            gradient_by_lag(direct, same, lags=6).curve(name).mean,
            rtol=1e-3,
        )


def test_a_layer_that_is_not_all_of_the_memory_is_left_closed():
    x = torch.randn(5, 3, 2)
    assert held(Around(nn.GRU(4, 5), 5), x) is not None
    for module in (
        Around(nn.GRU(4, 5), 5, twice=True),
        Around(nn.GRU(4, 5), 5, counts=True),
        Around(nn.GRU(4, 5, bidirectional=True), 10),
        nn.Sequential(nn.GRU(2, 4), nn.GRU(4, 4)),
        Delay(),
    ):
        assert held(module, x) is None
    subject = opened(Around(nn.GRU(4, 5), 5, counts=True), drawn(6, 40))
    found = linear(subject, subject.cases(12, 24), lags=3)
    assert [layer.name for layer in found.layers] == ["state"]
    assert "not what it carries" in states(subject, subject.cases(1, 24)[0]).method
    assert "give that layer itself" in gates(subject, subject.cases(6, 24)).words()[0]
