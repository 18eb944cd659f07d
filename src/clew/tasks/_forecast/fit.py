"""The fit of a forecaster: what is learned and what is held out, the network, what is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.data import calendar
from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks import _estimator as shared
from clew.tasks._forecast import starts
from clew.tasks._forecast.blocks import Blocks
from clew.tasks._forecast.decoding import standing
from clew.tasks._forecast.ends import Ends
from clew.tasks._forecast.histories import Facts, PanelHistories, usual_of
from clew.tasks._forecast.likelihoods import (
    LIKELIHOODS,
    Likelihood,
    NegativeBinomial,
    Quantiles,
    StudentT,
)
from clew.tasks._forecast.net import ForecastNetwork
from clew.tasks._forecast.problem import ForecastProblem, Part
from clew.tasks._forecast.scaling import BASES, INPUTS, Base, Scaling
from clew.tasks._forecast.seasons import season_of
from clew.tasks._work import evaluations
from clew.train import Reporter, TrainSettings, sync, train
from clew.train.history import History

Tell = Callable[[str], None]

NAIVE_SEASON = 1 << 16  # steps of a season, at most
STILL = 0.98  # of the best base's error: a simpler one that is as good is taken


@dataclass(frozen=True)
class Prepared:
    """What a fit learns from: series as they are read, and which steps of them for what.

    judged, held: the series whose steps are held out, and these. zeros: quantiles of naive errors.
    """

    panel: Panel
    facts: Facts
    learned: Part
    judged: Panel
    held: Part
    spread: NDArray[np.float64]
    fingerprint: str


def check_settings(model: Any) -> TrainSettings:
    """The loop's settings, once every constructor argument is known to be possible."""
    shared.check_sizes(model, ("horizon", "hidden_size", "num_layers", "members", "batch_size",
                              "window"))  # fmt: skip
    shared.check_shares(model, ("dropout", "recurrent_dropout", "zoneout", "held_out"))
    if model.season_length != "auto":
        shared.check_sizes(model, ("season_length",))
        if model.season_length > NAIVE_SEASON:
            raise InputError(
                f"season_length is {model.season_length}",
                where="season_length",
                expected=f"at most {NAIVE_SEASON} steps",
            )
    shared.check_choice(model, "decoding", ("direct", "recursive"))
    shared.check_choice(model, "likelihood", LIKELIHOODS)
    shared.check_choice(model, "base", ("auto", *BASES))
    shared.check_cell(model)
    shared.check_flags(model, ("layer_norm", "baseline"))
    if model.log != "auto":
        shared.check_flags(model, ("log",))
    if model.held_out == 0:
        raise InputError("held_out is 0", where="held_out", expected="more than 0, below 1")
    if model.likelihood == "negative-binomial" and model.log is True:
        raise InputError("log is True for counts", where="log", expected="False, or auto")
    check_levels(model.quantiles)
    for name in ("past", "future"):
        given = getattr(model, name)
        if isinstance(given, str) or not isinstance(given, list | tuple):
            raise InputError(f"{name} is {given!r}", where=name, expected="a tuple of columns")
        for column in given:
            if not isinstance(column, str | int) or isinstance(column, bool):
                raise InputError(f"{name} has {column!r}", where=name, expected="names of columns")
    if model.decoding == "recursive" and len(model.past):
        raise InputError(
            "recursive decoding reads its own steps ahead, where columns known only up to now "
            "are not there",
            where="past",
            expected='decoding="direct", or no such columns',
        )
    return shared.train_settings(model)


def check_levels(levels: Any) -> tuple[float, ...]:
    """Quantiles as probabilities in ascending order; raises InputError for anything else."""
    if isinstance(levels, str) or not isinstance(levels, list | tuple | np.ndarray):
        raise InputError(f"quantiles are {levels!r}", where="quantiles", expected="(0.1, 0.5, 0.9)")
    found = []
    for level in levels:
        number = isinstance(level, int | float | np.floating) and not isinstance(level, bool)
        if not number or not 0 < level < 1:
            raise InputError(
                f"{level!r} is no quantile", where="quantiles", expected="numbers between 0 and 1"
            )
        found.append(float(level))
    if not found or sorted(set(found)) != found:
        raise InputError(
            "quantiles are not in ascending order" if found else "there are no quantiles",
            where="quantiles",
            expected="one or more, each larger than the one before",
        )
    return tuple(found)


def learned_levels(levels: Any) -> tuple[float, ...]:
    """The quantiles that are learned: those asked for, and the median."""
    return tuple(sorted({*check_levels(levels), 0.5}))


def prepare(model: Any, panel: Panel, validation: Panel | None, tell: Tell) -> Prepared:
    """What to learn from, once base, logarithms and the measure of all columns are decided."""
    horizon = 1 if model.decoding == "recursive" else int(model.horizon)
    lengths = np.asarray(panel.lengths, dtype=np.int64)
    learned, judged, held = _parts(model, panel, validation)
    season = season_of(panel) if model.season_length == "auto" else int(model.season_length)
    named = calendar.chosen(model.calendar, panel.freq)
    looked = [
        (panel.series(series), max(0, int(learned.stop[series]) - starts.STEPS),
         int(learned.stop[series]))
        for series in starts.chosen(learned).tolist()
    ]  # fmt: skip
    first = Facts(
        Scaling(season, "mean"), panel.freq, panel.stamp, named,
        usual_of(np.concatenate([one.past[begin:stop] for one, begin, stop in looked])),
        usual_of(np.concatenate([one.future[begin:stop] for one, begin, stop in looked])),
        panel.past_names, panel.future_names, (), panel.columns, panel.kind,
    )  # fmt: skip
    seen = starts.sample(PanelHistories(panel, first), learned)
    check_values(model, seen)
    log = starts.grows(seen, season) if model.log == "auto" else bool(model.log)
    if model.likelihood == "negative-binomial":
        log = False
    scaling = Scaling(season, "mean", log)
    histories = PanelHistories(panel, dataclasses.replace(first, scaling=scaling))
    base: Base = model.base
    if model.base == "auto":
        found = starts.best_base(histories, BASES, scaling, learned, int(model.horizon))
        least = min(found.values())
        base = next((name for name in BASES if found[name] * STILL <= least), "last")
    scaling = starts.fit_line(histories, dataclasses.replace(scaling, base=base), learned)
    errors, scales = starts.naive_errors(histories, scaling, learned, horizon)
    spread, relative = starts.spread_of(errors, scales)
    levels = learned_levels(model.quantiles)
    known = relative[~np.isnan(relative)]
    usual = np.quantile(known, levels) if len(known) > 1 else np.zeros(len(levels))
    usual = usual - usual[levels.index(0.5)]
    facts = dataclasses.replace(first, scaling=scaling, usual=tuple(usual.tolist()))
    words = {"mean": "the mean so far", "last": "the last value", "season": "the season before",
             "trend": "the season before and its trend", "ar": "an autoregression about the mean",
             "ari": "an autoregression about the last season",
             "arc": "an autoregression with a constant"}  # fmt: skip
    order = f" of order {len(scaling.line) - 1}" if scaling.line else ""
    step = "" if panel.freq.numbered else f" of {panel.freq.named}"
    cycle = "no season" if season == 1 else f"season of {season}"
    tell(
        f"{len(panel)} series, {int(lengths.sum()):,} steps{step}, {cycle}; the network corrects "
        f"{words[scaling.base]}{order}{', of logarithms' if log else ''}"
    )
    mark = panel.fingerprint + ("" if validation is None else " " + validation.fingerprint)
    return Prepared(panel, facts, learned, judged, held, spread, mark)


def _parts(model: Any, panel: Panel, validation: Panel | None) -> tuple[Part, Panel, Part]:
    """Which steps are learned, and the series and their steps that are held out."""
    lengths = np.asarray(panel.lengths, dtype=np.int64)
    nothing = np.zeros_like(lengths)
    horizon = int(model.horizon)
    if validation is not None:
        begin = np.zeros(len(validation), dtype=np.int64)
        ends = {name: panel.times(i, int(lengths[i]), 1)[0] for i, name in enumerate(panel.ids)}
        for i, name in enumerate(validation.ids):
            if name in ends:
                step, _ = panel.freq.steps(validation.starts[i], ends[name])
                begin[i] = max(0, int(step))
        stop = np.maximum(np.asarray(validation.lengths, dtype=np.int64), begin)
        if not (stop > begin + 1).any():
            raise InputError(
                "no series of the validation goes on after what is learned from",
                where="validation",
                expected="the same series with more steps, or other series",
            )
        return Part(nothing, lengths), validation, Part(begin, stop)
    many = np.maximum(horizon, np.round(lengths * float(model.held_out)).astype(np.int64))
    many = np.where(lengths >= many + horizon, many, 0)
    if not many.any():
        longest = int(lengths.max(initial=0))
        raise InputError(
            f"the longest series has {longest} step" + "s" * (longest != 1),
            where="horizon",
            expected=f"{2 * horizon} or more: {horizon} to learn to look so far ahead, and "
            f"{horizon} held out",
            hint="a shorter horizon, or longer series",
        )
    cut = lengths - many
    return Part(nothing, cut), panel, Part(cut, np.where(many > 0, lengths, cut))


def check_values(model: Any, seen: list[NDArray[np.float64]]) -> None:
    """Raise InputError for values that the likelihood, or logarithms, have no use for."""
    if not any((~np.isnan(y)).any() for y in seen):
        raise InputError(
            "what is learned from has no values", where="y", expected="some that are not missing"
        )
    if model.likelihood != "negative-binomial":
        return
    for y in seen:
        there = y[~np.isnan(y)]
        if wrong := [v for v in there.tolist() if v < 0 or v != round(v)][:1]:
            raise InputError(
                f"{wrong[0]:g} is no count",
                where="likelihood",
                expected="whole numbers from 0 for a negative binomial",
                hint='likelihood="student-t" or "quantiles"',
            )


def build(model: Any, facts: Facts, longest: int | None) -> ForecastNetwork:
    """The network of an estimator's settings.

    longest: steps, for chrono initialisation; None where weights will be read from a file.
    """
    likelihood: Likelihood = StudentT()
    if model.likelihood == "quantiles":
        likelihood = Quantiles(learned_levels(model.quantiles), facts.usual)
    elif model.likelihood == "negative-binomial":
        likelihood = NegativeBinomial()
    init = model.init if longest is not None else "torch"
    return ForecastNetwork(
        INPUTS + facts.beside + facts.known, facts.known,
        1 if model.decoding == "recursive" else int(model.horizon), likelihood,
        members=int(model.members), hidden_size=int(model.hidden_size),
        num_layers=int(model.num_layers), cell=model.cell, dropout=float(model.dropout),
        layer_norm=bool(model.layer_norm), recurrent_dropout=float(model.recurrent_dropout),
        zoneout=model.zoneout, init=init,
        t_max=max(3, longest or 3) if init == "chrono" else None,
    )  # fmt: skip


def begin(model: Any, prepared: Prepared) -> ForecastNetwork:
    """A network that has learned nothing but how far naive forecasts are off."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(model.seed))
        network = build(model, prepared.facts, int(prepared.panel.lengths.max()))
    network.spread.copy_(torch.from_numpy(prepared.spread))
    return network


def learn(
    model: Any, network: ForecastNetwork, prepared: Prepared, settings: TrainSettings, *,
    out: Path | None, resume: bool, report: Reporter,
) -> tuple[History, ForecastProblem]:  # fmt: skip
    """Train the network; the best weights are in it afterwards."""
    facts, horizon = prepared.facts, network.horizon
    blocks = Blocks(PanelHistories(prepared.panel, facts), facts.scaling, horizon)
    apart = blocks
    if prepared.judged is not prepared.panel:
        apart = Blocks(PanelHistories(prepared.judged, facts), facts.scaling, horizon)
    problem = ForecastProblem(
        network, blocks, prepared.learned, apart, prepared.held,
        batch_size=int(model.batch_size), window=int(model.window), seed=settings.seed,
    )  # fmt: skip
    look = evaluations(len(problem.plan(0, sync.rank(), sync.world())))
    own = {field.name for field in dataclasses.fields(TrainSettings)}
    chosen = {k: v for k, v in model.get_params(deep=False).items() if k not in own}
    history = train(
        problem, dataclasses.replace(settings, evaluate_every=look), out=out, resume=resume,
        fingerprint={"data": prepared.fingerprint, **shared.plain(chosen)}, report=report,
    )  # fmt: skip
    return history, problem


def refitted(prepared: Prepared) -> Facts:
    """The facts with an autoregression that is fitted anew, to all steps, held-out ones too."""
    facts, panel = prepared.facts, prepared.panel
    if not facts.scaling.line:
        return facts
    lengths = np.asarray(panel.lengths, dtype=np.int64)
    whole = Part(np.zeros_like(lengths), lengths)
    found = starts.fit_line(PanelHistories(panel, facts), facts.scaling, whole)
    if not found.line:  # each of them explodes: that of before goes on
        return facts
    return dataclasses.replace(facts, scaling=dataclasses.replace(facts.scaling, line=found.line))


def ends_of(network: ForecastNetwork, prepared: Prepared) -> Ends:
    """Where every series stands after its last step."""
    facts, panel = prepared.facts, prepared.panel
    blocks = Blocks(PanelHistories(panel, facts), facts.scaling, network.horizon, kept=0)
    last = {i: np.array([int(n) - 1]) for i, n in enumerate(panel.lengths)}
    origins = [origin for _, _, origin in standing(network, blocks, last)]
    return Ends.of(panel.ids, panel.starts, panel.lengths, origins)
