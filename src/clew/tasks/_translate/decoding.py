"""Decoding: the likeliest sequences after what an encoder remembers, greedily or by beam search.

An answer is a whole sequence: its score is the log-probability (nats) of its pieces and of the end
piece that follows them. Where the limit of pieces is reached nothing but the end may follow, and
its probability counts as any other.

Beam search keeps, after every step, the likeliest continuations of those it kept before: `beam` of
them with those that have ended, each of which keeps its place to the last. Answers are ordered by
log P / ((5 + n) / 6)^alpha, n pieces with the end piece (Wu et al. 2016). What can no longer come
among the answers is dropped and makes room: the bound is exact, for log P only falls and n is
limited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import pad
from clew.errors import InputError
from clew.tasks._translate.hypotheses import Answers, Hypothesis, Trail

ROWS = 512  # hypotheses side by side: their scores for a vocabulary of 8,000 are 16 MB
POSITIONS = 1 << 14  # remembered steps side by side, unless a single sentence has more
BLOCK = 64  # pieces of which the likeliest is found at once
IMPOSSIBLE = -1e30  # a log-probability below all others that is still a number

State: TypeAlias = Any  # what the network carries from step to step: nested tuples of tensors


class Memory(Protocol):
    """What the encoder has read: B sources, one beside the other."""

    def pick(self, indices: Tensor) -> Memory:
        """The memory of the sources at `indices` (N,), which may repeat."""
        ...


class Network(Protocol):
    """An encoder, and a decoder that goes step by step."""

    def encode(self, x: Tensor, lengths: Tensor) -> Any:
        """The memory of sources x (S, B) int64 with lengths (B,)."""
        ...

    def start(self, memory: Any) -> State:
        """The decoder's state before the first piece."""
        ...

    def pick(self, state: State, indices: Tensor) -> State:
        """The state of the rows at `indices` (N,), which may repeat."""
        ...

    def step(
        self, tokens: Tensor, state: State, memory: Any
    ) -> tuple[Tensor, State, Tensor | None]:
        """After pieces (B,): logits (B, V) of the next, the state, attention weights (B, S)."""
        ...


@dataclass(frozen=True)
class Search:
    """How answers are sought; raises InputError for values that mean nothing.

    begin, end: the pieces before the first and after the last. beam: hypotheses followed at once;
    None is greedy, the likeliest piece at every step. n_best: answers a sentence, at most `beam`.
    length_penalty: alpha above, 0 compares log-probabilities. forbidden: pieces that are never
    written. weights: keep the attention weights of every step. margin: hypotheses that are less
    likely than the likeliest of their step by more than so many nats are not followed (Freitag &
    Al-Onaizan 2017), which a narrow beam for one answer seldom misses; None follows all.
    """

    begin: int
    end: int
    beam: int | None = None
    n_best: int = 1
    length_penalty: float = 0.6
    forbidden: tuple[int, ...] = (0,)
    weights: bool = False
    margin: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("beam", self.beam), ("n_best", self.n_best)):
            if name == "beam" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InputError(
                    f"{name} is {value!r}", where=name, expected="a whole number of 1 or more"
                )
        beam = 1 if self.beam is None else self.beam
        if self.n_best > beam:
            raise InputError(
                f"n_best is {self.n_best} and beam {beam}",
                where="n_best",
                expected="at most as many answers as the beam is wide",
                hint=f"beam={self.n_best}",
            )
        alpha = self.length_penalty
        number = isinstance(alpha, int | float | np.floating) and not isinstance(alpha, bool)
        if not number or not (math.isfinite(alpha) and alpha >= 0):
            raise InputError(
                f"length_penalty is {alpha!r}",
                where="length_penalty",
                expected="0 (compare probabilities) or more; about 0.6 to 1 is usual",
            )

        margin = self.margin
        number = isinstance(margin, int | float | np.floating) and not isinstance(margin, bool)
        if margin is not None and not (number and margin >= 0):
            raise InputError(
                f"margin is {margin!r}", where="margin", expected="nats, 0 or more; None for none"
            )

    def penalty(self, length: Any) -> Any:
        """What a log-probability is divided by: of `length` pieces, the end piece included."""
        return ((5.0 + length) / 6.0) ** float(self.length_penalty)


def decode(
    network: Network,
    sources: Sequence[Sequence[int] | NDArray[Any]],
    how: Search,
    limit: Callable[[int], int],
    *,
    rows: int = ROWS,
    device: torch.device | None = None,
) -> list[list[Hypothesis]]:
    """The answers to each source (ids), the best first; sources of like length are read together.

    limit: the most pieces an answer may have, by the length of its source. rows: hypotheses side
    by side; memory is bounded by them. Raises InputError where scores are not finite.
    """
    answers: list[list[Hypothesis]] = [[] for _ in sources]
    lengths = np.array([len(source) for source in sources], dtype=np.int64)
    with torch.inference_mode():
        for some in _batches(lengths, max(1, rows // (how.beam or 1)), how.beam or 1):
            x, sizes = pad([np.asarray(sources[i], dtype=np.int64) for i in some])
            memory = network.encode(x.to(device), sizes.to(device))
            limits = np.array([limit(int(n)) for n in lengths[some]], dtype=np.int64)
            search = greedy if how.beam is None else beam_search
            for i, found in zip(some, search(network, memory, limits, how, device), strict=True):
                answers[i] = [_without_padding(h, int(lengths[i])) for h in found]
    return answers


def _batches(lengths: NDArray[np.int64], most: int, beam: int) -> Iterator[NDArray[np.int64]]:
    """Indices of at most `most` sources of like length, the longest first."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        count = min(most, max(1, POSITIONS // (longest * beam)))
        yield order[start : start + count]
        start += count


def _without_padding(found: Hypothesis, length: int) -> Hypothesis:
    if found.weights is None:
        return found
    return replace(found, weights=found.weights[:, :length].copy())


def greedy(
    network: Network,
    memory: Any,
    limits: NDArray[np.int64],
    how: Search,
    device: torch.device | None = None,
) -> list[list[Hypothesis]]:
    """The likeliest piece at every step, B sentences at once; limits: (B,) most pieces of each."""
    trail = Trail(how.weights)
    rows = np.arange(len(limits))  # (N,) the sentences that go on
    scores = np.zeros(len(limits))  # (B,)
    last = np.zeros((len(limits), 2), dtype=np.int64)  # (B, 2) step and row at which each ended
    tokens = torch.full((len(limits),), how.begin, dtype=torch.int64, device=device)
    state = network.start(memory)
    while len(rows):
        logits, state, weights = network.step(tokens, state, memory)
        trail.look(weights)
        chances, end, found = _likeliest(logits, 1, how)
        stop = limits[rows] <= trail.steps
        pieces = np.where(stop, how.end, found[:, 0])
        scores[rows] += np.where(stop, end, chances[:, 0])
        on = np.flatnonzero(pieces != how.end)
        over = np.flatnonzero(pieces == how.end)
        last[rows[over]] = np.stack([np.full(len(over), trail.steps), over], axis=1)
        trail.add(on, pieces[on])
        tokens = torch.from_numpy(pieces[on]).to(device)
        if len(on) < len(rows):
            picked = torch.from_numpy(on).to(device)
            state, memory, rows = network.pick(state, picked), memory.pick(picked), rows[on]
    return [
        [trail.follow(int(step), int(row), float(score), float(how.penalty(step + 1)))]
        for (step, row), score in zip(last, scores, strict=True)
    ]


def beam_search(
    network: Network,
    memory: Any,
    limits: NDArray[np.int64],
    how: Search,
    device: torch.device | None = None,
) -> list[list[Hypothesis]]:
    """At most n_best answers to each of B sentences, the best first; limits: (B,), as `greedy`.

    Of equally likely continuations the one of the better hypothesis comes first, then the one with
    the smaller piece. Answers of the same normalized score stay in the order they were found.
    """
    beam = how.beam or 1
    trail = Trail(how.weights)
    answers = [Answers(how.n_best) for _ in limits]
    worst = np.full(len(limits), -np.inf)  # (B,) what an answer must exceed
    room = np.full(len(limits), beam)  # (B,) places that no ended hypothesis has
    utmost = how.penalty(limits + 1)  # (B,) the penalty of the longest answer: the mildest
    owner = np.arange(len(limits))  # (N,) the sentence of each row, in order
    scores = np.zeros(len(limits))  # (N,) log P of each row's pieces
    tokens = torch.full((len(limits),), how.begin, dtype=torch.int64, device=device)
    state = network.start(memory)
    while len(owner):
        logits, state, weights = network.step(tokens, state, memory)
        trail.look(weights)
        chances, end, pieces = _likeliest(logits, beam, how)
        stop = limits[owner] <= trail.steps
        chances[stop], pieces[stop, 0], chances[stop, 0] = -np.inf, how.end, end[stop]
        rows, columns, chosen = _best(scores[:, None] + chances, owner, room, how.margin)
        picked = pieces[rows, columns]
        normalized = chosen / how.penalty(trail.steps + 1)
        for i in np.flatnonzero(picked == how.end):
            answer = (float(normalized[i]), float(chosen[i]), trail.steps, int(rows[i]))
            room[owner[rows[i]]] -= 1
            worst[owner[rows[i]]] = answers[owner[rows[i]]].add(answer)
        mine = owner[rows]
        live = (picked != how.end) & (chosen / utmost[mine] > worst[mine])
        rows, scores, picked = rows[live], chosen[live], picked[live]
        trail.add(rows, picked)
        if not len(rows):
            break
        index = torch.from_numpy(rows).to(device)
        if not np.array_equal(owner[rows], owner):
            memory = memory.pick(index)
        state, owner = network.pick(state, index), owner[rows]
        tokens = torch.from_numpy(picked).to(device)
    return [
        [
            trail.follow(step, row, score, float(how.penalty(step + 1)))
            for _, score, step, row in a.kept
        ]
        for a in answers
    ]


def _likeliest(
    logits: Tensor, count: int, how: Search
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """ln P (N, k) of the likeliest pieces in order, that of the end piece (N,), the pieces (N, k).

    Destroys `logits` (N, V): a copy of it costs as much as all that is done to it here. Equal
    scores are in the order of their pieces.
    """
    end = logits[:, how.end].double()
    values, pieces, most = _top(logits, min(count, logits.shape[1]), how.forbidden)
    norm = (logits.sub_(most).exp_().sum(1).log_() + most[:, 0]).double()
    if not bool(torch.isfinite(norm).all()):
        raise InputError(
            "the network's scores are not finite", hint="train it anew at a smaller learning rate"
        )
    chances = (values.double() - norm[:, None]).clamp_(max=0.0)
    return (
        chances.cpu().numpy(),
        (end - norm).clamp_(IMPOSSIBLE, 0.0).cpu().numpy(),
        pieces.cpu().numpy(),
    )


def _top(
    logits: Tensor, count: int, forbidden: Sequence[int] = ()
) -> tuple[Tensor, Tensor, Tensor]:
    """The `count` largest of each row (N, V), and where they are; equal ones by their place.

    What stands at `forbidden` places counts as -inf. Also the largest of all of each row, (N, 1).
    """
    places, most = _blocks(logits, count + 1 + len(forbidden))
    few = logits.gather(1, places)
    for piece in forbidden:
        few.masked_fill_(places == piece, -math.inf)
    values, found = torch.topk(few, min(count + 1, few.shape[1]), dim=1)
    # topk leaves open which of equal scores it takes, and in what order: those rows are sorted.
    tied = (values[:, 1:] == values[:, :-1]).any(1).nonzero()[:, 0]
    pieces = places.gather(1, found)
    if len(tied):
        whole = logits[tied]
        whole[:, list(forbidden)] = -math.inf
        order = torch.sort(whole, dim=1, descending=True, stable=True)
        values[tied] = order.values[:, : values.shape[1]]
        pieces[tied] = order.indices[:, : values.shape[1]]
    return values[:, :count], pieces[:, :count], most


def _blocks(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Places (N, n) in order among which the `count` largest of each row are, and the largest.

    They are in those `count` blocks of a row that have the largest maxima, and a maximum is found
    several times faster than the largest few.
    """
    rows, width = logits.shape
    blocks = width // BLOCK
    if blocks < 2 * count:
        every = torch.arange(width, device=logits.device).expand(rows, -1)
        return every, logits.amax(1, keepdim=True)
    whole = blocks * BLOCK
    maxima = logits[:, :whole].reshape(rows, blocks, BLOCK).amax(2)  # (N, blocks)
    most = maxima.amax(1, keepdim=True)
    if width > whole:
        most = torch.maximum(most, logits[:, whole:].amax(1, keepdim=True))
    found = torch.topk(maxima, count, dim=1).indices.sort(1).values
    inside = torch.arange(BLOCK, device=logits.device)
    rest = torch.arange(whole, width, device=logits.device).expand(rows, -1)
    return torch.cat([(found[:, :, None] * BLOCK + inside).flatten(1), rest], 1), most


def _best(
    scores: NDArray[np.float64], owner: NDArray[np.int64], room: NDArray[np.int64],
    margin: float | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:  # fmt: skip
    """Rows, columns and scores of the room[b] best of scores (N, k) among the rows of each owner b.

    They are within `margin` of the best of all. Of equal scores the earlier row comes first, then
    the earlier column; -inf is none.
    """
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    sizes = np.diff(np.r_[starts, len(owner)])
    rank = np.arange(len(owner)) - np.repeat(starts, sizes)
    columns = scores.shape[1]
    table = np.full((len(starts), int(sizes.max()), columns), -np.inf)
    table[np.repeat(np.arange(len(starts)), sizes), rank] = scores
    flat = table.reshape(len(starts), -1)
    places = room[owner[starts]]  # (b,)
    order = np.argsort(-flat, axis=1, kind="stable")[:, : places.max()]
    chosen = np.take_along_axis(flat, order, 1)
    real = (chosen > -np.inf) & (np.arange(order.shape[1]) < places[:, None])
    if margin is not None:
        real &= chosen >= chosen[:, :1] - margin
    rows = starts[:, None] + order // columns
    return rows[real], (order % columns)[real], chosen[real]
