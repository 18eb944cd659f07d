"""What is to be read off a state: the elements of some steps ago, as numbers.

Letters: M steps of all sequences one after the other, N of them rows of a regression, K numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clew.memory._carried import carried
from clew.memory._reading import batches, check_finite
from clew.memory.inside import Inside, inside
from clew.memory.subject import Case, Subject

TOKENS = 20  # the most frequent are told back
_KNOWN = 256  # of the current element, as the rival without memory sees it
_FEATURES = 32  # of more, principal components are told back
_ROWS = 2000


@dataclass(frozen=True)
class Scale:
    """Of what the lowest layer reads: how many numbers a step, their mean and deviation.

    The deviation is that of each number around its own mean, as a mean square over all of them.
    """

    width: int
    mean: float
    deviation: float


@dataclass(eq=False)
class Side:
    """All layers that read one way, over the same steps.

    codes: (M,) ids or (M, D) features in the order in which they are read. rows: (N,) places among
    them with enough steps of their own sequence before each. source, step: (N,), of which sequence
    and which step of it. names: of each
    layer, with its number. outputs: of each (N, H); of a module that is no layer its state, or its
    output where `unread` says why that is not read.
    """

    backwards: bool
    names: list[tuple[str, int]]
    codes: Tensor = field(default_factory=lambda: torch.zeros(0))
    rows: Tensor = field(default_factory=lambda: torch.zeros(0))
    source: Tensor = field(default_factory=lambda: torch.zeros(0))
    step: Tensor = field(default_factory=lambda: torch.zeros(0))
    outputs: list[Tensor] = field(default_factory=list)
    unread: str = ""


def enough(before: Sequence[int], lags: int) -> int:
    """The most lags, `lags` at most, that leave half of all steps with as many before, or 2000.

    before: of each stretch that is looked at how many steps it has and had before it.
    """
    steps = np.array(before, dtype=np.int64)
    for fewer in range(min(lags, int(steps.max(initial=0))), 0, -1):
        left = int(np.maximum(steps - fewer, 0).sum())
        if left and left >= min(_ROWS, int(steps.sum()) / 2):
            return fewer
    return 0


def sides(
    subject: Subject, cases: Sequence[Case], lags: int, asked: bool
) -> tuple[list[Side], Scale]:
    """What each layer said at every step with `lags` before it, and what was read up to there.

    asked: at the steps only that the cases ask about.
    The first side reads forwards; there is another one where layers read backwards, too.
    """
    long = [case for case in cases if len(case.inputs) > lags]
    found: list[Side] = []
    pieces: list[list[tuple[Tensor, ...]]] = []
    read: list[Tensor] = []
    begin = 0
    for batch in batches(subject, long):
        layers = inside(subject, batch.x, batch.lengths)
        read.append(batch.x[layers[0].real()].double().cpu())
        directions = sorted({layer.backwards for layer in layers})
        for number, backwards in enumerate(directions):
            those = [layer for layer in layers if layer.backwards is backwards]
            if len(found) <= number:
                found.append(Side(backwards, [(layer.name, layer.number) for layer in those]))
                pieces.append([])
            values = [_held(layer, subject.both_ways, found[number]) for layer in those]
            offset = begin
            for column, place in enumerate(batch.places):
                case, steps = long[place], int(batch.lengths[column])
                codes = batch.x[:steps, column].cpu()
                if case.inputs.ndim == 1 and case.inputs.dtype.kind in "iu":
                    codes = torch.from_numpy(case.inputs.astype(np.int64))
                step = torch.arange(lags, steps)
                if asked:
                    step = step[step == (steps - 1 - case.at if backwards else case.at)]
                pieces[number].append((
                    codes.flip(0) if backwards else codes,
                    step + offset,
                    torch.full_like(step, case.source),
                    step,
                    *(h[step.to(h.device), column].cpu() for h in values),
                ))  # fmt: skip
                offset += steps
        begin += int(batch.lengths.sum())
    for side, some in zip(found, pieces, strict=True):
        side.codes, side.rows, side.source, side.step, *side.outputs = (
            torch.cat(parts) for parts in zip(*some, strict=True)
        )
        for (name, _), h in zip(side.names, side.outputs, strict=True):
            check_finite(name, h)
    every = torch.cat(read)
    spread = every.var(0, unbiased=False).mean().sqrt()
    return found, Scale(every.shape[1], float(every.mean()), float(spread))


def _held(layer: Inside, both_ways: bool, side: Side) -> Tensor:
    """What a layer says, (T, B, H); of a module that cannot be opened what it carries."""
    if layer.kind:
        return layer.y
    found: Tensor | str = "it reads both ways"
    if not both_ways:
        found = carried(layer.module, layer.x)
    side.unread = found if isinstance(found, str) else ""
    side.names = [("output" if side.unread else "state", layer.number)]
    return layer.y if isinstance(found, str) else found


class Elements:
    """Elements as numbers: one-hot of the most frequent ids, or features of mean 0, deviation 1.

    what: how, in a clause. varies: whether there is anything to tell apart.
    """

    def __init__(self, codes: Tensor, element: tuple[str, str]) -> None:
        self._codes = codes
        self._features = None if codes.dim() == 1 else _standard(codes)
        if self._features is None:
            ids, counts = torch.unique(codes, return_counts=True)
            order = counts.argsort(descending=True, stable=True)
            self._rank = torch.zeros(int(ids.max()) + 1, dtype=torch.int64)
            self._rank[ids[order]] = torch.arange(len(ids))
            self._sorts = len(ids)
            share = 100 * float(counts[order][:TOKENS].sum() / counts.sum())
            told = min(TOKENS, len(ids))
            self.what = f"the {element[0]} (one-hot of all {told})"
            if told < len(ids):
                self.what = (
                    f"the {element[0]} (one-hot of the most frequent {told} of {len(ids)}; they "
                    f"make {share:.0f} % of the data)"
                )
            self.varies = len(ids) > 1
        else:
            width, kept = codes.shape[1], self._features.shape[1]
            self.what = f"the {width} features" if width > 1 else "the feature"
            self.what += ", each brought to mean 0 and deviation 1"
            self.varies = kept > 0
            if kept < width:
                self.what += f", of which {kept} vary"
            if kept > _FEATURES:
                values, vectors = torch.linalg.eigh(self._features.T @ self._features)
                share = 100 * float(values[-_FEATURES:].sum() / values.sum())
                self._told = self._features @ vectors[:, -_FEATURES:]
                self.what += f", by their {_FEATURES} principal components ({share:.0f} %)"
            else:
                self._told = self._features

    def told(self, places: Tensor) -> Tensor:
        """(N, K): the elements at these places, as what is to be told back."""
        return self._told[places] if self._features is not None else self._hot(places, TOKENS)

    def seen(self, places: Tensor) -> Tensor:
        """(N, R): the same as the rival without memory sees it."""
        return self._features[places] if self._features is not None else self._hot(places, _KNOWN)

    def _hot(self, places: Tensor, most: int) -> Tensor:
        most = min(most, self._sorts)
        ranks = self._rank[self._codes[places]].clamp(max=most)
        return F.one_hot(ranks, most + 1)[:, :most].double()


def _standard(codes: Tensor) -> Tensor:
    """(M, D) of mean 0 and deviation 1, without the features that do not vary."""
    wide = codes.double()
    mean, spread = wide.mean(0), wide.std(0, unbiased=False)
    some = spread > 1e-9 * (1.0 + mean.abs())
    return (wide[:, some] - mean[some]) / spread[some]
