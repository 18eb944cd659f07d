"""The runs, one after the other, each in a process of its own; finished ones are kept."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import clew
from clew.errors import InputError
from clew.kernels.turns import load
from clew.memory.compare.comparison import Comparison, Row
from clew.memory.compare.contest import FIGURES, PROBE, Baseline, Figure
from clew.memory.compare.entrants import Entrant, entrants
from clew.memory.compare.kept import whole
from clew.memory.compare.plan import Plan
from clew.train.lock import lock_folder

Tell = Callable[[str], None]

SMALLER = "a smaller --budget, or --set batch_size=8"


def compare(
    plan: Plan, *, out: str | Path | None = None, apart: bool = True, tell: Tell | None = None
) -> Comparison:
    """Train every rival with every seed and measure it.

    out: a folder where finished runs are kept and, the next time, not run again. apart: each run in
    a process of its own, so that its peak memory is its own; else that is unknown. tell: is told of
    each run. Raises InputError for what cannot be compared, and for a folder of another comparison.
    """
    say = tell or (lambda text: None)
    if busy := load():  # now: later its own runs are what keeps the machine busy
        say(busy)
    with ExitStack() as stack:
        if out is None:
            out = stack.enter_context(tempfile.TemporaryDirectory(prefix="clew-"))
        runs = stack.enter_context(_begun(plan, Path(out), apart))
        say("sizes for one budget, and the baseline")
        surveyed = runs.job({"kind": "survey", "rivals": plan.rivals}, _survey_name(plan))
        sizes = surveyed["sizes"]
        trials = {name: _tried(plan, runs, name, sizes[name], say) for name in sizes}
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in sizes}
        figure: Figure | None = None
        total, done = plan.seeds * len(sizes), 0
        for seed in range(plan.seeds):
            for name, (hidden, feedforward, _) in sizes.items():
                done += 1
                job = {"kind": "run", "name": name, "size": [hidden, feedforward], "seed": seed}
                job.update(rate=next(iter(trials[name]), None), busy=busy)
                known = runs.kept(f"{name}-{seed}")
                one = runs.job(job, f"{name}-{seed}")
                figure = _figure(plan, one["figure"])
                found[name].append(one)
                again = ", as it was kept" if known else ""
                say(
                    f"{done}/{total}  {name}, seed {seed}: {figure.title} "
                    f"{figure.shown(one['score'])}, {one['seconds']:.1f} s{again}"
                )
    assert figure is not None
    field = {one.name: one for one in _field(plan, list(sizes))}
    baseline = surveyed["baseline"]
    return Comparison(
        task=plan.task,
        source=" ".join(plan.data),
        figure=figure,
        budget=surveyed["budget"],
        seeds=plan.seeds,
        baseline=None if baseline is None else Baseline(**baseline),
        rows=tuple(
            Row(field[name], hidden, count, tuple(found[name]), trials[name])
            for name, (hidden, _, count) in sizes.items()
        ),
    )


def _tried(
    plan: Plan, runs: _Runs, name: str, size: list[Any], say: Tell
) -> dict[float, float | None]:
    """By learning rate, the best first, what a run with it scored; None where it came apart."""
    found: dict[float, float | None] = {}
    figure: Figure | None = None
    for rate in plan.rates:
        job = {"kind": "trial", "name": name, "size": size[:2], "rate": rate}
        known = runs.kept(f"{name}-rate-{rate!r}")
        one = runs.job(job, f"{name}-rate-{rate!r}")
        found[rate] = one["score"]
        shown = "it came apart"
        if one["score"] is not None:
            figure = _figure(plan, one["figure"])
            shown = f"{figure.title} {figure.shown(one['score'])}"
        say(f"{name}, learning rate {rate:g}: {shown}" + ", as it was kept" * known)
    if not found:
        return found
    if figure is None:
        raise InputError(
            f"{name} came apart with every learning rate", where="rates", hint="smaller ones"
        )
    sign = 1 if figure.less else -1
    return dict(sorted(found.items(), key=lambda one: _worst_last(one[1], sign)))


def _worst_last(score: float | None, sign: int) -> float:
    return math.inf if score is None else sign * score


def _figure(plan: Plan, key: str) -> Figure:
    figures = PROBE if plan.task == "probe" else FIGURES[plan.task]
    return next(figure for figure in figures if figure.key == key)


def _field(plan: Plan, names: list[str]) -> list[Entrant]:
    return entrants(names, both=True, window=plan.window, context=plan.context)


def _survey_name(plan: Plan) -> str:
    return "survey" if plan.rivals is None else "survey-" + "-".join(plan.rivals)


@contextmanager
def _begun(plan: Plan, folder: Path, apart: bool) -> Iterator[_Runs]:
    """The runs of this plan in a folder that nobody else writes into meanwhile."""
    if folder.exists() and not folder.is_dir():
        raise InputError("not a folder", where=str(folder), hint="name a new folder")
    with lock_folder(folder):
        yield _Runs(plan, folder, apart)


class _Runs:
    """The folder of a comparison: plan.json, and a file for each job that is done."""

    def __init__(self, plan: Plan, folder: Path, apart: bool) -> None:
        self.plan, self.folder, self.apart = plan, folder, apart
        self._contest: Any = None
        place, mark = folder / "plan.json", plan.mark()
        if place.exists():
            if self._read(place).get("mark") == mark:
                return
            self._emptied()
        elif self._visible():
            raise InputError(
                "the folder is not empty", where=str(folder), hint="choose another folder"
            )
        place.write_text(
            json.dumps({"mark": mark, "plan": plan.to_dict()}, indent=1), encoding="utf-8"
        )

    def _visible(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if not path.name.startswith(".")]

    def _emptied(self) -> None:
        """Makes room where another comparison has begun and nothing was learnt yet."""
        place = self.folder / "plan.json"
        begun = [path for path in self._visible() if path != place]
        own = "mark" in self._read(place) and "plan" in self._read(place)
        if not own or any(not path.name.startswith("survey") for path in begun):
            raise InputError(
                "the folder holds another comparison: other data, settings, budget, rates or "
                "times, or of another version",
                where=str(self.folder),
                hint="choose another folder",
            )
        for path in begun:
            path.unlink()

    def _read(self, place: Path) -> Any:
        try:
            found = json.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"this cannot be read: {error}", where=str(place), hint="remove this file"
            ) from error
        if not isinstance(found, dict):
            raise InputError("no JSON object", where=str(place), hint="remove this file")
        return found

    def kept(self, name: str) -> bool:
        """Whether this job was done before."""
        return (self.folder / f"{name}.json").exists()

    def job(self, job: dict[str, Any], name: str) -> Any:
        """What a job comes to; InputError where it cannot be done."""
        place = self.folder / f"{name}.json"
        if not place.exists():
            told = {**job, "plan": self.plan.to_dict(), "out": str(place)}
            if self.apart:
                self._alone(told, place)
            else:
                self._here(told, place)
        found = self._read(place)
        if isinstance(error := found.get("error"), dict):
            place.unlink()  # what is wrong may be put right
            raise InputError(**error)
        result = found.get("result")
        if not isinstance(result, dict) or not whole(job["kind"], result):
            raise InputError(
                f"this is not what a {job['kind']} writes",
                where=str(place), expected="all that it measured", hint="remove this file",
            )  # fmt: skip
        return result

    def _alone(self, job: dict[str, Any], place: Path) -> None:
        home = str(Path(clew.__file__).parent.parent)
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-m", "clew.memory.compare.child"],
            input=json.dumps(job), text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        if done.returncode != 0 or not place.exists():
            if done.returncode < 0:
                raise InputError(
                    f"a run was ended by signal {-done.returncode}",
                    where=job.get("name", job["kind"]),
                    hint=f"too little memory, perhaps: {SMALLER}",
                )
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            who = job.get("name", job["kind"])
            if "memory" in last.lower():
                raise InputError(f"a run had too little memory: {last}", where=who, hint=SMALLER)
            raise RuntimeError(f"{who}: {last}")

    def _here(self, job: dict[str, Any], place: Path) -> None:
        from clew.memory.compare.child import contest_of, work

        if self._contest is None:
            self._contest = contest_of(self.plan)
        found = work(job, self._contest)
        if "result" in found and job["kind"] == "run":
            found["result"]["peak_mib"] = None
        place.write_text(json.dumps(found), encoding="utf-8")
