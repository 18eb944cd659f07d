"""A network that learns: the gradient of one batch, and the optimiser's step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from clew.errors import InputError
from clew.train import carry, optim, snapshot, sync
from clew.train.problem import Problem, State
from clew.train.seeding import seed_device, seed_for
from clew.train.settings import TrainSettings
from clew.train.weights import Weights


class Learner:
    """The network of a problem on its device, with optimiser, kept weights and carried state."""

    def __init__(self, problem: Problem, settings: TrainSettings, device: torch.device) -> None:
        self.problem, self.settings, self.device = problem, settings, device
        self.rank, self.world = sync.rank(), sync.world()
        self.network = problem.network.to(device)
        self.named = {n: p for n, p in self.network.named_parameters() if p.requires_grad}
        self.parameters: list[Tensor] = list(self.named.values())
        if not self.parameters:
            raise InputError("this network has nothing to learn", expected="a trainable parameter")
        self.optimizer = optim.adamw(self.parameters, settings)
        self.weights = Weights(self.network, settings.average)
        self.carry: State = None

    def gradient(
        self, item: Any, step: int, extras: Callable[[], Sequence[float]]
    ) -> tuple[Tensor | float, int, list[float]]:
        """The gradient of the mean loss over every process's item is left on the parameters.

        Returns the summed loss, its count, and what `extras` gives afterwards, summed over the
        processes. Where one process fails, all do (see `sync.fail`).
        """
        seed_device(self.device, seed_for(self.settings.seed, step, self.rank))
        self.optimizer.zero_grad(set_to_none=True)
        if self.world == 1:
            loss, count = self._backward(item)
            return loss, count, list(extras())
        error: Exception | None = None
        try:
            loss, count = self._backward(item)
        except Exception as failure:
            loss, count, error = 0.0, 0, failure  # raised once the others know
        sums = [float(error is not None), float(loss), float(count), *extras()]
        failed, total, number, *rest = optim.combine(self.parameters, sums)
        if failed:
            sync.fail(error)
        if number > 0:
            torch._foreach_div_(optim.gradients(self.parameters), number)
        return total, round(number), rest

    def _backward(self, item: Any) -> tuple[Tensor | float, int]:
        if item is None:
            return 0.0, 0
        loss, count, state = self.problem.loss(item, self.carry)
        self.carry = carry.detach(state)
        if count > 0:
            # Alone, the mean is taken here; together, once the others' counts are known.
            mean = loss / count if self.world == 1 else loss
            mean.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), count

    def length(self) -> Tensor:
        """The norm of the gradient, a scalar."""
        return optim.norm(optim.gradients(self.parameters))

    def update(self, length: Tensor, rate: float, step: int) -> None:
        """Clip the gradient of norm `length`, and step at the learning rate `rate`."""
        if self.settings.clip is not None:
            optim.clip(optim.gradients(self.parameters), length, self.settings.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.weights.update(step)

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Everything to be kept, by the names of a snapshot's parts."""
        return {
            "model": dict(self.network.state_dict()),
            "optimizer": optim.memory(self.optimizer, self.named),
            "best": self.weights.best,
            "average": self.weights.average,
        }

    def restore(self, kept: snapshot.Snapshot, where: str) -> None:
        """Take back what was kept; InputError where it is another network's."""
        model = dict(self.network.state_dict())
        moments = optim.expected_memory(kept.optimizer, self.named)
        snapshot.check_tensors(model, kept.model, "weight", where)
        snapshot.check_tensors(model if kept.best else {}, kept.best, "best weight", where)
        snapshot.check_tensors(self.weights.averageable(), kept.average, "averaged weight", where)
        snapshot.check_tensors(moments, kept.optimizer, "moment", where)
        with torch.no_grad():
            for name, tensor in model.items():
                tensor.copy_(kept.model[name])
        self.weights.best = {name: t.to(self.device) for name, t in kept.best.items()}
        self.weights.average = {name: t.to(self.device) for name, t in kept.average.items()}
        optim.remember(self.optimizer, self.named, kept.optimizer)
        self.carry = carry.to(kept.carries[self.rank], self.device)
