"""Gradients while a network learns, by lag and by layer: vanishing is seen as it happens."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory import _record
from clew.memory._probe import Probe
from clew.memory._record import Record, Row
from clew.memory.decay import Decay, decay
from clew.memory.report_files import pictures
from clew.memory.watched import GradientsWatched, in_words
from clew.train import History, Info, Problem, Progress, Reporter, Silent

FILE, PICTURE = "gradients.json", "gradients.png"
REACH = 128
_TRIED = 3  # looks at which the loss may ask nothing of the layer
_LOOKS = 100  # in a run, about; of one that proves longer, some more
_OFTEN = 16  # steps between two looks at most, before the run has proved long


class WatchGradients:
    """A listener for `fit(..., report=WatchGradients())` that notes gradients, and tells of them.

    report: the listener that everything else is passed on to. folder: where gradients.json (at
    every checkpoint, whole or not at all) and gradients.png (at the end) are written; that of the
    model, usually. every: steps between two looks; by default a look at the first step, and then
    often enough for some hundred of them. reach: lags at most.

    At every step the lengths of the gradient, by layer, and of what is clipped are noted. A look
    also sends one batch, always the same, through the network and measures the norm of
    d loss_t/dx_{t-tau} by lag tau; it takes about as long as a step. Weights end bit for bit as
    they would without; only a run with a time limit makes fewer steps. `found()` is what there is
    so far.

    Raises InputError for settings that mean nothing, and where the folder cannot be written.
    """

    def __init__(
        self,
        report: Reporter | None = None,
        *,
        folder: str | Path | None = None,
        every: int | None = None,
        reach: int = REACH,
    ) -> None:
        for name, value in (("every", every), ("reach", reach)):
            if value is not None and (type(value) is not int or value < 1):
                raise InputError(
                    f"{name} is {value!r}", where=name, expected="a whole number from 1"
                )
        self.report: Reporter = Silent() if report is None else report
        self.folder = None if folder is None else Path(folder)
        self.every, self.reach = every, reach
        self._record: Record | None = None
        self._problem: Problem | None = None
        self._probe: Probe | None = None
        self._groups: list[tuple[str, list[nn.Parameter]]] = []
        self._waiting: list[tuple[int, Tensor, Tensor]] = []  # looked at seldom: a GPU has to stop
        self._lately: deque[Decay] = deque(maxlen=3)
        self._told: Decay | None = None

    def found(self) -> GradientsWatched:
        """What was noted so far; InputError before there is anything."""
        if self._record is None or not self._record.rows:
            raise InputError("nothing was watched yet", expected="a fit with this as its report")
        return GradientsWatched(self._record)

    # What the loop tells

    def watch(self, problem: Problem) -> None:
        """Take the network that will be trained."""
        self._problem = problem
        self._groups = by_layer(problem.network)
        self._waiting, self._told = [], None
        self._lately.clear()

    def start(self, info: Info) -> None:
        """Begin, or go on with what the folder holds of the run."""
        if self._problem is None:  # of a run that is not watched, such as a yardstick's
            self.report.start(info)
            return
        names = tuple(name for name, _ in self._groups)
        record = self._known(info.step, names) if info.step else None
        if record is None:
            often = max(1, min(_OFTEN, info.steps // _LOOKS))
            record = Record(self.every or often, layers=names, step=info.step, unseen=info.step)
        way: Any = record.way
        self._probe = Probe(self._problem, self.reach, way)
        self._record = record
        self.report.start(info)

    def _known(self, step: int, names: tuple[str, ...]) -> Record | None:
        """The record of the steps before this one, where the folder has it."""
        if self.folder is None or not (self.folder / FILE).is_file():
            return None
        record = _record.read(self.folder / FILE)
        if record.layers != names:
            raise InputError(
                "the gradients are of another network", where=str(self.folder / FILE),
                hint="remove the file to watch from here on",
            )  # fmt: skip
        if record.step > step:  # of a later step than the checkpoint's
            record.rows = [row for row in record.rows if row.step <= step]
            record.since = Row()
            record.step = record.rows[-1].step if record.rows else 0
        record.unseen += step - record.step
        record.step = step
        return record

    def gradient(self, step: int, norm: Tensor, clip: float | None) -> None:
        """Note a step; look where one is due."""
        record = self._record
        assert record is not None
        record.clip, record.step = clip, step
        self._waiting.append((step, norm.detach(), self._by_layer(norm)))
        if not record.due(step):
            return
        self._settle()
        assert self._probe is not None
        norms = self._probe.look(decide=len(record.rows) >= _TRIED)
        if norms is not None:
            record.way, record.measured = self._probe.way, self._probe.words()
        record.close(None if norms is None else norms.tolist())
        if norms is not None:
            self._tell(step, norms)

    def _by_layer(self, like: Tensor) -> Tensor:
        """(layers,) the lengths of their gradients."""
        grads = [[p.grad for p in group if p.grad is not None] for _, group in self._groups]
        sizes = [
            torch.linalg.vector_norm(torch.stack(torch._foreach_norm(of))) if of
            else torch.zeros_like(like)
            for of in grads
        ]  # fmt: skip
        return torch.stack([size.to(like.device, like.dtype) for size in sizes])

    def _settle(self) -> None:
        """Add up what waits."""
        record = self._record
        if record is None or not self._waiting:
            return
        norms = torch.stack([norm for _, norm, _ in self._waiting]).double().tolist()
        layers = torch.stack([sizes for _, _, sizes in self._waiting]).double().tolist()
        clip = record.clip
        for (step, _, _), norm, sizes in zip(self._waiting, norms, layers, strict=True):
            factor = clip / norm if clip is not None and norm > clip else 0.0
            record.since += Row(step, 1, norm, norm, int(factor > 0), factor, tuple(sizes))
        self._waiting = []

    def _tell(self, step: int, norms: Any) -> None:
        """A line where gradients begin to vanish or explode, or do so at another rate."""
        now = decay(np.arange(len(norms)), norms)
        self._lately.append(now)
        if self._told is None:
            if now.kind not in ("vanishes", "explodes", "falls"):
                return
        elif len(self._lately) < 3 or not all(_other(self._told, one) for one in self._lately):
            return
        self._told = now
        self.report.message(f"step {step:,}: {in_words(norms, now)}")

    def step(self, info: Progress) -> None:
        """Passed on."""
        self.report.step(info)

    def evaluated(self, row: dict[str, Any]) -> None:
        """Passed on."""
        self.report.evaluated(row)

    def message(self, text: str) -> None:
        """Passed on."""
        self.report.message(text)

    def saved(self) -> None:
        """Write what there is: the run may go on from here."""
        self._settle()
        if self.folder is not None and self._record is not None:
            self._record.write(self.folder / FILE)

    def done(self, history: History) -> None:
        """Write everything, and say what came of it."""
        watched, self._problem = self._problem is not None, None
        if watched:
            self.saved()
        self.report.done(history)
        if not watched or self._record is None or not self._record.rows:
            return
        found = self.found()
        if self.folder is not None:
            picture(found, self.folder / PICTURE)
        for line in found.words():
            self.report.message(line)
        if self.folder is not None:
            self.report.message(f"gradients: {self.folder / FILE}, drawn in {PICTURE}")

    def close(self) -> None:
        """Passed on to a listener that holds the terminal."""
        close = getattr(self.report, "close", None)
        if close is not None:
            close()


def read_gradients(path: str | Path) -> GradientsWatched:
    """What was noted of a fit: of its folder, or its gradients.json. Raises InputError."""
    place = Path(path)
    record = _record.read(place / FILE if place.is_dir() else place)
    if not record.rows:
        raise InputError("nothing was noted yet", where=str(path))
    return GradientsWatched(record)


def picture(found: GradientsWatched, path: Path) -> None:
    """Draw what was noted, PNG; whole or not at all. Raises InputError."""
    [dots] = pictures(found, "png")
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(dots)
        beside.replace(path)
    except OSError as error:
        raise InputError(
            f"the picture cannot be written: {error.strerror}", where=str(path)
        ) from error


def by_layer(network: nn.Module) -> list[tuple[str, list[nn.Parameter]]]:
    """The parameters that learn, by the module whose own they are; layers of one module apart.

    Those of the network itself go by their own names.
    """
    groups: dict[str, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        owner, _, own = name.rpartition(".")
        module = network.get_submodule(owner)
        if isinstance(module, nn.RNNBase) and module.num_layers * (1 + module.bidirectional) > 1:
            owner = f"{owner}.{own[own.index('_l') + 1 :]}".lstrip(".") if "_l" in own else owner
        groups.setdefault(owner or own, []).append(parameter)
    return list(groups.items())


def _other(told: Decay, now: Decay) -> bool:
    """Whether it is so different from what was told that it is told anew."""
    if told.kind != now.kind:
        return True
    return now.kind in ("vanishes", "explodes") and not 0.5 <= now.steps / told.steps <= 2.0
