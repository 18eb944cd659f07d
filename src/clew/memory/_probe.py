"""The gradient that arrives at what was read tau steps ago, of one batch, while a network learns.

Generic: the task's own loss L of a batch gives dL/dy_t, what it asks of the output y of a recurrent
layer at one step t; sent back through the layer alone, from that step alone, it arrives at the
layer's inputs as d/dx_{t-tau}. Where the loss of a step depends on no other output, that is
d loss_t/dx_{t-tau}. Shapes: T steps, B sequences.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.memory._attribution import still
from clew.nn import Stack
from clew.train import Problem, rank, world
from clew.train.seeding import generators_kept, seed_device

Way = Literal["loss", "said", ""]

_TRIED = 4  # batches of an epoch, of which the one with the longest sequences is taken
_SEED = 20  # of all that the batch's loss draws: the same each time


class Call(NamedTuple):
    """What a layer read and said: x (T, B, D), y (T, B, H), final states, lengths (B,)."""

    x: Tensor
    y: Tensor
    states: list[Tensor]
    lengths: Tensor


class Probe:
    """One batch of a problem and the layer at whose inputs gradients are measured.

    place: the layer's name in the network; "" where none reads a sequence at once, and nothing is
    measured. way: of the task's loss, or, where that asks nothing of the step, of a mixture of what
    the layer says, drawn once. Lags go up to `reach`.
    """

    def __init__(self, problem: Problem, reach: int, way: Way = "") -> None:
        self.problem, self.reach, self.way = problem, reach, way
        self.place, self.both_ways = "", False
        self._item: Any = None
        plan, longest = problem.plan(0, rank(), world()), 0
        for item in [one for one in (plan[k] for k in range(min(len(plan), _TRIED)))
                     if one is not None]:  # fmt: skip
            place, steps = self._seek(item)
            if steps > longest:
                self.place, self._item, longest = place, item, steps
        if self.place:
            layer = problem.network.get_submodule(self.place)
            self.both_ways = bool(getattr(layer, "bidirectional", False))

    def _seek(self, item: Any) -> tuple[str, int]:
        """The layer to look at, and the steps it reads; stacks before single layers."""
        found: dict[str, list[int]] = {}
        ranks: dict[str, int] = {}

        def note(name: str, kind: int) -> Any:
            def hook(module: nn.Module, given: tuple[Any, ...], said: Any) -> None:
                time = 1 if getattr(module, "batch_first", False) else 0
                whole = given and isinstance(given[0], Tensor) and given[0].dim() == 3
                found.setdefault(name, []).append(given[0].shape[time] if whole else 0)
                ranks[name] = kind

            return hook

        handles = [
            module.register_forward_hook(note(name, 0 if isinstance(module, Stack) else 1))
            for name, module in self.problem.network.named_modules()
            if name and isinstance(module, Stack | nn.RNNBase)
        ]
        try:
            with _aside(self.problem.network), torch.no_grad():
                self.problem.loss(item, None)
        finally:
            for handle in handles:
                handle.remove()
        once = [name for name, steps in found.items() if len(steps) == 1 and steps[0] > 1]
        if not once:
            return "", 0
        best = min(once, key=lambda name: ranks[name])  # the first of its kind that was called
        return best, found[best][0]

    def look(self, decide: bool = True) -> NDArray[np.float64] | None:
        """The norms (L,) by lag, the mean over the sequences that reach so far.

        None where there is nothing to measure; or nothing yet, while `decide` is False: a network
        that begins with zeros above the layer asks nothing of it at first.
        """
        if not self.place:
            return None
        network = self.problem.network
        with _aside(network), still(network), torch.enable_grad():
            call, loss = self._read()
            asked = self._asked(call, loss, decide)
            if asked is None:
                return None
            given = [(o, g) for o, g in zip([call.y, *call.states], asked, strict=True)
                     if g is not None and o.requires_grad]  # fmt: skip
            (slope,) = torch.autograd.grad(
                [o for o, _ in given], call.x, [g for _, g in given], allow_unused=True
            )
        return self._by_lag(torch.zeros_like(call.x) if slope is None else slope, call.lengths)

    def words(self) -> str:
        """What is measured."""
        step = "the middle step" if self.both_ways else "the last step"
        what = {
            "loss": f"the loss of a batch that stays the same, as far as it goes through what "
            f"{self.place!r} says at {step} of each sequence",
            "said": f"a random mixture of what {self.place!r} says at {step} of each sequence of "
            "a batch that stays the same",
        }
        return what.get(self.way, "")

    def _read(self) -> tuple[Call, Tensor]:
        """The batch read once more, with a graph from the layer's inputs on."""
        calls: list[Call] = []
        layer = self.problem.network.get_submodule(self.place)
        turned = bool(getattr(layer, "batch_first", False))

        def before(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            return (args[0].detach().requires_grad_(), *args[1:])

        def after(
            module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], said: Any
        ) -> None:
            lengths = kwargs.get("lengths")
            if lengths is None:
                size = args[0].shape[:2][::-1] if turned else args[0].shape[:2]
                lengths = torch.full((size[1],), size[0])
            calls.append(
                Call(args[0], said[0], list(_tensors(said[1])), lengths.to(args[0].device))
            )

        handles = [
            layer.register_forward_pre_hook(before),
            layer.register_forward_hook(after, with_kwargs=True),
        ]
        try:
            loss, _, _ = self.problem.loss(self._item, None)
        finally:
            for handle in handles:
                handle.remove()
        (call,) = calls
        self._turned = turned
        return call, loss

    def _asked(self, call: Call, loss: Tensor, decide: bool) -> list[Tensor | None] | None:
        """What is asked of the output at one step of each sequence, and of the final states."""
        slopes: list[Tensor | None] = [None] * (1 + len(call.states))
        if self.way != "said" and loss.requires_grad:
            outputs = [call.y, *call.states]
            slopes = list(torch.autograd.grad(loss, outputs, retain_graph=True, allow_unused=True))
        at = self._at(call.lengths)
        real = torch.arange(self._time(call.y).shape[0], device=at.device).unsqueeze(1) == at
        only = real.unsqueeze(2).to(call.y.dtype)  # (T, B, 1): nothing where a sequence is empty
        if slopes[0] is not None:
            slopes[0] = slopes[0] * self._time(only)
        if self.both_ways:  # the final state of each direction is of another step
            slopes[1:] = [None] * len(call.states)
        if self.way == "":
            if any(s is not None and bool(s.any()) for s in slopes):
                self.way = "loss"
            elif decide or all(s is None for s in slopes):
                self.way = "said"
            else:
                return None
        if self.way == "said":
            drawn = torch.Generator().manual_seed(_SEED)
            mixed = torch.randn(call.y.shape[2], generator=drawn).to(call.y)
            slopes = [self._time(only) * mixed, *[None] * len(call.states)]
        return slopes

    def _time(self, values: Tensor) -> Tensor:
        return values.transpose(0, 1) if self._turned else values

    def _at(self, lengths: Tensor) -> Tensor:
        """(B,) the step looked at: the last, or of what is read both ways the middle one."""
        return (lengths - 1) // 2 if self.both_ways else lengths - 1

    def _by_lag(self, slope: Tensor, lengths: Tensor) -> NDArray[np.float64]:
        sizes = torch.linalg.vector_norm(self._time(slope).double(), dim=2).cpu()  # (T, B)
        at, steps = self._at(lengths).cpu(), torch.arange(sizes.shape[0])
        lag = at - steps.unsqueeze(1)  # (T, B)
        real = (steps.unsqueeze(1) < lengths.cpu()) & (at >= 0)
        lag = lag.abs() if self.both_ways else lag
        real &= (lag >= 0) & (lag <= self.reach)
        lags, values = lag[real].numpy(), sizes[real].numpy()
        counts = np.bincount(lags)
        found: NDArray[np.float64] = np.bincount(lags, values) / np.maximum(counts, 1)
        return found


@contextmanager
def _aside(network: nn.Module) -> Iterator[None]:
    """Eval mode and seeded draws, and everything as it was afterwards."""
    device = next(network.parameters()).device
    learning = [module for module in network.modules() if module.training]
    with generators_kept(device):
        seed_device(device, _SEED)
        network.eval()
        try:
            yield
        finally:
            for module in learning:
                module.training = True


def _tensors(state: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples and lists."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, tuple | list):
        for part in state:
            yield from _tensors(part)
