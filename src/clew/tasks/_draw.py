"""Drawing what comes next by its scores: temperature, the likeliest few, a seed."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from clew.errors import InputError


class Drawing(Protocol):
    """How the next token is chosen: what `Draw` has."""

    @property
    def temperature(self) -> float:
        """1 draws by the probabilities, less is bolder, 0 takes the likeliest."""
        ...

    @property
    def top_k(self) -> int | None:
        """Among the k likeliest only."""
        ...

    @property
    def top_p(self) -> float | None:
        """Among the fewest that have probability p together."""
        ...


@dataclass(frozen=True)
class Draw:
    """How the next token is chosen; raises InputError for values that mean nothing.

    temperature: 1 draws by the model's probabilities, less is bolder, 0 always takes the likeliest.
    top_k: draw among the k likeliest only. top_p: draw among the fewest that together have
    probability p (Holtzman et al. 2020).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.temperature, bool) or not isinstance(self.temperature, (int, float)):
            raise InputError(
                f"temperature must be a number, not {self.temperature!r}", where="temperature"
            )
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise InputError(
                f"temperature must not be {self.temperature}",
                where="temperature",
                expected="0 (always the likeliest) or more; 1 draws by the model's probabilities",
            )
        if self.top_k is not None:
            check_whole("top_k", self.top_k, 1)
        if self.top_p is not None and not (
            isinstance(self.top_p, (int, float)) and 0 < self.top_p <= 1
        ):
            raise InputError(
                f"top_p must not be {self.top_p}", where="top_p", expected="above 0 and at most 1"
            )
        if self.seed is not None:
            check_whole("seed", self.seed, 0)
            if self.seed >= 1 << 64:
                raise InputError(
                    f"seed must not be {self.seed!r:.40}", where="seed", expected="below 2**64"
                )


def check_whole(name: str, value: object, least: int) -> None:
    """Raise InputError unless `value` is a whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name} must not be {value!r}", where=name, expected=f"a whole number from {least}"
        )


def generator(seed: int | None) -> torch.Generator:
    """What is drawn from: by the seed, or by chance where there is none."""
    return torch.Generator().manual_seed(seed if seed is not None else secrets.randbits(63))


def choose(logits: Tensor, how: Drawing, generator: torch.Generator) -> int:
    """Choose a token by its scores (V,), on the CPU in double precision. -inf is never chosen."""
    if how.temperature == 0:
        return int(logits.argmax())
    scores = (logits - logits.max()) / how.temperature
    if how.top_k is not None and how.top_k < len(scores):
        kept = torch.topk(scores, how.top_k).indices
        scores = torch.full_like(scores, -math.inf).scatter(0, kept, scores[kept])
    chances = scores.softmax(0)
    if how.top_p is not None and how.top_p < 1:
        ordered, order = chances.sort(descending=True, stable=True)
        # a token stays if those likelier than it do not reach p together: the first always does
        outside = order[ordered.cumsum(0) - ordered >= how.top_p]
        chances = chances.index_fill(0, outside, 0.0)
    return int(torch.multinomial(chances, 1, generator=generator))
