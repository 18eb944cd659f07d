"""Which elements an answer hangs on: by gradients, and always by taking them away as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.errors import InputError
from clew.memory._attribution import Asked, Attribution, attribute, still
from clew.memory._lettering import drawable, label_elements, shown
from clew.memory.finding import Table
from clew.memory.subject import Case, Subject

AGREE = 0.6  # a rank correlation from which on two curves name the same elements
ELEMENTS, STEPS, TOLERANCE = 128, 16, 0.01

STYLES: dict[str, dict[str, Any]] = {
    "occlusion": {"color": "black", "linestyle": "-", "marker": "o", "linewidth": 1.6},
    "integrated gradients": {"color": "0.35", "linestyle": "--", "marker": "s"},
    "gradient x input": {"color": "0.55", "linestyle": ":", "marker": "^"},
}
_METHOD = (
    "F is the score of the answer as the model gives it. Occlusion: F less F with the element "
    "replaced by {neutral}, one element at a time. Gradient x input: dF/dx times x, counted from "
    "the same neutral element. Integrated gradients: the same with the mean of dF/dx on the "
    "straight way from neutral elements to x (Sundararajan et al. 2017). Connectivity: the length "
    "of dF/dx. Where gradients and occlusion disagree, occlusion is what the model does (Ismail "
    "et al. 2020)."
)
_NEUTRAL = "a neutral one (<unk>, silence, id 0 of a torch module, or the mean of what is read)"


@dataclass(frozen=True)
class Saliency:
    """One answer, element by element; curves (n,) in the units of the answer's score.

    places: of the elements, counted from the step asked: -3 is three before it. names: theirs.
    answer: its name, or "output 3" of one without. The elements are those near the step; others are
    read, but not looked at. score: F; blank: F where all these elements are neutral. gap: what the
    integral of `steps` points lacks of score - blank; complete: whether that is 1 % or less (as
    `tolerance`), but for rounding; noise: what rounding alone may change in a score.
    correlation: Spearman's, of the sizes of occlusion and integrated gradients; None of curves
    that are flat. aligned: the share of what occlusion changes that has the same sign in both.
    """

    places: NDArray[np.int64]
    names: list[str]
    element: tuple[str, str]
    answer: str
    gradient: NDArray[np.float64]
    integrated: NDArray[np.float64]
    occlusion: NDArray[np.float64]
    connectivity: NDArray[np.float64]
    score: float
    blank: float
    steps: int
    gap: float
    complete: bool
    noise: float
    correlation: float | None
    aligned: float | None

    name = "saliency"
    title = "Which elements the answer hangs on"
    method = _METHOD.format(neutral=_NEUTRAL)

    def words(self) -> list[str]:
        """What the answer hangs on, whether the integral is whole, whether the curves agree."""
        many = f"{len(self.places)} {self.element[len(self.places) != 1]}"
        said = f"answer {shown(self.answer)!r}"
        if self.flat:
            return [
                f"The {said} hangs on none of the {many}: its score of {self.score:.4g} stays "
                "as it is whichever of them is replaced by a neutral one."
            ]
        order = np.argsort(-np.abs(self.occlusion), kind="stable")[:3]
        told = [
            f"{self._called(k)} ({self.occlusion[k]:+.3g})"
            for k in order
            if abs(self.occlusion[k]) > self.noise
        ]
        if told:
            first = (
                "hangs most on " + ", then ".join(told) + ": so much of the score goes where that "
                "one alone is replaced by a neutral one"
                + (", a minus: it rises." if (self.occlusion[order] < -self.noise).any() else ".")
            )
        else:
            first = (
                f"hangs on no element alone: whichever of the {many} is replaced by a neutral one, "
                "the others make up for it."
            )
        lines = [
            f"The {said} (score {self.score:.4g}) {first}",
            f"With {'it' if len(self.places) == 1 else f'all {many}'} neutral the score is "
            f"{self.blank:.4g}.",
        ]
        return [*lines, self._integral(), verdict(self.correlation, self.aligned)]

    @property
    def flat(self) -> bool:
        """Whether no element matters by any of the curves."""
        curves = (self.occlusion, self.integrated, self.gradient)
        return max(float(np.abs(curve).max()) for curve in curves) <= self.noise

    @property
    def disagreeing(self) -> bool:
        """Whether gradients name other elements than occlusion does."""
        return agree(self.correlation, self.aligned) is False

    def _called(self, k: int) -> str:
        place, (one, more) = int(self.places[k]), self.element
        away = f"{abs(place)} {one if abs(place) == 1 else more}"
        where = (
            "at the step asked" if place == 0 else f"{away} {'before' if place < 0 else 'after'}"
        )
        return f"{shown(self.names[k])!r} {where}" if self.names[k] else f"the one {where}"

    def _integral(self) -> str:
        change = self.score - self.blank
        if abs(self.gap) <= self.noise:
            share = "nothing but rounding"
        elif abs(change) > self.noise:
            share = f"{abs(100 * self.gap / change):.3g} % of that change"
        else:
            share = f"{abs(self.gap):.2g}, where nothing changes"
        told = f"integrated gradients in {self.steps} steps, which lack {share}"
        if self.complete:
            return f"Gradients: {told}."
        return f"Gradients: {told}: too much for their sum to be trusted."

    def tables(self) -> list[Table]:
        """A row for each element."""
        columns = [self.element[0], "name", *STYLES, "connectivity"]
        curves = (self.occlusion, self.integrated, self.gradient, self.connectivity)
        rows: list[list[str | int | float | None]] = [
            [int(place), shown(name), *(float(curve[k]) for curve in curves)]
            for k, (place, name) in enumerate(zip(self.places, self.names, strict=True))
        ]
        return [Table(f"The score of {shown(self.answer)!r}, element by element", columns, rows)]

    def size(self) -> tuple[float, float]:
        """Wider for more elements."""
        return (min(16.0, max(7.0, 2.0 + 0.18 * len(self.places))), 5.0)

    def draw(self, figure: Any) -> None:
        """The three curves above, the connectivity below."""
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        x = np.arange(len(self.places)) if any(self.names) else self.places
        draw_curves(upper, x, (self.occlusion, self.integrated, self.gradient))
        upper.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
        upper.set_ylabel("change of the score")
        upper.set_title(
            f"answer: {drawable(self.answer)}", loc="left", fontsize=10, parse_math=False
        )
        lower.bar(x, self.connectivity, color="0.6", edgecolor="black", linewidth=0.4)
        lower.set_ylabel("connectivity")
        for axes in (upper, lower) if self.places[-1] > 0 else ():
            axes.axvline(x[-int(self.places[0])], color="0.8", linewidth=0.8, zorder=0)
        where = "the last the one asked at" if self.places[-1] == 0 else "the line the one asked at"
        named = any(self.names)
        lower.set_xlabel(f"{self.element[1]}{f', {where}' if named else ' from the one asked at'}")
        label_elements(lower, x, self.names)

    def marked(self, width: int = 78) -> str:
        """The elements in order with their weights, for a terminal: occlusion, 9 the largest.

        Of single characters the weights stand below; other names carry theirs: word[7]. A minus
        is of an element that speaks against the answer; 0 is written as a dot.
        """
        most = float(np.abs(self.occlusion).max())
        scaled = np.zeros(len(self.places), dtype=int)
        if most > self.noise:
            scaled = np.round(9 * self.occlusion / most).astype(int)
        names = [shown(name) or f"{place:+d}" for name, place in
                 zip(self.names, self.places, strict=True)]  # fmt: skip
        if all(len(name) == 1 for name in names):
            return _below(names, scaled, width)
        words = [f"{name}[{n}]" if n else name for name, n in zip(names, scaled, strict=True)]
        lines = [""]
        for word in words:
            if lines[-1] and len(lines[-1]) + len(word) >= width:
                lines.append("")
            lines[-1] += " " * bool(lines[-1]) + word
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """All of it."""
        curves = {
            "gradient_x_input": self.gradient, "integrated_gradients": self.integrated,
            "occlusion": self.occlusion, "connectivity": self.connectivity,
        }  # fmt: skip
        return {
            "answer": self.answer,
            "element": list(self.element),
            "places": self.places.tolist(),
            "names": list(self.names),
            **{name: curve.tolist() for name, curve in curves.items()},
            "score": self.score,
            "blank": self.blank,
            "steps": self.steps,
            "gap": self.gap,
            "complete": self.complete,
            "correlation": self.correlation,
            "aligned": self.aligned,
        }


def saliency(
    subject: Subject,
    case: Case,
    *,
    answer: str | int | None = None,
    elements: int = ELEMENTS,
    steps: int = STEPS,
    tolerance: float = TOLERANCE,
) -> Saliency:
    """How much each element has to do with one answer.

    answer: by its name or number; None takes the likeliest (of a model that answers with numbers
    of another kind, the first). elements: how many are looked at, up to the step asked (of models
    of both ways, on each side of it). steps: points of the integral to begin with; stretches of the
    way on which it lacks much get more, up to 1024 in all, until it lacks no more than `tolerance`
    of the change. Reads the case elements + 2 steps times and more. Raises InputError for an answer
    that the model does not have, an empty case, a score that is not finite, or one that cannot be
    differentiated.
    """
    for what, value in (("elements", elements), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{what} is {value!r}", where=what, expected="a whole number from 1")
    with still(subject.network):
        asked = Asked(subject, case)
        with torch.no_grad():
            said = asked.said(asked.x.unsqueeze(1))[0]
        number = _chosen(subject, answer, said)
        if not bool(torch.isfinite(said[number])):
            raise InputError(f"the score of the answer is {float(said[number])}", where="case")
        last = case.at + 1
        beyond = min(len(asked.x), last + elements - 1) if subject.both_ways else last
        around = slice(max(0, last - elements), beyond)
        found = attribute(asked, number, around, steps=steps, tolerance=tolerance)
    curves = (found.gradient, found.integrated, found.occlusion, found.connectivity)
    if not np.isfinite(np.stack(curves)).all():
        raise InputError(
            f"the score of the answer is {found.score:.4g}, but its gradient, or the score without "
            "some element, is not finite",
            where="the model",
        )
    names = list(subject.answers) if subject.answers is not None else None
    return _told(
        found, tolerance, case.at,
        names=subject.names(case)[around],
        element=subject.element,
        answer=f"output {number}" if names is None else names[number],
    )  # fmt: skip


def saliencies(subject: Subject, cases: Sequence[Case], **how: Any) -> list[Saliency]:
    """`saliency` of each case, with the same settings."""
    return [saliency(subject, case, **how) for case in cases]


def _chosen(subject: Subject, answer: str | int | None, said: torch.Tensor) -> int:
    names, count = subject.answers, len(said)
    if answer is None:
        scores = subject.in_nats and getattr(subject, "likeliest", True)
        return int(said.argmax()) if scores else 0
    if isinstance(answer, str):
        if names is None:
            raise InputError(
                f"the answers have no names, and {answer!r} is one", where="answer",
                expected=f"a number from 0 to {count - 1}",
            )  # fmt: skip
        if answer not in names:
            some = ", ".join(repr(name) for name in names[:12]) + (", ..." if count > 12 else "")
            raise InputError(f"there is no answer {answer!r}", where="answer", expected=some)
        return list(names).index(answer)
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < count:
        raise InputError(
            f"there is no answer {answer!r}", where="answer",
            expected=f"a number from 0 to {count - 1}" + (", or a name" if names else ""),
        )  # fmt: skip
    return answer


def _told(
    found: Attribution, tolerance: float, at: int, *, names: list[str], element: tuple[str, str],
    answer: str,
) -> Saliency:  # fmt: skip
    change = abs(found.score - found.blank)
    occluded, integrated = found.occlusion, found.integrated
    total = float(np.abs(occluded).sum())
    same = float(np.abs(occluded)[np.sign(occluded) == np.sign(integrated)].sum())
    return Saliency(
        places=np.arange(len(names)) + found.first - at,
        names=names,
        element=element,
        answer=answer,
        gradient=found.gradient,
        integrated=integrated,
        occlusion=occluded,
        connectivity=found.connectivity,
        score=found.score,
        blank=found.blank,
        steps=found.steps,
        gap=found.gap,
        complete=abs(found.gap) <= tolerance * change + found.noise,
        noise=found.noise,
        correlation=rank_correlation(np.abs(occluded), np.abs(integrated), found.noise),
        aligned=same / total if total > found.noise else None,
    )


def rank_correlation(
    one: NDArray[np.float64], other: NDArray[np.float64], noise: float = 0.0
) -> float | None:
    """Spearman's rank correlation; None where either is flat (within `noise`) or too short."""
    from scipy.stats import rankdata

    if len(one) < 3 or min(np.ptp(one), np.ptp(other)) <= noise:
        return None
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def agree(correlation: float | None, aligned: float | None) -> bool | None:
    """Whether gradients and occlusion tell the same; None where that cannot be said."""
    if correlation is None:
        return None
    return correlation >= AGREE and (aligned is None or aligned >= AGREE)


def verdict(correlation: float | None, aligned: float | None) -> str:
    """In words whether they agree, and which to trust where they do not."""
    if correlation is None:
        return "Too little changes for gradients and occlusion to be compared by rank."
    figures = f"rank correlation {correlation:.2f}"
    if aligned is not None:
        figures += f", the same sign in {100 * aligned:.0f} % of the change"
    if agree(correlation, aligned):
        return f"Gradients and occlusion agree ({figures})."
    return f"Gradients and occlusion disagree ({figures}): trust occlusion (Ismail et al. 2020)."


def draw_curves(axes: Any, x: Any, curves: Sequence[NDArray[np.float64]]) -> None:
    """The curves in the order and the styles of STYLES, which differ without colour."""
    small = len(x) > 60
    for (label, style), curve in zip(STYLES.items(), curves, strict=True):
        axes.plot(x, curve, label=label, markersize=2 if small else 4, **style)
    axes.legend(fontsize=8, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _below(names: list[str], scaled: NDArray[Any], width: int) -> str:
    """Rows of characters, below each its weight, and a minus below those that are negative."""
    lines = []
    for begin in range(0, len(names), width):
        part = scaled[begin : begin + width]
        lines.append("".join(names[begin : begin + width]))
        lines.append("".join("." if n == 0 else str(abs(n)) for n in part))
        if (part < 0).any():
            lines.append("".join("-" if n < 0 else " " for n in part).rstrip())
    return "\n".join(lines)
