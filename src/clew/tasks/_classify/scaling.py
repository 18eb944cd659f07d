"""Series as the network reads them: each channel scaled, and what is missing marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

FAR = 1e6  # scaled values are cut off there, where a gate has long been shut: none is infinite
EXACT = 1e-6  # of a channel's size: what varies less is constant to 32 bits


@dataclass(frozen=True, eq=False)
class Scaling:
    """How a step is scaled: (x - mean) / deviation, channel by channel; 0 where x is missing.

    mean, deviation: (D,), of all steps of the training series. gaps: D more channels follow, 1
    where a value is missing and 0 elsewhere.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    gaps: bool

    @classmethod
    def learn(
        cls, series: Sequence[NDArray[Any]], features: int, *, standard: bool, gaps: bool
    ) -> Scaling:
        """Mean and deviation of each channel of series (T, D), or 0 and 1 where not `standard`.

        What is missing (NaN) does not count. A constant channel has deviation 1: it becomes 0.
        """
        mean, deviation = np.zeros(features), np.ones(features)
        if standard:
            count, total = np.zeros(features), np.zeros(features)
            for values in series:
                count += (~np.isnan(values)).sum(0)
                total += np.nansum(values, 0, dtype=np.float64)
            mean = total / np.maximum(count, 1)
            square = np.zeros(features)
            for values in series:
                square += np.nansum((values.astype(np.float64) - mean) ** 2, 0)
            spread = np.sqrt(square / np.maximum(count, 1))
            deviation = np.where(spread > EXACT * np.abs(mean), spread, 1.0)
        return cls(mean, deviation, gaps)

    @property
    def width(self) -> int:
        """How many numbers the network reads at a step: D, or 2 D with `gaps`."""
        return len(self.mean) * (2 if self.gaps else 1)

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Values (..., D) as the network reads them, (..., width)."""
        found = np.clip((values.astype(np.float64) - self.mean) / self.deviation, -FAR, FAR)
        if self.gaps:
            missing = np.isnan(found)
            found = np.concatenate([np.where(missing, 0.0, found), missing], -1)
        return found.astype(np.float32)

    def facts(self) -> dict[str, Any]:
        """What config.json keeps of it."""
        return {
            "mean": self.mean.tolist(), "deviation": self.deviation.tolist(), "gaps": self.gaps,
        }  # fmt: skip

    @classmethod
    def read(cls, facts: Any, features: int) -> Scaling | None:
        """What `facts` told; None where that is no scaling of so many features."""
        if not isinstance(facts, dict) or set(facts) != {"mean", "deviation", "gaps"}:
            return None
        columns = [facts["mean"], facts["deviation"]]
        for column in columns:
            if not isinstance(column, list) or len(column) != features:
                return None
            if not all(type(x) in (int, float) and math.isfinite(x) for x in column):
                return None
        if type(facts["gaps"]) is not bool or min(facts["deviation"]) <= 0:
            return None
        mean, deviation = (np.array(column, dtype=np.float64) for column in columns)
        return cls(mean, deviation, facts["gaps"])


class Scaled(Sequence[Any]):
    """Series scaled when asked for, so that only one copy of them lies in memory."""

    def __init__(
        self, series: Sequence[NDArray[Any]], scaling: Scaling, max_length: int | None
    ) -> None:
        self._series, self._scaling = series, scaling
        self._first = None if max_length is None else -max_length

    def __len__(self) -> int:
        return len(self._series)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...

    @overload
    def __getitem__(self, index: slice) -> Scaled: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            last = None if self._first is None else -self._first
            return Scaled(self._series[index], self._scaling, last)
        return self._scaling(self._series[index][self._first :])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each, (N,)."""
        found = np.array([len(values) for values in self._series], dtype=np.int64)
        return found if self._first is None else np.minimum(found, -self._first)


def lengths(sequences: Sequence[Any]) -> NDArray[np.int64]:
    """The length of each sequence (N,), without scaling any."""
    if isinstance(sequences, Scaled):
        return sequences.lengths
    return np.array([len(sequence) for sequence in sequences], dtype=np.int64)
