"""Which elements an answer hangs on: by gradients, and always by taking them away as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.errors import InputError
from clew.memory._agreement import agree, shared, verdict
from clew.memory._attribution import Asked, Attribution, attribute, shortened, still
from clew.memory._lettering import drawable, label_elements, shown
from clew.memory._marked import marked
from clew.memory._occlusion import NEAR, Block
from clew.memory.finding import Table
from clew.memory.subject import Case, Subject

ELEMENTS, STEPS, TOLERANCE = 128, 16, 0.01
SMALL = 0.1  # of the largest occlusion: more than that, of what is far, is told at once

STYLES: dict[str, dict[str, Any]] = {
    "occlusion": {"color": "black", "linestyle": "-", "marker": "o", "linewidth": 1.6},
    "integrated gradients": {"color": "0.35", "linestyle": "--", "marker": "s"},
    "gradient x input": {"color": "0.55", "linestyle": ":", "marker": "^"},
}
_METHOD = (
    "F is the score of the answer as the model gives it. Occlusion: F less F with the element "
    "replaced by {neutral}, one element at a time; of more than 128 those far away in blocks "
    "first, then one at a time in the blocks that change most, of others one in the middle. "
    "Gradient x input: dF/dx times x, counted from the same neutral element. Integrated gradients: "
    "the same with the mean of dF/dx on the straight way from neutral elements to x (Sundararajan "
    "et al. 2017). Connectivity: the length of dF/dx. Where gradients and occlusion disagree, "
    "occlusion is what the model does (Ismail et al. 2020)."
)
_NEUTRAL = "a neutral one (<unk>, silence, id 0 of a torch module, or the mean of what is read)"


@dataclass(frozen=True)
class Saliency:
    """One answer, element by element; curves (n,) in the units of the answer's score.

    places: of the elements, counted from the step asked: -3 is three before it. names: theirs.
    answer: its name, or "output 3" of one without. occlusion: NaN in `blocks`, of places that were
    taken away together only. score: F; blank: F where all these elements are neutral. gap: what the
    integral of `steps` points lacks of score - blank; complete: whether that is 1 % or less (as
    `tolerance`), but for rounding; noise: what rounding alone may change in a score.
    shared: how much of the sizes of occlusion and integrated gradients, each adding up to 1, lies
    at the same elements; None of curves that are flat. aligned: the share of what occlusion changes
    that has the same sign in both.
    beyond: what F loses where nothing further away than `places` is read; None where there is none.
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
    shared: float | None
    aligned: float | None
    blocks: Sequence[Block] = ()
    beyond: float | None = None

    name = "saliency"
    title = "Which elements the answer hangs on"
    method = _METHOD.format(neutral=_NEUTRAL)

    def words(self) -> list[str]:
        """What the answer hangs on, whether the integral is whole, whether the curves agree."""
        many = f"{len(self.places)} {self.element[len(self.places) != 1]}"
        said = f"answer {shown(self.answer)!r}"
        if self.flat:
            none = f"none of the {many}" if len(self.places) > 1 else f"nothing of {many}"
            return [
                f"The {said} hangs on {none}: its score of {self.score:.4g} stays "
                "as it is whichever of them is replaced by a neutral one.",
                *self._far(),
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
        first = f"The {said} (score {self.score:.4g}) {first}"
        far = self._far()
        if self.beyond is not None and abs(self.beyond) > SMALL * np.nanmax(np.abs(self.occlusion)):
            first, far = f"{first} {far[0]}", far[1:]  # it is no small print
        lines = [
            first,
            f"With {'it' if len(self.places) == 1 else f'all {many}'} neutral the score is "
            f"{self.blank:.4g}.",
        ]
        return [*lines, *far, self._integral(), verdict(self.shared, self.aligned)]

    def _far(self) -> list[str]:
        """What was not taken away one by one, and how much that matters."""
        lines, many = [], self.element[1]
        if self.beyond is not None:
            away = int(np.abs(self.places).max())
            some = f"{'falls' if self.beyond > 0 else 'rises'} by {abs(self.beyond):.3g}"
            lines.append(
                f"Further than {away} {self.element[away != 1]} away none was taken away one by "
                "one; where nothing of that is read the score "
                f"{some if abs(self.beyond) > self.noise else 'stays as it is'}."
            )
        if self.blocks:
            most = max(self.blocks, key=lambda block: abs(block.change))
            near, far = sorted((abs(most.first), abs(most.last)))
            where = f"the one {near} to {far} {'before' if most.last < 0 else 'after'}"
            much = f" by more than {abs(most.change):.2g} ({where})"
            lines.append(
                f"{sum(map(len, self.blocks))} {many} further than {NEAR - 1} away were taken away "
                "in blocks, and one of each block alone: no block changes the score"
                f"{much if abs(most.change) > self.noise else ''}."
            )
        return lines

    @property
    def spread(self) -> NDArray[np.float64]:
        """Occlusion (n,) without gaps: of blocks what each of their elements changes, about."""
        whole = self.occlusion.copy()
        for block in self.blocks:
            whole[slice(*self._inside(block))] = block.each
        return whole

    def _inside(self, block: Block) -> tuple[int, int]:
        return block.first - int(self.places[0]), block.last + 1 - int(self.places[0])

    @property
    def flat(self) -> bool:
        """Whether no element matters by any of the curves."""
        curves = (self.occlusion, self.integrated, self.gradient)
        blocks = max(
            (max(abs(block.change), abs(block.middle)) for block in self.blocks), default=0.0
        )
        return max(blocks, *(float(np.nanmax(np.abs(curve))) for curve in curves)) <= self.noise

    @property
    def disagreeing(self) -> bool:
        """Whether gradients name other elements than occlusion does."""
        return agree(self.shared, self.aligned) is False

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
            [int(place), shown(name), *(known(curve[k]) for curve in curves)]
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
        for block in self.blocks:
            begin, end = self._inside(block)
            upper.hlines(block.change, x[begin], x[end - 1], color="black", linewidth=1.2)
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
        is of an element that speaks against the answer; 0 is written as a dot. An
        element of a block has its share of that.
        """
        names = [shown(name) or f"{place:+d}" for name, place in
                 zip(self.names, self.places, strict=True)]  # fmt: skip
        return marked(names, self.spread, self.noise, width)

    def data(self) -> dict[str, Any]:
        """All of it."""
        curves = {
            "gradient_x_input": self.gradient, "integrated_gradients": self.integrated,
            "occlusion": self.occlusion, "connectivity": self.connectivity,
        }  # fmt: skip
        blocks = [vars(block) for block in self.blocks]
        return {
            "answer": self.answer,
            "element": list(self.element),
            "places": self.places.tolist(),
            "names": list(self.names),
            **{name: [known(value) for value in curve] for name, curve in curves.items()},
            "blocks": blocks,
            "beyond": self.beyond,
            "score": self.score,
            "blank": self.blank,
            "steps": self.steps,
            "gap": self.gap,
            "complete": self.complete,
            "shared": self.shared,
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
    read: int | None = None,
) -> Saliency:
    """How much each element has to do with one answer.

    answer: by its name or number; None takes the likeliest (of a model that answers with numbers
    of another kind, the first). elements: how many are looked at, up to the step asked (of models
    of both ways, on each side of it); of more than 128 those far away are taken away in blocks
    first, and one by one in the blocks that change most, in at most 230 readings. steps: points of
    the integral to begin with; stretches of the way on which it lacks much get more, up to 1024 in
    all, until it lacks no more than `tolerance` of the change. read: so many elements up to the
    step are read each time, at least `elements`; None is all. Reads that elements + 2 steps times
    and more. Raises InputError for an answer that the model does not have, an empty case, a score
    that is not finite, or one that cannot be differentiated.
    """
    wanted = {"elements": elements, "steps": steps} | ({} if read is None else {"read": read})
    for what, value in wanted.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{what} is {value!r}", where=what, expected="a whole number from 1")
    with still(subject.network):
        asked = Asked(subject, case)
        said = asked.answers()
        number = answer_number(subject, answer, said)
        if not bool(torch.isfinite(said[number])):
            raise InputError(f"the score of the answer is {float(said[number])}", where="case")
        beyond = None
        if case.at >= elements or (subject.both_ways and len(asked.x) - case.at > elements):
            near = Asked(subject, shortened(case, elements))
            beyond = float(said[number].double() - near.answers()[number].double())
        if read is not None:
            case = shortened(case, max(read, elements))
            asked = Asked(subject, case)
        last = case.at + 1
        end = min(len(asked.x), last + elements - 1) if subject.both_ways else last
        around = slice(max(0, last - elements), end)
        found = attribute(asked, number, around, steps=steps, tolerance=tolerance)
    alone = found.occlusion[found.alone]
    in_blocks = np.array([[block.change, block.middle] for block in found.blocks])
    curves = (found.gradient, found.integrated, alone, in_blocks, found.connectivity)
    if not all(np.isfinite(curve).all() for curve in curves):
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
        beyond=beyond,
    )  # fmt: skip


def saliencies(subject: Subject, cases: Sequence[Case], **how: Any) -> list[Saliency]:
    """`saliency` of each case, with the same settings."""
    return [saliency(subject, case, **how) for case in cases]


def answer_number(subject: Subject, answer: str | int | None, said: torch.Tensor) -> int:
    """Which answer of (C,) is meant, by name or number; None is the likeliest, or the first."""
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
    answer: str, beyond: float | None,
) -> Saliency:  # fmt: skip
    change, alone = abs(found.score - found.blank), found.alone
    occluded, integrated = found.occlusion[alone], found.integrated[alone]
    total = float(np.abs(occluded).sum())
    same = float(np.abs(occluded)[np.sign(occluded) == np.sign(integrated)].sum())
    return Saliency(
        places=np.arange(len(names)) + found.first - at,
        names=names,
        element=element,
        answer=answer,
        gradient=found.gradient,
        integrated=found.integrated,
        occlusion=found.occlusion,
        connectivity=found.connectivity,
        score=found.score,
        blank=found.blank,
        steps=found.steps,
        gap=found.gap,
        complete=abs(found.gap) <= tolerance * change + found.noise,
        noise=found.noise,
        shared=shared(occluded, integrated, found.noise),
        aligned=same / total if total > found.noise else None,
        blocks=[replace(one, first=one.first - at, last=one.last - at) for one in found.blocks],
        beyond=beyond,
    )


def known(value: float) -> float | None:
    """A number for tables and JSON; None where nothing was measured."""
    return float(value) if np.isfinite(value) else None


def draw_curves(axes: Any, x: Any, curves: Sequence[NDArray[np.float64]]) -> None:
    """The curves in the order and the styles of STYLES, which differ without colour."""
    small = len(x) > 60
    for (label, style), curve in zip(STYLES.items(), curves, strict=True):
        axes.plot(x, curve, label=label, markersize=2 if small else 4, **style)
    axes.legend(fontsize=8, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
