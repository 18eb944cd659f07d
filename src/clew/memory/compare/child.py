"""One run in a process of its own, so that its memory is its own: JSON in, a JSON file out."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from clew.errors import InputError
from clew.memory.compare.contest import Contest, Size, TaskContest
from clew.memory.compare.costs import peak_memory, step_costs
from clew.memory.compare.entrants import STREAM, Entrant, entrants
from clew.memory.compare.plan import Plan
from clew.memory.compare.sizes import sized
from clew.memory.horizon import CASES, horizon
from clew.train.tally import NotFiniteError

REACH = 256  # elements that count as all
TRIAL = 1_000_000  # the seed of the runs that choose a learning rate: none of those compared


def contest_of(plan: Plan) -> Contest:
    """The task with its data, or the probe."""
    if plan.task == "probe":
        from clew.memory.compare.probing import ProbeContest

        return ProbeContest(plan)
    return TaskContest(plan)


def survey(contest: Contest, plan: Plan) -> dict[str, Any]:
    """The budget, the size of each network, and what the baseline scores."""
    field = entrants(
        plan.rivals, both=contest.both, cells_only=contest.cells_only,
        window=plan.window, context=plan.context,
    )  # fmt: skip
    budget = contest.parameters(None, None) if plan.budget is None else plan.budget
    sizes = {}
    for entrant in field:
        size, count = sized(contest, entrant, budget)
        sizes[entrant.name] = [size.hidden, size.feedforward, count]
    baseline = contest.baseline()
    return {
        "budget": budget, "sizes": sizes,
        "baseline": None if baseline is None else dataclasses.asdict(baseline),
    }  # fmt: skip


def trial(contest: Contest, entrant: Entrant, size: Size, rate: float) -> dict[str, Any]:
    """What a network scores with a learning rate on what is held out; None: it came apart."""
    try:
        learned = contest.learn(entrant, size, TRIAL, rate)
    except InputError as error:
        if not isinstance(error.__cause__, NotFiniteError):
            raise
        return {"rate": rate, "score": None, "figure": None}
    score = learned.score if math.isfinite(learned.score) else None
    return {"rate": rate, "score": score, "figure": learned.figure}


def run(
    contest: Contest, entrant: Entrant, size: Size, seed: int, rate: float | None = None
) -> dict[str, Any]:
    """One network learns and is examined."""
    before = peak_memory()
    learned = contest.learn(entrant, size, seed, rate)
    if not math.isfinite(learned.score):
        raise InputError(
            f"{entrant.name}, seed {seed}: the score is {learned.score}",
            where="training", expected="a number", hint="--set learning_rate, a smaller one",
        )  # fmt: skip
    peak = peak_memory()
    subject = learned.subject
    rounds = step_costs(subject)
    costs = {name: statistics.median(each) for name, each in rounds.items()}
    found: dict[str, Any] = {
        "seed": seed,
        "score": learned.score,
        "figure": learned.figure,
        "parameters": learned.parameters,
        "seconds": round(learned.seconds, 3),
        "steps": learned.steps,
        "finished_by": learned.finished_by,
        "peak_mib": peak,
        "before_mib": before,
        "step_us": {name: cost for name, cost in costs.items() if name != STREAM},
        "stream_us": costs.get(STREAM),
        "rounds_us": rounds,
        "rate": learned.rate,
        "held_out": learned.held_out,
        "test": learned.test,
        "tested": learned.tested,
        "share": learned.share,
        "by_length": {str(length): score for length, score in learned.by_length.items()},
        "element": list(subject.element),
        "both_ways": subject.both_ways,
        "horizon": None,
    }
    try:
        seen = horizon(subject, subject.cases(CASES, REACH), reach=REACH, far=False)
        found["horizon"] = {
            "elements": seen.horizon, "low": seen.seen.at_least, "high": seen.seen.at_most,
            "open_ended": seen.open_ended, "reach": seen.reach,
        }  # fmt: skip
    except InputError as error:  # such as sequences of one element
        found["no_horizon"] = error.what
    return found


def work(job: dict[str, Any], contest: Contest | None = None) -> dict[str, Any]:
    """What a job comes to: {"result": ...}, or {"error": ...} of an InputError."""
    try:
        plan = Plan.read(job["plan"])
        contest = contest or contest_of(plan)
        if job["kind"] == "survey":
            return {"result": survey(contest, plan)}
        entrant = entrants(
            [job["name"]], both=contest.both, cells_only=contest.cells_only,
            window=plan.window, context=plan.context,
        )[0]  # fmt: skip
        size, rate = Size(*job["size"]), job.get("rate")
        if job["kind"] == "trial":
            return {"result": trial(contest, entrant, size, job["rate"])}
        found = run(contest, entrant, size, job["seed"], rate)
        return {"result": {**found, "busy": job.get("busy", "")}}
    except InputError as error:
        told = ("what", "where", "expected", "hint")
        return {"error": {name: getattr(error, name) for name in told}}


def main() -> None:
    """Read a job from standard input, and write what it comes to where it says."""
    job = json.load(sys.stdin)
    place = Path(job["out"])
    beside = place.with_suffix(f".{os.getpid()}.part")  # one whose parent died may still be at it
    beside.write_text(json.dumps(work(job)), encoding="utf-8")
    beside.replace(place)


if __name__ == "__main__":
    main()
