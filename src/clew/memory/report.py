"""All instruments on one model: what it remembers, in words, on a page, and as files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import clew
from clew.errors import InputError
from clew.memory._asked import asked
from clew.memory._attribution import Asked, shortened
from clew.memory._reading import LARGEST, check_whole, find_unit
from clew.memory._room import LESS, enough_memory
from clew.memory._summary import summary
from clew.memory.attention import attends, attention
from clew.memory.coloured import coloured
from clew.memory.finding import Finding
from clew.memory.gates import Gates, gates
from clew.memory.horizon import REACH, Horizon, horizon
from clew.memory.html import page
from clew.memory.lags import FURTHEST, LAGS, gradient_by_lag
from clew.memory.linear import linear_of
from clew.memory.opening import loaded, opened
from clew.memory.probes.model import ProbeModel
from clew.memory.report_files import KINDS, check_free, pictures, write
from clew.memory.saliency import answer_number, saliency
from clew.memory.saliency_distance import saliency_by_distance
from clew.memory.states import opened_case, states
from clew.memory.subject import Case, Subject

INSTRUMENTS = ("horizon", "gradient", "gates", "linear", "saliency", "states")
CASES = 96
_ELEMENTS = 64  # of one case that saliency looks at, at least
_AVERAGED, _NEAR = 6, 32  # cases whose saliency is averaged, and how far back at least
_FAR, _UNKNOWN = 1024, 256  # how far back at most, and where the horizon is not known
_READ, _BEFORE = 192, 64  # elements read for saliency, and before the furthest looked at, at least
_TEXT, _TRIED = 400, 5  # elements shown of a text, and cases that one is chosen from, at most


@dataclass(frozen=True)
class Settings:
    """How a model is examined.

    instruments: which, of INSTRUMENTS. reach: elements before the step asked that count as all.
    lags: how far back gradients and linear memory are looked at. cases: steps that are asked, drawn
    by the seed. epsilon: loss that does not count, in its unit (None: 0.01 nats, else 1 %). unit:
    the one whose values are shown element by element, "2:37". text: what is looked at element by
    element, of models that read texts; sequence: else the number of the case drawn (None: one long
    enough, of five the one whose answer hangs on its past neither most nor least).
    """

    instruments: Sequence[str] = INSTRUMENTS
    reach: int = REACH
    lags: int = LAGS
    cases: int = CASES
    epsilon: float | None = None
    unit: str | None = None
    text: str | None = None
    sequence: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InputError for a value out of range."""
        for name in self.instruments:
            if name not in INSTRUMENTS:
                raise InputError(
                    f"there is no instrument {name!r}", where="instruments",
                    expected=", ".join(INSTRUMENTS),
                )  # fmt: skip
        if not self.instruments:
            raise InputError("no instrument is named", where="instruments")
        for name in ("reach", "lags", "cases", "sequence", "seed"):
            value = getattr(self, name)
            if value is not None or name != "sequence":
                most = FURTHEST if name == "lags" else LARGEST
                check_whole(name, value, int(name != "seed"), most)
        if self.epsilon is not None and not 0 < self.epsilon < float("inf"):
            raise InputError(
                f"epsilon is {self.epsilon!r}", where="epsilon", expected="a number above 0"
            )
        if self.text is not None and self.sequence is not None:
            raise InputError("a text and a sequence are given", where="text", hint="one of the two")
        for name, uses in (
            ("epsilon", ("horizon",)),
            ("unit", ("states",)),
            ("text", ("saliency", "states")),
            ("sequence", ("saliency", "states")),
        ):
            if getattr(self, name) is not None and not set(uses) & set(self.instruments):
                raise InputError(
                    f"none of the instruments asked for looks at {name}", where=name,
                    expected=f"{' or '.join(uses)} among the instruments",
                )  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What the instruments found about one model.

    title: the model in a few words. note: how it is asked, where that is not plain; "" else.
    findings: by name, in the order of the page. missing: what could not be measured, and why.
    seconds: that each instrument took. drawn: cases asked.
    """

    title: str
    note: str
    task: str
    settings: Settings
    drawn: int
    findings: Mapping[str, Finding]
    missing: Mapping[str, str]
    seconds: Mapping[str, float]

    def __getitem__(self, name: str) -> Any:
        """The finding of this name: "horizon", "gradient-by-lag", ...; InputError without one."""
        if name not in self.findings:
            raise InputError(
                f"there is no finding {name!r}" + (
                    f": {self.missing[name]}" if name in self.missing else ""
                ),
                where="report", expected=", ".join(self.findings),
            )  # fmt: skip
        return self.findings[name]

    def summary(self) -> list[str]:
        """What it remembers, the instruments joined, in a few sentences."""
        return summary(self.findings, self.missing)

    def words(self) -> list[str]:
        """The summary, then what each instrument found, under its title."""
        lines = [self.title, *([self.note] if self.note else []), "", *self.summary()]
        for finding in self.findings.values():
            lines += ["", f"{finding.title}:", *(f"  {line}" for line in finding.words())]
        for name, why in self.missing.items():
            lines += ["", f"{name}: not measured. {why}"]
        return lines

    def data(self) -> dict[str, Any]:
        """All of it as what JSON can hold."""
        return {
            "format": 1,
            "clew": clew.__version__,
            "model": self.title,
            "note": self.note,
            "task": self.task,
            "settings": {**vars(self.settings), "instruments": list(self.settings.instruments)},
            "cases": self.drawn,
            "summary": self.summary(),
            "findings": {
                name: {
                    "title": finding.title,
                    "words": finding.words(),
                    "method": finding.method,
                    "data": finding.data(),
                }
                for name, finding in self.findings.items()
            },
            "missing": dict(self.missing),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }

    def html(self) -> str:
        """One page that needs nothing else: words, pictures, and every number in tables."""
        return self._page({})

    def save(self, folder: str | Path) -> None:
        """report.html, report.json, and a picture (PNG, SVG) and JSON of each instrument.

        Whole or not at all; a report that is there already is replaced. Raises InputError where the
        folder holds something else, or cannot be written.
        """
        check_free(Path(folder))
        drawn = {name: pictures(finding, *KINDS) for name, finding in self.findings.items()}
        write(Path(folder), self._page(drawn), self.data(), self.findings, drawn)

    def _page(self, drawn: Mapping[str, Sequence[bytes]]) -> str:
        how = self.settings
        many = f"{self.drawn:,} step{'s' * (self.drawn != 1)}"
        asked = (
            f"The model was asked at {many} of the data (seed {how.seed}). All means what there is "
            f"from there, {how.reach:,} elements at most."
        )
        return page(
            self.title, self.note, asked, self.summary(), self.findings, self.missing, drawn
        )


def examine(
    model: Any,
    data: Any = None,
    *,
    settings: Settings | None = None,
    progress: Callable[[str], None] | None = None,
    **opening: Any,
) -> Report:
    """What a model remembers, by every instrument of `settings`.

    model, data, opening: as clew.memory.opening.opened takes them: an estimator, the folder of one,
    or a torch module that maps (x, state) to (y, state), with data to ask it about; or a Subject
    without data. progress: called with a few words before each instrument begins.

    An instrument that these data, or the memory of the machine, do not suffice for is left out, and
    the report says why. Raises InputError as `opened` does, for units and texts that the model does
    not know, and where no instrument could measure anything.
    """
    how = settings or Settings()
    tell = progress or (lambda text: None)
    tell("opening the model and the data")
    if isinstance(model, str | Path):
        model = loaded(model)
    subject: Subject
    with enough_memory("the data"):
        if _opened_already(model) and data is None and not opening:
            subject, model = model, getattr(model, "model", model)
        else:
            subject = opened(model, data, **opening)
        room = how.lags + max(16, how.lags // 4)  # as gradients by lag ask for
        cases = subject.cases(how.cases, max(how.reach, room), how.seed)
    if how.text is None:
        near, case = subject, _chosen(subject, cases, how.sequence)
    else:
        near, case = asked(model, subject, how.text)
    if how.unit is not None:
        find_unit(opened_case(near, case)[0], how.unit)
    found: dict[str, Finding] = {}
    missing: dict[str, str] = {}
    seconds: dict[str, float] = {}
    problem: InputError | None = None
    for name, says, measure in _steps(subject, cases, near, case, how, found):
        tell(says)
        begin = time.perf_counter()
        try:
            with enough_memory("it"):
                found[name] = measure()
        except InputError as error:  # of the data: settings were looked at before
            missing[name] = error.what[:1].upper() + error.what[1:] + "."
            missing[name] += f" Try {error.hint}." if error.hint == LESS else ""
            problem = problem or error
        seconds[name] = time.perf_counter() - begin
    if problem is not None and not found:
        raise problem
    note = getattr(subject, "note", "")
    return Report(subject.title, note, subject.task, how, len(cases), found, missing, seconds)


def _opened_already(model: Any) -> bool:
    """Whether it is a Subject; a model of a probe is one too, but has yet to be told of."""
    return hasattr(model, "cases") and hasattr(model, "reader") and type(model) is not ProbeModel


Step = tuple[str, str, Callable[[], Finding]]


def _steps(
    subject: Subject, cases: list[Case], near: Subject, case: Case, how: Settings,
    found: Mapping[str, Finding],
) -> list[Step]:  # fmt: skip
    """The name of each finding, what is said while it is made, and what makes it."""

    def known() -> Gates | None:
        gates = found.get("gates")
        return gates if isinstance(gates, Gates) else None

    def far(what: str, least: int) -> dict[str, int]:
        """How far saliency looks: further than the horizon, which is measured before it."""
        seen = found.get("horizon")
        most = min(how.reach, _UNKNOWN)
        if isinstance(seen, Horizon):
            most = min(seen.seen.at_most + max(seen.seen.at_most // 4, 8), _FAR)
        most = max(most, least)
        return {what: most, "read": max(_READ, most + _BEFORE)}

    named = any(near.names(case))
    units = None if how.unit is None or named else [how.unit]
    layer = how.unit.rpartition(":")[0] or None if how.unit and named else None
    every: dict[str, list[Step]] = {
        "horizon": [
            ("horizon", "how far back it looks: losses with less and less of the past",
             lambda: horizon(subject, cases, reach=how.reach, epsilon=how.epsilon, seed=how.seed)),
        ],
        "gradient": [
            ("gradient-by-lag", "gradients by lag",
             lambda: gradient_by_lag(subject, cases, lags=how.lags, seed=how.seed)),
        ],
        "gates": [
            ("gates", "gates: how long units hold on",
             lambda: gates(subject, cases, seed=how.seed)),
        ],
        "linear": [
            ("linear-memory", "linear memory: what can be read off the state",
             lambda: linear_of(
                 subject, cases, lags=how.lags, reach=how.reach, seed=how.seed)),
        ],
        "saliency": [
            ("saliency", "saliency: elements taken away one by one",
             lambda: saliency(near, case, **far("elements", _ELEMENTS))),
            ("saliency-by-distance", "saliency by distance",
             lambda: saliency_by_distance(subject, _spread(cases), **far("reach", _NEAR))),
        ],
        "states": [
            ("states", "what units hold",
             lambda: states(near, case, units=units, layer=layer, gates=known())),
        ],
    }  # fmt: skip
    if named:
        every["states"].append(
            ("coloured-text", "the text in the eyes of a unit",
             lambda: coloured(near, shortened(case, _TEXT), how.unit)),
        )  # fmt: skip
    if attends(subject):
        every["states"].append(
            ("attention", "where attention looks", lambda: attention(near, case))
        )
    return [step for name in INSTRUMENTS if name in how.instruments for step in every[name]]


def _chosen(subject: Subject, cases: Sequence[Case], number: int | None) -> Case:
    """The case that is looked at element by element: one that can show something."""
    if number is not None:
        if number > len(cases):
            raise InputError(
                f"there is no sequence {number}", where="sequence",
                expected=f"1 to {len(cases)}, the cases drawn",
            )  # fmt: skip
        return cases[number - 1]
    enough = [case for case in cases if case.at >= _ELEMENTS - 1]
    if not enough:
        return max(cases, key=lambda case: case.at)
    return _typical(subject, sorted(enough, key=lambda case: case.at)[:_TRIED])


def _typical(subject: Subject, cases: Sequence[Case]) -> Case:
    """The case in whose answer the past makes as much of a difference as it does in most."""
    changes = []
    try:
        for case in cases:
            whole, alone = (Asked(subject, one).answers() for one in (case, shortened(case, 1)))
            number = answer_number(subject, None, whole)
            changes.append(abs(float(whole[number] - alone[number])))
    except InputError:  # told by the instruments themselves
        return cases[0]
    return cases[int(np.argsort(changes, kind="stable")[len(cases) // 2])]


def _spread(cases: Sequence[Case]) -> list[Case]:
    """Some of the cases, evenly chosen."""
    every = -(-len(cases) // _AVERAGED)
    return list(cases[::every])
