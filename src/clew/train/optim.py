"""The step of the optimiser: schedule, decay, clipping, gradients of several processes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from clew.train import sync
from clew.train.settings import TrainSettings


def schedule(progress: float, *, warmup: float, final: float) -> float:
    """The learning rate at `progress` (0 to 1) as a share of the highest.

    p / w for p < w, then f + (1 - f) (1 + cos(pi (p - w) / (1 - w))) / 2, with progress p,
    warm-up share w and final share f (cosine: Loshchilov & Hutter 2017).
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup:
        return progress / warmup
    if warmup >= 1.0:
        return 1.0
    along = (progress - warmup) / (1.0 - warmup)
    return final + (1.0 - final) * (1.0 + math.cos(math.pi * along)) / 2.0


def adamw(parameters: Sequence[Tensor], settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) that decays matrices and leaves gains and biases alone."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=settings.learning_rate, fused=fused
    )


def combine(parameters: Sequence[Tensor], extras: Sequence[float]) -> list[float]:
    """Sum gradients and `extras` over all ranks in one exchange; the summed extras.

    A parameter without gradient counts as zero; one without any gradient anywhere keeps none,
    so that the optimiser leaves it alone as it would in one process.
    """
    kind = torch.float32
    for p in parameters:
        kind = torch.promote_types(kind, p.dtype)
    present = [float(p.grad is not None) for p in parameters]
    head = torch.tensor([*extras, *present], dtype=kind)
    pieces = [
        (p.grad if p.grad is not None else torch.zeros_like(p)).detach().reshape(-1).to("cpu", kind)
        for p in parameters
    ]
    flat = sync.total(torch.cat([head, *pieces]))
    values: list[float] = flat[: len(head)].tolist()
    place = len(head)
    for p, anywhere in zip(parameters, values[len(extras) :], strict=True):
        piece = flat[place : place + p.numel()]
        place += p.numel()
        # Cloned: a view into the flat tensor would not be aligned as a gradient of torch's own is.
        p.grad = piece.view_as(p).to(p.device, p.dtype, copy=True) if anywhere else None
    return values[: len(extras)]


def gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    """The gradients that there are."""
    return [p.grad for p in parameters if p.grad is not None]


def norm(grads: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all gradients together, a scalar."""
    return torch.nn.utils.get_total_norm(grads)


def clip(grads: Sequence[Tensor], length: Tensor, most: float) -> None:
    """Shorten the gradients to the norm `most` where `length` is more (Pascanu et al. 2013)."""
    scale = (most / (length + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(list(grads), scale)
