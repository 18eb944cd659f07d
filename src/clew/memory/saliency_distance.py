"""How much elements matter by their distance from the step asked, in the mean over cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.memory._agreement import verdict
from clew.memory._occlusion import NEAR
from clew.memory.finding import Table
from clew.memory.saliency import SMALL, STYLES, Saliency, draw_curves, saliencies
from clew.memory.subject import Case, Subject

REACH = 32
_PEAK = 0.25  # of all that single elements change: so much at one place is told


@dataclass(frozen=True)
class SaliencyByDistance:
    """Means of the sizes of saliency's curves, by place; (n,) each.

    places: -3 is three elements before the step asked. counts: cases that have such an element.
    blocked: cases in which it was taken away in a block only, and counts as much as the one in the
    middle of that does, or as its share of the block.
    beyond: the mean size of what the score loses where nothing further away is read, over those
    `further` cases that have more.
    shared, aligned: the medians over the cases, None where none has any; disagreeing: cases
    in which gradients and occlusion disagree. gap: the largest share of a change that an integral
    lacks; incomplete: cases with a larger one than was asked for.
    """

    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    element: tuple[str, str]
    gradient: NDArray[np.float64]
    integrated: NDArray[np.float64]
    occlusion: NDArray[np.float64]
    connectivity: NDArray[np.float64]
    cases: int
    shared: float | None
    aligned: float | None
    disagreeing: int
    gap: float
    incomplete: int
    blocked: NDArray[np.int64]
    beyond: float
    further: int

    name = "saliency-by-distance"
    title = "How much elements matter by their distance"
    method = Saliency.method + " Of each curve the mean size over all cases is given."

    def words(self) -> list[str]:
        """Within how many elements half of it lies, whether the curves agree, the largest gap."""
        many = f"{self.cases} {'case' if self.cases == 1 else 'cases'}"
        total = float(self.occlusion.sum())
        if total <= 0:
            none = f"None of the elements matters: in {many} no score changes without one."
            return [none, *self._further()]
        half, most = (self._within(self.occlusion, share) for share in (0.5, 0.9))
        changed = "of what single elements change in the score lies"
        if half == most:
            where = f"90 % {changed} {self._called(most)}"
        else:
            where = f"Half {changed} {self._called(half)}, 90 % {self._called(most)}"
        peak = int(self.occlusion.argmax())
        if self.occlusion[peak] >= _PEAK * total and abs(place := int(self.places[peak])) > 1:
            away = f"{abs(place)} {self.element[1]} {'before' if place < 0 else 'after'} it"
            where += f"; {100 * self.occlusion[peak] / total:.0f} % at one place alone, {away}"
        further = self._further()
        lines = [f"{where} (by occlusion, the mean of {many})."]
        if self.beyond > SMALL * float(self.occlusion.max()):
            lines, further = [f"{lines[0]} {further[0]}"], further[1:]  # it is no small print
        if self.misled:
            lines.append(
                "By integrated gradients 90 % would lie "
                f"{self._called(self._within(self.integrated, 0.9))}: in how far back the rest "
                "lies gradients mislead, trust occlusion (Ismail et al. 2020)."
            )
        told = verdict(self.shared, self.aligned)
        lines.append(f"Element by element: {told[0].lower()}{told[1:]}")
        if self.disagreeing:
            lines.append(f"They disagree in {self.disagreeing} of {many}.")
        share = f"at most {100 * self.gap:.3g} %" if self.gap else "nothing but rounding"
        lacks = f"Integrated gradients lack {share} of the change of the score."
        if self.incomplete:
            lacks = (
                f"In {self.incomplete} of {many} the integrated gradients lack more than was "
                f"asked, at most {100 * self.gap:.3g} %: their sum is not to be trusted there."
            )
        return [*lines, *further, lacks]

    def _further(self) -> list[str]:
        """What was not taken away one by one."""
        lines, away = [], int(np.abs(self.places).max())
        if self.further:
            much = f"changes by {self.beyond:.2g} in the mean" if self.beyond else "stays as it is"
            lines.append(
                f"Further than {away} {self.element[away != 1]} away none was taken away one by "
                f"one; where nothing of that is read the score {much}."
            )
        if self.blocked.any():
            lines.append(
                f"{self.element[1].capitalize()} further than {NEAR - 1} away were taken away in "
                "blocks first, and one by one in the blocks that change most; of a block that is "
                "none of these the one in its middle counts for all."
            )
        return lines

    @property
    def misled(self) -> bool:
        """Whether integrated gradients reach much further, or less far, than occlusion."""
        near, far = sorted(self._within(curve, 0.9) for curve in (self.occlusion, self.integrated))
        return far > 2 * max(1, near)

    def _within(self, curve: NDArray[np.float64], share: float) -> int:
        """The distance within which a share of a curve lies."""
        away = np.abs(self.places)
        inside = [curve[away <= d].sum() for d in range(int(away.max()) + 1)]
        return int(np.argmax(np.array(inside) >= share * inside[-1]))

    def _called(self, distance: int) -> str:
        if distance == 0:
            return "at the step asked itself"
        sides = " on both sides" if (self.places > 0).any() else ""
        return f"within {distance} {self.element[distance != 1]} of the step asked{sides}"

    def tables(self) -> list[Table]:
        """A row for each distance."""
        columns = [self.element[0], *STYLES, "connectivity", "cases", "in blocks only"]
        curves = (self.occlusion, self.integrated, self.gradient, self.connectivity)
        rows = [
            [
                int(place),
                *(float(curve[k]) for curve in curves),
                int(self.counts[k]),
                int(self.blocked[k]),
            ]
            for k, place in enumerate(self.places)
        ]
        return [Table("Mean change of the score by distance", columns, rows)]

    def size(self) -> tuple[float, float]:
        """In inches."""
        return (8.0, 4.0)

    def draw(self, figure: Any) -> None:
        """The three curves against the distance, on a scale of powers of ten."""
        axes = figure.subplots()
        found = (self.occlusion, self.integrated, self.gradient)
        draw_curves(axes, self.places, [np.where(c > 0, c, np.nan) for c in found])
        if any((c > 0).any() for c in found):
            axes.set_yscale("log")
        axes.set_xlabel(f"{self.element[1]} from the one asked at")
        axes.set_ylabel("mean change of the score")
        axes.set_title(f"mean of {self.cases} cases", loc="left", fontsize=10)

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "element": list(self.element),
            "places": self.places.tolist(),
            "counts": self.counts.tolist(),
            "gradient_x_input": self.gradient.tolist(),
            "integrated_gradients": self.integrated.tolist(),
            "occlusion": self.occlusion.tolist(),
            "connectivity": self.connectivity.tolist(),
            "cases": self.cases,
            "shared": self.shared,
            "aligned": self.aligned,
            "disagreeing": self.disagreeing,
            "gap": self.gap,
            "incomplete": self.incomplete,
            "blocked": self.blocked.tolist(),
            "beyond": self.beyond,
            "further": self.further,
        }


def saliency_by_distance(
    subject: Subject,
    cases: Sequence[Case],
    *,
    answer: str | int | None = None,
    reach: int = REACH,
    **how: Any,
) -> SaliencyByDistance:
    """The means over `cases` of what `saliency` finds up to `reach` elements from the step asked.

    Other settings are those of `saliency`. Of elements that lie further away only what all of them
    together change is looked at. Raises InputError without any case, and as `saliency` does.
    """
    if not cases:
        raise InputError("there are no cases to look at", where="cases")
    return _means(saliencies(subject, cases, answer=answer, elements=reach + 1, **how))


def _means(found: Sequence[Saliency]) -> SaliencyByDistance:
    first = min(int(one.places[0]) for one in found)
    last = max(int(one.places[-1]) for one in found)
    counts, blocked = np.zeros((2, last - first + 1), dtype=np.int64)
    sums = np.zeros((4, len(counts)))
    gap = 0.0
    for one in found:
        where = one.places - first
        counts[where] += 1
        blocked[where] += np.isnan(one.occlusion)
        curves = (one.gradient, one.integrated, one.spread, one.connectivity)
        sums[:, where] += np.abs(np.stack(curves))
        change = abs(one.score - one.blank)
        if min(change, abs(one.gap)) > one.noise:
            gap = max(gap, abs(one.gap) / change)
    gradient, integrated, occlusion, connectivity = sums / np.maximum(counts, 1)
    shares = [one.shared for one in found if one.shared is not None]
    signs = [one.aligned for one in found if one.aligned is not None]
    # What rounding makes of a score is nothing.
    beyond = [
        abs(one.beyond) if abs(one.beyond) > one.noise else 0.0
        for one in found
        if one.beyond is not None
    ]
    return SaliencyByDistance(
        np.arange(first, last + 1), counts, found[0].element,
        gradient, integrated, occlusion, connectivity,
        cases=len(found),
        shared=float(np.median(shares)) if shares else None,
        aligned=float(np.median(signs)) if signs else None,
        disagreeing=sum(one.disagreeing for one in found),
        gap=gap,
        incomplete=sum(not one.complete for one in found),
        blocked=blocked,
        beyond=float(np.mean(beyond)) if beyond else 0.0,
        further=len(beyond),
    )  # fmt: skip
