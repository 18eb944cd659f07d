"""Schedule, optimiser and clipping, each against torch's own or a closed form."""

import math
import sys

import pytest
import torch

from clew.train import TrainSettings, optim


def test_the_ends_and_the_middle_of_the_schedule():
    def share(p):
        return optim.schedule(p, warmup=0.2, final=0.1)

    assert [share(0.0), share(0.1), share(0.2)] == pytest.approx([0.0, 0.5, 1.0])
    assert share(0.6) == pytest.approx(0.1 + 0.9 / 2)  # half of the cosine
    assert share(0.4) == pytest.approx(0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2)
    assert [share(1.0), share(1.7)] == pytest.approx([0.1, 0.1])
    assert optim.schedule(1.0, warmup=1.0, final=0.1) == 1.0


def test_gains_and_biases_are_not_decayed():
    torch.manual_seed(0)
    ours = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4)).double()
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4)).double()
    one = optim.adamw(list(ours.parameters()), TrainSettings(learning_rate=0.1, weight_decay=0.5))
    matrix = torch.optim.AdamW([theirs[0].weight], lr=0.1, weight_decay=0.5, foreach=False)
    rest = torch.optim.AdamW(
        [theirs[0].bias, *theirs[1].parameters()], lr=0.1, weight_decay=0.0, foreach=False
    )
    x = torch.randn(5, 3, dtype=torch.float64)
    for _ in range(4):
        for network, optimizers in ((ours, [one]), (theirs, [matrix, rest])):
            for optimizer in optimizers:
                optimizer.zero_grad()
            network(x).pow(3).sum().backward()
            for optimizer in optimizers:
                optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


def test_steps_are_torchs_bit_for_bit_and_load_no_compiler(monkeypatch):
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    mine, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    settings = TrainSettings(learning_rate=0.1, weight_decay=0.5)
    torchs = torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.5, fused=True)
    for optimizer in (None, torchs):
        if optimizer is None:
            monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # told to whoever imports it
            optimizer = optim.adamw([mine], settings)
        else:
            monkeypatch.undo()
        for step in range(3):
            optimizer.zero_grad()
            (p,) = optimizer.param_groups[0]["params"]
            (p.pow(3).sum() + step * p.sum()).backward()
            optimizer.step()
    assert torch.equal(mine, theirs)
    assert not torch.equal(mine, start)


@pytest.mark.parametrize("most", [0.5, 50.0])
def test_clipping_is_torchs(most):
    generator = torch.Generator().manual_seed(3)
    shapes = [(4, 3), (5,), (), (2, 2, 2)]
    values = [torch.randn(shape, generator=generator) for shape in shapes]
    mine = [value.clone() for value in values]
    theirs = [torch.nn.Parameter(value.clone()) for value in values]
    for p, value in zip(theirs, values, strict=True):
        p.grad = value.clone()
    length = optim.norm(mine)
    optim.clip(mine, length, most)
    total = torch.nn.utils.clip_grad_norm_(theirs, most)
    torch.testing.assert_close(length, total)
    for one, p in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, p.grad)
