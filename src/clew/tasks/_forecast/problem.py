"""Training a forecaster: series in windows with the state carried, every step an origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import bucketed, pad
from clew.tasks._forecast.blocks import Blocks, Span
from clew.tasks._forecast.net import ForecastNetwork, State
from clew.train.problem import Evaluation

PIECE = 8  # windows that are read in one go, the state carried; then it begins anew elsewhere
CELLS = 1 << 16  # steps ahead of origins in one batch, at most: bounds the memory of the head
LEAST = 24  # batches of an epoch, at least: of little data it reads all several times
READ = 2048  # steps read at once where nothing is learned
SERIES = 1000  # held-out series that are judged while training, at most
JUDGED = 1 << 17  # steps ahead of held-out origins that are judged while training, at most


class Window(NamedTuple):
    """Steps of some series side by side: all begin `offset` steps into their pieces."""

    series: NDArray[np.int64]  # (B,)
    start: NDArray[np.int64]  # (B,)
    stop: NDArray[np.int64]  # (B,)
    fresh: bool


class Seen(NamedTuple):
    """What is said at n origins: outputs (n, K, P); base and unit (n, K); y (n, K) or NaN."""

    series: NDArray[np.int64]
    origin: NDArray[np.int64]
    out: Tensor
    base: NDArray[np.float64]
    unit: NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """Which steps are learned, or judged: of each series those from `start` to `stop`."""

    start: NDArray[np.int64]
    stop: NDArray[np.int64]


class ForecastProblem:
    """The loss of the forecasts made at every step of every series, of all steps ahead.

    A series is read in pieces of several windows of steps; the state is carried from window to
    window, the gradient is not (truncated backpropagation through time). Where pieces begin is
    drawn anew in every epoch. `learned` names the steps whose values are forecast, `judged` those
    that are held out, of the series of `apart`.
    """

    unit = "steps"

    def __init__(self, network: ForecastNetwork, blocks: Blocks, learned: Part, apart: Blocks,
                 judged: Part, *, batch_size: int, window: int, seed: int) -> None:  # fmt: skip
        self.network = network
        self.blocks = blocks
        self.learned = learned
        self.apart, self.judged = apart, judged
        self.batch_size, self.window, self.seed = batch_size, window, seed

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Any]:
        """The windows of this epoch, for this process."""
        items: list[Window | None] = []
        rounds = 0
        while len(items) < LEAST:
            found = self._round(epoch * 1000 + rounds, rank, world)
            rounds += 1
            items += found
            if not found:
                break
        return items

    def _round(self, turn: int, rank: int, world: int) -> list[Window | None]:
        """Windows in which each series is read once."""
        draw = np.random.default_rng([self.seed & 0xFFFFFFFFFFFFFFFF, turn, 1])
        stops = np.maximum(self.learned.stop - 1, 0)  # the last step has nothing ahead
        longest = PIECE * self.window
        pieces: list[tuple[int, int, int]] = []
        for series in np.flatnonzero(stops > 0).tolist():
            stop = int(stops[series])
            begin = int(draw.integers(0, 1 + min(longest, stop // 2)))
            if begin > 0 and stop > longest:
                pieces.append((series, 0, begin))
            for start in range(begin, stop, longest):
                pieces.append((series, start, min(stop, start + longest)))
        table = np.array(pieces, dtype=np.int64).reshape(-1, 3)
        sizes = table[:, 2] - table[:, 1]
        items: list[Window | None] = []
        for batch in bucketed(sizes, self.batch_size * world, seed=self.seed, epoch=turn):
            mine = table[batch[rank::world]]
            for offset in range(0, int(sizes[batch].max()), self.window):
                first = np.minimum(mine[:, 1] + offset, mine[:, 2])
                last = np.minimum(first + self.window, mine[:, 2])
                some = bool((last > first).any())
                items.append(Window(mine[:, 0], first, last, offset == 0) if some else None)
        return items

    def loss(self, item: Window, carry: State) -> tuple[Tensor, int, State]:
        """Summed loss over the steps ahead that are known, their number, and the states."""
        rows = list(zip(*(part.tolist() for part in item[:3]), strict=True))
        origins = self._origins(rows)
        spans = [
            self.blocks.span(series, start, stop, some)
            for (series, start, stop), some in zip(rows, origins, strict=True)
        ]
        x, lengths = pad([span.x for span in spans])
        device = self.network.device
        now, state = self.network(x.to(device), None if item.fresh else carry, lengths.to(device))
        part = self.learned
        truth = [
            truth_of(self.blocks, row[0], some, int(part.start[row[0]]), int(part.stop[row[0]]))
            for row, some in zip(rows, origins, strict=True)
        ]
        where = [
            np.stack([some - row[1], np.full(len(some), b)])
            for b, (row, some) in enumerate(zip(rows, origins, strict=True))
        ]
        t, b = torch.from_numpy(np.concatenate(where, axis=1)).to(device)
        z, base, unit, leads, known = self._joined(spans, truth, device)
        there = ~torch.isnan(z)
        count = int(there.sum())
        if count == 0:
            return sum((part.sum() * 0 for part in now), torch.zeros((), device=device)), 0, state
        out = self.network.head([part[t, b] for part in now], known, leads)  # (M, N, K, P)
        losses = self.network.likelihood.loss(
            out, torch.where(there, z, 0.0), base, unit
        )  # (M, N, K)
        return (losses * there).sum() / len(out), count, state

    def _origins(self, rows: Sequence[tuple[int, int, int]]) -> list[NDArray[np.int64]]:
        """The steps at which forecasts are learned: all that are ready, or some drawn of those."""
        found = [
            start + np.flatnonzero(self.blocks.ready(series, start, stop))
            if stop > start
            else np.empty(0, np.int64)
            for series, start, stop in rows
        ]
        many = sum(map(len, found))
        most = max(1, CELLS // self.blocks.horizon)
        if many <= most:
            return found
        chosen = np.zeros(many, dtype=bool)
        chosen[torch.randperm(many)[:most].numpy()] = True
        cuts = np.cumsum([len(some) for some in found])[:-1]
        return [some[keep] for some, keep in zip(found, np.split(chosen, cuts), strict=True)]

    def _joined(
        self, spans: Sequence[Span], truth: Sequence[NDArray[np.float64]], device: torch.device
    ) -> tuple[Tensor, ...]:
        """z, base, unit (N, K), leads (N, K, 2), known (N, K, F) of the origins of all spans."""
        base = np.concatenate([span.base for span in spans])
        spread = self.network.spread.cpu().numpy().astype(np.float64)
        unit = np.concatenate([span.scale for span in spans]) * spread
        z = (np.concatenate(truth) - base) / unit
        parts = (z, base, unit, np.concatenate([span.leads for span in spans]),
                 np.concatenate([span.known for span in spans]))  # fmt: skip
        found = [torch.from_numpy(part.astype(np.float32)).to(device) for part in parts]
        return tuple(found)

    def evaluate(self, full: bool = False) -> Evaluation:
        """The mean loss of the forecasts of held-out steps."""
        total, count = 0.0, 0
        for seen, y in self.judgements(full):
            z = torch.from_numpy((y - seen.base) / seen.unit).float().to(seen.out.device)
            there = ~torch.isnan(z)
            base, unit = (torch.from_numpy(np.array(p)).to(z) for p in (seen.base, seen.unit))
            losses = self.network.likelihood.loss(seen.out, torch.where(there, z, 0.0), base, unit)
            total += float((losses * there).sum())
            count += int(there.sum())
        return Evaluation(total / max(count, 1), {"loss": total / max(count, 1)})

    def judgements(self, full: bool = False) -> Iterator[tuple[Seen, NDArray[np.float64]]]:
        """What is said at held-out origins, and the truth (n, K).

        Of many, evenly chosen ones, unless `full`.
        """
        part = self.judged
        chosen = np.flatnonzero(part.stop > part.start)
        if not full and len(chosen) > SERIES:
            chosen = chosen[np.linspace(0, len(chosen) - 1, SERIES).round().astype(np.int64)]
        sizes = (part.stop - part.start)[chosen]
        every = 1
        if not full:
            every = max(1, int(sizes.sum()) * self.apart.horizon // JUDGED)
        origins = {}
        for series in chosen.tolist():
            first = max(int(part.start[series]) - 1, 0)
            origins[series] = np.arange(first, int(part.stop[series]) - 1, every)
        for seen in survey(self.network, self.apart, origins):
            series = int(seen.series[0])
            start, stop = int(part.start[series]), int(part.stop[series])
            yield seen, truth_of(self.apart, series, seen.origin, start, stop)


def truth_of(
    blocks: Blocks, series: int, origins: NDArray[np.int64], start: int, stop: int
) -> NDArray[np.float64]:
    """The values ahead of origins of a series, (n, K); NaN outside of `start` to `stop`."""
    horizon = blocks.horizon
    if len(origins) == 0:
        return np.empty((0, horizon))
    low, high = int(origins[0]) + 1, int(origins[-1]) + horizon + 1
    y = np.full(high - low, np.nan)
    begin, end = max(low, start), min(high, stop)
    if end > begin:
        y[begin - low : end - low] = blocks.histories.y(series, begin, end)
    at = origins[:, np.newaxis] - origins[0] + np.arange(horizon)
    found: NDArray[np.float64] = y[at]
    return found


@torch.no_grad()
def survey(
    network: ForecastNetwork, blocks: Blocks, origins: dict[int, NDArray[np.int64]],
) -> Iterator[Seen]:  # fmt: skip
    """Read each series once, from its beginning, and say what is said at the origins asked for."""
    device = network.device
    spread = network.spread.cpu().numpy().astype(np.float64)
    for series, wanted in origins.items():
        if len(wanted) == 0:
            continue
        state: State = None
        for start in range(0, int(wanted[-1]) + 1, READ):
            stop = min(start + READ, int(wanted[-1]) + 1)
            some = wanted[(wanted >= start) & (wanted < stop)]
            span = blocks.span(series, start, stop, some)
            now, state = network(torch.from_numpy(span.x).unsqueeze(1).to(device), state)
            most = max(1, CELLS // blocks.horizon)
            for at in range(0, len(some), most):
                here = slice(at, at + most)
                places = torch.from_numpy(some[here] - start).to(device)
                out = network.head(
                    [part[places, 0] for part in now],
                    torch.from_numpy(span.known[here]).to(device),
                    torch.from_numpy(span.leads[here]).to(device),
                ).mean(0)
                yield Seen(
                    np.full(len(some[here]), series), some[here], out,
                    span.base[here], span.scale[here] * spread,
                )  # fmt: skip
