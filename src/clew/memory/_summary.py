"""What the instruments say together: where they agree, where not, and which to trust for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.memory._agreement import agree
from clew.memory._lag_curve import TAKEN
from clew.memory.finding import Finding
from clew.memory.gates import Gates
from clew.memory.horizon import Horizon
from clew.memory.lags import GradientByLag
from clew.memory.linear import Linear
from clew.memory.saliency_distance import SaliencyByDistance

FADED = 0.01  # of the largest gradient at any lag: what is below it is called faded
_FADED = "1 %"
_TIMES, _STEPS = 2, 2  # depths that differ by more than this are told apart
_CLEAR = 2.0  # times what stands at any other lag, but for those beside it
TOLD = {
    "used": "what it uses (ablation)",
    "felt": "what its gradient feels",
    "kept": "what a line reads off its state but not off the current one",
}
PEAK = "where gradient x input is greatest"
_UNSEEN = {
    "horizon": "How far back it looks could not be measured",
    "gradient-by-lag": "Gradients by lag could not be measured",
    "linear-memory": "What its state keeps could not be measured",
}


@dataclass(frozen=True)
class Depth:
    """How far back an instrument sees something: steps, and whether it could be more.

    looked: how far it was looked. peak: whether these steps are not how far it sees, but where it
    sees most: how far it sees is not known then.
    """

    steps: int
    more: bool = False
    looked: int | None = None
    peak: bool = False

    def beyond(self, other: Depth) -> bool:
        """Whether it surely lies further back than the other."""
        unseen = other.looked is not None and self.steps > other.looked
        return not other.more and not unseen and self.steps > _TIMES * other.steps + _STEPS

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
    last, looked = int(curve.lags[curve.mean >= FADED * curve.mean.max()][-1]), int(curve.lags[-1])
    peak = clear_peak(gradient)
    if last == looked and peak is not None:
        return Depth(peak, looked=looked, peak=True)
    return Depth(last, last == looked, looked)


def clear_peak(gradient: GradientByLag) -> int | None:
    """The lag from 2 on at which gradient x input is greatest, where no other comes near it.

    What stands at other lags from 2 on, but for those beside it, is less than half, at lag 1 less.
    """
    curve = gradient.curve(TAKEN)
    peak = None if curve is None else curve.peak
    if curve is None or peak is None or peak < 2:
        return None
    others = curve.mean[(curve.lags > 1) & (np.abs(curve.lags - peak) > 1)]
    highest = float(curve.mean[curve.lags == peak][0])
    return peak if highest >= _CLEAR * float(others.max(initial=0.0)) else None


def kept(linear: Linear) -> Depth | None:
    """The last lag of which a line reads something off a layer's state, and less off x_t alone."""
    if not linear.tells:
        return None
    last = max(layer.remembered for layer in linear.layers)
    # Too few steps for so many units, or elements that tell more of each other than it does.
    hidden = not last and any(layer.capacity_alone > layer.capacity for layer in linear.layers)
    return None if linear.few or hidden else Depth(last, last == linear.lags, linear.lags)


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
    if isinstance(gradient, GradientByLag):
        lines += _felt(gradient, seen.get("felt"))
    if isinstance(linear, Linear) and "kept" in seen:
        lines.append(linear.words()[0])
    if isinstance(gates, Gates):
        lines.append(gates.words()[0])
    lines += _joined(seen)
    lines += _elements(findings)
    return lines or [finding.words()[0] for finding in findings.values()]


def _felt(gradient: GradientByLag, depth: Depth | None) -> list[str]:
    one, many = gradient.element
    if depth is None:
        curve = gradient.curve("loss") or gradient.curve("answer")
        if curve is None or not np.isfinite(curve.mean).all():
            return []
        last = int(curve.lags[-1])
        return [f"The gradient of the loss is 0 at all lags that were looked at, 0 to {last}."]

    def back(steps: int) -> str:
        return f"{steps} {one if steps == 1 else many} back"

    if depth.more or depth.peak:
        line = (
            f"The gradient of the loss is still more than {_FADED} of its largest "
            f"{back(depth.looked or depth.steps)}, as far as was looked"
        )
    elif depth.steps == 0:
        line = f"The gradient of the loss reaches nothing but the current {one}"
    else:
        line = (
            f"The gradient of the loss falls below {_FADED} of its largest beyond "
            f"{back(depth.steps)}"
        )
    if (peak := clear_peak(gradient)) is not None:
        line += f"; the answer hangs most, by gradient x input, on what stands {back(peak)}"
    return [f"{line}."]


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
    if use and feel and feel.peak and (feel.beyond(use) or use.beyond(feel)):
        differ.append(
            f"what gradient x input names most ({feel}) is not the furthest that it uses ({use})"
        )
    elif use and feel and feel.beyond(use) and feel.more:
        differ.append(
            f"the gradient reaches further than what it uses ({use}), as far as was looked "
            f"({feel.steps})"
        )
    elif use and feel and feel.beyond(use):
        differ.append(
            f"the gradient reaches further ({feel}) than what it uses ({use}): what stands there "
            "could still be learned from, but changes the loss too little"
        )
    elif use and feel and use.beyond(feel):
        differ.append(
            f"the gradient fades ({feel}) before what it uses ends ({use}): there it misleads"
        )
    if not use and feel and not feel.peak and keep and (feel.beyond(keep) or keep.beyond(feel)):
        differ.append(f"the gradient reaches {feel} back, what a line can read {keep}")
    trust = (
        "For what it uses trust ablation, which takes the past away; the gradient tells what could "
        "be learned, linear memory what is kept."
    )
    if differ:
        return [f"The instruments differ: {'; '.join(differ)}. {trust}"]
    # A figure that only says how far was looked agrees with nothing.
    ends = {name: depth for name, depth in seen.items() if not depth.more and not (
        use and depth.looked is not None and use.steps > depth.looked)}  # fmt: skip
    rest = [f"{TOLD[name]} {depth.looked or depth.steps}" for name, depth in seen.items()
            if name not in ends]  # fmt: skip
    lines = []
    if len(ends) > 1:
        figures = ", ".join(
            f"{PEAK if depth.peak else TOLD[name]} {depth.steps}" for name, depth in ends.items()
        )
        lines.append(f"The instruments agree roughly, in steps back: {figures}.")
    if rest:
        lines.append(f"Not compared, for there was looked no further: {', '.join(rest)}.")
    return lines


def _elements(findings: Mapping[str, Finding]) -> list[str]:
    """How near those elements are that single answers hang on, and whether gradients name them."""
    found: Any = findings.get("saliency-by-distance")
    if not isinstance(found, SaliencyByDistance):
        return []
    line = found.words()[0]
    same = agree(found.shared, found.aligned)
    if same is None:
        return [line]
    if same and found.misled:
        return [f"{line} Gradients name the same elements, but mislead in how far the rest lies."]
    if same:
        return [f"{line} Gradients name the same elements."]
    return [f"{line} Gradients name others: over time they mislead."]
