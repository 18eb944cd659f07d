"""Prefix beam search: what was said, by the sum over all paths that say it.

Every prefix that is followed carries two sums over the paths that say it so far: of those that end
in a blank and of those that end in its last unit (Graves & Jaitly 2014; Hannun et al. 2014). With
a beam as wide as there are prefixes, and no pruning, the sums are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.tasks._transcribe.ctc import BLANK, LogProbs

State: TypeAlias = Any
Floats: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]

STAYS = -1  # in the place of a unit: a prefix stays as it was


class NextUnit(Protocol):
    """A language model that reads K prefixes side by side, in the units of the search."""

    def start(self) -> State:
        """The state of one prefix, the empty one."""
        ...

    def next(self, state: State) -> Floats:
        """Ln P of every unit that may come next, (K, V); the column of the blank is not read."""
        ...

    def extend(self, state: State, parents: Ids, units: Ids) -> State:
        """The state of K' prefixes: number `parents` (K',) of before, then `units` (K',).

        A unit of STAYS adds nothing.
        """
        ...

    def end(self, state: State) -> Floats:
        """Ln P that nothing follows, (K,)."""
        ...


@dataclass(frozen=True)
class Search:
    """How prefixes are sought; raises InputError for settings that mean nothing.

    beam: prefixes kept after each frame. prune: units and prefixes that lie more than so many nats
    below the best are not followed. weight: of the language model's ln P. bonus: nats for each
    unit, against its liking for short texts.
    """

    beam: int = 16
    prune: float = 12.0
    weight: float = 0.5
    bonus: float = 0.0

    def __post_init__(self) -> None:
        whole = isinstance(self.beam, int) and not isinstance(self.beam, bool)
        if not whole or self.beam < 1:
            raise InputError(f"beam is {self.beam!r}", where="beam", expected="1, 2, 3, ...")
        for name, least in (("prune", 0.0), ("weight", 0.0), ("bonus", -math.inf)):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not least <= value or (name != "prune" and not math.isfinite(value)):
                raise InputError(
                    f"{name} is {value!r}",
                    where=name,
                    expected="a number" if least < 0 else "a number from 0",
                )


@dataclass(frozen=True)
class Found:
    """A text that may have been said.

    sound: ln P of it by the frames. language: ln P of it and its end by the language model, 0.0
    without one. score = sound + weight language + bonus units, by which texts are ordered.
    """

    units: list[int]
    score: float
    sound: float
    language: float


def search(
    log_probs: LogProbs, how: Search, *, language: NextUnit | None = None, best: int = 1
) -> list[Found]:
    """The `best` likeliest texts for frames (T, V), the likeliest first."""
    tree = _Tree()
    beam = _Beam.empty(language)
    for frame in np.asarray(log_probs, dtype=np.float64):
        beam = beam.read(frame, how, tree, language)
    ends = np.zeros(len(beam.nodes)) if language is None else language.end(beam.state)
    said = beam.said + ends
    sound = np.logaddexp(beam.blank, beam.unit)
    texts = [tree.units(node) for node in beam.nodes.tolist()]
    lengths = np.array([len(text) for text in texts])
    weight = 0.0 if language is None else how.weight
    scores = sound + weight * said + how.bonus * lengths
    order = np.argsort(-scores, kind="stable")[:best]
    return [
        Found(texts[i], float(scores[i]), float(sound[i]), float(said[i])) for i in order.tolist()
    ]


class _Tree:
    """Prefixes as nodes of a tree: node 0 is the empty one."""

    def __init__(self) -> None:
        self._parents, self._units = [-1], [BLANK]
        self._children: dict[tuple[int, int], int] = {}

    def child(self, node: int, unit: int) -> int:
        """The prefix `node` and then `unit`: always the same number."""
        found = self._children.setdefault((node, unit), len(self._parents))
        if found == len(self._parents):
            self._parents.append(node)
            self._units.append(unit)
        return found

    def parent(self, node: int) -> int:
        """The prefix without its last unit; -1 for the empty one."""
        return self._parents[node]

    def units(self, node: int) -> list[int]:
        """The units of a prefix."""
        found: list[int] = []
        while node > 0:
            found.append(self._units[node])
            node = self._parents[node]
        return found[::-1]


@dataclass(frozen=True)
class _Beam:
    """K prefixes after a frame; sums are logarithms, all (K,).

    nodes, parents: in the tree. last: the last unit. blank, unit: paths that end so. said: what the
    language model makes of the prefix. length: its units.
    """

    nodes: Ids
    parents: Ids
    last: Ids
    blank: Floats
    unit: Floats
    said: Floats
    length: Ids
    state: State

    @classmethod
    def empty(cls, language: NextUnit | None) -> _Beam:
        """The one prefix before the first frame."""
        zero, none = np.zeros(1, dtype=np.int64), np.full(1, -math.inf)
        state = None if language is None else language.start()
        return cls(zero, zero - 1, zero, np.zeros(1), none, np.zeros(1), zero, state)

    def read(self, frame: Floats, how: Search, tree: _Tree, language: NextUnit | None) -> _Beam:
        """The beam after one frame (V,)."""
        total = np.logaddexp(self.blank, self.unit)
        blank = total + frame[BLANK]
        unit = self.unit + frame[self.last]  # of the empty prefix that is -inf, as it should be
        columns = np.flatnonzero(frame >= frame.max() - how.prune)
        columns = columns[columns != BLANK]  # (C,)
        # A unit that is said twice needs a blank between.
        again = self.last[:, np.newaxis] == columns
        longer = np.where(again, self.blank[:, np.newaxis], total[:, np.newaxis]) + frame[columns]
        # Where prefix i is prefix j and a unit, and both are followed, the paths are put together.
        i, j = np.nonzero(self.parents[:, np.newaxis] == self.nodes)
        place = np.searchsorted(columns, self.last[i])
        there = place < len(columns)
        there[there] = columns[place[there]] == self.last[i[there]]
        i, j, place = i[there], j[there], place[there]
        unit[i] = np.logaddexp(unit[i], longer[j, place])
        longer[j, place] = -math.inf

        extra = how.bonus * self.length
        said_longer = np.zeros_like(longer)
        if language is not None:
            extra = extra + how.weight * self.said
            said_longer = language.next(self.state)[:, columns]
        stays = np.logaddexp(blank, unit) + extra
        goes = longer + extra[:, np.newaxis] + how.weight * said_longer + how.bonus
        kept = _likeliest(np.concatenate([stays, goes.ravel()]), how)
        old, new = kept[kept < len(stays)], kept[kept >= len(stays)] - len(stays)
        row, column = np.divmod(new, max(1, len(columns)))
        units = columns[column]
        origin = np.concatenate([old, row])
        none = np.full(len(new), -math.inf)
        state = None
        if language is not None:
            added = np.concatenate([np.full(len(old), STAYS), units])
            state = language.extend(self.state, origin, added)
        pairs = zip(self.nodes[row].tolist(), units.tolist(), strict=True)
        children = [tree.child(node, unit) for node, unit in pairs]
        return _Beam(
            nodes=np.concatenate([self.nodes[old], np.array(children, dtype=np.int64)]),
            parents=np.concatenate([self.parents[old], self.nodes[row]]),
            last=np.concatenate([self.last[old], units]),
            blank=np.concatenate([blank[old], none]),
            unit=np.concatenate([unit[old], longer[row, column]]),
            said=np.concatenate([self.said[old], self.said[row] + said_longer[row, column]]),
            length=np.concatenate([self.length[old], self.length[row] + 1]),
            state=state,
        )


def _likeliest(scores: Floats, how: Search) -> Ids:
    """The numbers of those that are followed, the likeliest first."""
    order: Ids = np.argsort(-scores, kind="stable")[: how.beam]
    close = (scores[order] > -math.inf) & (scores[order] >= scores[order[0]] - how.prune)
    return np.extract(close, order)
