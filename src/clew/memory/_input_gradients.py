"""Gradients of a case's loss and answer by each vector that was read, by distance to its step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.memory._attribution import slope
from clew.memory._reading import padded
from clew.memory._windows import Windows
from clew.memory.subject import Case, Subject

_STEPS = 1 << 13  # read at once: bounds what a backward pass keeps
_NOTHING = 1e-9  # a mean loss that has nothing to explain; a share of a vector that is rounding

# One number for an answer: the score of the likeliest, the first of numbers that have names, of
# others their sum with random signs.
Answer = Literal["likeliest", "first", "signs"]

# Numbers (T, B) of x (T, B, D), of what is said (B, C), and of the cases.
_Measure = Callable[[Tensor, Tensor, Sequence[Case]], Tensor]


def answer_of(subject: Subject) -> Answer:
    """What stands for the answer of this model."""
    if subject.in_nats and getattr(subject, "likeliest", True):
        return "likeliest"
    return "signs" if subject.answers is None else "first"


class ByLag(NamedTuple):
    """Numbers by case and lag, from lag 0 on; (cases, lags + 1) each, NaN where nothing was read.

    before: of x_{t-tau}. behind: of x_{t+tau}; None where nothing behind a step is read.
    """

    before: NDArray[np.float64]
    behind: NDArray[np.float64] | None


def loss_norms(windows: Windows, lags: int) -> ByLag | None:
    """|d loss_t / d x_{t-tau}| up to `lags`; None where the mean loss is 0.

    It is of answers that are compared with themselves.
    """
    if getattr(windows.subject, "relative", False):
        return None
    total = 0.0

    def measure(x: Tensor, said: Tensor, cases: Sequence[Case]) -> Tensor:
        nonlocal total
        losses = windows.subject.losses(said, cases).sum()
        total += float(losses.detach())
        return _norm(slope(losses, x).double())

    found = _by_lag(windows, lags, measure)
    return found if total > _NOTHING * len(windows.cases) else None


def answer_norms(windows: Windows, lags: int, seed: int = 0) -> ByLag:
    """|d a_t / d x_{t-tau}| up to `lags`, a the answer as `_answer` has it."""

    def measure(x: Tensor, said: Tensor, cases: Sequence[Case]) -> Tensor:
        return _norm(slope(_answer(windows, said, seed).sum(), x).double())

    return _by_lag(windows, lags, measure)


def answer_changes(windows: Windows, lags: int, seed: int = 0) -> ByLag:
    """|(d a_t / d x_{t-tau}) . (x_{t-tau} - m)| up to `lags`, m the mean of all that is read.

    To first order so much would the answer move if m stood in the place of this element.
    """
    mean = _mean(windows)

    def measure(x: Tensor, said: Tensor, cases: Sequence[Case]) -> Tensor:
        own = x.detach().double()
        change = own - mean
        change = change * (_norm(change) > _NOTHING * _norm(own)).unsqueeze(-1)
        near = slope(_answer(windows, said, seed).sum(), x).double()
        return (near * change).sum(-1).abs()

    return _by_lag(windows, lags, measure)


def _by_lag(windows: Windows, lags: int, measure: _Measure) -> ByLag:
    """What is measured of each case, put in order by the distance to its step."""
    cases = windows.cases
    before = np.full((len(cases), lags + 1), np.nan)
    behind = np.full((len(cases), lags + 1), np.nan)
    every = range(len(cases))
    seen = [windows.places(k, windows.reach) for k in every]
    order = sorted(every, key=lambda k: -len(seen[k]))
    begin = 0
    while begin < len(order):
        batch = order[begin : begin + max(1, _STEPS // len(seen[order[begin]]))]
        begin += len(batch)
        at = [cases[k].at - int(seen[k][0]) for k in batch]
        pieces = [np.asarray(cases[k].inputs)[seen[k]] for k in batch]
        numbers = _measured(windows, pieces, at, [cases[k] for k in batch], measure)
        for column, (k, place) in enumerate(zip(batch, at, strict=True)):
            own = numbers[: len(seen[k]), column]
            near, far = own[place::-1][: lags + 1], own[place:][: lags + 1]
            before[k, : len(near)] = near
            behind[k, : len(far)] = far
    return ByLag(before, behind if windows.both_ways else None)


def _measured(
    windows: Windows, pieces: Sequence[NDArray[np.generic]], at: Sequence[int],
    cases: Sequence[Case], measure: _Measure,
) -> NDArray[np.float64]:  # fmt: skip
    """The numbers (T, B) of one batch of windows."""
    subject = windows.subject
    with torch.no_grad():
        x = subject.vectors(padded(subject, pieces)).detach()
    lengths = torch.tensor([len(piece) for piece in pieces], device=x.device)
    with torch.enable_grad():
        x.requires_grad_()
        said = subject.said(x, lengths, torch.tensor(at, device=x.device), cases)
        numbers = measure(x, said, cases)
    # Where numbers have overflowed, sums of them with both signs are none: as good as infinite.
    found: NDArray[np.float64] = numbers.detach().cpu().numpy()
    return np.nan_to_num(found, nan=np.inf, posinf=np.inf)


def _norm(vectors: Tensor) -> Tensor:
    """(T, B) of (T, B, D)."""
    found: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    return found


def _answer(windows: Windows, said: Tensor, seed: int) -> Tensor:
    """One number (B,) of what is said (B, C), as `answer_of` says; signs are those of the seed."""
    kind = answer_of(windows.subject)
    if kind == "signs":
        draw = torch.Generator().manual_seed(seed)
        signs = 2.0 * torch.randint(2, said.shape[1:], generator=draw) - 1.0
        return said @ signs.to(said)
    return said.max(1).values if kind == "likeliest" else said[:, 0]


def _mean(windows: Windows) -> Tensor:
    """(D,) of all that is read in the windows, in double precision."""
    subject, total, count = windows.subject, torch.zeros(()), 0
    for k in range(len(windows.cases)):
        piece = np.asarray(windows.cases[k].inputs)[windows.places(k, windows.reach)]
        with torch.no_grad():
            x = subject.vectors(padded(subject, [piece])).double()
        total, count = total.to(x) + x.sum((0, 1)), count + len(piece)
    return total / count
