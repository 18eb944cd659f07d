"""What the subjects share: their traits, how cases are drawn and cut, networks made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory.subject import Case
from clew.nn import Stack

Network = TypeVar("Network", bound=nn.Module)

UNITS = {
    "char": ("character", "characters"),
    "word": ("word", "words"),
    "bpe": ("byte pair", "byte pairs"),
}
STEP = ("step", "steps")
_CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


@dataclass(frozen=True, eq=False)
class Traits:
    """What is fixed of a subject; see clew.memory.subject.Subject."""

    title: str
    task: str
    element: tuple[str, str]
    both_ways: bool
    network: Any
    reader: Any
    loss_name: str
    in_nats: bool
    answers: Sequence[str] | None

    @property
    def like(self) -> Tensor:
        """A weight, for the device and the type of numbers."""
        found: Tensor = next(self.network.parameters())
        return found


def named(stack: Stack) -> str:
    """A stack in a few words: "LSTM of 2 x 512"."""
    cell = _CELLS[type(stack.layers[0]).__name__.lower()]
    ways = ", both ways" if stack.bidirectional else ""
    return f"{cell} of {len(stack.layers)} x {stack.hidden_size}{ways}"


def spots(
    lengths: Iterable[int], count: int, reach: int, seed: int, *, last: bool = False, after: int = 0
) -> list[tuple[int, int]]:
    """At most `count` pairs (sequence, step) of sequences of these lengths, in order.

    last: the last step of each is asked, otherwise any that has `after` more behind it. Sequences
    are taken in turn, those with more than `reach` elements before a step that may be asked first;
    of these only steps with as much.
    """
    if count < 1 or reach < 0:
        raise InputError(
            f"{count} cases with {reach} elements before the step",
            where="count, reach",
            expected="1 or more, and 0 or more",
        )
    draw = np.random.default_rng(seed)
    ends = np.asarray(list(lengths), dtype=np.int64) - after  # steps that may be asked
    order = draw.permutation(len(ends))
    chosen: list[tuple[int, int]] = []
    for long in (True, False):
        first = reach if long else 0
        # One long sequence, such as a text, is cut into stretches that each give one case.
        some = [int(k) for k in order if (ends[k] > reach if long else 0 < ends[k] <= reach)]
        room = {k: 1 if last else int(ends[k]) - first for k in some}
        for k, wanted in _shared(room, count - len(chosen)).items():
            edges = np.linspace(first, ends[k], wanted + 1).astype(np.int64)
            steps = draw.integers(edges[:-1], np.maximum(edges[1:], edges[:-1] + 1))
            chosen += [(k, int(ends[k]) - 1 if last else int(step)) for step in steps]
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


def refused(found: Any, columns: dict[str, Any], known: Sequence[str]) -> None:
    """InputError for columns that no reader of such data knows, or that data in memory lack."""
    for name in columns:
        if name not in known:
            raise InputError(
                f"columns name {name!r}",
                where="columns",
                expected=", ".join(known) or f"none, for a {type(found).__name__}",
            )
