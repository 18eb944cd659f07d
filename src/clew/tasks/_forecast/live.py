"""A forecaster as a stream: an observation in, the forecast of what follows out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.data.panel import Dates, Panel
from clew.errors import InputError
from clew.nn.stream import not_copied
from clew.tasks._forecast.answers import Answers
from clew.tasks._forecast.decoding import Origin
from clew.tasks._forecast.heads import Calendar, Ending, Head
from clew.tasks._forecast.histories import Facts, measured, with_gaps
from clew.tasks._forecast.net import ForecastNetwork
from clew.tasks._forecast.scaling import INPUTS, Track
from clew.tasks._forecast.walking import Walk

if TYPE_CHECKING:
    from clew.tasks.forecast import Forecaster

Array = NDArray[Any]


class ForecastStream:
    """Reads one series, an observation at a time, and says anew how it goes on.

    Made by ``Forecaster.stream``. The weights are copied; they stay as they were. What it says is,
    but for rounding, what ``predict`` says of the whole history. It runs on the CPU, without torch
    where quantiles were learned.

    quantiles: the Q levels. forecast: the last answer (Q, K), NaN before the first observation
    where nothing is known. ds: the K dates it is of.
    """

    def __init__(
        self, network: ForecastNetwork, facts: Facts, levels: tuple[float, ...], start: int
    ) -> None:
        self.quantiles = levels
        self._network, self._facts = network, facts
        self._horizon = network.horizon
        self._ending = Ending(network, levels)
        self._heads = [
            Head(member, facts, self._ending.steps)  # type: ignore[arg-type]
            for member in network.members
        ]
        self._more = self._heads[1:]
        self._calendar = Calendar(facts, start, self._heads, self._horizon)
        self._steps = 0
        self._x: Array = np.zeros(INPUTS + facts.beside + facts.known, dtype=np.float32)
        self._walk = Walk(facts.scaling, self._horizon, self._x[:INPUTS])
        self._known, self._log = INPUTS + facts.beside, facts.scaling.log
        self._alone = not facts.past and not facts.future
        self._past = np.array(facts.past, dtype=np.float64).reshape(-1, 2)
        self._future = np.array(facts.future, dtype=np.float64).reshape(-1, 2)
        self.forecast: Array = np.full((len(levels), self._horizon), np.nan)

    @classmethod
    def of(
        cls, model: Forecaster, unique_id: Any, history: Any, start: Any = None
    ) -> ForecastStream:
        """The stream of a fitted model, of a series it knows, or after a history."""
        facts: Facts = model._facts
        if model.decoding == "recursive":
            raise InputError(
                "a stream of recursive decoding, which draws paths",
                where="decoding",
                expected="direct",
                hint="fit with decoding='direct'",
            )
        levels = model._levels()
        if history is None and unique_id is None:
            return cls(model.network_, facts, levels, _begin(facts, start))
        if start is not None:
            raise InputError(
                "start is given beside a series that has its own",
                where="start",
                expected="None",
            )
        answers = model._answers(history, None, None, ahead=False)
        series = _chosen(answers.panel, unique_id)
        stream = cls(model.network_, facts, levels, int(answers.panel.starts[series]))
        stream._go_on(answers, series)
        return stream

    def push(self, y_t: Any, past: Any = None, future: Any = None) -> Array:
        """Reads an observation and returns the forecast of the next K steps, (Q, K).

        y_t: a number; None or NaN where it is missing. past: (P,) the columns known up to now, of
        this step. future: (1 + K, F) those known ahead, of this step and of the next K. Raises
        InputError for what is no number, or missing; the stream is then as it was before.
        """
        y = self._number(y_t)
        x = self._x
        now, ahead = self._beside(past, future)
        walk, step = self._walk, self._steps
        walk.push(y)
        inputs = walk.inputs
        known = self._known
        if now is not None:
            x[INPUTS:known] = now
        row, tables = self._calendar.at(step)
        x[known : known + len(row)] = row
        if ahead is not None:
            x[known + len(row) :] = ahead[0]
            ahead = ahead[1:]
        leads = walk.leads
        out = self._heads[0].say(x, inputs, leads, tables[0], ahead)
        for head, table in zip(self._more, tables[1:], strict=True) if self._more else ():
            out += head.say(x, inputs, leads, table, ahead)
        if self._more:
            out /= len(self._heads)
        self._steps = step + 1
        found = self._ending.say(out, walk.base, walk.scale)
        self.forecast = np.exp(found) if self._log else found
        return self.forecast

    @property
    def ds(self) -> Array:
        """The dates of the forecast, (K,)."""
        times = self._facts.freq.times(
            self._calendar.start, np.arange(self._steps, self._steps + self._horizon)
        )
        return _bare(self._facts).stamps(times)

    @property
    def state(self) -> tuple[Any, ...]:
        """A copy of all that is carried: states of the members, sums, last values, steps read."""
        track = self._walk.track
        states = tuple(head.stream.state for head in self._heads)
        return (states, np.concatenate(track[:6]), track.recent[:, 0], self._steps)

    @state.setter
    def state(self, state: Any) -> None:
        width = self._facts.scaling.width
        good = isinstance(state, tuple | list) and len(state) == 4
        if good:
            states, sums, recent, steps = state
            sums, recent = np.asarray(sums), np.asarray(recent)
            good = (
                len(states) == len(self._heads)
                and sums.shape == (6,) and sums.dtype.kind == "f"
                and recent.shape == (width,) and recent.dtype.kind == "f"
                and bool(np.isfinite(sums[:5]).all() and (sums[[0, 2, 3, 4]] >= 0).all())
                and not np.isinf(sums).any() and not np.isinf(recent).any()
                and isinstance(steps, int | np.integer) and int(steps) >= 0
            )  # fmt: skip
        if not good:
            raise InputError(
                "not the state of this stream", where="state", expected="as stream.state returns it"
            )
        before = [head.stream.state for head in self._heads]
        try:
            for head, part in zip(self._heads, states, strict=True):
                head.stream.state = part
        except InputError:
            for head, part in zip(self._heads, before, strict=True):
                head.stream.state = part
            raise
        self._walk.track = Track(*[*sums[:, np.newaxis], recent[:, np.newaxis]])
        self._steps = int(steps)
        self.forecast = np.full_like(self.forecast, np.nan)

    def reset(self) -> None:
        """Forgets everything: what comes next is the first observation, of the first date."""
        for head in self._heads:
            head.stream.reset()
        self._walk.track = self._facts.scaling.begin()
        self._steps = 0
        self.forecast = np.full_like(self.forecast, np.nan)

    def __reduce__(self) -> Any:
        raise not_copied(self, "model.stream()")

    def _go_on(self, answers: Answers, series: int) -> None:
        """From where a series stands."""
        origin: Origin = answers.origin(series)
        self._walk.track = origin.track
        for head, part in zip(self._heads, origin.state, strict=True):
            head.stream.state = _arrays(part)
        self._steps = int(answers.panel.lengths[series])
        if not self._facts.future:
            self.forecast = answers.told(series, self.quantiles)

    def _number(self, y_t: Any) -> float:
        y = y_t
        if type(y) is not float:
            if y_t is None:
                return math.nan
            if isinstance(y_t, str | bytes | bool) or np.ndim(y_t) != 0:
                raise InputError(
                    f"{y_t!r} is no number", where="y_t", expected="one number, or None"
                )
            try:
                y = float(y_t)
            except (TypeError, ValueError, OverflowError):
                raise InputError(f"{y_t!r} is no number", where="y_t", expected="one") from None
        if math.isinf(y):
            raise InputError("y_t is infinite", where="y_t", expected="a finite number, or None")
        if not self._log or math.isnan(y):
            return y
        if y <= 0:
            raise InputError(
                f"{y:g} has no logarithm",
                where="y_t",
                expected="a number above 0, as those learned from",
                hint="learn with log=False",
            )
        return float(np.log(y))

    def _beside(self, past: Any, future: Any) -> tuple[Array | None, Array | None]:
        """The columns of a step and of those ahead, as the network reads them."""
        if past is None and future is None and self._alone:
            return None, None
        facts, now, ahead = self._facts, None, None
        if facts.past or past is not None:
            now = _columns(past, (len(facts.past),), "past", facts.past_names, True)
            now = with_gaps(now[np.newaxis], self._past)[0]
        if facts.future or future is not None:
            shape = (1 + self._horizon, len(facts.future))
            ahead = _columns(future, shape, "future", facts.future_names, False)
            ahead = measured(ahead, self._future)
        return now, ahead


def _begin(facts: Facts, start: Any) -> int:
    """The time of the first observation."""
    if start is None:
        if facts.calendar:
            raise InputError(
                "the date of the first observation is not known, and the model reads the calendar",
                where="start",
                expected="a date, a series it knows (unique_id), or a history",
            )
        return 0
    dates = Dates("start")
    time = int(dates.read([start], lambda _: "start")[0])
    if dates.numbered != facts.stamp.numbered:
        raise InputError(
            f"start is {start!r}",
            where="start",
            expected="a whole number" if facts.stamp.numbered else "a date",
        )
    return time


def _chosen(panel: Panel, unique_id: Any) -> int:
    """The number of a series in a panel."""
    if unique_id is None:
        if len(panel) != 1:
            raise InputError(
                f"there are {len(panel)} series",
                where="unique_id",
                expected="which of them",
                hint=f"unique_id={panel.ids[0]!r}",
            )
        return 0
    if unique_id not in panel.ids:
        raise InputError(
            f"there is no series {unique_id!r}",
            where="unique_id",
            expected=", ".join(panel.ids[:5]) + (" ..." if len(panel) > 5 else ""),
            hint="a series that was not learned from: give its history, or start",
        )
    return panel.ids.index(unique_id)


def _columns(
    given: Any, shape: tuple[int, ...], where: str, names: tuple[str, ...], gaps: bool
) -> Array:
    """Columns given by a user as an array of this shape; raises InputError."""
    told = f"shape {shape}" + (f": {', '.join(names)}" if names else ": the model has none")
    if given is None:
        raise InputError(f"{where} is missing", where=where, expected=told)
    try:
        found = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{where} holds what is no number", where=where, expected=told) from None
    if found.shape != shape:
        raise InputError(f"{where} of shape {found.shape}", where=where, expected=told)
    if np.isinf(found).any() or (not gaps and np.isnan(found).any()):
        raise InputError(f"{where} holds NaN or infinity", where=where, expected="finite numbers")
    return found.astype(np.float32)


def _arrays(state: Any) -> Any:
    """The state of a stack as a stream takes it."""
    if isinstance(state, torch.Tensor):
        return state.cpu().numpy()
    return tuple(_arrays(part) for part in state)


def _bare(facts: Facts) -> Panel:
    """A panel of no series, for how its dates are written."""
    none = np.zeros(0, dtype=np.int64)
    empty = np.zeros((0, 0), dtype=np.float32)
    return Panel([], facts.freq, none, none, none, np.zeros(0), empty, empty, stamp=facts.stamp)
