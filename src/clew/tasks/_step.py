"""Networks that read tokens one by one and say after each what may come next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from clew.nn import Stack

State = Any  # what a Stack carries: a tuple with one layer state per layer, or None for zeros


class Foreseeing(Protocol):
    """Embedding, stack, and a score for each next token."""

    embedding: nn.Embedding
    stack: Stack

    def logits(self, features: Tensor) -> Tensor:
        """One score for each token: (..., H) -> (..., V)."""
        ...


@contextmanager
def reading(network: nn.Module) -> Iterator[None]:
    """Within it the network answers and does not learn: eval mode, no gradients; then as before."""
    was = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(was)


def stepper(network: Foreseeing, state: State) -> Callable[[int], Tensor]:
    """What reads one token after the other, from `state` on, and gives the scores after each."""
    stream = network.stack.stream()  # packs the weights once; the bits of network.step
    if state is not None:
        stream.state = _arrays(state)
    table = network.embedding.weight

    def step(token: int) -> Tensor:
        y = stream.push(table[token].cpu().numpy())  # (H,)
        return network.logits(torch.from_numpy(y).to(table))

    return step


def _arrays(state: State) -> State:
    if isinstance(state, Tensor):
        return state.cpu().numpy()
    return tuple(map(_arrays, state))
