"""Lengths and resets, checked once and turned into what the loop through time asks at each step."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from clew.errors import InputError
from clew.kernels import simd


class Sequences:
    """What is to be read in one call: B sequences of T steps, their lengths and resets.

    Each kernel takes it in a form of its own, made when it is first asked for. ``look`` is False
    where the values of tensors may not be read.
    """

    def __init__(
        self,
        steps: int,
        batch: int,
        lengths: Tensor | None,
        reset: Tensor | None,
        look: bool = True,
    ) -> None:
        self.steps, self.batch, self.look = steps, batch, look
        self.lengths, self.reset = lengths, reset
        self._schedule: Schedule | None = None

    @cached_property
    def native(self) -> Any:
        """The form that the native kernels take; InputError for a length outside 0..T."""
        # Copies: backward may ask for the other form when the caller's tensors have changed.
        if self.lengths is not None:
            self.lengths = self.lengths.detach().to("cpu", torch.int64, copy=True).contiguous()
        if self.reset is not None:
            self.reset = self.reset.detach().to("cpu", copy=True).contiguous()
        at = [0 if given is None else given.data_ptr() for given in (self.lengths, self.reset)]
        return simd.checked(simd.native().Sequences, self.steps, self.batch, *at, where="lengths")

    def schedule(self, device: torch.device) -> Schedule:
        """The form that the formula takes; InputError for a length outside 0..T."""
        if self._schedule is None:
            self._schedule = plan(self.steps, self.lengths, self.reset, device, self.look)
        return self._schedule


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
