"""What a run tells while it goes on, and two listeners: one silent, one that prints lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TextIO, runtime_checkable

from torch import Tensor

from clew.train.history import History
from clew.train.problem import Problem


@dataclass(frozen=True)
class Info:
    """What is known when a run starts (or goes on: `step` is then more than 0)."""

    epochs: int
    steps: int
    step: int
    parameters: int
    unit: str
    device: str
    world: int
    time: float | None


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step.

    epoch: of `epochs`, counted from 1; step: of about `steps`, counted from 1.
    share: of the run that is behind (of its steps or of its time, whichever is more).
    loss: mean training loss since the last evaluation (None before any is known).
    figures: the last held-out figures. seconds_left: an estimate, None until there is one.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    share: float
    loss: float | None
    items_per_second: float
    seconds_left: float | None
    unit: str
    figures: dict[str, float]
    learning_rate: float


class Reporter(Protocol):
    """A listener. Only rank 0 of a distributed run calls it."""

    def start(self, info: Info) -> None:
        """The run starts or goes on."""
        ...

    def step(self, info: Progress) -> None:
        """A step is done."""
        ...

    def evaluated(self, row: dict[str, Any]) -> None:
        """A row was added to the history."""
        ...

    def message(self, text: str) -> None:
        """Something a person should read."""
        ...

    def done(self, history: History) -> None:
        """The run is finished, the best weights are back."""
        ...


@runtime_checkable
class Watcher(Reporter, Protocol):
    """A listener that looks at gradients too; it leaves them, weights and carried state alone.

    Random numbers it draws change nothing: they are seeded anew for every step.
    """

    def watch(self, problem: Problem) -> None:
        """This is what will be trained; called before `start`, the network on its device."""
        ...

    def gradient(self, step: int, norm: Tensor, clip: float | None) -> None:
        """The gradient of a step (from 1) is on the parameters, not clipped yet.

        norm: its length, a scalar; it is shortened to `clip` where it is longer.
        """
        ...

    def saved(self) -> None:
        """A checkpoint was written, from which the run may go on."""
        ...


class Silent:
    """Says nothing."""

    def start(self, info: Info) -> None:
        """Nothing."""

    def step(self, info: Progress) -> None:
        """Nothing."""

    def evaluated(self, row: dict[str, Any]) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def done(self, history: History) -> None:
        """Nothing."""


class Lines:
    """Plain lines for pipes and logs: every evaluation, and progress each `every` seconds."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        every: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._every = every
        self._clock = clock
        self._last = clock()

    def _print(self, text: str) -> None:
        # sys.stderr is looked up late: it may have been redirected since.
        print(text, file=self._stream if self._stream is not None else sys.stderr, flush=True)
        self._last = self._clock()

    def start(self, info: Info) -> None:
        """One line: size, length, device."""
        where = info.device if info.world == 1 else f"{info.world} x {info.device}"
        begun = f", from step {info.step}" if info.step else ""
        self._print(
            f"training {counted(info.parameters, 'parameter')} for {counted(info.epochs, 'epoch')} "
            f"({counted(info.steps, 'step')}) on {where}{begun}"
        )

    def step(self, info: Progress) -> None:
        """A line when `every` seconds have gone by without one."""
        if self._clock() - self._last < self._every:
            return
        loss = "" if info.loss is None else f"  loss {info.loss:.4f}"
        left = "" if info.seconds_left is None else f"  {duration(info.seconds_left)} left"
        self._print(
            f"epoch {info.epoch}/{info.epochs}  step {info.step:,}/{info.steps:,}{loss}"
            f"  {info.items_per_second:,.0f} {info.unit}/s{left}"
        )

    def evaluated(self, row: dict[str, Any]) -> None:
        """One line a row of the history."""
        head = f"epoch {row['epoch']:g}  step {row['step']:,}  {duration(row['seconds'])}"
        loss = "" if row["train_loss"] is None else f"  loss {row['train_loss']:.4f}"
        rest = "".join(
            f"  {name} {value:.4f}" for name, value in row.items() if name not in History.COLUMNS
        )
        best = "  (best so far)" if row["best"] else ""
        self._print(head + loss + rest + best)

    def message(self, text: str) -> None:
        """The text as it is."""
        self._print(text)

    def done(self, history: History) -> None:
        """One line: why it ended, how long it took, what was kept."""
        self._print(
            f"finished by {history.finished_by} after {counted(history.steps, 'step')} in "
            f"{duration(history.seconds)}; best at step {history.best_step:,}; "
            f"gradient clipped {counted(history.clipped, 'time')}"
        )


def counted(number: int, noun: str) -> str:
    """A number of things as people write it: 1 step, 2,000 steps."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """A length of time as people write it: 8.2s, 3m05s, 1h02m."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
