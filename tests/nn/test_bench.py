"""What is timed is checked first; the arithmetic is counted as by hand."""

import pytest
import torch

from clew.nn import bench
from clew.nn.bench import INFERENCE, TINY, TRAINING, Shape

HASTE = {"rounds": 1, "seconds": 0.0}


def test_both_layers_have_the_same_weights():
    for cell in bench.CELLS:
        theirs, ours = bench.pair(cell, TINY[0], layer_norm=True)
        assert ours.layer_norm
        for name, value in theirs.state_dict().items():
            assert torch.equal(value, ours.state_dict()[name])


def test_the_arithmetic_is_counted():
    # a GRU's step: 3 * 7 rows times 5 features and 7 units, a multiplication and an addition each
    by_hand = 2 * 4 * 3 * (21 * 5 + 21 * 7)  # T = 4, B = 3
    assert bench.flops("GRU", Shape(3, 4, 5, 7), INFERENCE) == by_hand
    assert bench.flops("GRU", Shape(3, 4, 5, 7), TRAINING) == 3 * by_hand


def test_every_cell_reads_learns_and_steps_beside_a_peer():
    def peers(layer, x):
        return {"peer": lambda: layer(x)[0].detach().numpy()}

    rows = list(bench.layers(shapes=TINY, peers=peers, **HASTE))
    assert [(row.cell, row.what) for row in rows] == [
        (cell, what) for cell in ("RNN", "GRU", "LSTM") for what in (INFERENCE, TRAINING)
    ]
    assert set(rows[0].times.rounds) == {"torch", "clew", "peer"}
    assert set(rows[1].times.rounds) == {"torch", "clew"}
    stepped = list(bench.steps(shape=Shape(2, 1, 5, 8), **HASTE))
    assert [row.cell for row in stepped] == ["RNN", "GRU", "LSTM"]
    told = stepped[0].summary()
    assert set(told["ratio_to_torch_cell"]) == {"torch layer", "clew stream", "clew step"}
    assert told["seconds"]["clew step"] > 0


def test_what_computes_something_else_is_not_timed():
    def wrong(layer, x):
        return {"peer": lambda: layer(x)[0].detach() + 1e-4}

    def broken(layer, x):
        return {"peer": lambda: torch.full((8, 3, 16), torch.nan)}

    def short(layer, x):
        return {"peer": lambda: layer(x[:2])[0].detach()}

    with pytest.raises(
        bench.DisagreementError, match=r"GRU \(3, 8, 5, 16\): peer differs .* 0.0001"
    ):
        list(bench.layers(("GRU",), TINY, peers=wrong, **HASTE))
    with pytest.raises(bench.DisagreementError, match="differs from torch by nan"):
        list(bench.layers(("GRU",), TINY, peers=broken, **HASTE))
    with pytest.raises(bench.DisagreementError, match="gives the shape"):
        list(bench.layers(("GRU",), TINY, peers=short, **HASTE))


def test_a_wrong_gradient_is_not_timed(monkeypatch):
    class Half(torch.nn.GRU):
        def forward(self, x):
            y, state = super().forward(x)
            return 0.5 * y + 0.5 * y.detach(), state  # the same outputs, half the gradients

    monkeypatch.setitem(bench.CELLS, "GRU", Half)
    with pytest.raises(bench.DisagreementError, match="clew's gradient, array 0 differs"):
        list(bench.layers(("GRU",), TINY, **HASTE))


def test_threads_are_as_before_afterwards():
    before = torch.get_num_threads()
    with bench.threads(before + 1) as used:
        assert used == before + 1 == torch.get_num_threads()
    assert torch.get_num_threads() == before
