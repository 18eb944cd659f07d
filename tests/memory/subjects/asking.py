"""How the instruments ask a subject, and what must hold of all subjects."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from clew.data.batches import pad
from clew.memory.saliency import saliency

FAR = 10**6


def asked(subject: Any, cases: list[Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The vectors read, what is said, and the loss of each case, all in one batch."""
    inputs, lengths = pad([case.inputs for case in cases])
    x = subject.vectors(inputs)
    at = torch.tensor([case.at for case in cases])
    said = subject.said(x, lengths, at, cases)
    return x, said, subject.losses(said, cases)


def losses(subject: Any, cases: list[Any]) -> np.ndarray:
    return asked(subject, cases)[2].detach().double().numpy()


def check(subject: Any, count: int = 6, reach: int = 5) -> list[Any]:
    """What the contract promises of any subject; gives the cases it was checked on."""
    cases = subject.cases(count, reach)
    again = subject.cases(count, reach)
    assert 1 <= len(cases) <= count
    for case, same in zip(cases, again, strict=True):
        assert (case.at, case.source) == (same.at, same.source)
        np.testing.assert_array_equal(case.inputs, same.inputs)
        assert 0 <= case.at < len(case.inputs)
        assert case.at <= reach
        assert len(case.inputs) - case.at - 1 <= (reach if subject.both_ways else 0)
        assert len(subject.names(case)) == len(case.inputs)
        assert all(isinstance(name, str) for name in subject.names(case))
        neutral = subject.neutral(case.inputs)
        assert neutral.shape == case.inputs.shape[1:]
    x, said, found = asked(subject, cases)
    assert said.shape[0] == len(cases)
    assert found.shape == (len(cases),)
    if subject.answers is not None:
        assert len(subject.answers) == said.shape[1]
    alone = np.concatenate([losses(subject, [case]) for case in cases])
    np.testing.assert_allclose(found.detach().numpy(), alone, rtol=1e-4, atol=1e-5)
    found = saliency(subject, cases[-1], elements=4)
    change = found.score - found.blank
    assert abs(found.integrated.sum() - change) <= 0.01 * abs(change) + found.noise
    y, _ = subject.reader(x[:3], None)  # what the instruments step through
    assert y.shape[:2] == x[:3].shape[:2]
    assert not subject.network.training
    assert subject.note == "" or subject.note.endswith(".")
    return cases


def slopes(subject: Any, cases: list[Any], step: float = 1e-5) -> None:
    """The gradient of the loss by x, beside finite differences along a drawn direction."""
    subject.network.double()
    inputs, lengths = pad([case.inputs for case in cases])
    if inputs.is_floating_point():
        inputs = inputs.double()
    at = torch.tensor([case.at for case in cases])
    x = subject.vectors(inputs).detach().double().requires_grad_()

    def loss(given: torch.Tensor) -> torch.Tensor:
        return subject.losses(subject.said(given, lengths, at, cases), cases).sum()

    (slope,) = torch.autograd.grad(loss(x), x)
    torch.manual_seed(0)
    along = torch.randn_like(x)
    with torch.no_grad():
        moved = (loss(x + step * along) - loss(x - step * along)) / (2 * step)
    assert float(moved) != 0.0
    np.testing.assert_allclose(float((slope * along).sum()), float(moved), rtol=1e-4)
    later = torch.arange(len(x))[:, None] > at[None]
    if not subject.both_ways:  # what follows a step is not looked at
        assert bool((slope[later] == 0).all())
