"""What a forecaster keeps beside its weights, how it is read back, and its figures."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks import _estimator as shared
from clew.tasks._folder import MODEL, Contents
from clew.tasks._forecast.answers import Answers
from clew.tasks._forecast.backtest import MODEL as OWN
from clew.tasks._forecast.backtest import judge
from clew.tasks._forecast.fit import Prepared, learned_levels
from clew.tasks._forecast.histories import LARGEST, Facts, facts_from
from clew.tasks._forecast.net import ForecastNetwork
from clew.tasks._forecast.scaling import INPUTS, followed
from clew.tasks._forecast.telling import coverage, losses, verdict

NOTE = (
    "The weights, the moment to stop and the width of intervals were chosen on these steps. For "
    "figures on some that chose nothing: backtest(data, windows=...), or clew fit forecast "
    "--windows NUMBER."
)
SEQUENCES = ("quantiles", "past", "future", "calendar")
SCORED = 100  # series whose held-out end is scored, at most
STEPS = 200_000  # of all these, at most: an autoregression is fitted to each
WINDOWS = 64  # windows of each, at most
NOTES = 5  # told of what was scored, at most


def network(model: Any) -> dict[str, Any]:
    """What config.json says of the network beyond the settings."""
    ends = model.network_.ends
    return {
        "facts": model._facts.to_json(), "names": len(ends.ids), "series": len(ends.starts),
        "width": len(ends.recent), "states": len(ends.states),
    }  # fmt: skip


def restored(kind: Any, contents: Contents) -> tuple[Any, Facts, tuple[int, ...]]:
    """An unfitted estimator, the facts, and the sizes of Ends; raises InputError for lies."""
    given = dict(contents.parameters)
    lists = {}
    for name in SEQUENCES:
        value = given.get(name)
        if isinstance(value, list):
            if not all(isinstance(part, str | int | float) for part in value):
                raise contents.bad(f"parameter {name!r} is not a list of plain values")
            lists[name] = tuple(given.pop(name))
    rest = dataclasses.replace(contents, config={**contents.config, "parameters": given})
    model = shared.restore(kind, rest)
    model.set_params(**lists)
    try:
        model._check()
        facts = facts_from(contents.network["facts"])
        learned = learned_levels(model.quantiles)
    except InputError as error:
        raise contents.bad(error.what, expected=error.expected) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise contents.bad(f"the facts of the data cannot be read ({error})"[:200]) from error
    if len(facts.usual) != len(learned):
        raise contents.bad("the facts of the data are of other quantiles")
    if (len(facts.past), len(facts.future)) != (len(model.past), len(model.future)):
        raise contents.bad("the facts of the data are of other columns")
    counts = ("hidden_size", "members", "num_layers", "horizon")
    contents.check_plausible(model, ("hidden_size", "horizon"), ("num_layers", "members"))
    sizes = []
    most = sum(int(np.prod(entry.shape)) for entry in contents.entries.values())
    for name in ("names", "series", "width", "states"):
        value = contents.network.get(name)
        if type(value) is not int or not 0 <= value <= most:
            raise contents.bad(f"{name!r} is missing, or more than {MODEL} could hold")
        sizes.append(value)
    hidden, members, layers, _ = (int(getattr(model, name)) for name in counts)
    states = members * layers * (2 if model.cell == "lstm" else 1)
    if sizes[3] != states or sizes[2] != facts.scaling.width:
        raise contents.bad("the states kept are not those of such a network")
    names, series, width, states = sizes
    return model, facts, (names, series, width, members, hidden + INPUTS, states, hidden)


def check_ends(model: Any, contents: Contents) -> None:
    """Raise InputError unless what is kept of the series can be gone on from."""
    network: ForecastNetwork = model.network_
    ends: Any = network.ends
    try:
        ends.names  # noqa: B018
    except (ValueError, RecursionError) as error:
        raise contents.bad(str(error)[:200], name=MODEL) from error
    facts: Facts = model._facts
    scaling = facts.scaling
    if scaling.line:
        with np.errstate(all="ignore"):
            parts = followed(scaling.line, scaling.base == "ari", scaling.season, network.horizon)
        if not all((np.abs(part) < LARGEST).all() for part in parts):
            raise contents.bad("the autoregression kept grows beyond all bounds")
    try:
        facts.stamp.check(facts.kind)
    except InputError as error:
        raise contents.bad(error.what) from error
    lengths = ends.lengths.numpy()
    if (lengths < 1).any() or (ends.sums.numpy() < 0).any(axis=1)[[0, 2, 3, 4]].any():
        raise contents.bad("the series kept have impossible lengths or sums", name=MODEL)
    if float(network.spread.min()) <= 0 or float(network.factor.min()) <= 0:
        raise contents.bad("the spread or the factor is not above 0", name=MODEL)
    if not 0 <= float(network.linkage) < 1:
        raise contents.bad("the linkage is not from 0 to 1", name=MODEL)


def learned(model: Any) -> dict[str, int]:
    """By id the time after the last step of each series that was learned from."""
    ends, freq = model.network_.ends, model._facts.freq
    times = freq.times(ends.starts.numpy(), ends.lengths.numpy())
    return dict(zip(ends.names, np.atleast_1d(times).tolist(), strict=True))


@dataclass(frozen=True)
class Figures:
    """On what was held out: of the model, of the best baseline, of all, and what is to be said."""

    score: dict[str, Any]
    baseline: dict[str, Any] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


def judged(model: Any, prepared: Prepared, until: float | None = None) -> Figures:
    """How good a model is on what was held out, before it goes on to the ends of the series.

    Of many series some are scored, and no more are begun after `until`; `said` tells of both.
    """
    part, horizon = prepared.held, int(model.horizon)
    whole = np.flatnonzero(part.stop - part.start >= horizon)
    steps = int(part.stop[whole].sum())
    many = min(SCORED, len(whole), max(1, STEPS * len(whole) // max(steps, 1)))
    at = np.unique(np.linspace(0, len(whole) - 1, many).round().astype(int))
    chosen = whole[at] if len(whole) else whole
    if not len(chosen):
        return Figures({"loss": _best(model, "loss")})
    panel: Panel = prepared.judged.select(chosen.tolist())
    origins = []
    for series in chosen.tolist():
        start, stop = int(part.start[series]), int(part.stop[series])
        every = np.arange(stop - horizon, max(start, 1) - 1, -horizon)[:WINDOWS]
        origins.append(every[::-1].astype(np.int64))
    answers = Answers.of(model, panel, None, None, False)
    result = judge(
        panel, answers.at, origins, levels=learned_levels(model.quantiles), horizon=horizon,
        season=model.season_length_, baselines=bool(model.baseline), until=until,
    )  # fmt: skip
    found = result.scores
    notes = list(result.notes[:NOTES])
    if len(chosen) < len(whole) and len(result.series) == len(chosen):
        notes.append(f"Scored are {len(chosen):,} of {len(whole):,} series, evenly chosen.")
    own = {name: value for name, value in found[OWN].items() if np.isfinite(value)}
    others = {
        result.names.get(name, name): {
            figure: value for figure, value in row.items() if np.isfinite(value)
        }
        for name, row in found.items()
        if name != OWN
    }
    score = {**own, "loss": _best(model, "loss")}
    if not others:
        return Figures(score, said=[*coverage(result), *notes])
    best = min(others, key=lambda name: others[name].get("mase", np.inf))
    said = [*coverage(result), *verdict(result), *losses(result), *notes]
    return Figures(score, {"name": best, **others[best]}, others, said)


def described(model: Any, prepared: Prepared, share: float) -> dict[str, Any]:
    """What was learned from, and how: data_ of the estimator."""
    panel = prepared.panel
    return {
        "fingerprint": prepared.fingerprint,
        "series": len(panel),
        "steps": int(panel.lengths.sum()),
        "held_out": int((prepared.held.stop - prepared.held.start).sum()),
        "step": str(panel.freq),
        "season": model.season_length_,
        "base": model.base_,
        "logarithms": model.log_,
        "share_of_network": share,
    }


def _best(model: Any, figure: str) -> float:
    row = next(row for row in reversed(model.history_.rows) if row["best"])
    return float(row[figure])
