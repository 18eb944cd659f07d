"""What is to be compared: one frozen description, which each run is given as JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clew import __version__
from clew.errors import InputError
from clew.tasks import TASKS
from clew.train.settings import parse_time

FORMAT = 3  # of what a run writes
OWN = ("cell", "bidirectional", "hidden_size", "seed", "baseline", "time", "epochs")


@dataclass(frozen=True)
class Plan:
    """A comparison. Raises InputError for what cannot be.

    task: as `clew fit` calls it, or "probe". data: files, or the name of a probe. validation: what
    is held out; None: a share of the data, the same for every run. test: a file that plays no part
    in any fit or choice, on which all are scored, too. columns: how the data are read. settings:
    hyperparameters that differ from the task's own, of all networks; of a probe its settings and
    those of Learning. rivals: their names; None: all that the task has. budget: parameters of each,
    all counted; None: those of the task's own network. seeds: how many runs of each. rates:
    learning rates of which each network is given the one that suits it best on what is held out, in
    a run of its own for each; none: all have the task's own, or that of `settings`. epochs, time:
    as the task takes them, of one run (of a probe epochs are 100 batches). window: elements that a
    window sees. context: elements that a Transformer attends to. lengths: of a probe, at which it
    is scored besides.
    """

    task: str
    data: tuple[str, ...]
    validation: str | None = None
    test: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    rivals: tuple[str, ...] | None = None
    budget: int | None = None
    seeds: int = 3
    rates: tuple[float, ...] = ()
    epochs: int | None = None
    time: float | None = None
    window: int = 8
    context: int = 64
    lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in (*TASKS, "probe"):
            raise InputError(
                f"there is no task {self.task!r}", where="task",
                expected=", ".join((*TASKS, "probe")),
            )  # fmt: skip
        for name in ("budget", "seeds", "epochs"):
            value = getattr(self, name)
            if value is None and name != "seeds":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(
                    f"{name} is {value!r}", where=name, expected="a whole number of 1 or more"
                )
        if self.lengths and self.task != "probe":
            raise InputError("lengths of a task", where="lengths", expected="a probe")
        if self.time is not None:
            object.__setattr__(self, "time", parse_time(self.time))
        if self.rates:
            _check_rates(self.rates, self.settings)
        for name in self.settings:
            if name in OWN:
                raise InputError(
                    f"{name} is not for you to set here", where="settings",
                    hint={"epochs": "--epochs", "time": "--time", "seed": "--seeds",
                          "hidden_size": "--budget"}.get(name, "it is what is compared"),
                )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Plan:
        """Back from JSON."""
        lists = {name: None if given[name] is None else tuple(given[name])
                 for name in ("data", "rivals", "rates", "lengths")}  # fmt: skip
        return cls(**{**given, **lists})

    def files(self) -> list[str]:
        """All that is read; of a probe nothing."""
        if self.task == "probe":
            return []
        return [*self.data, *filter(None, [self.validation, self.test])]

    def mark(self) -> str:
        """A sha-256 of all that changes what a run comes to: who else runs, and how often, do not.

        Files are known by name, size and time of their last change.
        """
        told = {**self.to_dict(), "version": __version__, "format": FORMAT}
        for name in ("rivals", "seeds"):
            del told[name]
        for name in self.files():
            if (path := Path(name)).exists():
                state = path.stat()
                told[f"file {name}"] = [state.st_size, state.st_mtime_ns]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _check_rates(rates: tuple[float, ...], settings: Mapping[str, Any]) -> None:
    """Raise InputError unless these can be tried."""
    for rate in rates:
        number = isinstance(rate, int | float) and not isinstance(rate, bool)
        if not number or not 0 < rate < math.inf:
            raise InputError(f"a rate is {rate!r}", where="rates", expected="numbers above 0")
    if len(set(rates)) < max(2, len(rates)):
        raise InputError(
            f"the rates are {', '.join(f'{rate:g}' for rate in rates)}", where="rates",
            expected="two or more that differ", hint="one alone: --set learning_rate=0.001",
        )  # fmt: skip
    if "learning_rate" in settings:
        raise InputError(
            "learning_rate and rates", where="settings", expected="one of them",
            hint="with --rates leave out --set learning_rate",
        )  # fmt: skip
