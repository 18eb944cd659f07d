"""Gates as time scales: how long each unit holds on, and how often its gates are shut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.memory._reading import check_whole, drawn
from clew.memory._time_scales import GATES, KEEPS, LONGEST, OPEN, SHUT, LayerGates, Values, measured
from clew.memory.finding import Table
from clew.memory.subject import Case, Subject

STEPS = 20_000  # looked at, of all that there are
_STYLES = ((0, ()), (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))
_MARKS = "o^sDvP"


@dataclass(frozen=True)
class Gates:
    """What `gates` found: layers from bottom to top, and the same before training, where known.

    steps: at how many, sequences: of how many the gates were looked at. most: how many of the
    longest units are named.
    """

    layers: list[LayerGates]
    before: list[LayerGates] | None
    element: tuple[str, str]
    steps: int
    sequences: int
    most: int = 10

    name = "gates"
    title = "How long its units hold on"

    @property
    def method(self) -> str:
        """Equation, settings and source."""
        return (
            "A unit's time scale is -1 / mean(ln gate), of the forget gate of an LSTM and the "
            "update gate of a GRU (the one that keeps: h' = z h + (1 - z) n): after so many "
            f"{self.element[1]} the gate alone leaves 1/e = 37 % of what the unit held. The mean "
            f"is over {self.steps:,} steps of {self.sequences:,} "
            f"case{'s' * (self.sequences != 1)}, each read from the "
            "state of zeros; zoneout is counted in. That is what is typical, and a step that wipes "
            "the unit weighs much in it; of the mean gate, -1 / ln(mean gate), stands beside it. "
            "What goes other ways than through the gate is not seen here. A gate above "
            f"{OPEN} counts as open, below {SHUT} as shut (Karpathy et al. 2015). Unit 2:37 is the "
            "37th of layer 2, 2b:37 of what reads layer 2 backwards."
        )

    def longest(self) -> list[tuple[str, str, float, float]]:
        """The units of the longest time scales: name, layer, time scale, that of the mean gate."""
        every = [
            (unit, layer.name, float(scale), float(mean))
            for layer in self.layers
            if layer.scales is not None and layer.averages is not None
            for unit, scale, mean in zip(layer.units, layer.scales, layer.averages, strict=True)
        ]
        return sorted(every, key=lambda one: -one[2])[: self.most]

    def words(self) -> list[str]:
        """The longest unit, then each layer's own."""
        gated = [layer for layer in self.layers if layer.scales is not None]
        without = [layer for layer in self.layers if layer.scales is None]
        lines = []
        if gated:
            unit, layer, scale, mean = self.longest()[0]
            line = f"By its gates alone the longest unit, {unit} in {layer}, "
            if scale == math.inf:
                line += "never lets go of anything"
            else:
                line += f"keeps 37 % of what it holds for {self._span(scale)}"
                if mean > 2 * scale:
                    line += "; it is wiped now and then, and by its mean gate it would for "
                    line += self._span(mean)
            lines.append(line + ".")
        if without:
            names = " and ".join(layer.name for layer in without)
            rnn = all(layer.kind == "RNN" for layer in without)
            have = "has no gates" if len(without) == 1 else "have no gates"
            lines.append(
                f"{_capital(names)} {have}: a simple recurrent network overwrites its "
                "whole state at every step, and what it keeps goes through its weights alone."
                if rnn
                else f"{_capital(names)} cannot be opened: it is a module of another "
                "sort, and its gates, if it has any, are not known. Where a layer of torch.nn or "
                "clew.nn is a part of it, give that layer itself: embed= for what stands before "
                "it, readout= for what follows."
            )
        for k, one in enumerate(gated):
            former = None
            if self.before is not None:
                former = [b for b in self.before if b.scales is not None][k]
            lines.append(self._told(one, former))
        return lines

    def _told(self, layer: LayerGates, before: LayerGates | None) -> str:
        assert layer.scales is not None
        half, tenth = (float(_quantile(layer.scales, q)) for q in (0.5, 0.9))
        gate, called = KEEPS[layer.kind]
        line = (
            f"{_capital(layer.label)}: half of the units hold on for "
            f"{self._span(half)} or more, a tenth for {self._span(tenth)} or more"
        )
        if before is not None and before.scales is not None:
            then = (float(_quantile(before.scales, q)) for q in (0.5, 0.9))
            line += " (before training {} and {})".format(*(_number(one) for one in then))
        return (
            f"{line}; the {called} is open {100 * layer.open[gate].mean():.0f} % and shut "
            f"{100 * layer.shut[gate].mean():.0f} % of the time."
        )

    def _span(self, steps: float) -> str:
        if steps == math.inf:
            return f"more than {LONGEST:,.0f} {self.element[1]}"
        number = _number(steps)
        return f"{number} {self.element[number != '1']}"

    def tables(self) -> list[Table]:
        """The longest units; time scales and saturation by layer; every unit."""
        found = []
        if any(layer.scales is not None for layer in self.layers):
            rows = [[*named, _json(scale), _json(mean)] for *named, scale, mean in self.longest()]
            columns = ["unit", "layer", f"time scale, {self.element[1]}", "of the mean gate"]
            found.append(Table("Longest units", columns, rows))
        found.append(self._by_layer())
        saturation: list[list[str | int | float | None]] = [
            [layer.name, called, float(layer.open[gate].mean()), float(layer.shut[gate].mean())]
            for layer in self.layers
            if layer.scales is not None
            for gate, called in GATES[layer.kind].items()
        ]
        if saturation:
            columns = ["layer", "gate", f"share above {OPEN}", f"share below {SHUT}"]
            found.append(Table("Saturation, mean over units", columns, saturation))
        for layer in self.layers:
            if layer.scales is None or layer.averages is None:
                continue
            gate, called = KEEPS[layer.kind]
            columns = [
                "unit",
                "time scale",
                "of the mean gate",
                f"share above {OPEN}",
                f"share below {SHUT}",
            ]
            shares = (layer.open[gate], layer.shut[gate])
            values = zip(layer.units, layer.scales, layer.averages, *shares, strict=True)
            units = [[unit, _json(s), _json(m), float(o), float(c)] for unit, s, m, o, c in values]
            found.append(Table(f"Units of {layer.name}, {called}", columns, units))
        return found

    def _by_layer(self) -> Table:
        columns = [
            "layer",
            "cell",
            "units",
            "shortest",
            "tenth",
            "median",
            "nine tenths",
            "longest",
        ]
        rows: list[list[str | int | float | None]] = []
        for when, layers in (("", self.layers), (" before training", self.before or [])):
            for layer in layers:
                parts: list[float | None] = [None] * 5
                if layer.scales is not None:
                    parts = [
                        _json(float(_quantile(layer.scales, q))) for q in (0, 0.1, 0.5, 0.9, 1)
                    ]
                rows.append([layer.name + when, layer.kind or None, len(layer.units), *parts])
        return Table(f"Time scales by layer, {self.element[1]}", columns, rows)

    def size(self) -> tuple[float, float]:
        """Two pictures side by side."""
        return (10.0, 4.5)

    def draw(self, figure: Any) -> None:
        """Time scales sorted, of each layer; beside them how often the gate is open and shut."""
        gated = [layer for layer in self.layers if layer.scales is not None]
        if not gated:
            axes = figure.subplots()
            axes.set_axis_off()
            axes.text(0.5, 0.5, "no gates", ha="center", va="center", color="0.4")
            return
        from matplotlib.ticker import LogFormatter

        class Plain(LogFormatter):
            """0.4, and not 4e-01."""

            def __call__(self, x: float, pos: int | None = None) -> str:
                return f"{x:,g}" if super().__call__(x, pos) else ""

        left, right = figure.subplots(1, 2)
        former = [b for b in self.before or [] if b.scales is not None]
        for layer in former:
            assert layer.scales is not None
            label = "before training" if layer is former[0] else None
            left.plot(*_sorted(layer.scales), color="0.75", linewidth=1.0, label=label)
        for k, layer in enumerate(gated):
            assert layer.scales is not None
            shade = str(0.0 if k % 2 == 0 else 0.45)
            mark = _MARKS[k % len(_MARKS)]
            left.plot(
                *_sorted(layer.scales), color=shade, linestyle=_STYLES[k % len(_STYLES)],
                marker=mark, markersize=4, markevery=max(1, len(layer.units) // 8),
                label=layer.name,
            )  # fmt: skip
            gate = KEEPS[layer.kind][0]
            right.plot(
                layer.open[gate], layer.shut[gate], linestyle="", marker=mark, markersize=4,
                markerfacecolor="none", markeredgecolor=shade, label=layer.name, alpha=0.7,
            )  # fmt: skip
        left.set_yscale("log")
        for axis in (left.yaxis.set_major_formatter, left.yaxis.set_minor_formatter):
            axis(Plain(minor_thresholds=(2, 0.5)))
        left.set(xlabel="share of units, %")
        left.set_ylabel(f"time scale, {self.element[1]}")
        left.set_title("37 % are left after", loc="left", fontsize=10)
        right.plot([0, 1], [1, 0], color="0.8", linewidth=0.8, zorder=0)
        right.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        right.set_xlabel(f"share of steps with the gate above {OPEN}")
        right.set_ylabel(f"share of steps with the gate below {SHUT}")
        kinds = " and ".join(sorted({KEEPS[layer.kind][1] for layer in gated}))
        right.set_title(f"saturation of the {kinds}, one mark a unit", loc="left", fontsize=10)
        left.legend(fontsize=8, frameon=False)
        right.legend(fontsize=8, frameon=False)
        for axes in (left, right):
            axes.tick_params(labelsize=8)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)

    def data(self) -> dict[str, Any]:
        """Every unit of every layer."""

        def plain(layer: LayerGates) -> dict[str, Any]:
            return {
                "layer": layer.name,
                "kind": layer.kind,
                "units": layer.units,
                "time_scales": _list(layer.scales),
                "time_scales_of_mean_gate": _list(layer.averages),
                "share_open": {gate: share.tolist() for gate, share in layer.open.items()},
                "share_shut": {gate: share.tolist() for gate, share in layer.shut.items()},
            }

        return {
            "steps": self.steps,
            "sequences": self.sequences,
            "element": self.element[0],
            "open": OPEN,
            "shut": SHUT,
            "longest": [
                {"unit": unit, "layer": layer, "time_scale": _json(scale)}
                for unit, layer, scale, _ in self.longest()
            ],
            "layers": [plain(layer) for layer in self.layers],
            "before": None if self.before is None else [plain(layer) for layer in self.before],
        }


def gates(
    subject: Subject,
    cases: Sequence[Case],
    *,
    steps: int = STEPS,
    most: int = 10,
    seed: int = 0,
) -> Gates:
    """The time scale -1 / mean ln gate of every unit, and how often its gates are saturated.

    cases: all their elements are read, as sequences from the state of zeros; as many of them, drawn
    by the seed, as give `steps` steps. most: how many of the longest units are named. The untrained
    subject is looked at beside it, where there is one. The cost is that of reading so many steps
    twice, for each of both. Raises InputError where there is no step.
    """
    check_whole("steps", steps)
    check_whole("most", most)
    check_whole("seed", seed, 0)
    some = drawn(cases, [len(case.inputs) for case in cases], steps, seed)
    first = subject.untrained()
    found = measured(subject, some)
    return Gates(
        found,
        None if first is None else measured(first, some),
        subject.element,
        sum(len(case.inputs) for case in some),
        len({case.source for case in some}),
        most,
    )


def _quantile(values: Values, q: float) -> float:
    """Of values that may be infinite: one of them, so that none is made between."""
    return float(np.quantile(values, q, method="inverted_cdf"))


def _sorted(scales: Values) -> tuple[Values, Values]:
    """Share of units in percent, and time scales from the longest to the shortest."""
    share = 100 * (np.arange(len(scales)) + 0.5) / len(scales)
    finite = scales[np.isfinite(scales)]
    # What never lets go stands at the upper end, above all others.
    top = max(10 * float(finite.max()), 1.0) if len(finite) else LONGEST
    return share, np.minimum(np.sort(scales)[::-1], top)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "endless"
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _list(values: Values | None) -> list[float | None] | None:
    return None if values is None else [_json(value) for value in values]
