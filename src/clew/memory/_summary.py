"""What the instruments say together: where they agree, where not, and which to trust for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.memory._linear_memory import LEAST
from clew.memory.finding import Finding
from clew.memory.gates import Gates
from clew.memory.horizon import Horizon
from clew.memory.lags import GradientByLag
from clew.memory.linear import Linear
from clew.memory.saliency import AGREE
from clew.memory.saliency_distance import SaliencyByDistance

FADED = 0.01  # of the largest gradient at any lag: what is below it is called faded
_FADED = "1 %"
_TIMES, _STEPS = 2, 2  # depths that differ by more than this are told apart
TOLD = {
    "used": "what it uses (ablation)",
    "felt": "what its gradient feels",
    "kept": "what a line reads off its state but not off the current one",
}
_UNSEEN = {
    "horizon": "How far back it looks could not be measured",
    "gradient-by-lag": "Gradients by lag could not be measured",
    "linear-memory": "What its state keeps could not be measured",
}


@dataclass(frozen=True)
class Depth:
    """How far back an instrument sees something: steps, and whether it could be more."""

    steps: int
    more: bool = False

    def beyond(self, other: Depth) -> bool:
        """Whether it surely lies further back than the other."""
        return not other.more and self.steps > _TIMES * other.steps + _STEPS

    def __str__(self) -> str:
        return f"{self.steps} or more" if self.more else f"{self.steps}"


def used(horizon: Horizon) -> Depth:
    """How far back it needs to see."""
    return Depth(horizon.horizon, horizon.open_ended)


def felt(gradient: GradientByLag) -> Depth | None:
    """The last lag at which the gradient of the loss is not yet faded."""
    curve = gradient.curve("loss") or gradient.curve("answer")
    if curve is None or not 0 < curve.mean.max() < np.inf:
        return None
    last = int(curve.lags[curve.mean >= FADED * curve.mean.max()][-1])
    return Depth(last, last == int(curve.lags[-1]))


def kept(linear: Linear) -> Depth | None:
    """The last lag of which a line reads more off a layer's state than off the current element."""
    if not linear.measured.varies:
        return None
    last = 0
    for layer in linear.layers:
        above = layer.r2[1:] - layer.alone[1:] > max(layer.chance, LEAST)
        last = max([last, *(np.flatnonzero(above) + 1).tolist()])
    return Depth(last, last == linear.lags)


def depths(findings: Mapping[str, Finding]) -> dict[str, Depth]:
    """By the names of TOLD how far back instruments see something, of those that tell."""
    horizon, gradient, linear = (
        findings.get(name) for name in ("horizon", "gradient-by-lag", "linear-memory")
    )
    found: dict[str, Depth | None] = {}
    if isinstance(horizon, Horizon) and not horizon.alike:
        found["used"] = used(horizon)
    if isinstance(gradient, GradientByLag):
        found["felt"] = felt(gradient)
    if isinstance(linear, Linear):
        found["kept"] = kept(linear)
    return {name: depth for name, depth in found.items() if depth is not None}


def summary(findings: Mapping[str, Finding], missing: Mapping[str, str]) -> list[str]:
    """What it remembers, in at most six sentences and those of what is missing."""
    lines = [f"{_UNSEEN[name]}: {why}" for name, why in missing.items() if name in _UNSEEN]
    seen = depths(findings)
    horizon: Any = findings.get("horizon")
    gradient: Any = findings.get("gradient-by-lag")
    linear: Any = findings.get("linear-memory")
    gates: Any = findings.get("gates")
    if isinstance(horizon, Horizon):
        lines.append(horizon.words()[0])
        if horizon.alike:
            many = horizon.element[1]
            return [
                *lines,
                f"All {many} of the data are the same: they cannot show more than that.",
            ]
    if isinstance(gradient, GradientByLag) and "felt" in seen:
        lines.append(_felt(gradient, seen["felt"]))
    if isinstance(linear, Linear) and "kept" in seen:
        lines.append(linear.words()[0])
    if isinstance(gates, Gates):
        lines.append(gates.words()[0])
    lines += _joined(seen)
    lines += _elements(findings)
    return lines or [finding.words()[0] for finding in findings.values()]


def _felt(gradient: GradientByLag, depth: Depth) -> str:
    one, many = gradient.element
    back = f"{depth.steps} {one if depth.steps == 1 else many} back"
    if depth.more:
        return (
            f"The gradient of the loss is still more than {_FADED} of its largest {back}, as far "
            "as was looked."
        )
    if depth.steps == 0:
        return f"The gradient of the loss reaches nothing but the current {one}."
    return f"The gradient of the loss falls below {_FADED} of its largest beyond {back}."


def _joined(seen: Mapping[str, Depth]) -> list[str]:
    """Whether what is used, felt and kept reaches equally far; what it means where not."""
    if len(seen) < 2:
        return []
    use, feel, keep = (seen.get(name) for name in TOLD)
    differ = []
    if use and keep and keep.beyond(use):
        differ.append(f"its state keeps more ({keep}) than it uses ({use})")
    if use and keep and use.beyond(keep):
        differ.append(
            f"it uses more ({use}) than a line can read off its state ({keep}): what is older is "
            "there, but mixed with the rest"
        )
    if use and feel and feel.beyond(use):
        differ.append(
            f"the gradient reaches further ({feel}) than what it uses ({use}): what stands there "
            "could still be learned from, but changes the loss too little"
        )
    if use and feel and use.beyond(feel):
        differ.append(
            f"the gradient fades ({feel}) before what it uses ends ({use}): there it misleads"
        )
    if not use and feel and keep and (feel.beyond(keep) or keep.beyond(feel)):
        differ.append(f"the gradient reaches {feel} back, what a line can read {keep}")
    trust = (
        "For what it uses trust ablation, which takes the past away; the gradient tells what could "
        "be learned, linear memory what is kept."
    )
    if differ:
        return [f"The instruments differ: {'; '.join(differ)}. {trust}"]
    figures = ", ".join(f"{TOLD[name]} {depth}" for name, depth in seen.items())
    return [f"The instruments agree roughly, in steps back: {figures}."]


def _elements(findings: Mapping[str, Finding]) -> list[str]:
    """How near those elements are that single answers hang on, and whether gradients name them."""
    found: Any = findings.get("saliency-by-distance")
    if not isinstance(found, SaliencyByDistance):
        return []
    line = found.words()[0]
    if found.correlation is None:
        return [line]
    if found.correlation >= AGREE and (found.aligned is None or found.aligned >= AGREE):
        return [f"{line} Gradients name the same elements."]
    return [f"{line} Gradients name others: over time they mislead."]
