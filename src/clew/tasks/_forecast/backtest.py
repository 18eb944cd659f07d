"""Forecasts from times gone by, beside what came, and beside forecasts without a network."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks._forecast.baselines import AR, Baselines, error_quantiles
from clew.tasks._forecast.scores import Scores, interval, naive_error

if TYPE_CHECKING:
    from clew.tasks._forecast.picture import Drawn

Array: TypeAlias = NDArray[np.float64]
Origins: TypeAlias = NDArray[np.int64]
Tell: TypeAlias = Callable[[Panel, Sequence[Origins], int], Sequence[Array]]

MODEL = "this model"
LEAST = 3  # steps that must be known before the first window
USUAL = (0.05, 0.1, 0.25, 0.75, 0.9, 0.95)  # bounds of the intervals whose coverage is told
SHOWN, BEFORE = 12, 3  # series in a picture, horizons of history before the window


def origins_of(panel: Panel, horizon: int, windows: int, step: int) -> list[Origins]:
    """The origins of the last `windows` windows of each series, `step` apart, the earliest first.

    An origin is the number of steps that are known: what is forecast are the `horizon` steps from
    it on, all of which the series has. A window before which fewer than 3 steps are known is left
    out. Raises InputError where no window is left.
    """
    back = horizon + step * np.arange(windows - 1, -1, -1, dtype=np.int64)
    found = [length - back[length - back >= LEAST] for length in panel.lengths.tolist()]
    if not any(len(some) for some in found):
        longest = int(panel.lengths.max(initial=0))
        raise InputError(
            f"the longest series has {longest} step" + "s" * (longest != 1),
            where="the data of the backtest",
            expected=f"{horizon + LEAST} or more: the horizon is {horizon}",
            hint="a shorter horizon, or longer series",
        )
    return found


@dataclass(frozen=True)
class Judged:
    """One series: origins (W,), times and truth (W, K), quantiles (W, K, Q).

    points: by name, the forecasts (W, K) of the model, its median, and of each baseline. scale:
    what MASE divides by.
    """

    id: str
    origins: Origins
    times: NDArray[np.int64]
    truth: Array
    quantiles: Array
    points: Mapping[str, Array]
    scale: float

    def gains(self, name: str) -> Array:
        """By how much a baseline is further off than the model, (W, K), in units of MASE."""
        if not self.scale > 0 or name not in self.points:
            return np.full(self.truth.shape, np.nan)
        off = [np.abs(self.points[one] - self.truth) for one in (name, MODEL)]
        return np.asarray((off[0] - off[1]) / self.scale)


@dataclass(frozen=True)
class Backtest:
    """What a forecaster said at times gone by, and what came.

    scores: of "this model", "AR", "seasonal naive" and "drift", {"mase", "smape" (percent), "rmse",
    "mae", "crps", "coverage_50", "coverage_80", "coverage_90" (shares)}; the intervals of the
    baselines are of their errors before the first window. names: what AR is called with its order.
    notes: what must be known to read the scores.
    """

    panel: Panel = field(repr=False)
    series: Sequence[Judged] = field(repr=False)
    levels: tuple[float, ...]
    horizon: int
    step: int
    season: int
    scores: Mapping[str, Mapping[str, float]]
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def windows(self) -> int:
        """Windows in all, over all series."""
        return sum(len(one.origins) for one in self.series)

    @property
    def table(self) -> Any:
        """A row for each series, window and step ahead, in a table of the kind that was given.

        Columns: the id; window and step, from 1; the date; the truth; "forecast", the median; a
        column for each quantile; and one for each baseline.
        """
        name, ds, y = self.panel.columns
        parts, shapes = self.series, [one.truth.shape for one in self.series]

        def joined(every: Iterable[NDArray[Any]]) -> NDArray[Any]:
            return np.concatenate([values.reshape(-1) for values in every])

        columns: dict[str, Any] = {
            name: [one.id for one in parts for _ in range(one.truth.size)],
            "window": joined(np.repeat(np.arange(w) + 1, k) for w, k in shapes),
            "step": joined(np.tile(np.arange(k) + 1, w) for w, k in shapes),
            ds: joined(one.times for one in parts),
            y: joined(one.truth for one in parts),
            "forecast": joined(one.points[MODEL] for one in parts),
        }
        for place, level in enumerate(self.levels):
            columns[f"{level:g}"] = joined(one.quantiles[..., place] for one in parts)
        for other in (name for name in self.scores if name != MODEL):
            columns[other] = joined(
                one.points.get(other, np.full(one.truth.shape, np.nan)) for one in parts
            )
        return self.panel.table(columns)

    def picture(self, path: str | Path | None = None, *, window: int = -1) -> bytes:
        """A picture of one window (the last) of up to 12 series, PNG or what `path` ends in.

        With the end of the history, what came, the forecast with its intervals, and the baselines.
        Raises InputError where it cannot be written, or there is no such window.
        """
        from clew.tasks._forecast.picture import picture

        return picture(self.drawn(window), path, value=self.panel.columns[2])

    def drawn(self, window: int = -1) -> list[Drawn]:
        """What a picture of one window shows, of each of up to 12 series."""
        return [self._drawn(one, window) for one in self.series[:SHOWN]]

    def _drawn(self, one: Judged, window: int) -> Drawn:
        from clew.tasks._forecast.picture import Drawn

        if not -len(one.origins) <= window < len(one.origins):
            raise InputError(
                f"series {one.id!r} has no window {window}",
                where="window",
                expected=f"0 to {len(one.origins) - 1}, or -1 for the last",
            )
        index, origin = self.panel.ids.index(one.id), int(one.origins[window])
        before = min(origin, max(BEFORE * self.horizon, self.season + 1))
        times = self.panel.times(index, origin - before, before + self.horizon)
        bands = {
            percent: (one.quantiles[window][:, edges[0]], one.quantiles[window][:, edges[1]])
            for percent in (50, 80)
            if (edges := interval(self.levels, percent)) is not None
        }
        return Drawn(
            one.id, self.panel.stamps(times), self.panel.series(index).y[origin - before : origin],
            one.points[MODEL][window], bands, one.truth[window],
            {self.names.get(k, k): v[window] for k, v in one.points.items() if k != MODEL},
        )  # fmt: skip

    def __str__(self) -> str:
        from clew.tasks._forecast.telling import told

        return "\n".join(told(self))


def median(quantiles: Array, levels: Sequence[float]) -> Array:
    """The quantile 0.5 of (..., Q), between its neighbours where it is not among the levels."""
    level = np.asarray(levels)
    upper = int(np.clip(np.searchsorted(level, 0.5), 0, len(level) - 1))
    lower = max(upper - 1, 0)
    if level[upper] <= 0.5 or upper == lower:
        return np.asarray(quantiles[..., upper])
    share = (0.5 - level[lower]) / (level[upper] - level[lower])
    low, high = quantiles[..., lower], quantiles[..., upper]
    return np.asarray(low + share * (high - low))


def with_usual(quantiles: Array, levels: Sequence[float]) -> tuple[Array, tuple[float, ...]]:
    """Quantiles (..., Q), and those that bound usual intervals, on lines between their neighbours.

    Levels below the first or above the last are not added.
    """
    level = np.asarray(levels)
    more = [q for q in USUAL if level[0] < q < level[-1] and not np.isclose(level, q).any()]
    if not more:
        return quantiles, tuple(levels)
    upper = np.searchsorted(level, more)
    share = (np.array(more) - level[upper - 1]) / (level[upper] - level[upper - 1])
    low, high = quantiles[..., upper - 1], quantiles[..., upper]
    every = np.concatenate([quantiles, low + share * (high - low)], axis=-1)
    order = np.argsort([*levels, *more])
    return every[..., order], tuple(float(q) for q in np.sort([*levels, *more]))


def judge(
    panel: Panel, tell: Tell, origins: Sequence[Origins], *, levels: Sequence[float],
    horizon: int, season: int, step: int | None = None, learned: Mapping[str, int] | None = None,
    baselines: bool = True, until: float | None = None,
) -> Backtest:  # fmt: skip
    """What `tell` says at these origins of each series (see `origins_of`), beside the baselines.

    tell: panel, origins, horizon -> quantiles (W, K, Q) of each series, at the Q levels. The
    baselines are fitted to, and MASE is scaled by, what a series has before its first origin.
    learned: by id, the time after the last one that the model was fitted to. baselines: whether
    there are any. until: the moment of the monotonic clock after which no more series are begun.
    """
    told = tell(panel, origins, horizon)
    known, levels = levels, with_usual(np.zeros((1, len(levels))), levels)[1]
    totals: dict[str, Scores] = {}
    series: list[Judged] = []
    notes: list[str] = []
    orders, flattered = [], 0
    for index, (starts, quantiles) in enumerate(zip(origins, told, strict=True)):
        if not len(starts):
            continue
        if series and until is not None and clock.monotonic() > until:
            notes.insert(
                0, f"The time was up: scored are {len(series):,} of {len(panel):,} series."
            )
            break
        one = panel.series(index)
        quantiles = with_usual(np.asarray(quantiles), known)[0]
        history = one.y[: int(starts[0])]
        if np.isnan(history).all():
            notes.append(f"series {one.id!r} is left out: it has no value before the first window")
            continue
        fitted = Baselines.fit(history, season) if baselines else Baselines({})
        notes += [f"series {one.id!r}: {note}" for note in fitted.notes]
        truth = one.y[starts[:, np.newaxis] + np.arange(horizon)]
        scale = naive_error(history, season)
        bands = {MODEL: quantiles}
        points = {MODEL: median(quantiles, levels)}
        for name, model in fitted.models.items():
            points[name] = model.forecast(one.y, starts, horizon)
            errors = error_quantiles(model, history, horizon, levels)
            bands[name] = points[name][..., np.newaxis] + errors
            orders += [model.order] if isinstance(model, AR) else []
        for name, said in points.items():
            total = totals.setdefault(name, Scores(levels))
            total.add(truth, said, scale=scale, quantiles=bands[name])
        times = np.stack([panel.times(index, int(start), horizon) for start in starts])
        series.append(Judged(one.id, starts, times, truth, bands[MODEL], points, scale))
        if learned is not None and one.id in learned:
            flattered += int((times[:, 0] < learned[one.id]).sum())
    if not series:
        raise InputError(
            "no series has a value before its first window",
            where="the data of the backtest",
            expected="longer series, or fewer windows",
        )
    if flattered:
        count = sum(len(one.origins) for one in series)
        which = "the window lies" if count == 1 else f"{flattered} of {count} windows lie"
        notes.insert(0, f"{which} in what the model was fitted to: its scores are too good there")
    return Backtest(
        panel, tuple(series), tuple(levels), horizon, step or horizon, season,
        {name: totals[name].figures() for name in totals}, _names(orders), tuple(notes),
    )  # fmt: skip


def _names(orders: Sequence[int]) -> dict[str, str]:
    """What the baselines are called in full."""
    low, high = (min(orders), max(orders)) if orders else (0, 0)
    return {"AR": f"AR({low})" if low == high else f"AR({low} to {high})"} if orders else {}
