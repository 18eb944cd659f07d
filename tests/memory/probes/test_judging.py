import math

import numpy as np
import torch

from clew.memory.probes import Adding, Architecture, CopyMemory, ProbeNetwork
from clew.memory.probes.judging import answered, judge, losses


def test_losses_are_nats_or_squares():
    said = torch.tensor([[0.5, -1.0, 2.0], [0.0, 0.0, 0.0]])
    nats = losses(CopyMemory(), said, torch.tensor([2, 0]))
    assert math.isclose(nats[1], math.log(3), rel_tol=1e-6)
    by_hand = -math.log(math.exp(2) / (math.exp(0.5) + math.exp(-1) + math.exp(2)))
    assert math.isclose(nats[0], by_hand, rel_tol=1e-6)
    squares = losses(Adding(), torch.tensor([[1.0], [3.0]]), torch.tensor([0.5, 1.0]))
    assert squares.tolist() == [0.25, 4.0]


class Sayer(torch.nn.Module):
    """Says the class `said` everywhere."""

    def __init__(self, said):
        super().__init__()
        self.said = said
        self.output = torch.nn.Linear(1, 1)

    def forward(self, inputs, lengths, asked):
        return torch.eye(9)[self.said].expand(int(asked.sum()), 9) * 100.0


def test_accuracy_counts_what_is_scored_only_and_the_loss_all():
    probe = CopyMemory(items=4)
    batches = [probe.draw(5, 6, seed) for seed in range(2)]
    blank = judge(probe, Sayer(0), batches)
    assert blank.accuracy == 0.0  # though most answers are blank
    assert math.isclose(blank.loss, 100 * 4 / 14, rel_tol=1e-6)
    of_a = np.mean([batch.targets[-4:] == 1 for batch in batches])
    assert judge(probe, Sayer(1), batches).accuracy == of_a


def test_padding_and_neighbours_change_nothing():
    torch.manual_seed(1)
    from clew.memory.probes import DelayedRecall

    probe = DelayedRecall(before=6)
    network = ProbeNetwork(probe, Architecture("lstm", 5).build).double().eval()
    batch = probe.draw(6, 3, 0)
    together, _ = answered(probe, network, batch)
    order = [b for _, b in np.argwhere(batch.asked)]
    for loss, b in zip(together, order, strict=True):
        n = int(batch.lengths[b])
        y, _ = network.reader(network.vectors(torch.from_numpy(batch.inputs[:n, b : b + 1])))
        alone = losses(probe, network.output(y[-1]), torch.tensor([batch.targets[n - 1, b]]))
        torch.testing.assert_close(loss, alone[0])


def test_numbers_have_no_accuracy():
    network = ProbeNetwork(Adding(), Architecture().build)
    score = judge(Adding(), network, [Adding().draw(3, 4)])
    assert score.accuracy is None
    assert score.loss > 0
