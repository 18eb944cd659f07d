"""States, element by element: what units hold, say and let through, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.memory._lettering import label_elements, shown
from clew.memory._reading import (
    batches,
    check_finite,
    check_whole,
    find_layer,
    find_unit,
    unit_name,
)
from clew.memory._time_scales import time_scales
from clew.memory.finding import Table
from clew.memory.gates import Gates
from clew.memory.inside import Inside, inside
from clew.memory.subject import Case, Subject

STEPS, UNITS = 60, 16

Values = NDArray[np.float64]

# What a kind of cell has, and the range of each; None: as far as it goes.
QUANTITIES: dict[str, dict[str, tuple[float, float] | None]] = {
    "LSTM": {"h": (-1.0, 1.0), "c": None, "f": (0.0, 1.0), "i": (0.0, 1.0), "o": (0.0, 1.0)},
    "GRU": {"h": (-1.0, 1.0), "z": (0.0, 1.0), "r": (0.0, 1.0)},
    "RNN": {"h": None},
    "": {"h": None},
}
CALLED = {
    "h": "output h", "c": "cell c", "f": "forget gate f", "i": "input gate i", "o": "output gate o",
    "z": "update gate z", "r": "reset gate r",
}  # fmt: skip


@dataclass(frozen=True)
class States:
    """What U units did at T elements: the values (T, U) of each quantity, "h", "c", "f", ...

    places: (T,) of the elements, counted from the step asked. units: names, "2:37". scales: their
    time scales in steps, None where there are no gates. order: how units were chosen and sorted.
    """

    element: tuple[str, str]
    names: list[str]
    places: list[int]
    units: list[str]
    values: dict[str, Values]
    ranges: dict[str, tuple[float, float]]
    scales: list[float | None]
    order: str

    name = "states"
    title = "What its units hold"

    @property
    def method(self) -> str:
        """What is shown, of which units, in which order."""
        return (
            f"Outputs, cells and gates of {len(self.units)} unit{'s' * (len(self.units) > 1)} at "
            f"{len(self.places)} {self.element[len(self.places) > 1]}, read from the state of "
            "zeros at the beginning of the sequence. "
            f"{self.order} Unit 2:37 is the 37th of layer 2, 2b:37 of what reads it backwards."
        )

    def words(self) -> list[str]:
        """How long units keep their sign, and how far they go."""
        held = "c" if "c" in self.values else "h"
        runs = [_run(column) for column in self.values[held].T]
        long, short = int(np.argmax(runs)), int(np.argmin(runs))
        many = f"{runs[long]:.3g} {self.element[runs[long] != 1]}"
        if len(runs) == 1:
            line = f"Unit {self.units[0]} keeps its sign for {many}"
        elif runs[long] == runs[short]:
            line = f"Each of the {len(runs)} units shown keeps its sign for {many}"
        else:
            line = (
                f"Of the {len(runs)} units shown {self.units[long]} keeps its sign longest, "
                f"{many} at a time in {CALLED[held]}; {self.units[short]} changes it "
                f"most often, after {runs[short]:.3g}"
            )
        lines = [f"{line}." if runs[long] > runs[short] else f"{line} at a time in {CALLED[held]}."]
        for key, values in self.values.items():
            low, high = float(values.min()), float(values.max())
            line = (
                f"{_capital(CALLED[key])}: from {low:.2f} to {high:.2f}, mean {values.mean():.2f}"
            )
            if key == "h":
                line += f"; beyond 0.9 on either side {100 * np.mean(np.abs(values) > 0.9):.0f} % of the time"  # noqa: E501
            lines.append(line + ".")
        return lines

    def tables(self) -> list[Table]:
        """Of each quantity a row an element and a column a unit."""
        return [
            Table(
                _capital(CALLED[key]),
                [self.element[0], "name", *self.units],
                [
                    [place, shown(name), *(_round(v) for v in row)]
                    for place, name, row in zip(self.places, self.names, values, strict=True)
                ],
            )
            for key, values in self.values.items()
        ]

    def size(self) -> tuple[float, float]:
        """Wider for more elements, higher for more units."""
        wide = min(16.0, max(7.0, 2.5 + 0.16 * len(self.places)))
        return (wide, len(self.values) * max(1.0, 0.4 + 0.13 * len(self.units)) + 0.6)

    def draw(self, figure: Any) -> None:
        """A heat map of each quantity, units downwards, elements across; light is low."""
        rows = figure.subplots(len(self.values), 1, sharex=True, squeeze=False)[:, 0]
        named = any(self.names)
        across = range(len(self.places))
        for axes, (key, values) in zip(rows, self.values.items(), strict=True):
            low, high = self.ranges[key]
            image = axes.imshow(
                values.T, aspect="auto", cmap="Greys", vmin=low, vmax=high, interpolation="nearest"
            )
            axes.set_title(CALLED[key], loc="left", fontsize=9)
            bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=8)
            bar.ax.tick_params(labelsize=7)
            many = len(self.units) > 40
            axes.set_yticks(
                [] if many else range(len(self.units)), labels=[] if many else self.units
            )
            axes.tick_params(axis="y", labelsize=6, length=0)
            axes.set_ylabel("unit", fontsize=8)
        last = rows[-1]
        last.set_xlabel(f"{self.element[1]}{'' if named else ' from the one asked at'}", fontsize=9)
        if named:
            label_elements(last, across, self.names)
        else:
            ticks = list(across)[:: max(1, len(self.places) // 10)]
            last.set_xticks(ticks, labels=[str(self.places[k]) for k in ticks], fontsize=8)

    def data(self) -> dict[str, Any]:
        """Every value, (T, U) lists."""
        return {
            "element": self.element[0],
            "places": self.places,
            "names": self.names,
            "units": self.units,
            "time_scales": self.scales,
            "order": self.order,
            "values": {key: values.tolist() for key, values in self.values.items()},
        }


def states(
    subject: Subject,
    case: Case,
    *,
    units: Sequence[str] | None = None,
    layer: str | int | None = None,
    sort: bool = True,
    gates: Gates | None = None,
    steps: int = STEPS,
    most: int = UNITS,
) -> States:
    """Outputs, cells and gates of some units at the elements before the step of a case.

    units: names such as "2:37", of any layers; else those of one layer ("2", "2b" backwards; the
    highest where None), the `most` of the longest time scale, or where there are no gates those
    that vary most. sort: by time scale, the longest above; else as they were named, or by number.
    gates: what `gates` found, where time scales then come from; else they are those of this one
    sequence. steps: how many elements are shown, of models of both ways half of them behind.

    Raises InputError for units and layers that are not there, and a case without a step.
    """
    check_whole("steps", steps)
    check_whole("most", most)
    layers, case = opened_case(subject, case)
    if units is None:
        one = find_layer(layers, layer)
        chosen = [(layers.index(one), k) for k in range(one.units)]
    else:
        if not units:
            raise InputError("no units are named", where="units", expected='such as "1:37"')
        chosen = [find_unit(layers, name) for name in units]
    scales = _scales(layers, chosen, gates)
    quantities = _quantities(layers, chosen)
    first, last = _window(subject, case, steps)
    every = {key: gathered(layers, chosen, key)[first:last] for key in quantities}
    known = [s for s in scales if s is not None]
    if units is None:
        rank = np.array(scales, dtype=float) if known else every["h"].std(0)
        kept = np.argsort(-rank, kind="stable")[:most]
        kept = kept if sort else np.sort(kept)
        whole = len(kept) == len(chosen)
        sorted_by = "their time scale" if known else "how much they vary here"
        order = f"All units of {one.name}" if whole else f"Of {one.name} the units of the " + (
            "longest time scale" if known else "greatest deviation here"
        )  # fmt: skip
        order += f", sorted by {sorted_by}." if sort else ", by number."
    else:
        kept = np.arange(len(chosen))
        if sort and known:
            kept = np.argsort([-(s or 0.0) for s in scales], kind="stable")
        order = f"The units named{', sorted by their time scale' if sort and known else ''}."
    if not layers[0].kind:
        order += " They are what the network says, not what it carries: it cannot be opened."
    values = {key: found[:, kept] for key, found in every.items()}
    names = subject.names(case)[first:last]
    return States(
        subject.element,
        names,
        [k - case.at for k in range(first, last)],
        [unit_name(layers[chosen[k][0]], chosen[k][1]) for k in kept],
        values,
        {key: _range(quantities[key], found) for key, found in values.items()},
        [None if scales[k] is None or not np.isfinite(scales[k]) else scales[k] for k in kept],
        order,
    )


def opened_case(subject: Subject, case: Case) -> tuple[list[Inside], Case]:
    """The layers as they read one case, which is cut behind its step where nothing more is read."""
    if not 0 <= case.at < max(len(case.inputs), 1):
        raise InputError(
            f"step {case.at} is asked of {len(case.inputs)} elements",
            where="case",
            expected=f"a step from 0 to {len(case.inputs) - 1}",
        )
    if not subject.both_ways:
        case = replace(case, inputs=case.inputs[: case.at + 1])
    [batch] = batches(subject, [case])
    return inside(subject, batch.x, batch.lengths), case


def gathered(layers: Sequence[Inside], chosen: Sequence[tuple[int, int]], key: str) -> Values:
    """(T, U) of one quantity of units, by places of layers and of units in them, in order."""
    columns: dict[int, Values] = {}
    for place in {place for place, _ in chosen}:
        layer = layers[place]
        trace = layer.trace()
        found = layer.y if trace is None or key == "h" else getattr(trace, key)[0]
        check_finite(layer.name, found)
        columns[place] = layer.in_order(found)[:, 0].double().cpu().numpy()
    return np.stack([columns[place][:, unit] for place, unit in chosen], 1)


def _quantities(
    layers: Sequence[Inside], chosen: Sequence[tuple[int, int]]
) -> dict[str, tuple[float, float] | None]:
    """What all these units have; the outputs of an LSTM with projections are no units' own."""
    kinds = {layers[place].kind for place, _ in chosen}
    kind = kinds.pop() if len(kinds) == 1 else ""
    found = dict(QUANTITIES[kind])
    if any(layers[place].units != layers[place].y.shape[2] for place, _ in chosen):
        del found["h"]
    return found


def _scales(
    layers: Sequence[Inside], chosen: Sequence[tuple[int, int]], gates: Gates | None
) -> list[float | None]:
    """The time scale of each unit, None where it has no gates; inf where nothing is lost."""
    if gates is not None:
        told = {unit: float(scale) for one in gates.layers if one.scales is not None
                for unit, scale in zip(one.units, one.scales, strict=True)}  # fmt: skip
        return [told.get(unit_name(layers[place], unit)) for place, unit in chosen]
    own = {place: time_scales(layers[place]) for place in {place for place, _ in chosen}}
    found: list[float | None] = []
    for place, unit in chosen:
        scales = own[place]
        found.append(None if scales is None else float(scales[unit]))
    return found


def _window(subject: Subject, case: Case, steps: int) -> tuple[int, int]:
    """From where to where the case is shown."""
    behind = min(len(case.inputs) - 1 - case.at, steps // 2) if subject.both_ways else 0
    last = case.at + 1 + behind
    return max(0, last - steps), last


def _range(known: tuple[float, float] | None, values: Values) -> tuple[float, float]:
    if known is not None:
        return known
    most = float(np.abs(values).max()) or 1.0
    return (-most, most)


def _run(column: Values) -> float:
    """The mean length of stretches of one sign."""
    signs = np.sign(column)
    return len(column) / (1 + int((signs[1:] != signs[:-1]).sum()))


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
