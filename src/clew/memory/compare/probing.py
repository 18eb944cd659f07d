"""A probe as what the networks compete at."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import torch

from clew.errors import InputError
from clew.memory.compare.contest import PROBE, Baseline, Figure, Learned, Size
from clew.memory.compare.entrants import Entrant
from clew.memory.compare.plan import Plan
from clew.memory.probes import PROBES, Learning, Probe, ProbeModel, learn, probe
from clew.memory.probes.batch import check_whole
from clew.memory.probes.network import ProbeNetwork
from clew.nn import Stack

LENGTH = 20  # of a probe that has a shorter one
OWN_SIZE = 32  # of the LSTM by whose parameters a budget is set where none is
LAYERS = "num_layers"
EVERY = 100  # batches of an epoch
JUDGED = 500  # new sequences that a network is scored on


class ProbeContest:
    """A probe, learnt from new sequences at every step and scored on others."""

    figures: tuple[Figure, ...] = PROBE
    both = False
    cells_only = False

    def __init__(self, plan: Plan) -> None:
        if len(plan.data) != 1:
            raise InputError(
                f"{len(plan.data)} probes", where="data", expected="one of " + ", ".join(PROBES)
            )
        for name in ("columns", "validation", "test"):
            if getattr(plan, name):
                raise InputError(f"{name} of a probe", where=name, hint="leave it out")
        name = plan.data[0]
        if name not in PROBES:
            probe(name)  # raises
        own = {field.name for field in dataclasses.fields(PROBES[name])}
        taught = {field.name for field in dataclasses.fields(Learning)}
        settings = dict(plan.settings)
        for key in settings:
            if key not in own | taught | {LAYERS}:
                raise InputError(
                    f"a probe has no setting {key!r}", where="settings",
                    expected=", ".join(sorted(own | taught | {LAYERS})),
                )  # fmt: skip
        fewer = sorted(own & {"keys", "letters", "symbols", "values"})
        self.smaller = "".join(f", or fewer {name}: --set {name}=4" for name in fewer)
        self.layers: int = settings.get(LAYERS, 1)
        check_whole(LAYERS, self.layers, 1)
        self.probe: Probe = probe(name, {k: v for k, v in settings.items() if k in own})
        chosen: dict[str, Any] = {k: v for k, v in settings.items() if k in taught and k not in own}
        if isinstance(chosen.get("length"), list):
            chosen["length"] = tuple(chosen["length"])
        chosen.setdefault("length", max(LENGTH, self.probe.shortest))
        if plan.epochs is not None:
            if "steps" in chosen:
                raise InputError("steps and epochs", where="settings", expected="one of them")
            chosen["steps"] = EVERY * plan.epochs
        if plan.time is not None:
            chosen["time"] = plan.time
        self.learning = Learning(**chosen)
        self.lengths = plan.lengths
        for length in self.lengths:
            self.probe.draw(1, length)  # refuses what cannot be
        longest = self.learning.length
        self.length = longest if isinstance(longest, int) else longest[1]

    def _reader(self, entrant: Entrant, size: Size) -> Any:
        def made(width: int) -> Stack:
            with entrant.built(size.feedforward):
                return Stack(
                    width, size.hidden, cell=entrant.cell,  # type: ignore[arg-type]
                    num_layers=self.layers,
                )  # fmt: skip

        return made

    def parameters(self, entrant: Entrant | None, size: Size | None) -> int:
        """Of a network of that kind and size; None: of an LSTM of 32."""
        if entrant is None or size is None:
            entrant, size = Entrant("lstm", False), Size(OWN_SIZE)
        with torch.random.fork_rng(devices=[]):
            network = ProbeNetwork(self.probe, self._reader(entrant, size))
        return sum(weights.numel() for weights in network.parameters())

    def learn(self, entrant: Entrant, size: Size, seed: int, rate: float | None = None) -> Learned:
        """One run, with a learning rate of its own where one is given."""
        rate = self.learning.learning_rate if rate is None else rate
        learning = dataclasses.replace(self.learning, seed=seed, learning_rate=rate)
        begun = time.monotonic()
        model: ProbeModel = learn(self.probe, learning, reader=self._reader(entrant, size))
        seconds = time.monotonic() - begun
        figure, value = self._figure(model.score(count=JUDGED, seed=seed))
        return Learned(
            model, figure.key, value, sum(p.numel() for p in model.network.parameters()),
            seconds, int(model.history["steps"]), str(model.history["finished_by"]),
            learning.learning_rate, JUDGED if figure.percent else None,
            by_length={n: self._figure(model.score(n, seed=seed))[1] for n in self.lengths},
        )  # fmt: skip

    def baseline(self) -> Baseline:
        """What who does not know the sequence scores, or who goes round what is asked: the best."""
        figure, chance = self._figure(self.probe.chance(self.length))
        if (known := self.probe.shortcut(self.length)) is not None:
            score = self._figure(known.score)[1]
            if figure.better(score, chance):
                return Baseline("shortcut", score, how=known.how, chance=chance)
        return Baseline("chance", chance)

    def _figure(self, score: Any) -> tuple[Figure, float]:
        if score.accuracy is not None:
            return self.figures[0], float(score.accuracy)
        return self.figures[1], float(score.loss)
