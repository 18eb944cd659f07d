"""How far back a model looks: how its loss grows as less and less of the past is left to it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import InputError
from clew.memory._curve import Curve, curve, grid, grouped
from clew.memory._reading import check_whole
from clew.memory._windows import Disorder, Gaps, Numbers, Windows
from clew.memory.finding import Table
from clew.memory.subject import Case, Subject

REACH = 512  # elements before the step asked that count as all
CASES = 96  # with which a report on a wide network stays within its time
NATS, SHARE = 0.01, 0.01  # epsilon: a perplexity within 1 %; of other losses 1 %
_NOTHING = 1e-9  # a loss with all that a share cannot be taken of
_STEPS = 1 << 16  # read for one of the curves of far elements, if that leaves cases enough
_ENOUGH = 24
_FEW = 10  # cases, of which an interval says little

_SOURCE = (
    "The effective context of Khandelwal et al. (2018), who count the current element in: "
    "theirs is this number + 1."
)


@dataclass(frozen=True)
class Horizon:
    """How many elements before the current one a model needs, and of the far ones what it needs.

    reach: elements that count as all. epsilon: loss that does not count, chosen "nats" (0.01),
    "share" (1 % of `loss`) or "given". loss: mean with all. seen: losses by how many elements are
    left; order, gaps: by how many are left as they are, where the others, up to `context` away, are
    put into another order, or `dropped` of them left out; None where they were not asked for.
    both_ways: whether what follows a step is read too. short: share of cases that have not more
    elements than the horizon. alike: all elements of all cases are the same.
    """

    element: tuple[str, str]
    loss_name: str
    both_ways: bool
    cases: int
    sources: int
    grouped: bool
    reach: int
    epsilon: float
    chosen: Literal["nats", "share", "given"]
    loss: float
    seen: Curve
    order: Curve | None
    gaps: Curve | None
    context: int
    far_cases: int
    dropped: float
    short: float
    alike: bool
    seed: int

    name = "horizon"
    title = "How far back it looks"

    @property
    def horizon(self) -> int:
        """The smallest n from which on n elements before the current one do as well as all."""
        return self.seen.needed

    @property
    def open_ended(self) -> bool:
        """Whether it needs all that it was given: it may look back further."""
        return self.seen.needed >= self.reach

    @property
    def method(self) -> str:
        """How it was measured."""
        sides = " on each side" if self.both_ways else " before it"
        drawn = (
            f"{self.sources} sequences" if self.grouped
            else f"the cases, as they are of {self.sources} sequences only"
        )  # fmt: skip
        text = (
            f"The loss at the current {self.element[0]} where only n {self.element[1]}{sides} are "
            f"read, from the state of zeros, against the loss with {self.reach}; {self.cases} "
            f"cases, the same for every n. The horizon is the smallest n from which on the mean "
            f"loss stays within {self._epsilon()} of that; between the n of a growing grid it was "
            f"found by halving. 95 % intervals by bootstrap over {drawn} (seed {self.seed}), "
            f"straight between the n measured. {_SOURCE}"
        )
        if self.order is not None:
            text += (
                f" Order and gaps: of {self.context} {self.element[1]}, those more than n away "
                f"are shuffled, or {100 * self.dropped:.0f} % of them left out; "
                f"{self.far_cases} cases."
            )
        return text

    def _epsilon(self) -> str:
        if self.chosen == "nats":
            return f"{self.epsilon:g} nats"
        if self.chosen == "share":
            return f"1 % ({self.epsilon:.3g})"
        return f"{self.epsilon:g}"

    def _loss(self, value: float) -> str:
        return "0" if abs(value) <= _NOTHING else f"{value:.4g}"

    def _count(self, n: int) -> str:
        return f"{n} {self.element[n != 1]}"

    def words(self) -> list[str]:
        """How far it looks, what of the far elements it needs, and how far to trust that."""
        seen, (one, many) = self.seen, self.element
        sides = " on each side" if self.both_ways else ""
        range_ = f"(95 %: {seen.at_least} to {seen.at_most})"
        if self.open_ended:
            lines = [
                f"Looks back at least {self._count(seen.needed)}{sides} {range_}, which is all it "
                f"was given: with fewer it loses more than {self._epsilon()}. Longer sequences, or "
                "a larger reach, may show more."
            ]
        elif seen.needed == 0:
            lines = [
                f"Looks back 0 {many} {range_}: with the current {one} alone its loss is within "
                f"{self._epsilon()} of that with all, or better. " + self._of_no_use()
            ]
        else:
            lines = [
                f"Looks back {self._count(seen.needed)}{sides} {range_}: with fewer it loses more "
                f"than {self._epsilon()}."
            ]
        lines.append(
            f"Its loss ({self.loss_name}) is {self._loss(self.loss)} with all, up to "
            f"{self._count(self.reach)}{sides}, and {self._loss(seen.loss[0])} with the current "
            "one alone."
        )
        if self.open_ended:
            pass
        elif 4 * seen.needed > 3 * self.reach:
            lines.append(f"That is close to the {self.reach} it was given: it may look further.")
        elif self.short > 0.5:
            lines.append(
                f"{100 * self.short:.0f} % of the cases have no more {many} than that: longer "
                "sequences may show more."
            )
        return lines + self._far() + self._doubts()

    def _of_no_use(self) -> str:
        """What is to be said of what it remembers, where all of it is no better than nothing."""
        if float(np.abs(self.seen.excess).max()) <= self.epsilon:
            return "It uses no memory here."
        best = int(self.seen.excess.argmin())
        if self.seen.excess[0] - self.seen.excess[best] > self.epsilon:
            return (
                "Taken together, what it remembers is of no use here: it does best with "
                f"{self._count(int(self.seen.n[best]))}."
            )
        sure = "" if self.seen.at_most == 0 else ", as far as these cases can tell"
        return f"What it remembers is of no use here{sure}."

    def _far(self) -> list[str]:
        """What is needed of the far elements."""
        if self.order is None or self.gaps is None:
            return []
        order, gaps, many = self.order, self.gaps, self.element[1]
        lines = []
        for which, rest, none in (
            (order, "the order of those further away does not matter",
             f"The order of the {many} before the current one does not matter"),
            (gaps, f"of those further away {100 * self.dropped:.0f} % may be missing",
             f"Of the {many} before the current one {100 * self.dropped:.0f} % may be missing"),
        ):  # fmt: skip
            range_ = f"(95 %: {which.at_least} to {which.at_most})"
            if which.needed == 0:
                lines.append(f"{none} {range_}.")
            elif which.needed + 1 >= self.context:
                what = "Order matters" if which is order else "Gaps do harm"
                lines.append(f"{what} up to all of {self._count(self.context)}.")
            elif which is order:
                lines.append(f"Order matters up to {self._count(which.needed)} {range_}: {rest}.")
            else:
                lines.append(
                    f"Beyond {self._count(which.needed)} {range_} gaps do no harm: {rest}."
                )
        return lines

    def _doubts(self) -> list[str]:
        best = int(self.seen.excess.argmin())
        lines = []
        if self.cases < _FEW:
            some = "one case" if self.cases == 1 else f"{self.cases} cases"
            lines.append(f"It is of {some} only: others may differ, whatever the interval says.")
        if self.seen.excess[best] < -self.epsilon and self.seen.high[best] < 0:
            lines.append(
                f"It does better with {self._count(int(self.seen.n[best]))} than with "
                f"{self.reach}, by {-self.seen.excess[best]:.3g}: what is further away misleads it."
            )
        if self.alike:
            lines.append(
                f"All {self.element[1]} are the same here: such data cannot show what it remembers "
                "but how many there were."
            )
        return lines

    def tables(self) -> list[Table]:
        """A row for each n of each curve."""
        many = self.element[1]
        heads = {
            "Loss by what is left": (f"{many} left", self.seen),
            "Loss where the order of those further away is destroyed": (f"{many} kept", self.order),
            f"Loss where {100 * self.dropped:.0f} % of those further away are left out": (
                f"{many} kept", self.gaps),
        }  # fmt: skip
        return [
            Table(
                title,
                [head, f"loss ({self.loss_name})", "more than with all", "95 % from", "to"],
                [
                    [int(n), *map(float, numbers)]
                    for n, *numbers in zip(c.n, c.loss, c.excess, c.low, c.high, strict=True)
                ],
            )
            for title, (head, c) in heads.items()
            if c is not None
        ]

    def size(self) -> tuple[float, float]:
        """One panel, or two side by side."""
        return (7.5, 4.5) if self.order is None else (12.0, 4.5)

    def draw(self, figure: Any) -> None:
        """What less costs, with epsilon and the horizon; beside it order and gaps."""
        panels = figure.subplots(1, 1 if self.order is None else 2, squeeze=False, sharey=True)[0]
        side = " on each side" if self.both_ways else ""
        self._panel(panels[0], [(self.seen, "only n are read", "-", "o", "black")])
        panels[0].set_xlabel(f"n: {self.element[1]} that are left{side}")
        panels[0].set_ylabel(textwrap.fill(f"loss more than with all ({self.loss_name})", 44))
        if self.order is not None and self.gaps is not None:
            self._panel(panels[1], [
                (self.order, "others shuffled", "--", "s", "0.25"),
                (self.gaps, f"{100 * self.dropped:.0f} % of the others left out", ":", "^", "0.5"),
            ])  # fmt: skip
            panels[1].set_xlabel(f"n: {self.element[1]} that stay as they are{side}")

    def _panel(self, axes: Any, curves: Sequence[tuple[Curve, str, str, str, str]]) -> None:
        from matplotlib.ticker import FuncFormatter

        for c, label, line, marker, colour in curves:
            axes.fill_between(c.n, c.low, c.high, color="0.88", linewidth=0)
            axes.plot(
                c.n, c.excess, line, marker=marker, color=colour, markersize=4, linewidth=1.4,
                label=f"{label}: needs {c.needed}",
            )  # fmt: skip
            axes.axvline(c.needed, color=colour, linestyle=line, linewidth=0.8)
        axes.axhline(self.epsilon, color="0.4", linestyle="-.", linewidth=0.9,
                     label=f"epsilon {self.epsilon:.3g}")  # fmt: skip
        axes.set_xscale("symlog", base=2, linthresh=1)
        axes.set_yscale("symlog", linthresh=self.epsilon)
        axes.set_xlim(left=-0.1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:g}"))
        axes.legend(fontsize=8, frameon=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "horizon": self.horizon,
            "horizon_low": self.seen.at_least,
            "horizon_high": self.seen.at_most,
            "open_ended": self.open_ended,
            "element": list(self.element),
            "both_ways": self.both_ways,
            "loss_name": self.loss_name,
            "loss": self.loss,
            "epsilon": self.epsilon,
            "reach": self.reach,
            "cases": self.cases,
            "sources": self.sources,
            "resampled": "sequences" if self.grouped else "cases",
            "short": self.short,
            "alike": self.alike,
            "seed": self.seed,
            "seen": self.seen.data(),
            "order": None if self.order is None else self.order.data(),
            "gaps": None if self.gaps is None else self.gaps.data(),
            "context": self.context,
            "far_cases": self.far_cases,
            "dropped": self.dropped,
        }


def horizon(
    subject: Subject,
    cases: Sequence[Case],
    *,
    reach: int = REACH,
    epsilon: float | None = None,
    seed: int = 0,
    far: bool = True,
    dropped: float = 0.5,
) -> Horizon:
    """How many elements before the current one a model needs: loss(n) - loss(all) <= epsilon.

    The smallest n from which on the mean loss over `cases`, where only the last n elements and the
    current one are read from the state of zeros, stays within epsilon of the loss with `reach`
    elements, or as many as there are. epsilon: in the unit of the loss; None: 0.01 nats, of other
    losses 1 % (0.01 itself where the loss with all is 0). far: also two curves by n where the
    elements more than n away are shuffled, or a share `dropped` of them left out, within twice the
    horizon. Reads 5 to 10 times `reach` elements a case, and as many again for `far`. Khandelwal et
    al., "Sharp Nearby, Fuzzy Far Away" (2018).

    Raises:
        InputError: no cases, none with an element before the step asked, a setting out of range,
            losses that are not finite.
    """
    if epsilon is not None and not (epsilon > 0 and math.isfinite(epsilon)):
        raise InputError(f"epsilon is {epsilon!r}", where="epsilon", expected="a number above 0")
    if not 0 < dropped <= 1:
        raise InputError(
            f"dropped is {dropped!r}", where="dropped", expected="a share above 0, at most 1"
        )
    check_whole("seed", seed, 0)
    windows = Windows(subject, cases, reach)
    every = np.arange(len(cases))
    full = windows.cut(windows.reach, every)
    least, chosen = _epsilon(subject, full, epsilon)
    sources = [case.source for case in cases]
    seen = curve(windows.cut, full, windows.past, least, sources, grid(windows.reach), seed)
    # Nothing beyond the horizon is needed, so nothing there can be missed.
    context = min(windows.reach, max(16, 2 * seen.needed))
    some = every
    order = gaps = None
    if far:
        points = grid(context, coarse=True)
        some = _some(windows, len(points) * context)
        shuffled = Disorder(windows, context, seed)
        left_out = Gaps(windows, context, seed, dropped)
        given = np.empty(len(cases))
        given[some] = full[some] if context == windows.reach else windows.cut(context, some)
        past = np.minimum(windows.past, context)[some]
        own = [sources[k] for k in some]

        def measured(kind: Disorder) -> Curve:
            return curve(
                lambda n, of: kind.losses(n, some[of]), given[some], past, least, own, points, seed
            )

        order, gaps = measured(shuffled), measured(left_out)
    return Horizon(
        element=subject.element,
        loss_name=subject.loss_name,
        both_ways=windows.both_ways,
        cases=len(cases),
        sources=len(set(sources)),
        grouped=grouped(sources),
        reach=windows.reach,
        epsilon=least,
        chosen=chosen,
        loss=float(full.mean()),
        seen=seen,
        order=order,
        gaps=gaps,
        context=context,
        far_cases=len(some),
        dropped=dropped,
        short=float((windows.past <= seen.needed).mean()),
        alike=windows.alike,
        seed=seed,
    )


def _epsilon(
    subject: Subject, full: Numbers, given: float | None
) -> tuple[float, Literal["nats", "share", "given"]]:
    if given is not None:
        return float(given), "given"
    if subject.in_nats:
        return NATS, "nats"
    loss = abs(float(full.mean()))
    # A loss that is 0 with all by its definition is a share already.
    already = getattr(subject, "relative", False) or loss <= _NOTHING
    return (SHARE if already else SHARE * loss), "share"


def _some(windows: Windows, each: int) -> Any:
    """Cases spread over all of them, so many that reading `each` elements a case is bounded."""
    count = len(windows.cases)
    most = min(count, max(_ENOUGH, _STEPS // each))
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
