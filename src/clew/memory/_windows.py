"""The losses of cases that see only a part of what they have: cut, in disorder, or with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.errors import InputError
from clew.memory._reading import check_whole, padded
from clew.memory.subject import Case, Subject

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

_STEPS = 1 << 14  # read at once: bounds what wide networks take


class Windows:
    """Cases and what of each is looked at: up to `reach` elements before the step asked.

    Of a model of both ways as many behind it too. before, behind: (N,) how many there are.
    """

    def __init__(self, subject: Subject, cases: Sequence[Case], reach: int) -> None:
        check_whole("reach", reach)
        if not cases:
            raise InputError("there are no cases", where="cases", expected="at least one")
        sizes = np.array([len(case.inputs) for case in cases])
        at = np.array([case.at for case in cases])
        for k in np.flatnonzero((at < 0) | (at >= sizes))[:1]:
            raise InputError(
                f"step {at[k]} is asked of {sizes[k]} elements", where=f"cases[{k}]",
                expected="a step of the sequence, counted from 0",
            )  # fmt: skip
        self.subject, self.cases = subject, cases
        self.before = np.minimum(at, reach)
        behind = np.minimum(sizes - 1 - at, reach)
        self.behind = behind if subject.both_ways else np.zeros_like(behind)
        self.past = np.maximum(self.before, self.behind)  # (N,) with as many, all is seen
        self.reach = int(self.past.max())
        if self.reach < 1:
            raise InputError(
                f"there is nothing before the {subject.element[0]} asked"
                + (f" in any of the {len(cases)} cases" if len(cases) > 1 else ""),
                where="cases",
                expected="sequences of two or more",
                hint="longer sequences, or later steps",
            )

    @property
    def both_ways(self) -> bool:
        """Whether anything behind a step is read: of one that is the last nothing follows."""
        return bool(self.behind.any())

    @property
    def alike(self) -> bool:
        """Whether all elements of all cases are one and the same."""
        first = np.asarray(self.cases[0].inputs)[0]
        return all(bool((np.asarray(case.inputs) == first).all()) for case in self.cases)

    def places(self, k: int, n: int) -> Places:
        """The elements of case k that are no more than n away from its step, in order."""
        at = self.cases[k].at
        first, last = at - min(n, int(self.before[k])), at + min(n, int(self.behind[k]))
        return np.arange(first, last + 1)

    def cut(self, n: int, of: Places) -> Numbers:
        """The losses of cases `of` that see n elements beside the one asked."""
        return self.losses(of, [self.places(k, n) for k in of])

    def losses(self, of: Places, seen: Sequence[Places]) -> Numbers:
        """The loss of each of the cases `of` where it sees its elements `seen`, in that order.

        The step asked must be among them, with all that follows it behind it.
        """
        found = np.empty(len(of))
        sizes = np.array([len(places) for places in seen], dtype=np.int64)
        order = np.argsort(-sizes, kind="stable")  # those of one length side by side
        begin = 0
        while begin < len(order):
            batch = order[begin : begin + max(1, _STEPS // int(sizes[order[begin]]))]
            begin += len(batch)
            found[batch] = self._read(of[batch], [seen[k] for k in batch])
        if not np.isfinite(found).all():
            bad = int(of[np.flatnonzero(~np.isfinite(found))[0]])
            raise InputError(
                f"the loss of case {bad} is {found[~np.isfinite(found)][0]}",
                where="the model",
                expected="finite losses",
                hint="a model that diverged, or targets that it takes for impossible?",
            )
        return found

    def _read(self, of: Places, seen: Sequence[Places]) -> Any:
        cases = [self.cases[k] for k in of]
        at = [int(np.flatnonzero(p == c.at)[0]) for p, c in zip(seen, cases, strict=True)]
        pieces = [np.asarray(c.inputs)[p] for p, c in zip(seen, cases, strict=True)]
        with torch.no_grad():
            x = self.subject.vectors(padded(self.subject, pieces))
            lengths = torch.tensor([len(p) for p in seen], device=x.device)
            said = self.subject.said(x, lengths, torch.tensor(at, device=x.device), cases)
            return self.subject.losses(said, cases).double().cpu().numpy()


class Disorder:
    """Windows whose far elements, more than k away, are put into another order.

    Each case has one order of all its elements, drawn with a seed; the far elements of each side
    are put into it among themselves.
    """

    def __init__(self, windows: Windows, size: int, seed: int) -> None:
        self.windows, self.size = windows, size
        draw = np.random.default_rng(seed)
        self.keys = [draw.random(len(case.inputs)) for case in windows.cases]

    def seen(self, k: int, n: int) -> Places:
        """The elements of case k in the order in which it sees them."""
        places = self.windows.places(k, self.size)
        at = self.windows.cases[k].at
        for far in (places < at - n, places > at + n):
            held = places[far]
            places[far] = held[np.argsort(self.keys[k][held])]
        return places

    def losses(self, n: int, of: Places) -> Numbers:
        """The losses of cases `of`, in which only the n next to the step are in order."""
        return self.windows.losses(of, [self.seen(k, n) for k in of])


class Gaps(Disorder):
    """Windows in which a share of the far elements, more than k away, is left out.

    Of each side the same number in every case, chosen with a seed; the others close ranks.
    """

    def __init__(self, windows: Windows, size: int, seed: int, share: float) -> None:
        super().__init__(windows, size, seed)
        self.share = share

    def seen(self, k: int, n: int) -> Places:
        """The elements of case k that are left."""
        places = self.windows.places(k, self.size)
        at = self.windows.cases[k].at
        kept = np.ones(len(places), dtype=bool)
        for far in (places < at - n, places > at + n):
            where = np.flatnonzero(far)
            order = np.argsort(self.keys[k][places[where]])
            kept[where[order[: round(self.share * len(where))]]] = False
        return places[kept]
