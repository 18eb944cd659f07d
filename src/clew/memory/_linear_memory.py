"""Measuring linear memory: ridge regressions of what was read on what each layer says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from clew.errors import InputError
from clew.memory._reading import drawn
from clew.memory._ridge import HELD_OUT, Ridge, chance, split
from clew.memory._told_back import Elements, Scale, Side, enough, sides
from clew.memory.subject import Case, Subject

DRAWS = 20  # of what chance reaches
LEAST = 0.01  # R^2 that counts as something: data have trends that many steps tell from chance
STRAYS = 12.0  # R^2 times rows held out that a number that has nothing to do with it may reach
_LEAST = 12  # rows of each part
_ASKED, _MANY = 600, 250_000  # cases that one step each is looked at of, and elements of them all
_MOST = 1000  # cases that are drawn where these are short
_NONE = Case(np.zeros(0), 0, None)
_PLACES = 8  # of a long series, of which the furthest is taken

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class LayerMemory:
    """How well x_{t-tau} can be read off one direction of a layer with H units.

    name, number, backwards: as Inside; "state" or "output" of a module that is no layer.
    r2, alone: (L + 1,) by lag, off h_t and off x_t alone. chance, chance_alone: what they reach by
    chance.
    """

    name: str
    number: int
    backwards: bool
    units: int
    r2: Curve
    alone: Curve
    chance: float
    chance_alone: float

    def furthest(self, level: float | None = None) -> int | None:
        """The greatest lag at which R^2 is `level` or more (None: of anything), None if none.

        Anything is R^2 above chance and 0.01.
        """
        return _furthest(self.r2, self.chance, level)

    def furthest_alone(self, level: float | None = None) -> int | None:
        """The same of what is read off x_t alone."""
        return _furthest(self.alone, self.chance_alone, level)

    @property
    def remembered(self) -> int:
        """The greatest lag at which more is read off the layer than off x_t alone; 0 if none.

        More than nothing, and than off x_t alone, each by more than chance and 0.01.
        """
        more = self.r2 - np.maximum(self.alone, 0.0) > max(self.chance, LEAST)
        return int(np.flatnonzero(more[1:])[-1]) + 1 if more[1:].any() else 0

    @property
    def capacity(self) -> float:
        """The sum of R^2 over lags from 1, of those above chance (Jaeger 2002)."""
        return float(self.r2[1:][self.r2[1:] > self.chance].sum())

    @property
    def capacity_alone(self) -> float:
        """The same of what is read off x_t alone."""
        return float(self.alone[1:][self.alone[1:] > self.chance_alone].sum())


@dataclass(frozen=True)
class Measured:
    """Layers from bottom to top, each at `lags` + 1 lags, and how they were measured.

    what: what was read back; varies: whether there was anything to tell apart. scale: of what the
    lowest layer reads. steps: how many were learned from, and held out. whole: whether sequences
    were held out as a whole. unread: of a module that is no layer, why not its state was read but
    its output; "" else.
    """

    layers: list[LayerMemory]
    lags: int
    what: str
    varies: bool
    scale: Scale
    steps: tuple[int, int]
    sequences: int
    whole: bool
    unread: str = ""


def material(
    subject: Subject, cases: Sequence[Case], reach: int, steps: int, seed: int
) -> tuple[Sequence[Case], bool]:
    """Cases that suit linear memory, and whether only the steps that they ask are to be looked at.

    Of a probe, whose state matters where it is asked, more cases than these; of one series or two
    all of it up to a step that may be asked, `steps` elements at most; else these cases, each
    element once, and more of them where they are short.
    """
    length = max((len(case.inputs) for case in cases), default=1)
    if subject.task == "probe":
        count = max(len(cases), min(_ASKED, _MANY // length))
        return subject.cases(count, reach, seed), True
    if len({case.source for case in cases}) < 3:
        long = subject.cases(_PLACES, max(steps, reach), seed)
        if max(len(case.inputs) for case in long) > length:
            return long, False
    some = _apart(cases, reach)
    there = sum(len(case.inputs) for case in some)
    if 0 < there < steps // 2:
        more = subject.cases(min(_MOST, -(-len(cases) * steps // there)), reach, seed)
        some = max(some, _apart(more, reach), key=lambda one: sum(len(c.inputs) for c in one))
    return some, False


def _apart(cases: Sequence[Case], reach: int) -> list[Case]:
    """Without those that begin where their sequence does, and read less of it than another."""
    longest: dict[int, Case] = {}
    for case in cases:
        if case.at < reach and len(case.inputs) > len(longest.get(case.source, _NONE).inputs):
            longest[case.source] = case
    return [case for case in cases if case.at >= reach or longest.get(case.source) is case]


def measured(
    subject: Subject, cases: Sequence[Case], lags: int, steps: int, asked: bool, seed: int
) -> Measured:
    """See `linear`."""
    some, lags, whole = _chosen(cases, lags, steps, asked, seed)
    both, scale = sides(subject, some, lags, asked)
    part = _parts(both[0], lags, seed)
    elements = Elements(both[0].codes, subject.element)
    layers = [one for side in both for one in _side(side, subject, lags, seed)]
    return Measured(
        sorted(layers, key=lambda layer: (layer.number, layer.backwards)),
        lags,
        elements.what,
        elements.varies,
        scale,
        (int(((part >= 0) & (part < HELD_OUT)).sum()), int((part == HELD_OUT).sum())),
        len({case.source for case in some}),
        whole,
        both[0].unread,
    )


def _chosen(
    cases: Sequence[Case], lags: int, steps: int, asked: bool, seed: int
) -> tuple[list[Case], int, bool]:
    """Cases of about so many steps with enough before them, the lags that they allow.

    And whether they are enough for some to be held out as a whole.
    """
    before = [case.at if asked else len(case.inputs) for case in cases]
    if asked:  # each gives one step; those of half of the cases have as much before them
        lags = min(lags, sorted(before)[len(before) // 2] if before else 0)
    else:
        lags = enough(before, lags)
    if lags == 0:
        raise InputError(
            f"{_count(len(cases), 'sequence')} of at most {_count(max(before, default=0), 'step')}"
            f"{' before the one asked' * asked}: too short for any lag",
            where="cases",
            expected="sequences of two steps or more",
        )
    sizes = [int(b >= lags) if asked else max(b - lags, 0) for b in before]
    some = drawn(cases, sizes, steps, seed)
    if len({case.source for case in some}) >= 3 or asked:
        return some, lags, True
    # These are cut in time: of windows of one sequence, which may overlap, only the longest.
    longest = {case.source: case for case in sorted(some, key=lambda case: len(case.inputs))}
    some = list(longest.values())
    lags = min(lags, max(len(case.inputs) for case in some) // 8)
    if lags == 0:
        raise InputError(
            f"{_count(len(some), 'sequence')} of at most "
            f"{_count(max(len(c.inputs) for c in some), 'step')}: too few",
            where="cases",
            expected="three sequences, or a longer one",
        )
    return some, lags, False


def _side(side: Side, subject: Subject, lags: int, seed: int) -> list[LayerMemory]:
    """Each layer that reads one way; no more than zeros where nothing varies."""
    elements = Elements(side.codes, subject.element)
    part = _parts(side, lags, seed)
    kept = part >= 0
    rows, part = side.rows[kept], part[kept]
    if not elements.varies:
        zeros = np.zeros(lags + 1)
        return [
            LayerMemory(name, number, side.backwards, h.shape[1], zeros, zeros, 0.0, 0.0)
            for (name, number), h in zip(side.names, side.outputs, strict=True)
        ]
    ridges = [Ridge(elements.seen(rows), part)] + [Ridge(h[kept], part) for h in side.outputs]
    curves = np.zeros((len(ridges), lags + 1))
    for lag in range(lags + 1):
        target = elements.told(rows - lag)
        for k, ridge in enumerate(ridges):
            curves[k, lag] = ridge.r2(target) or 0.0
    now = elements.told(rows)
    # What has no trend of its own strays so far in one of some thousand lags.
    least = STRAYS / (int((part == HELD_OUT).sum()) * now.shape[1] ** 0.5)
    levels = [min(1.0, max(least, chance(ridge, now, part, DRAWS, seed))) for ridge in ridges]
    return [
        LayerMemory(
            name, number, side.backwards, h.shape[1], curves[k], curves[0], levels[k], levels[0]
        )
        for k, ((name, number), h) in enumerate(zip(side.names, side.outputs, strict=True), 1)
    ]


def _parts(side: Side, lags: int, seed: int) -> Tensor:
    """The part of each row; InputError where one would have hardly any."""
    part = split(side.source.numpy(), side.step.numpy(), lags, seed)
    least = min(int((part == k).sum()) for k in range(3))
    if least < _LEAST:
        raise InputError(
            f"{len(side.rows)} steps to learn from and to be judged on are too few",
            where="cases",
            expected=f"{3 * _LEAST} or more with {lags} before each",
            hint="more sequences, longer ones, or fewer lags",
        )
    return part


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'s' * (number != 1)}"


def _furthest(curve: Curve, floor: float, level: float | None) -> int | None:
    above = np.flatnonzero(curve > floor if level is None else curve >= level)
    above = above[curve[above] >= LEAST]
    return int(above[-1]) if len(above) else None
