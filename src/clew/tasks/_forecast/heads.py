"""The head of a forecaster in NumPy: from one state to quantiles of all steps ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.data import calendar
from clew.nn.stream import Stream
from clew.tasks._forecast.decoding import values
from clew.tasks._forecast.histories import Facts
from clew.tasks._forecast.likelihoods import Quantiles
from clew.tasks._forecast.net import BASIS, ForecastNetwork, Member
from clew.tasks._forecast.scaling import INPUTS, LEADS

Array = NDArray[Any]

BLOCK = 1024  # steps of the calendar that are computed at once
EXTRA = 3  # columns beside the hidden layer
FAR = 60.0  # from which on a softplus is not told from its argument, and no exponential overflows


class Head:
    """The weights of one member as arrays, and its stream.

    more: (P - 1,) what is added to all outputs but the first.
    """

    def __init__(self, member: Member, facts: Facts, more: Array) -> None:
        def array(part: torch.Tensor) -> Array:
            return np.array(part.detach().cpu().float().numpy())

        self.stream: Stream = member.stack.stream()
        hidden = member.stack.hidden_size
        width, many = len(member.now.weight), len(member.out.weight)
        # Steps ahead by what is known of them, (K, 2 + 8), the first function of k being 1; and the
        # weights of that: of the hidden layer, of the straight part and of its opposite (one of
        # which passes the relu whole), and of a column of ones.
        basis = array(member.basis)
        self._steps = np.concatenate([np.zeros((len(basis), LEADS), np.float32), basis], axis=1)
        self._leads = self._steps[:, :LEADS].T
        lead = array(member.lead.weight).T
        weights = np.zeros((LEADS + BASIS, width + EXTRA), dtype=np.float32)
        weights[:LEADS, :width] = array(member.ahead.weight).T
        weights[:LEADS, width] = array(member.straight.weight)[0]
        weights[:LEADS, width + 1] = -weights[:LEADS, width]
        weights[LEADS:, :width] = lead
        weights[LEADS, width + 2] = 1.0
        self._weights, self._constant = weights, weights[LEADS, :width]
        self._straight = weights[LEADS:, width : width + 2]
        # One product for what the hidden layer and the straight part read of h, the inputs and 1.
        line = array(member.line.weight).T
        self._now = np.concatenate([
            np.concatenate([array(member.now.weight).T, (array(member.now.bias) + lead[0])[None]]),
            np.stack([np.pad(line, ((0, 1), (0, 0))), -np.pad(line, ((0, 1), (0, 0)))], axis=2)
            .reshape(len(line) + 1, -1),
        ], axis=1)  # fmt: skip
        out = np.zeros((many, width + EXTRA), dtype=np.float32)
        out[:, :width] = array(member.out.weight)
        out[0, width : width + 2] = 1.0, -1.0
        out[1:, width + 2] = more
        self._out, self._width = out, width
        dates = len(calendar.columns(facts.calendar))
        known = np.zeros((width, 0)) if member.known is None else array(member.known.weight)
        known = np.concatenate([known, np.zeros((EXTRA, known.shape[1]), known.dtype)]).T
        self.dates, self._columns = (
            np.ascontiguousarray(part, np.float32) for part in (known[:dates], known[dates:])
        )
        self._push = self.stream.push
        self._read: Array = np.ones(hidden + INPUTS + 1, dtype=np.float32)
        self._zeros = np.zeros((len(basis), width + EXTRA), dtype=np.float32)
        self._hidden = hidden

    def say(
        self, x: Array, inputs: Array, leads: Array, table: Array | None, ahead: Array | None
    ) -> Array:
        """Outputs (P, K), once x (D,) is read. leads: (2, K). table: (K, M) of the calendar.

        ahead: (K, F) other columns.
        """
        read, width = self._read, self._width
        read[: self._hidden] = self._push(x)
        read[self._hidden : -1] = inputs
        both = read.dot(self._now)
        self._constant[:] = both[:width]
        self._straight[:] = both[width:].reshape(BASIS, 2)
        self._leads[:] = leads
        u = self._steps.dot(self._weights)
        if table is not None:
            u += table
        if ahead is not None:
            u += ahead @ self._columns
        np.maximum(u, self._zeros, out=u)
        out: Array = self._out.dot(u.T)
        return out


class Calendar:
    """The calendar of the steps ahead, and what the members' heads make of it, block by block."""

    def __init__(self, facts: Facts, start: int, heads: list[Head], horizon: int) -> None:
        self.start, self._horizon = start, horizon
        self._facts, self._heads = facts, heads
        self._first, self._count = 0, 0
        self._rows: Array = np.zeros((0, 0), dtype=np.float32)
        self._nothing: Array = np.zeros(0, dtype=np.float32)
        self._tables: list[Array] = []
        self._none: list[Array | None] = [None] * len(heads)

    def at(self, step: int) -> tuple[Array, Sequence[Array | None]]:
        """The row of this step (C,), and for each member a table of the K steps after it (K, M)."""
        if not self._facts.calendar:
            return self._nothing, self._none
        at = step - self._first
        if at < 0 or at + 1 + self._horizon > self._count:
            self._first, at = step, 0
            self._count = BLOCK + 1 + self._horizon
            times = self._facts.freq.times(self.start, step + np.arange(self._count))
            self._rows = calendar.table(times, self._facts.calendar)
            self._tables = [self._rows @ head.dates for head in self._heads]
        first, stop = at + 1, at + 1 + self._horizon
        if len(self._tables) == 1:
            return self._rows[at], (self._tables[0][first:stop],)
        return self._rows[at], [table[first:stop] for table in self._tables]


class Ending:
    """From outputs (K, P) to quantiles (Q, K)."""

    def __init__(self, network: ForecastNetwork, levels: tuple[float, ...]) -> None:
        self._network, self._levels = network, levels
        likelihood = network.likelihood
        self.steps: Array = np.zeros(likelihood.outputs - 1, dtype=np.float32)
        self._ways: Array | None = None
        if isinstance(likelihood, Quantiles):
            self.steps = np.array(likelihood.steps(), dtype=np.float32)
            self._far = np.full((len(self.steps), network.horizon), FAR, dtype=np.float32)
            below, above = network.factor.tolist()
            middle, many = likelihood.middle, len(likelihood.levels)
            ways = np.zeros((many, many), dtype=np.float32)
            ways[0] = 1.0
            for place in range(many):
                if place < middle:
                    ways[1 : 1 + middle - place, place] = -below
                else:
                    ways[1 + middle : 1 + place, place] = above
            self._ways = np.ascontiguousarray(ways.T)
        self._spread = network.spread.cpu().numpy().astype(np.float64)
        self._wide = np.tile(self._spread.astype(np.float32), (len(levels), 1))

    def say(self, out: Array, base: Array, scale: float) -> Array:
        """Quantiles (Q, K) of outputs (P, K), to which the steps were added."""
        if self._ways is None:
            unit, given = scale * self._spread, torch.from_numpy(out.T.copy())
            told = values(self._network, given, base, unit, self._levels)
            return told.T
        ways = out[1:]
        np.minimum(ways, self._far, out=ways)
        np.exp(ways, out=ways)
        np.log1p(ways, out=ways)
        found = self._ways.dot(out)
        found *= self._wide
        found *= scale
        whole: Array = found.astype(np.float64)
        whole += base
        return whole
