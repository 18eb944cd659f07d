"""What a model scores on data that played no part in its fit, in the figures of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from clew.errors import InputError


def tested(task: str, model: Any, test: Any) -> dict[str, Any]:
    """By figure what a fitted model scores on `test`, as `reading` gave it.

    examples: of those that a share was counted on. others: of a forecaster, by name the figures of
    the forecasts without a network. Raises InputError as the estimator does.
    """
    return _TESTS[task](model, test)


def _classify(model: Any, test: Any) -> dict[str, Any]:
    return {"accuracy": model.score(*test), "examples": len(test[1])}


def _tag(model: Any, test: Any) -> dict[str, Any]:
    return {**model.evaluate(*test), "examples": len(test[0])}


def _language(model: Any, test: Any) -> dict[str, Any]:
    return {"bits_per_character": model.evaluate(test).bits_per_character}


def _translate(model: Any, test: Any) -> dict[str, Any]:
    from clew.tasks._translate.data import check_pairs
    from clew.tasks._translate.problem import ListedPairs, PairProblem, Rows

    sides = model._sides
    pairs = check_pairs(*test, sides=sides)
    store = ListedPairs(sides.source.encode(pairs.sources), sides.target.encode(pairs.targets))
    ends = (sides.source.end, sides.target.end)
    rows = Rows(store, np.arange(len(pairs)), ends, int(model.max_length), pairs.first())
    problem = PairProblem(
        model.network_.eval(), rows, rows, batch_size=int(model.batch_size), epochs=1, seed=0
    )
    with torch.no_grad():
        return dict(problem.evaluate(full=True).figures)


def _forecast(model: Any, test: Any) -> dict[str, Any]:
    answers = model._answers(test, None, None, ahead=False)
    found = model.backtest(answers.panel, windows=_windows(model, answers.panel))
    own, *others = found.scores
    named = {found.names.get(name, name): dict(found.scores[name]) for name in others}
    return {**found.scores[own], "others": named}


def _windows(model: Any, panel: Any) -> int:
    """As many as lie behind what was learnt from, in every series that was; of others one."""
    from clew.tasks._forecast.kept import WINDOWS, learned

    ends, counts = learned(model), []
    for index in range(len(panel)):
        one = panel.series(index)
        if one.id in ends:
            times = np.atleast_1d(panel.times(index, 0, len(one.y)))
            counts.append(int((times >= ends[one.id]).sum()) // int(model.horizon))
    if counts and min(counts) < 1:
        raise InputError(
            "the test has too few steps after those that are learnt from", where="test",
            expected=f"the same series with {model.horizon} more steps or more, or other series",
        )  # fmt: skip
    return min(WINDOWS, *counts) if counts else 1


def _transcribe(model: Any, test: Any) -> dict[str, Any]:
    return {"wer": model.error_rates(test).wer, "examples": len(test)}


def _compose(model: Any, test: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.evaluate(test)
    return found


_TESTS: Mapping[str, Callable[[Any, Any], dict[str, Any]]] = {
    "classify": _classify,
    "tag": _tag,
    "language": _language,
    "translate": _translate,
    "forecast": _forecast,
    "transcribe": _transcribe,
    "compose": _compose,
}
