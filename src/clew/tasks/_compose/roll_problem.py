"""Training on piano rolls: in batches of like length, in other keys; and their nats a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import bucketed, pad
from clew.tasks._compose.roll_net import RollNetwork, State
from clew.train.problem import Evaluation

CELLS = 1 << 12  # padded steps in one batch of held-out rolls: bounds its memory


class Rolls(Protocol):
    """Piano rolls, in memory or on disk: each (T, P), zeros and ones."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Piece:
    """The steps from `start` of some rolls, each moved up by as many semitones as `moved` says."""

    places: NDArray[np.int64]
    moved: NDArray[np.int64]
    start: int


class RollProblem:
    """-ln P of every step of every roll, see RollNetwork.

    transpose: every roll is read anew in each epoch, moved by up to so many semitones up or down,
    as far as its notes stay among the P. Rolls longer than `window` steps are read in parts, the
    state carried from each to the next (Williams & Peng 1990). One of `world` ranks takes every
    `world`-th roll of batches `world` times as large.
    """

    unit = "steps"

    def __init__(
        self,
        network: RollNetwork,
        train: Rolls,
        held_out: Rolls,
        *,
        batch_size: int,
        seed: int,
        transpose: int = 0,
        window: int = 256,
    ) -> None:
        self.network = network
        self.train = train
        self.held_out = held_out
        self.batch_size = batch_size
        self.seed = seed
        self.transpose = transpose
        self.window = window
        self.lengths = lengths_of(train)
        self._room = np.array([room(roll) for roll in each(train)], np.int64).reshape(-1, 2)

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Any]:
        """The rolls of each batch, how far each is moved, and the first step that is read."""
        batches = bucketed(self.lengths, self.batch_size * world, seed=self.seed, epoch=epoch)
        draw = np.random.default_rng([self.seed & 0xFFFFFFFFFFFFFFFF, epoch, 1])
        low, high = np.clip(self._room, -self.transpose, self.transpose).T
        moved = draw.integers(low, high + 1)
        items: list[Piece | None] = []
        for batch in batches:
            mine = batch[rank::world]
            own = int(self.lengths[mine].max()) if len(mine) else 0
            for start in range(0, int(self.lengths[batch].max()), self.window):
                there = start < own  # every process has as many steps
                items.append(Piece(mine, moved[mine], start) if there else None)
        return items

    def loss(self, item: Any, carry: Any) -> tuple[Tensor, int, Any]:
        """Summed nats of the steps of a Piece, how many there are, and the state after them."""
        rolls = [
            np.roll(self.train[place], move, 1)
            for place, move in zip(item.places.tolist(), item.moved.tolist(), strict=True)
        ]
        stop = item.start + self.window
        before, steps, lengths = side_by_side(rolls, item.start, stop)
        state = None if item.start == 0 else carry
        nats, state = read(self.network, before, steps, lengths, state, start=item.start == 0)
        return nats.sum(), int(lengths.sum()), state

    def evaluate(self, full: bool = False) -> Evaluation:
        """Nats a step of the held-out rolls, see Score.figures."""
        found = score(self.network, self.held_out)
        figures = found.figures()
        return Evaluation(figures["nats_per_step"], figures)


@dataclass(frozen=True)
class Score:
    """How well rolls are foretold: of each the nats (T,) of its steps, -ln P given those before."""

    nats: list[NDArray[np.float64]]

    def figures(self) -> dict[str, float]:
        """Nats a step, counted in three ways; each note of each of the P pitches is foretold.

        nats_per_step: the mean over all steps but the first of each roll, which has nothing before
        it (so Bai et al. 2018). nats_per_step_of_a_roll: the same of each roll, then the mean over
        the rolls. nats_per_step_with_first: the mean over all steps. Rolls without a second step
        count for the last only; where none has one, it stands for all three.
        """
        every = np.concatenate([*self.nats, np.zeros(0)])
        later = [nats[1:] for nats in self.nats if len(nats) > 1]
        whole = float(every.mean()) if len(every) else 0.0
        of_a_roll = [float(nats.mean()) for nats in later]
        return {
            "nats_per_step": float(np.concatenate(later).mean()) if later else whole,
            "nats_per_step_of_a_roll": float(np.mean(of_a_roll)) if later else whole,
            "nats_per_step_with_first": whole,
        }


@torch.no_grad()
def score(network: RollNetwork, rolls: Rolls, window: int = 1024) -> Score:
    """The nats of every step of these rolls, in the network's present mode; no gradients."""
    lengths = lengths_of(rolls)
    found: list[NDArray[np.float64]] = [np.zeros(0)] * len(lengths)
    for places in _like_lengths(lengths):
        several = [rolls[place] for place in places.tolist()]
        parts, state = [], None
        for start in range(0, int(lengths[places].max()), window):
            before, steps, sizes = side_by_side(several, start, start + window)
            nats, state = read(network, before, steps, sizes, state, start=start == 0)
            parts.append(nats.double().cpu().numpy())
        together = np.concatenate([*parts, np.zeros((0, len(places)))])
        for b, place in enumerate(places.tolist()):
            found[place] = together[: lengths[place], b].copy()
    return Score(found)


def read(
    network: RollNetwork, before: Tensor, steps: Tensor, lengths: Tensor, state: State, *,
    start: bool,
) -> tuple[Tensor, State]:  # fmt: skip
    """The nats (T, B) of `steps` (T, B, P), each foretold from `before` (T, B, P), and the state.

    Zeros beyond the lengths (B,). start: the first of `before` is the mark of the beginning.
    """
    device = network.device
    before, steps, lengths = before.to(device), steps.to(device), lengths.to(device)
    features, state = network(network.inputs(before, start), state, lengths=lengths)
    real = torch.arange(len(steps), device=device)[:, None] < lengths  # (T, B)
    nats = features.new_zeros(real.shape)
    return nats.masked_scatter(real, network.nats(features[real], steps[real])), state


def side_by_side(
    rolls: Sequence[NDArray[Any]], start: int, stop: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps `start` to `stop` of rolls: what stands before each (T, B, P), they, lengths (B,).

    Before the first step of a roll there is silence.
    """
    steps, lengths = pad([roll[start:stop] for roll in rolls])
    before, _ = pad([np.concatenate([np.zeros_like(r[:1]), r[:-1]])[start:stop] for r in rolls])
    return before, steps, lengths


def room(roll: NDArray[Any]) -> tuple[int, int]:
    """By how many semitones a roll (T, P) may be moved, down (0 or less) and up."""
    sounding = np.flatnonzero(roll.any(0))
    if len(sounding) == 0:
        return 0, 0
    return -int(sounding[0]), roll.shape[1] - 1 - int(sounding[-1])


def lengths_of(rolls: Rolls) -> NDArray[np.int64]:
    """The steps of each roll, (N,)."""
    return np.array([len(roll) for roll in each(rolls)], dtype=np.int64)


def each(rolls: Rolls) -> Iterator[NDArray[Any]]:
    """The rolls, one after the other."""
    return (rolls[index] for index in range(len(rolls)))


def _like_lengths(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The places of all rolls that have a step, like lengths together, in batches."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and int(lengths[order[stop]]) * (stop + 1 - start) <= CELLS:
            stop += 1
        yield order[start:stop]
        start = stop
