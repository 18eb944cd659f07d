"""Gates of every unit of a network, as it reads: time scales, and how often they are saturated.

A unit keeps its value by a gate: c' = f c + i g of the LSTM, h' = z h + (1 - z) n of the GRU. Of a
value that stands in it at some step, by this path alone the product of the gates is left n steps
later: prod k_t = exp(sum ln k_t) = exp(n mean ln k). With the time scale tau = -1 / mean ln k that
is exp(-n / tau): after tau steps 1/e = 37 % are left. That is what is typical, as a mean of
logarithms; a single step that wipes the unit weighs as much as many that lose a little. Beside it
stands -1 / ln mean k: if gates of different steps were independent, (mean k)^n would be left of a
value in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.memory._reading import batches, check_finite, unit_name
from clew.memory.inside import Inside, Kind, inside
from clew.memory.subject import Case, Subject

OPEN, SHUT = 0.9, 0.1  # beyond these a gate counts as saturated
# A gate of 1 in single precision may be 1e-8 less; longer time scales cannot be told from none.
LONGEST = 1e7

Values = NDArray[np.float64]

KEEPS: dict[Kind, tuple[str, str]] = {"LSTM": ("f", "forget gate f"), "GRU": ("z", "update gate z")}
GATES: dict[Kind, dict[str, str]] = {
    "LSTM": {"f": "forget", "i": "input", "o": "output"},
    "GRU": {"z": "update", "r": "reset"},
}


@dataclass(frozen=True)
class LayerGates:
    """The gates of one direction of a layer with H units.

    name: "layer 1". kind: as Inside. units: names of the units, "1:37". scales: (H,) time scales in
    steps, infinite where nothing is lost; averages: (H,) -1 / ln of the mean gate, never less; both
    None of a layer without gates. open, shut: of each gate the share of steps (H,) at which it is
    above 0.9 and below 0.1.
    """

    name: str
    kind: Kind
    units: list[str]
    scales: Values | None
    averages: Values | None
    open: dict[str, Values]
    shut: dict[str, Values]

    @property
    def label(self) -> str:
        """ "layer 1 (LSTM, 512 units)"."""
        return f"{self.name} ({self.kind or 'no gates known'}, {len(self.units)} units)"


def time_scales(layer: Inside) -> Values | None:
    """Time scales (H,) of the units of one layer over what it read; None without gates."""
    tally = _Tally(layer)
    tally.add(layer)
    return tally.layer().scales


def measured(subject: Subject, cases: Sequence[Case]) -> list[LayerGates]:
    """The gates of every layer, from bottom to top, over all elements of the cases."""
    tallies: list[_Tally] = []
    for batch in batches(subject, cases):
        read = inside(subject, batch.x, batch.lengths)
        tallies = tallies or [_Tally(layer) for layer in read]
        for tally, layer in zip(tallies, read, strict=True):
            tally.add(layer)
    return [tally.layer() for tally in tallies]


class _Tally:
    """Sums over steps for one layer, in double precision."""

    def __init__(self, layer: Inside) -> None:
        self.name, self.kind = layer.name, layer.kind
        self.units = [unit_name(layer, k) for k in range(layer.units)]
        self.steps = 0
        self.logs: Tensor | float = 0.0
        self.sums: Tensor | float = 0.0
        self.open: dict[str, Tensor | float] = dict.fromkeys(GATES.get(layer.kind, {}), 0.0)
        self.shut = dict(self.open)

    def add(self, layer: Inside) -> None:
        """Count what another batch of the same layer did."""
        trace = layer.trace() if self.open else None
        if trace is None:
            return
        real = layer.real()
        self.steps += int(real.sum())
        for gate in self.open:
            values = getattr(trace, gate)[0][real]  # (N, H)
            check_finite(self.name, values)
            self.open[gate] = self.open[gate] + (values > OPEN).sum(0)
            self.shut[gate] = self.shut[gate] + (values < SHUT).sum(0)
            if gate == KEEPS[self.kind][0]:
                zone = _zone(layer)
                kept = zone + (1 - zone) * values.double()
                kept = kept.clamp(min=torch.finfo(torch.float64).tiny)  # ln 0 would be all there is
                self.logs = self.logs + kept.log().sum(0)
                self.sums = self.sums + kept.sum(0)

    def layer(self) -> LayerGates:
        """What the sums come to."""
        scales = averages = None
        if isinstance(self.logs, Tensor) and isinstance(self.sums, Tensor):
            scales = _inverse(self.logs / self.steps)
            averages = _inverse((self.sums / self.steps).log())
        return LayerGates(
            self.name,
            self.kind,
            self.units,
            scales,
            averages,
            {gate: self._share(count) for gate, count in self.open.items()},
            {gate: self._share(count) for gate, count in self.shut.items()},
        )

    def _share(self, count: Tensor | float) -> Values:
        return np.asarray(torch.as_tensor(count).double().cpu().numpy() / max(self.steps, 1))


def _zone(layer: Inside) -> float:
    """The share of its former value that zoneout leaves in what the gate acts on."""
    zoneout: Any = getattr(layer.module, "zoneout", 0.0)
    if isinstance(zoneout, tuple):
        return float(zoneout[1 if layer.kind == "LSTM" else 0])
    return float(zoneout)


def _inverse(logs: Tensor) -> Values:
    """-1 / logs, infinite where they are 0 as far as can be told."""
    values = logs.cpu().numpy()
    full = np.full(values.shape, np.inf)
    found: Values = np.divide(-1.0, values, out=full, where=values < -1 / LONGEST)
    return found
