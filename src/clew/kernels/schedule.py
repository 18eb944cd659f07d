"""Lengths and resets, checked once and turned into what the loop through time asks at each step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from clew.errors import InputError


class Schedule(NamedTuple):
    """Which steps are real, and where memory is cleared.

    Attributes:
        alive: (T, B, 1) bool, False beyond a length; None where every step is real.
        forget: (T, B, 1) bool, True where the state becomes zero before the step; None for never.
        shortest, longest: bounds of the lengths, 0 and T where the data may not be looked at.
        forgets: for each step whether any sequence is reset there, True where unknown.
    """

    alive: Tensor | None = None
    forget: Tensor | None = None
    shortest: int = 0
    longest: int = 0
    forgets: tuple[bool, ...] = ()


def plan(
    steps: int, lengths: Tensor | None, reset: Tensor | None, device: torch.device, look: bool
) -> Schedule:
    """The schedule of a batch; ``look`` is False where the values of tensors may not be read.

    A reset beyond the length of a sequence does nothing, as everything in padding.
    """
    alive = forget = None
    shortest, longest = 0, steps
    forgets: tuple[bool, ...] = ()
    if lengths is not None:
        lengths = lengths.to(device)
        if look:
            shortest, longest = length_bounds(lengths, steps)
            # One step at least, if only of padding: answers then hang on the weights as always.
            longest = max(longest, min(steps, 1))
        if not look or shortest < steps:
            alive = (torch.arange(steps, device=device).unsqueeze(1) < lengths).unsqueeze(2)
    if reset is not None:
        forget = reset.to(device).unsqueeze(2)
        if alive is not None:
            forget = forget & alive
        forgets = (True,) * steps
        if look:
            forgets = tuple(forget.flatten(1).any(1).tolist()) if steps else ()
            if not any(forgets):
                forget = None
    return Schedule(alive, forget, shortest, longest, forgets)


def without_padding(x: Tensor, schedule: Schedule) -> Tensor:
    """The input (T, B, D) with zeros beyond each length.

    Padding may hold anything, NaN included: what is masked later must be finite before, or its zero
    gradient would become NaN on the way back.
    """
    return x if schedule.alive is None else x.masked_fill(~schedule.alive, 0.0)


def length_bounds(lengths: Tensor, steps: int) -> tuple[int, int]:
    """The shortest and the longest length; InputError where one is outside 0..T."""
    if lengths.numel() == 0:
        return 0, 0
    low, high = lengths.aminmax()
    shortest, longest = int(low), int(high)
    if shortest < 0 or longest > steps:
        bad = shortest if shortest < 0 else longest
        raise InputError(
            f"a length of {bad} in a batch of {steps} steps",
            where="lengths",
            expected=f"whole numbers from 0 to {steps}",
        )
    return shortest, longest
