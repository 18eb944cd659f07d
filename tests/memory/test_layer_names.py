"""Layers by the names that reports use."""

import pytest
import torch

from clew.memory._layer_names import layer_names
from clew.memory.inside import layers
from clew.memory.watch import by_layer
from clew.nn import LSTM, Stack


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["weight", "bias", "embedding"], ["output", "output's bias", "embedding"]),
        (["encoder.layers.0.l0_reverse", "decoder.layers.1"],
         ["encoder layer 1 backwards", "decoder layer 2"]),
        (["speller.memory.l0", "speller.memory.l0_reverse", "output.scores"],
         ["letters layer 1", "letters layer 1 backwards", "output.scores"]),
        (["members.0.stack.layers.0", "members.0.out"], ["layer 1", "output"]),
        (["members.0.stack.layers.0", "members.1.stack.layers.0"],
         ["layer 1 of member 1", "layer 1 of member 2"]),
        (["l0", "l1_reverse", "lstm.l10"], ["layer 1", "layer 2 backwards", "lstm layer 11"]),
        (["weight", "out"], ["weight", "out"]),  # not both can be the output
        (["stacked.layers", "all1", "$odd 漢"], ["stacked.layers", "all1", "$odd 漢"]),
    ],
)  # fmt: skip
def test_paths_as_names(paths, names):
    assert layer_names(paths) == names


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("module", ["stack", "one"])
def test_they_are_those_that_opened_layers_have(module, both):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stack = Stack(3, 4, 2, bidirectional=both)

    net = Net() if module == "stack" else LSTM(3, 4, num_layers=2, bidirectional=both)
    reader = net.stack if module == "stack" else net
    opened = [layer.name for layer in layers(reader, torch.zeros(5, 1, 3))]
    assert layer_names([path for path, _ in by_layer(net)]) == opened
