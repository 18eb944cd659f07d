"""What the networks compete at: data with a held-out part, one figure, and what learns."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from clew.errors import InputError
from clew.memory.compare.entrants import Entrant
from clew.memory.compare.plan import Plan
from clew.memory.compare.testing import tested
from clew.memory.subject import Subject
from clew.tasks import TASKS
from clew.train import Silent


@dataclass(frozen=True)
class Figure:
    """What is compared: its key, what it is called, whether less is better, and how it is shown."""

    key: str
    title: str
    less: bool
    percent: bool = False

    def shown(self, value: float) -> str:
        """As people write it."""
        return f"{100 * value:.1f} %" if self.percent else f"{value:.4g}"

    def better(self, one: float, other: float) -> bool:
        """Whether the one is better."""
        return one < other if self.less else one > other


@dataclass(frozen=True, eq=False)
class Learned:
    """A network after its run: what it is examined as, what it scored, how it went.

    rate: the learning rate. held_out: examples that a share was counted on, None where the score
    is no share of such. test, tested: the same of a test, where there is one. share: of a
    forecaster, how much of its network is in the forecasts; 0: they are naive. by_length: of a
    probe, its score at each length asked for.
    """

    subject: Subject
    figure: str
    score: float
    parameters: int
    seconds: float
    steps: int
    finished_by: str
    rate: float
    held_out: int | None = None
    test: float | None = None
    tested: int | None = None
    share: float | None = None
    by_length: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """What has no memory, or needs no network, with its scores: held out, and on a test.

    how, chance: of the shortcut of a probe, what it does, and what chance would score.
    """

    name: str
    score: float
    test: float | None = None
    how: str = ""
    chance: float | None = None


@dataclass(frozen=True)
class Size:
    """H of the cells, or units of the window or of the attention; units of its feedforward part."""

    hidden: int
    feedforward: int | None = None


class Contest(Protocol):
    """A task with its data, or a probe."""

    figures: tuple[Figure, ...]
    both: bool
    cells_only: bool
    smaller: str  # what makes its networks smaller

    def parameters(self, entrant: Entrant | None, size: Size | None) -> int:
        """Of a network of that kind and size; None: of the task's own."""
        ...

    def learn(self, entrant: Entrant, size: Size, seed: int, rate: float | None = None) -> Learned:
        """One run, with a learning rate of its own where one is given."""
        ...

    def baseline(self) -> Baseline | None:
        """The best of what a task measures itself by; None where there is nothing."""
        ...


class _Counted(Exception):  # noqa: N818 it is no error: the number is known, and the rest not needed
    def __init__(self, parameters: int) -> None:
        super().__init__(parameters)
        self.parameters = parameters


class _Counting(Silent):
    """A listener that leaves when it knows how many parameters there are."""

    def start(self, info: Any) -> None:
        """The network is made."""
        raise _Counted(info.parameters)


FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "classify": (Figure("accuracy", "accuracy", less=False, percent=True),),
    "tag": (
        Figure("f1", "F1 of spans", less=False, percent=True),
        Figure("accuracy", "accuracy", less=False, percent=True),
    ),
    "language": (Figure("bits_per_character", "bits a character", less=True),),
    "translate": (Figure("nats_per_piece", "nats a piece", less=True),),
    "forecast": (Figure("mase", "MASE", less=True), Figure("loss", "loss", less=True)),
    "transcribe": (Figure("wer", "words wrong", less=True, percent=True),),
    "compose": (
        Figure("nats_per_step", "nats a step", less=True),
        Figure("bits_per_token", "bits a token", less=True),
    ),
}

NO_COUNTS = ("translate", "transcribe")  # what these are measured by are networks themselves

PROBE = (
    Figure("accuracy", "accuracy", less=False, percent=True),
    Figure("loss", "squared error", less=True),
)


class TaskContest:
    """A task's estimator on data that are read once."""

    def __init__(self, plan: Plan) -> None:
        from clew.memory.compare.reading import read

        module, name = TASKS[plan.task]
        self.plan = plan
        self.kind = getattr(import_module(module), name)
        self.figures = FIGURES[plan.task]
        known = self.kind().get_params(deep=False)
        for setting in plan.settings:
            if setting not in known:
                raise InputError(
                    f"{name} has no setting {setting!r}", where="settings",
                    expected=", ".join(sorted(set(known))),
                )  # fmt: skip
        self.both = "bidirectional" in known
        ways = {"vocabulary_size": "fewer words: --set vocabulary_size=2000",
                "embedding_size": "shorter vectors: --set embedding_size=16"}  # fmt: skip
        self.smaller = "".join(f", or {way}" for name, way in ways.items() if name in known)
        # A decoder begins in the state of its encoder; a forecaster keeps states of all layers in
        # one tensor.
        deep = plan.settings.get("num_layers", 1) != 1
        self.cells_only = plan.task == "translate" or (plan.task == "forecast" and deep)
        self.material = read(plan, self._model())

    def _model(self, **changes: Any) -> Any:
        own: dict[str, Any] = {"baseline": False, **self.plan.settings}
        if self.plan.epochs is not None:
            own["epochs"] = self.plan.epochs
        if self.plan.time is not None:
            own["time"] = self.plan.time
        told = {**own, **changes}
        if self.plan.task == "language" and told.get("tie"):  # the embedding is the output layer
            told["embedding_size"] = told.get("hidden_size", self.kind().hidden_size)
        model = self.kind(**told)
        model._check()
        return model

    def _sized(self, entrant: Entrant, size: Size, **changes: Any) -> Any:
        ways = {"bidirectional": entrant.both_ways} if self.both else {}
        return self._model(cell=entrant.cell, hidden_size=size.hidden, **ways, **changes)

    def _fit(self, model: Any, report: Any) -> None:
        self.material.fit(model, self.material.held, report)

    def parameters(self, entrant: Entrant | None, size: Size | None) -> int:
        """Of a network of that kind and size; None: of the task's own."""
        try:
            if entrant is None or size is None:
                self._fit(self._model(), _Counting())
            else:
                with entrant.built(size.feedforward):
                    self._fit(self._sized(entrant, size), _Counting())
        except _Counted as found:
            return found.parameters
        raise AssertionError("a fit that did not begin")

    def learn(self, entrant: Entrant, size: Size, seed: int, rate: float | None = None) -> Learned:
        """One run, with a learning rate of its own where one is given."""
        from clew.memory.opening import opened  # with scikit-learn, for which no probe should wait

        changes = {} if rate is None else {"learning_rate": rate}
        model = self._sized(entrant, size, seed=seed, **changes)
        begun = time.monotonic()
        with entrant.built(size.feedforward):
            self._fit(model, Silent())
        seconds = time.monotonic() - begun
        history, score = model.history_, model.metrics_["score"]
        figure, value = self._score(score)
        test = self._tested(model)
        return Learned(
            opened(model, self.material.asked),
            figure.key,
            value,
            int(model.metrics_["parameters"]),
            seconds,
            int(history.steps),
            str(history.finished_by),
            float(model.learning_rate),
            _examples(score) if figure.percent else None,
            None if test is None else _finite(test.get(figure.key), figure),
            None if test is None or not figure.percent else test.get("examples"),
            model.data_.get("share_of_network"),
        )

    def _tested(self, model: Any) -> dict[str, Any] | None:
        if self.material.test is None:
            return None
        return tested(self.plan.task, model, self.material.test)

    def baseline(self) -> Baseline | None:
        """Of the task's own baselines the best; found by fits of the smallest network."""
        if self.plan.task in NO_COUNTS:
            return None
        model = self._small(self.material.held)
        figure, _ = self._score(model.metrics_["score"])
        scores = {name: float(part[figure.key]) for name, part in _baselines(model.metrics_)
                  if figure.key in part}  # fmt: skip
        if not scores:
            return None
        best = (min if figure.less else max)(scores, key=scores.__getitem__)
        return Baseline(best, scores[best], self._baseline_tested(model, best, figure))

    def _small(self, held: Any) -> Any:
        model = self._model(baseline=True, hidden_size=2, epochs=1, time=None)
        self.material.fit(model, held, Silent())
        return model

    def _baseline_tested(self, model: Any, name: str, figure: Figure) -> float | None:
        """The score of that baseline on the test: as if that were what is held out."""
        if self.material.test is None:
            return None
        if self.plan.task == "forecast":  # which judges its baselines on what it is judged on
            others = tested("forecast", model, self.material.test)["others"]
        else:
            others = dict(_baselines(self._small(self.material.test).metrics_))
        found = {_kind(other): part for other, part in others.items()}.get(_kind(name), {})
        score = float(found.get(figure.key, math.nan))
        return score if math.isfinite(score) else None

    def _score(self, score: Mapping[str, Any]) -> tuple[Figure, float]:
        for figure in self.figures:
            if score.get(figure.key) is not None:
                return figure, float(score[figure.key])
        raise InputError(
            "nothing is held out that could be scored", where="data", hint="give more data"
        )


def _kind(name: str) -> str:
    """The name of a baseline without its order: of 4-grams and AR(12), which data decide."""
    return name.partition("(")[0].lstrip("0123456789")


def _finite(score: Any, figure: Figure) -> float:
    if score is None or not math.isfinite(score):
        raise InputError(
            f"on the test the {figure.title} is {score}", where="test", expected="a number",
            hint="another test: what is scored must be there, and vary",
        )  # fmt: skip
    return float(score)


def _examples(score: Mapping[str, Any]) -> int | None:
    names = ("examples", "sentences", "recordings")
    return next((int(score[name]) for name in names if score.get(name) is not None), None)


def _baselines(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """All that a fit has measured its network by, by name."""
    one = metrics["baseline"]
    found = [(str(one["name"]), one)] if one else []
    return [*found, *(metrics.get("baselines") or {}).items()]
