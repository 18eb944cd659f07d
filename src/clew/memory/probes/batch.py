"""What a probe is, and what it draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

if TYPE_CHECKING:
    from clew.memory.probes.shortcut import Shortcut


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences with a known truth.

    inputs: ids (T, B) or features (T, B, D), zeros beyond a length. lengths: (B,), steps. targets:
    (T, B), the right answer where one is asked: the number of a class, or a number. asked: (T, B),
    whether the step counts in the loss. scored: (T, B), whether it counts in the accuracy. at:
    (B,), the step of each sequence whose answer reaches furthest back, where memory is measured.
    """

    inputs: NDArray[Any]
    lengths: NDArray[np.int64]
    targets: NDArray[Any]
    asked: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    at: NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """Mean loss (nats an answer, or squared error), and the share of right answers."""

    loss: float
    accuracy: float | None = None


class Probe(Protocol):
    """A generator of sequences, with what is known of them; frozen, its settings are its fields."""

    @property
    def name(self) -> str:
        """Short, of small letters: "adding"."""
        ...

    @property
    def title(self) -> str:
        """What is asked, in a sentence."""
        ...

    @property
    def span(self) -> str:
        """What `length` counts: "numbers", "blanks"."""
        ...

    @property
    def shortest(self) -> int:
        """The least `length` there is."""
        ...

    @property
    def words(self) -> Sequence[str] | None:
        """A name for each id that is read; None where features are read."""
        ...

    @property
    def neutral(self) -> int:
        """The id that says least."""
        ...

    @property
    def features(self) -> int:
        """D of the features that are read; 0 where ids are read."""
        ...

    @property
    def answers(self) -> Sequence[str] | None:
        """A name for each class; None where a number is asked."""
        ...

    def draw(self, count: int, length: int, seed: int = 0) -> Batch:
        """So many sequences: a pure function of its arguments.

        Raises InputError for a count below 1, or a length that cannot be.
        """
        ...

    def chance(self, length: int) -> Score:
        """The best score of who does not know the sequence."""
        ...

    def shortcut(self, length: int) -> Shortcut | None:
        """How far one comes without what is asked for; None: no further than by chance."""
        ...

    def horizon(self, length: int) -> int | None:
        """How many elements before the step `Batch.at` its answer depends on; None: it varies."""
        ...


def check_draw(probe: Probe, count: int, length: int, seed: int) -> np.random.Generator:
    """The generator to draw from; InputError unless there can be such a draw."""
    check_whole("count", count, 1)
    check_length(probe, length)
    check_whole("seed", seed, 0)
    return np.random.default_rng(seed)


def check_length(probe: Probe, length: int) -> None:
    """InputError unless the probe has sequences of that length."""
    check_whole("length", length, probe.shortest, f" ({probe.span})")


def check_whole(
    name: str, value: object, least: int, of: str = "", *, most: int | None = None
) -> None:
    """InputError unless the setting is a whole number from `least` to `most`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        upto = "" if most is None else f" to {most}"
        raise InputError(
            f"{name} is {value!r}", where=name, expected=f"a whole number from {least}{upto}{of}"
        )


def at_the_end(inputs: NDArray[Any], lengths: NDArray[np.int64], answers: NDArray[Any]) -> Batch:
    """A batch in which each sequence (T, B) is asked once, at its last step."""
    steps, count = inputs.shape[:2]
    asked = np.zeros((steps, count), np.bool_)
    asked[lengths - 1, np.arange(count)] = True
    targets = np.zeros((steps, count), answers.dtype)
    targets[lengths - 1, np.arange(count)] = answers
    return Batch(inputs, lengths, targets, asked, asked, lengths - 1)
