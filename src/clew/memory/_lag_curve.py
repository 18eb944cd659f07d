"""One gradient by lag: its numbers, how it decays, where it is greatest, and all that in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.memory.decay import Decay

BEHIND = ", behind"
TAKEN = "gradient x input"


@dataclass(frozen=True)
class LagCurve:
    """One norm by lag, the mean and the median over the cases, and how it decays.

    name: "layer 1", "layer 2 backwards", "loss" ("answer" where the loss is 0 by its definition),
    "gradient x input", and of what follows the step "loss, behind". trained: after it learned.
    lags, mean, median: (n,). parts: of layers, the mean of the norm by each part of the state
    alone: {"h": (n,), "c": (n,)}. rows: how many unit vectors, or random ones where not `exact`,
    the Jacobian was multiplied with; 0 of the loss and the answer, which have one gradient.
    """

    name: str
    trained: bool
    lags: NDArray[np.int64]
    mean: NDArray[np.float64]
    median: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]
    decay: Decay
    cases: int
    exact: bool
    rows: int

    @property
    def of_layer(self) -> bool:
        """Whether it is a layer's state by its earlier state, not by what was read."""
        return self.rows > 0

    @property
    def of_loss(self) -> bool:
        """Whether it is the loss, or the answer in its place, by what was read."""
        return not self.of_layer and not self.name.startswith(TAKEN)

    def within(self, share: float = 0.9) -> int | None:
        """The lag up to which `share` of the sum over all lags lies; None where that is nothing."""
        total = float(self.mean.sum())
        if not (0 < total < np.inf):
            return None
        return int(self.lags[int((np.cumsum(self.mean) >= share * total * (1 - 1e-12)).argmax())])

    @property
    def peak(self) -> int | None:
        """The lag from 1 on at which it is greatest; None where it is nothing, or not finite."""
        there = self.lags > 0
        past = self.mean[there]
        if not (past.size and 0 < past.max() < np.inf):
            return None
        return int(self.lags[there][int(past.argmax())])

    def words(self, element: tuple[str, str]) -> str:
        """How it decays, or where the answer hangs most; element: what one and many are called."""
        behind = self.name.endswith(BEHIND)
        if not self.of_layer and not self.of_loss:
            return self._hangs(element, behind)
        of = "what follows" if behind else "its earlier state" if self.of_layer else "what was read"
        what = self.name.removesuffix(BEHIND).capitalize()
        text = f"{what} by {of}: {self.decay.words()}."
        if self.decay.last is not None and self.decay.kind not in ("single", "none"):
            there = self.mean[self.lags == self.decay.last][0]
            here = 1.0 if self.of_layer else self.mean[0]
            if here > 0:
                text += f" At lag {self.decay.last} it is {_share(there / here)} that at lag 0."
        if self.of_loss and (near := self.within()) is not None:
            text += f" 90 % of its sum lies within lag {near}."
        return text

    def _hangs(self, element: tuple[str, str], behind: bool) -> str:
        where = "follows" if behind else "came before"
        if (peak := self.peak) is None:
            some = bool(np.isfinite(self.mean).all())
            return (
                f"The answer hangs on nothing that {where}, to first order." if some
                else f"What the answer hangs on of what {where} cannot be said: its gradient "
                "overflows."
            )  # fmt: skip
        past = self.mean[self.lags > 0]
        share = self.mean[self.lags == peak][0] / past.sum()
        return (
            f"Of what {where} the answer hangs most, to first order, on what stands {peak} "
            f"{element[peak != 1]} {'ahead' if behind else 'back'}: {_percent(share)} of its "
            f"gradient x input, summed over lags 1 to {self.lags[-1]}, lies there."
        )

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.name,
            "trained": self.trained,
            "lags": self.lags.tolist(),
            "mean": plain(self.mean),
            "median": plain(self.median),
            "parts": {name: plain(part) for name, part in self.parts.items()},
            "decay": self.decay.data(),
            "within_90": self.within(),
            "peak": self.peak,
            "cases": self.cases,
            "exact": self.exact,
            "vectors": self.rows,
        }


def plain(values: NDArray[np.float64]) -> list[float | None]:
    """Numbers for JSON; None for what is not finite."""
    return [v if np.isfinite(v) else None for v in values.tolist()]


def _share(share: float) -> str:
    return f"{_percent(share)} of" if share < 1.5 else f"{share:.2g} times"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share > 0.1 else f"{100 * share:.2g} %"
