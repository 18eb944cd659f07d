"""How much each element has to do with one answer, by gradients and by taking it away.

x: (T, D) what the lowest layer reads of one case; x0: (T, D) the same of neutral elements; F(x) the
score of the chosen answer. Shapes: n elements looked at, S steps of an integral.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory._occlusion import Block, occlude
from clew.memory._path_integral import path_integral
from clew.memory._reading import padded
from clew.memory.subject import Case, Subject

Curve = NDArray[np.float64]

_CELLS = 1 << 13  # steps of sequences that are read at once: bounds the memory of a backward pass


@dataclass(frozen=True)
class Attribution:
    """Curves (n,) over the elements from `first` on, and what they are measured against.

    score: F(x). blank: F where all these elements are neutral. steps: S of the integral. gap: what
    the integral lacks of score - blank. noise: what rounding alone may make of such a gap. blocks:
    of elements that were taken away together only, by their places in x; occlusion is NaN there.
    """

    first: int
    gradient: Curve
    integrated: Curve
    occlusion: Curve
    connectivity: Curve
    answer: int
    score: float
    blank: float
    steps: int
    gap: float
    noise: float
    blocks: list[Block]

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Which elements (n,) were taken away one by one."""
        alone = np.ones(len(self.occlusion), dtype=np.bool_)
        for block in self.blocks:
            alone[block.first - self.first : block.last + 1 - self.first] = False
        return alone


def shortened(case: Case, most: int) -> Case:
    """The case with at most so many elements up to its step, and one less behind it."""
    first = max(0, case.at + 1 - most)
    return replace(case, inputs=case.inputs[first : case.at + most], at=case.at - first)


class Asked:
    """One case as tensors, and its answers for other vectors in place of its own."""

    def __init__(self, subject: Subject, case: Case) -> None:
        inputs = np.asarray(case.inputs)
        if not 0 <= case.at < len(inputs):
            raise InputError(
                f"step {case.at} is asked of {len(inputs)} elements",
                where="case",
                expected=f"a step from 0 to {len(inputs) - 1}" if len(inputs) else "an element",
            )
        if not subject.both_ways:
            inputs = inputs[: case.at + 1]  # nothing behind the step is read
        self.subject, self.case, self.at = subject, case, case.at
        neutral = np.broadcast_to(np.asarray(subject.neutral(inputs)), inputs.shape)
        self.x = self._vectors(inputs)  # (T, D)
        self.neutral = self._vectors(neutral.astype(inputs.dtype))

    def _vectors(self, inputs: NDArray[np.generic]) -> Tensor:
        given = padded(self.subject, [inputs])  # (T, 1)
        with torch.no_grad():
            return self.subject.vectors(given).detach().squeeze(1)

    def said(self, x: Tensor) -> Tensor:
        """Answers (B, C) to vectors (T, B, D)."""
        steps, batch = x.shape[:2]
        lengths = torch.full((batch,), steps, device=x.device)
        at = torch.full((batch,), self.at, device=x.device)
        return self.subject.said(x, lengths, at, [self.case] * batch)

    def answers(self) -> Tensor:
        """The answer (C,) to the case as it is."""
        with torch.no_grad():
            return self.said(self.x.unsqueeze(1))[0]

    def pieces(self, count: int) -> list[slice]:
        """`count` variants of the case, in batches that fit into memory."""
        size = max(1, _CELLS // len(self.x))
        return [slice(k, min(k + size, count)) for k in range(0, count, size)]


@contextmanager
def still(network: nn.Module) -> Iterator[None]:
    """Gradients go through the network, but not to its weights: they cost a third of the time."""
    learning = [p for p in network.parameters() if p.requires_grad]
    for p in learning:
        p.requires_grad_(False)
    try:
        # cuDNN has no gradients of torch's own layers in eval mode.
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        for p in learning:
            p.requires_grad_(True)


def attribute(
    asked: Asked, answer: int, around: slice, *, steps: int, tolerance: float
) -> Attribution:
    """All curves of the elements `around` for one answer; others are read, but stay as they are.

    The integral is taken with `steps` points, then with more where it is rough, until it lacks no
    more than the share `tolerance`; see clew.memory._path_integral.
    """
    x, change = asked.x, torch.zeros_like(asked.x)
    change[around] = (asked.x - asked.neutral)[around]
    base = asked.x - change

    def way(places: Curve) -> Iterator[Tensor]:
        """What stands at these places of the way from neutral elements to x: (T, B, D), in turn."""
        at = torch.from_numpy(places).to(change)
        for piece in asked.pieces(len(places)):
            yield base.unsqueeze(1) + at[piece, None] * change.unsqueeze(1)

    def scores(places: Curve) -> Curve:
        with torch.no_grad():
            return _array(torch.cat([asked.said(y)[:, answer].double() for y in way(places)]))

    def slopes(places: Curve) -> Curve:
        found = [
            torch.einsum("tbd,td->tb", _gradients(asked, y, answer).double(), change.double())
            for y in way(places)
        ]
        return _array(torch.cat(found, 1)[around])

    blank, score = scores(np.array([0.0, 1.0])).tolist()
    near = _gradients(asked, x.unsqueeze(1), answer)[:, 0]  # (T, D)
    noise = 64 * torch.finfo(x.dtype).eps * (abs(score) + abs(blank))
    allowed = tolerance * abs(score - blank) + noise
    whole = path_integral(scores, slopes, (blank, score), steps=steps, allowed=allowed)
    occlusion, blocks = occlude(
        lambda taken: score - _without(asked, answer, taken), around, asked.at, noise
    )
    return Attribution(
        around.start,
        _array((near * change).double().sum(-1)[around]),
        whole.given,
        occlusion,
        _array(torch.linalg.vector_norm(near.double(), dim=-1)[around]),
        answer,
        score,
        blank,
        whole.steps,
        whole.gap,
        noise,
        blocks,
    )


def _gradients(asked: Asked, x: Tensor, answer: int) -> Tensor:
    """dF/dx of each of B sequences (T, B, D)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return slope(asked.said(x)[:, answer].sum(), x)


def slope(value: Tensor, x: Tensor) -> Tensor:
    """d value / dx, 0 where x is not used. Raises InputError where there is no way back to x."""
    if not value.requires_grad:
        raise InputError(
            "the answer cannot be differentiated by what is read",
            where="the model",
            hint="a forward without torch.no_grad, detach or NumPy",
        )
    (found,) = torch.autograd.grad(value, x, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


def _without(asked: Asked, answer: int, taken: Sequence[slice]) -> Curve:
    """F (n,) with each of the stretches in turn replaced by neutral elements."""
    found = []
    with torch.no_grad():
        for piece in asked.pieces(len(taken)):
            x = asked.x.unsqueeze(1).repeat(1, piece.stop - piece.start, 1)
            for k, stretch in enumerate(taken[piece]):
                x[stretch, k] = asked.neutral[stretch]
            found.append(asked.said(x)[:, answer].double())
    return _array(torch.cat(found))


def _array(values: Tensor) -> Curve:
    found: Curve = values.detach().cpu().double().numpy()
    return found
