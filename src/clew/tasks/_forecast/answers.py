"""Forecasts of the series of a table, or of those that were learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.data.panel import Panel, read_future
from clew.errors import InputError
from clew.tasks._forecast.blocks import Blocks
from clew.tasks._forecast.decoding import (
    PATHS,
    Origin,
    direct,
    from_origin,
    linked,
    recursive,
    standing,
)
from clew.tasks._forecast.ends import Ends
from clew.tasks._forecast.fit import learned_levels
from clew.tasks._forecast.histories import Facts, PanelHistories
from clew.tasks._forecast.net import ForecastNetwork
from clew.train.seeding import seed_for

Array = NDArray[np.float64]

TOGETHER = 256  # series that are forecast at once from their ends


@dataclass(frozen=True)
class Answers:
    """What is forecast of the series of `panel`, `horizon` steps ahead.

    ends: where they stand, if they were not read from a table. levels: the quantiles learned.
    seed: of the paths that recursive decoding draws.
    """

    network: ForecastNetwork
    facts: Facts
    panel: Panel
    histories: PanelHistories
    ends: Ends | None
    horizon: int
    levels: tuple[float, ...]
    recursive: bool
    seed: int

    @classmethod
    def of(
        cls, model: Any, panel: Panel | None, future: Any, horizon: int | None, ahead: bool
    ) -> Answers:
        """Of a fitted model and a table, or None for the series that were learned from.

        ahead: what is known ahead is needed. Raises InputError where it is missing.
        """
        facts: Facts = model._facts
        network: ForecastNetwork = model.network_
        steps = check_horizon(model, horizon)
        ends: Any = None
        if panel is None:
            ends = network.ends
            nothing = np.zeros((0, 1))
            many = len(ends.starts)
            panel = Panel(
                ids=ends.names, freq=facts.freq, starts=ends.starts.numpy(),
                begins=np.zeros(many, dtype=np.int64), lengths=ends.lengths.numpy(),
                y=nothing[:, 0], past=np.zeros((0, len(facts.past)), np.float32),
                future=np.zeros((0, len(facts.future)), np.float32), past_names=facts.past_names,
                future_names=facts.future_names, stamp=facts.stamp, columns=facts.columns,
                kind=facts.kind,
            )  # fmt: skip
        elif str(panel.freq) != str(facts.freq):
            raise InputError(
                f"the table is of {panel.freq.named}",
                where="data",
                expected=f"{facts.freq.named}, as was learned from",
            )
        else:
            check_pace(panel)
        known = None
        if ahead and len(facts.future):
            if future is None:
                raise InputError(
                    f"what is known ahead is missing: {', '.join(facts.future_names)}",
                    where="future",
                    expected=f"a table with these columns for {steps} steps after each series",
                )
            name, ds, _ = facts.columns
            known = read_future(future, panel, steps, unique_id=name, ds=ds)
        elif ahead and future is not None:
            raise InputError(
                "a table of what is known ahead for a model without such columns",
                where="future",
                expected="None, or a model that was fitted with future=(...)",
            )
        return cls(
            network.eval(), facts, panel, PanelHistories(panel, facts, known), ends, steps,
            learned_levels(model.quantiles), model.decoding == "recursive", int(model.seed),
        )  # fmt: skip

    def quantiles(self, levels: Sequence[float]) -> Array:
        """Quantiles (N, K, W) of what follows the end of each series."""
        if self.recursive:
            return np.stack([
                _quantiles(self._drawn(series, PATHS, self.seed), levels)
                for series in range(len(self.panel))
            ])  # fmt: skip
        if self.ends is not None:
            parts = np.array_split(np.arange(len(self.panel)), -(-len(self.panel) // TOGETHER))
            return np.concatenate([self._from_ends(some.tolist(), levels) for some in parts])
        last = {i: np.array([int(n) - 1]) for i, n in enumerate(self.panel.lengths)}
        found = dict(direct(self.network, self._blocks(), last, levels))
        whole = np.concatenate([found[series] for series in range(len(self.panel))])
        return self._measure(whole[:, : self.horizon])

    def paths(self, count: Any, seed: Any) -> Array:
        """Paths (N, count, K) that each series may take."""
        check_whole("count", count, 1)
        check_whole("seed", seed, 0)
        return np.stack([
            self._drawn(series, int(count), int(seed)) if self.recursive
            else self._linked(series, int(count), int(seed))
            for series in range(len(self.panel))
        ])  # fmt: skip

    def at(self, panel: Panel, origins: Sequence[Any], horizon: int) -> list[Array]:
        """Quantiles (W, K, Q) at the levels learned, of each series of the panel from its origins.

        An origin is the number of steps that are known. Each series is read once.
        """
        assert panel is self.panel
        steps = {i: np.asarray(some) - 1 for i, some in enumerate(origins) if len(some)}
        found = [np.empty((0, horizon, len(self.levels))) for _ in origins]
        if not self.recursive:
            for series, told in direct(self.network, self._blocks(), steps, self.levels):
                found[series] = self._measure(told[:, :horizon])
            return found
        for series, step, origin in standing(self.network, self._blocks(), steps):
            known = self.histories.known(series, step + 1, step + 1 + horizon)
            paths = self._measure(self._recursive(origin, known, PATHS, self.seed, series, step))
            found[series] = np.concatenate(
                [found[series], _quantiles(paths, self.levels)[np.newaxis]]
            )
        return found

    def table(self, levels: Sequence[float]) -> Any:
        """Forecasts as a table of the kind that was given."""
        name, ds, _ = self.panel.columns
        found = self.quantiles((*levels, 0.5))
        many, steps, _ = found.shape
        times = [self.panel.times(i, int(self.panel.lengths[i]), steps) for i in range(many)]
        columns: dict[str, Any] = {
            name: [one for one in self.panel.ids for _ in range(steps)],
            ds: np.concatenate(times),
            "forecast": found[..., -1].reshape(-1),
        }
        for place, level in enumerate(levels):
            columns[f"{level:g}"] = found[..., place].reshape(-1)
        return self.panel.table(columns)

    def origin(self, series: int) -> Origin:
        """Where one series stands after its last step."""
        if self.ends is not None:
            return self.ends.origin([series], nesting(self.network))
        last = {series: np.array([int(self.panel.lengths[series]) - 1])}
        [(_, _, origin)] = standing(self.network, self._blocks(), last)
        return origin

    def told(self, series: int, levels: Sequence[float]) -> Array:
        """Quantiles (W, K) of one series after its last step, of a model without known columns."""
        known = self._known(series)[np.newaxis]
        found = from_origin(self.network, self.facts.scaling, self.origin(series), known, levels)
        return self._measure(found[0].T)

    def _from_ends(self, series: list[int], levels: Any) -> Array:
        assert self.ends is not None
        known = np.stack([self._known(one) for one in series])
        origin = self.ends.origin(series, nesting(self.network))
        return self._measure(from_origin(self.network, self.facts.scaling, origin, known, levels))

    def _linked(self, series: int, count: int, seed: int) -> Array:
        """Paths (count, K) of one series, drawn from what is said of each step."""
        draw = np.random.default_rng(seed_for(seed, series))
        at = linked(count, self.horizon, float(self.network.linkage), draw)
        known = self._known(series)[np.newaxis]
        found = from_origin(
            self.network, self.facts.scaling, self.origin(series), known, at.T[np.newaxis]
        )
        return self._measure(found[0].T)

    def _drawn(self, series: int, count: int, seed: int) -> Array:
        """Paths (count, K) of one series, each step drawn and read before the next."""
        length = int(self.panel.lengths[series])
        paths = self._recursive(
            self.origin(series), self._known(series), count, seed, series, length - 1
        )
        return self._measure(paths)

    def _recursive(
        self, origin: Origin, known: NDArray[np.float32], count: int, *seeds: int
    ) -> Array:
        draw = np.random.default_rng(seed_for(*seeds))
        return recursive(self.network, self.facts.scaling, origin, known, count, draw)

    def _known(self, series: int) -> NDArray[np.float32]:
        """What is known of the steps ahead of the end of a series, (K, F)."""
        length = int(self.panel.lengths[series])
        return self.histories.known(series, length, length + self.horizon)

    def _measure(self, found: Array) -> Array:
        """Values as they are in the table."""
        with np.errstate(over="ignore"):
            return np.exp(found) if self.facts.scaling.log else found

    def _blocks(self) -> Blocks:
        return Blocks(self.histories, self.facts.scaling, self.network.horizon, kept=0)


def check_horizon(model: Any, horizon: Any) -> int:
    """Steps to look ahead; raises InputError for more than was learned."""
    if horizon is None:
        return int(model.horizon)
    check_whole("horizon", horizon, 1)
    if horizon > model.horizon and model.decoding == "direct":
        raise InputError(
            f"the horizon is {horizon}",
            where="horizon",
            expected=f"at most {model.horizon}, as was learned",
            hint="fit with a longer horizon, or decoding='recursive', which goes on and on",
        )
    return int(horizon)


def check_pace(panel: Panel) -> None:
    """Raise InputError where no two values of the table are one step apart.

    Read as if all between were missing, the series of another pace would be forecast without a
    word. Three values or more of one series tell it.
    """
    sparse = False
    for index in range(len(panel)):
        there = ~np.isnan(panel.series(index).y)
        if (there[1:] & there[:-1]).any():
            return
        sparse = sparse or there.sum() > 2
    if sparse:
        raise InputError(
            f"no two values of a series are {panel.freq.named} apart",
            where="data",
            expected=f"a value every {panel.freq}, as was learned from; some may be missing",
        )


def check_whole(name: str, value: Any, least: int) -> None:
    """Raise InputError unless the value is a whole number of at least so much."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(
            f"{name} is {value!r}", where=name, expected=f"a whole number of {least} or more"
        )


@torch.no_grad()
def nesting(network: ForecastNetwork) -> Any:
    """A state of the network, of one series."""
    width = int(network.members[0].stack.input_size)  # type: ignore[union-attr, arg-type]
    return network(torch.zeros((1, 1, width), device=network.device))[1]


def _quantiles(paths: Array, levels: Sequence[float]) -> Array:
    """Quantiles (K, W) of paths (n, K)."""
    found: Array = np.moveaxis(np.quantile(paths, np.asarray(levels), axis=0), 0, -1)
    return found
