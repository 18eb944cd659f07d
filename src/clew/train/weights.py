"""The weights beside those being trained: their moving average, and the best so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


class Weights:
    """What a run keeps of its network's weights.

    average: an exponential moving average of the trained parameters (Polyak & Juditsky 1992),
        empty where `decay` is 0. best: a copy of the whole state at the best evaluation.
    """

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self._network = network
        self._decay = decay
        self.best: dict[str, Tensor] = {}
        self.average: dict[str, Tensor] = {}

    def begin(self) -> None:
        """Start the average at the present weights, unless it was restored."""
        if self._decay and not self.average:
            self.average = {name: p.detach().clone() for name, p in self.averageable().items()}

    def averageable(self) -> dict[str, Tensor]:
        """The parameters an average is kept of; none without averaging."""
        if not self._decay:
            return {}
        return {name: p for name, p in self._network.named_parameters() if p.requires_grad}

    def update(self, step: int) -> None:
        """Take the weights after `step` (from 0) into the average."""
        if self.average:
            # Few weights have been seen at first: the average starts short and grows.
            decay = min(self._decay, (1 + step) / (10 + step))
            live = self.averageable()  # its order may be another: average may come from a file
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.average.values()), [live[name] for name in self.average], 1 - decay
                )

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with its averaged weights, where an average is kept."""
        live = self.averageable()
        own = {name: p.detach().clone() for name, p in live.items()}
        _copy(live, self.average)
        try:
            yield
        finally:
            _copy(live, own)

    def keep_best(self) -> None:
        """Copy the weights (averaged, where an average is kept) as the best so far."""
        with self.averaged():
            self.best = {
                name: tensor.detach().clone() for name, tensor in self._network.state_dict().items()
            }

    def restore_best(self) -> None:
        """Put the best weights into the network, where there are any."""
        if self.best:
            _copy(self._network.state_dict(), self.best)


def _copy(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(source[name])
