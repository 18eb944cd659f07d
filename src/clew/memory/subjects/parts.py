"""What the subjects share: their traits, how cases are drawn and cut, networks made anew."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.data import folders
from clew.errors import InputError
from clew.memory.subject import Case
from clew.nn import Stack

Network = TypeVar("Network", bound=nn.Module)

UNITS = {
    "char": ("character", "characters"),
    "word": ("word", "words"),
    "bpe": ("byte pair", "byte pairs"),
}
FEW = 0.05  # of the ids; more that are unknown are told of
STEP = ("step", "steps")
_CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Traits:
    """What is fixed of a subject; see clew.memory.subject.Subject.

    note: what a reader of the findings should know of how this model is asked; "" for nothing.
    relative: whether a loss is a share already, so that 0.01 of it is 1 %. likeliest: whether the
    largest number of an answer is what the model says; where it is not, losses in nats or not, an
    answer holds numbers of different kinds.
    """

    title: str
    task: str
    element: tuple[str, str]
    both_ways: bool
    network: Any
    reader: Any
    loss_name: str
    in_nats: bool
    answers: Sequence[str] | None
    note: str = ""
    relative: bool = False
    likeliest: bool = True

    @property
    def like(self) -> Tensor:
        """A weight, for the device and the type of numbers."""
        found: Tensor = next(self.network.parameters())
        return found


def named(stack: Stack) -> str:
    """A stack in a few words: "LSTM of 2 x 512"."""
    kind = type(stack.layers[0]).__name__
    cell = _CELLS.get(kind.lower(), kind)
    ways = ", both ways" if stack.bidirectional else ""
    return f"{cell} of {len(stack.layers)} x {stack.hidden_size}{ways}"


def known(texts: Sequence[NDArray[Any]], unknown: int, names: tuple[str, str]) -> str:
    """What a title says of ids that the model does not know: nothing where these are few.

    names: what one of them is called, and many.

    Raises InputError where it knows none of them.
    """
    count = sum(len(text) for text in texts)
    odd = sum(int(np.count_nonzero(text == unknown)) for text in texts)
    if count and odd == count:
        raise InputError(
            f"the model knows none of the {count:,} {names[1]}" if count > 1
            else f"the model does not know the only {names[0]}",
            where="data",
            expected="data of the kind it has learned from",
        )  # fmt: skip
    if odd <= FEW * count:
        return ""
    return f" ({100 * odd / count:.0f} % of the {names[1]} are unknown to it)"


def spots(steps: Sequence[Any], count: int, reach: int, seed: int) -> list[tuple[int, int]]:
    """At most `count` pairs (sequence, step), in order.

    steps: of each sequence those that may be asked, a range, list or array that rises.

    Sequences are taken in turn, those first in which a step with `reach` elements before it may be
    asked, and of these only such steps. Where a sequence gives several, they come from as many
    equal stretches of it.
    """
    if count < 1 or reach < 0:
        raise InputError(
            f"{count} cases with {reach} elements before the step",
            where="count, reach",
            expected="1 or more, and 0 or more",
        )
    if seed < 0:
        raise InputError(f"seed is {seed}", where="seed", expected="a number from 0")
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(steps)).tolist()
    first = [bisect_left(some, reach) for some in steps]
    chosen: list[tuple[int, int]] = []
    for long in (True, False):
        begin = {k: first[k] if long else 0 for k in order if (first[k] < len(steps[k])) == long}
        room = {k: len(steps[k]) - start for k, start in begin.items() if len(steps[k])}
        for k, wanted in _shared(room, count - len(chosen)).items():
            edges = np.linspace(begin[k], len(steps[k]), wanted + 1).astype(np.int64)
            places = draw.integers(edges[:-1], edges[1:])
            chosen += [(k, int(steps[k][place])) for place in places.tolist()]
    return sorted(chosen)


def _shared(room: dict[int, int], count: int) -> dict[int, int]:
    """How many cases each sequence gives, of `room` each at most: as even as can be."""
    given = dict.fromkeys(room, 0)
    while count > 0 and room:
        each = max(1, count // len(room))
        for k in list(room):
            more = min(each, room[k], count)
            given[k] += more
            count -= more
            room[k] -= more
            if room[k] == 0:
                del room[k]
    return {k: number for k, number in given.items() if number}


def stretch(length: int, at: int, reach: int, both: bool) -> tuple[slice, int]:
    """What of a sequence a case takes around its step, and the step's place in it."""
    first = max(0, at - reach)
    stop = min(length, at + reach + 1) if both else at + 1
    return slice(first, stop), at - first


def some_cases(found: list[Case], expected: str) -> list[Case]:
    """The cases; InputError where there are none."""
    if not found:
        raise InputError("the data have no step that could be asked", expected=expected)
    return found


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of so many places, evenly chosen."""
    places = np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
    return [int(place) for place in np.unique(places)]


def asked(y: Tensor, at: Tensor) -> Tensor:
    """Of outputs (T, B, H) those at the steps (B,): (B, H)."""
    at = at.to(y.device)
    return y[at, torch.arange(len(at), device=y.device)]


def targets(cases: Sequence[Case], like: Tensor) -> Tensor:
    """The targets of cases, numbers of classes, (B,)."""
    return torch.tensor([int(case.target) for case in cases], device=like.device)


def nats(said: Tensor, cases: Sequence[Case]) -> Tensor:
    """-ln of the softmax of scores (B, C) at each case's target, (B,), in float64."""
    return F.cross_entropy(said.double(), targets(cases, said), reduction="none")


def made_anew(build: Callable[[], Network], seed: Any, like: Tensor) -> Network:
    """What `build` makes after this seed, as a fit makes it, where and of the type that `like` is.

    The draws of everything else are left as they are.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed))
        network = build()
    return network.to(like).eval()


def ids(pieces: NDArray[Any]) -> NDArray[np.int64]:
    """Ids in a type of their own, no view of a file."""
    return np.array(pieces, dtype=np.int64)


def refused(columns: dict[str, Any], known: Sequence[str]) -> None:
    """InputError for columns that no reader of such data asks for, or that data in memory lack."""
    for name in columns:
        if name not in known:
            raise InputError(
                f"columns name {name!r}",
                where="columns",
                expected=", ".join(known) or "no names: of such data none are asked for",
            )


def part_of(path: Path) -> Any:
    """Which part of a folder or archive is read: the test, else dev, else train; None without."""
    if folders.is_archive(path):
        return "test"
    there = folders.parts(path) if path.is_dir() else {}
    return next((part for part in ("test", "dev", "train") if part in there), None)
