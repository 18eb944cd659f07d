"""A forecaster as a subject: series up to an origin, asked for the steps that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.tasks._forecast import fit as fitting
from clew.tasks._forecast.blocks import Blocks
from clew.tasks._forecast.likelihoods import Quantiles, StudentT, pinball
from clew.tasks._forecast.net import ForecastNetwork
from clew.tasks._forecast.problem import truth_of
from clew.tasks.forecast import Forecaster

SERIES = 2000  # that cases are drawn from, at most
NOTE = (
    "Level, scale and the naive forecast are of the whole history up to the origin; what is cut is "
    "what the network reads of it. Origins are of all of the series given, also where it learned "
    "from them. Scores of answers are forecasts, counted in usual errors off the naive one."
)


class Ahead(NamedTuple):
    """What is known at an origin of K steps ahead, from the whole history of the series.

    known: (K, F). leads: (K, 2). base, unit: (K,), by which the network's numbers are brought back.
    """

    known: NDArray[Any]
    leads: NDArray[Any]
    base: NDArray[Any]
    unit: NDArray[Any]


def forecast(model: Forecaster, data: Any, columns: dict[str, Any]) -> Forecast:
    """A forecaster and a table of series, as `Forecaster.backtest` takes it.

    Its columns are those of the fit. Of very many series evenly chosen ones are asked. Raises
    InputError as `backtest` does.
    """
    parts.refused(columns, ())
    answers = model._answers(data, None, None, ahead=False)
    network = answers.network
    blocks = Blocks(answers.histories, answers.facts.scaling, network.horizon)
    likelihood = network.likelihood
    chosen = parts.evenly(len(answers.panel), SERIES)
    step = str(answers.panel.freq)
    quantiles = isinstance(likelihood, Quantiles)
    stack: Any = network.members[0].stack
    members = len(network.members)
    many = f", {members} members, of which the first is opened" if members > 1 else ""
    return Forecast(
        title=f"forecaster, {parts.named(stack)}{many}",
        task="forecast",
        element=(step, step if step.endswith("s") else f"{step}s"),
        both_ways=False,
        network=network,
        reader=stack,
        loss_name="pinball loss" if quantiles else f"nats a {step} ahead",
        in_nats=not quantiles,
        answers=_named(network, step),
        note=NOTE,
        likeliest=False,
        model=model,
        blocks=blocks,
        chosen=chosen,
        steps=[_origins(blocks, series) for series in chosen],
    )


def _origins(blocks: Blocks, series: int) -> NDArray[np.int64]:
    """The steps after which something is forecast whose truth is known."""
    length = int(blocks.histories.lengths[series])
    if length < 2:
        return np.zeros(0, dtype=np.int64)
    there = ~np.isnan(blocks.histories.y(series, 0, length))
    near = np.cumsum(there)
    ends = np.minimum(np.arange(length) + blocks.horizon, length - 1)
    return np.flatnonzero((near[ends] > near) & blocks.ready(series, 0, length))


def _named(network: ForecastNetwork, step: str) -> list[str]:
    """First what is likeliest at each step ahead, then the other numbers."""
    likelihood = network.likelihood
    if isinstance(likelihood, Quantiles):
        others = [f", {level:g}" for level in likelihood.levels if level != 0.5]
    else:
        others = [", scale", ", freedom"] if isinstance(likelihood, StudentT) else [", spread"]
    return [f"{step} {k + 1}{what}" for what in ("", *others) for k in range(network.horizon)]


@dataclass(frozen=True, eq=False)
class Forecast(parts.Traits):
    """Asked at an origin for all steps ahead; the loss is the model's own, the mean of these.

    What is read are the features that the network reads: level, scale and base forecast are of the
    whole history up to the origin, however little of the features is seen. Of recursive decoding
    the first step ahead is asked. Several members answer with their mean.
    """

    model: Forecaster
    blocks: Blocks
    chosen: list[int]  # series that cases are of
    steps: list[NDArray[np.int64]]  # of each of them, its origins

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Origins with their histories as the network reads them; see Subject."""
        found = []
        spread = self.network.spread.detach().cpu().double().numpy()
        for place_of, at in parts.spots(self.steps, count, reach, seed):
            k = self.chosen[place_of]
            length = int(self.blocks.histories.lengths[k])
            piece, place = parts.stretch(length, at, reach, both=False)
            span = self.blocks.span(k, piece.start, at + 1, [at])
            truth = truth_of(self.blocks, k, np.array([at]), 0, length)[0]
            ahead = Ahead(span.known[0], span.leads[0], span.base[0], span.scale[0] * spread)
            found.append(Case(np.array(span.x), place, truth, ahead, source=k))
        if not found:
            raise self._why_none()
        return found

    def _why_none(self) -> InputError:
        """There is no step to ask: of series too short, or that never change, or of gaps."""
        histories = self.blocks.histories
        least = self.blocks.scaling.enough + 1  # and a truth
        series = [histories.y(k, 0, int(histories.lengths[k])) for k in self.chosen]
        values = [y[~np.isnan(y)] for y in series]
        longest = max((len(y) for y in values), default=0)
        if longest < least:
            return InputError(
                f"the {'' if len(values) == 1 else 'longest '}series has {longest:,} "
                f"value{'s' * (longest != 1)}",
                where="data",
                expected=f"{least:,} or more: this model forecasts from {least - 1:,} values on, "
                "and one more shows whether it was right",
            )
        if all(len(y) == 0 or bool((y == y[0]).all()) for y in values):
            return InputError(
                "the values of the series are all the same" if len(values) == 1
                else "each of the series has only one value, again and again",
                where="data",
                expected="a series that changes: forecasts are measured by how much it does",
            )  # fmt: skip
        return InputError(
            "no series has enough before a step that could be asked",
            where="data",
            expected=f"{least:,} values or more, with few gaps, that do not only repeat themselves",
        )

    def vectors(self, inputs: Tensor) -> Tensor:
        """The features themselves."""
        return inputs.to(self.like)

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """Quantiles of what follows, in usual errors off the naive forecast; see `answers`.

        Of a likelihood with parameters these, as the network says them.
        """
        now, _ = self.network(x)
        known, leads = (
            torch.from_numpy(np.stack([getattr(case.extra, name) for case in cases])).to(x)
            for name in ("known", "leads")
        )
        rows = [parts.asked(part, at) for part in now]
        out = self.network.head(rows, known, leads).mean(0)  # (B, K, P)
        likelihood = self.network.likelihood
        if isinstance(likelihood, Quantiles):
            out = likelihood.z(out)[..., self._order]
        found: Tensor = out.transpose(1, 2).flatten(1)
        return found

    @property
    def _order(self) -> list[int]:
        """The quantiles with the median first."""
        likelihood = self.network.likelihood
        others = [n for n in range(likelihood.outputs) if n != likelihood.middle]
        return [likelihood.middle, *others]

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """The mean loss of the steps ahead whose truth is known."""
        likelihood = self.network.likelihood
        shape = (len(said), -1, self.network.horizon)
        out = said.double().reshape(shape).transpose(1, 2)  # (B, K, P)
        base, unit = (
            torch.from_numpy(np.stack([getattr(case.extra, name) for case in cases])).to(out)
            for name in ("base", "unit")
        )
        y = torch.from_numpy(np.stack([case.target for case in cases])).to(out)
        there = ~y.isnan()
        z = torch.where(there, (y - base) / unit, 0.0)
        if isinstance(likelihood, Quantiles):
            levels = [likelihood.levels[n] for n in self._order]
            loss = 2 * pinball(out, z, levels).mean(-1)
        else:
            loss = likelihood.loss(out, z, base, unit)
        return (loss * there).sum(1) / there.sum(1)

    def names(self, case: Case) -> list[str]:
        """Nothing: what is read are numbers."""
        return [""] * len(case.inputs)

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """The mean of the features."""
        found: NDArray[Any] = inputs.mean(0)
        return found

    def untrained(self) -> Forecast:
        """Weights as first drawn: whatever it reads, it says the naive forecast.

        How far that is usually off is known from the start.
        """
        model, longest = self.model, int(self.network.ends.lengths.max())
        network = parts.made_anew(
            lambda: fitting.build(model, model._facts, longest), model.seed, self.like
        )
        network.spread.copy_(self.network.spread)
        return replace(self, network=network, reader=network.members[0].stack)
