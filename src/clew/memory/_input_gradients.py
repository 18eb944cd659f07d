"""Norms of the gradient of a case's loss by each vector that was read, by distance to its step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.memory._reading import padded
from clew.memory._windows import Windows
from clew.memory.subject import Case

_STEPS = 1 << 13  # read at once: bounds what a backward pass keeps
_NOTHING = 1e-9  # a mean loss that has nothing to explain


class InputNorms(NamedTuple):
    """|d loss_t / d x_{t-tau}| by case and lag, from lag 0 on; (cases, lags + 1) each.

    NaN where a case has no such element. behind: of x_{t+tau}; None of models of one way. by_loss:
    False where the loss is 0 and the answer was taken in its place.
    """

    before: NDArray[np.float64]
    behind: NDArray[np.float64] | None
    by_loss: bool


def input_norms(windows: Windows, lags: int, seed: int = 0) -> InputNorms:
    """The norms up to `lags`, with one backward pass for a batch of windows.

    Where the mean loss is 0, as of answers compared with themselves, the answer's numbers are
    summed with random signs, and that sum is differentiated instead.
    """
    found, mean = _norms(windows, lags, None)
    if mean > _NOTHING:
        return InputNorms(*found, by_loss=True)
    found, _ = _norms(windows, lags, seed)
    return InputNorms(*found, by_loss=False)


def _norms(
    windows: Windows, lags: int, signs: int | None
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64] | None], float]:
    cases = windows.cases
    before = np.full((len(cases), lags + 1), np.nan)
    behind = np.full((len(cases), lags + 1), np.nan)
    every = range(len(cases))
    seen = [windows.places(k, windows.reach) for k in every]
    order = sorted(every, key=lambda k: -len(seen[k]))
    total, begin = 0.0, 0
    while begin < len(order):
        batch = order[begin : begin + max(1, _STEPS // len(seen[order[begin]]))]
        begin += len(batch)
        at = [cases[k].at - int(seen[k][0]) for k in batch]
        pieces = [np.asarray(cases[k].inputs)[seen[k]] for k in batch]
        norms, loss = _gradient(windows, pieces, at, [cases[k] for k in batch], signs)
        total += loss
        for column, (k, place) in enumerate(zip(batch, at, strict=True)):
            own = norms[: len(seen[k]), column]
            near, far = own[place::-1][: lags + 1], own[place:][: lags + 1]
            before[k, : len(near)] = near
            behind[k, : len(far)] = far
    both = windows.subject.both_ways
    return (before, behind if both else None), total / len(cases)


def _gradient(
    windows: Windows, pieces: Sequence[NDArray[np.generic]], at: Sequence[int],
    cases: Sequence[Case], signs: int | None,
) -> tuple[NDArray[np.float64], float]:  # fmt: skip
    """Norms (T, B) of the gradient by what was read, and the sum of the losses."""
    subject = windows.subject
    with torch.no_grad():
        x = subject.vectors(padded(subject, pieces)).detach()
    lengths = torch.tensor([len(piece) for piece in pieces], device=x.device)
    with torch.enable_grad():
        x.requires_grad_()
        said = subject.said(x, lengths, torch.tensor(at, device=x.device), cases)
        if signs is None:
            value = subject.losses(said, cases).sum()
        else:
            value = (said * _signs(said, signs)).sum()
        grad = torch.autograd.grad(value, x, allow_unused=True)[0] if value.requires_grad else None
    if grad is None:
        return np.zeros(tuple(x.shape[:2])), float(value)
    norms: Tensor = torch.linalg.vector_norm(grad.double(), dim=-1)
    # Where numbers have overflowed, sums of them with both signs are none: as good as infinite.
    return np.nan_to_num(norms.cpu().numpy(), nan=np.inf, posinf=np.inf), float(value.detach())


def _signs(said: Tensor, seed: int) -> Tensor:
    """(C,) of +1 and -1, the same for all cases."""
    draw = torch.Generator().manual_seed(seed)
    return (2.0 * torch.randint(2, said.shape[1:], generator=draw) - 1.0).to(said)
