"""The step of the optimiser: schedule, decay, clipping, gradients of several processes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from clew.train import sync
from clew.train.settings import TrainSettings


def schedule(progress: float, *, warmup: float, final: float) -> float:
    """The learning rate at `progress` (0 to 1) as a share of the highest.

    p / w for p < w, then f + (1 - f) (1 + cos(pi (p - w) / (1 - w))) / 2, with progress p,
    warm-up share w and final share f (cosine: Loshchilov & Hutter 2017). Step k of N, counted
    from 1, has p = k / N.
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup:
        return progress / warmup
    if warmup >= 1.0:
        return 1.0
    along = (progress - warmup) / (1.0 - warmup)
    return final + (1.0 - final) * (1.0 + math.cos(math.pi * along)) / 2.0


class _AdamW(torch.optim.AdamW):
    """torch's own, bit for bit, but that a first step does not load torch's compiler.

    torch marks these methods for it, and the marks import it: 1.5 s, of no use here.
    """

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


def adamw(parameters: Sequence[Tensor], settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) that decays matrices and leaves gains and biases alone."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    return _AdamW(
        [group for group in groups if group["params"]], lr=settings.learning_rate, fused=fused
    )


def memory(optimizer: torch.optim.AdamW, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The optimiser's tensors by the names of their parameters ("weight/exp_avg")."""
    return {
        f"{name}/{key}": value
        for name, p in named.items()
        for key, value in optimizer.state.get(p, {}).items()
    }


def expected_memory(kept: Mapping[str, Tensor], named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `kept` must look like: moments of the parameters that already have some."""
    begun = [name for name in named if f"{name}/step" in kept]
    step = torch.zeros((), dtype=torch.float32)
    like = {"exp_avg": True, "exp_avg_sq": True, "step": False}
    return {f"{n}/{key}": named[n] if big else step for n in begun for key, big in like.items()}


def remember(
    optimizer: torch.optim.AdamW, named: Mapping[str, Tensor], kept: Mapping[str, Tensor]
) -> None:
    """Give the optimiser the tensors that `memory` told."""
    for key, value in kept.items():
        name, _, part = key.rpartition("/")
        # AdamW counts steps on the CPU, unless it is fused and on CUDA.
        place = named[name].device
        there = "cpu" if part == "step" and place.type != "cuda" else place
        optimizer.state[named[name]][part] = value.to(there)


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
        # Copied: a view into the flat tensor would not be aligned as a gradient of torch's own is.
        p.grad = piece.view_as(p).to(p.device, p.dtype, copy=True) if anywhere else None
    return values[: len(extras)]


def gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    """The gradients that there are."""
    return [p.grad for p in parameters if p.grad is not None]


def norm(grads: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all gradients together, a scalar."""
    # As torch.nn.utils.get_total_norm, without its sorting by device and type.
    norms: Sequence[Tensor] = torch._foreach_norm(list(grads))
    total: Tensor = torch.linalg.vector_norm(torch.stack(list(norms)))
    return total


def clip(grads: Sequence[Tensor], length: Tensor, most: float) -> None:
    """Shorten gradients of norm `length` to the norm `most` if longer (Pascanu et al. 2013)."""
    if length.device.type == "cpu" and float(length) <= most:
        return  # an accelerator would have to be waited for
    torch._foreach_mul_(list(grads), (most / (length + 1e-6)).clamp(max=1.0))
