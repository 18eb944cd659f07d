"""How well a language model foresees a text: exactly, in parallel, or with a limited view."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.corpus import Corpus
from clew.tasks._language.corpora import RELEASE, unknown_tokens
from clew.tasks._language.net import LanguageNetwork, State
from clew.tasks._step import reading

Floats = NDArray[np.float64]

CHUNK = 2048  # tokens read at a time when one stream is scored
STREAMS = 64  # pieces of a text that are read side by side
PASSES = 3  # times at most that they are read until they join
_CELLS = 1 << 14  # tokens at most in one batch


@dataclass(frozen=True)
class LanguageScore:
    """How well a text was foreseen. `tokens` of the text's `tokens_in_text` were scored.

    The first token counts like every other; it is judged by how often it occurs in the text that
    was learned from. `unknown` of the text's tokens are not in the vocabulary and were scored as
    one common <unk>. `context` is how many tokens the model could see, None for all.
    """

    nats_per_token: float
    bits_per_token: float
    nats_per_character: float
    bits_per_character: float
    perplexity: float  # per token
    tokens: int
    characters: int
    unknown: int
    tokens_in_text: int
    context: int | None = None

    @classmethod
    def of(
        cls,
        nats: float,
        *,
        scored: int,
        tokens: int,
        characters: int,
        unknown: int,
        context: int | None = None,
    ) -> LanguageScore:
        """From the sum of nats over `scored` of a text's `tokens`, which are `characters` long.

        Where a sample was scored, a character is taken to be as long in tokens as on average.
        """
        mean = nats / scored
        per_character = mean * tokens / max(1, characters)
        return cls(
            nats_per_token=mean,
            bits_per_token=mean / math.log(2),
            nats_per_character=per_character,
            bits_per_character=per_character / math.log(2),
            perplexity=math.exp(min(mean, 700.0)),
            tokens=scored,
            characters=characters if scored == tokens else round(characters * scored / tokens),
            unknown=unknown,
            tokens_in_text=tokens,
            context=context,
        )


def score_corpus(
    network: LanguageNetwork, corpus: Corpus, *, context: int | None, most: int
) -> LanguageScore:
    """Score a text exactly, or with `context` from a limited view at `most` places (see below)."""
    if context is None:
        scored = len(corpus)
        nats = parallel_nats(network, corpus.tokens, join=True, release=corpus.release)
    else:
        nats, scored = limited_nats(network, corpus.tokens, context, most=most)
    return LanguageScore.of(
        nats,
        scored=scored,
        tokens=len(corpus),
        characters=corpus.characters,
        unknown=unknown_tokens(corpus),
        context=context,
    )


def exact_nats(
    network: LanguageNetwork, tokens: NDArray[Any], chunk: int = CHUNK
) -> Iterator[Floats]:
    """-ln P of every token given all before it, read as one stream: pieces of (<= chunk,).

    Memory does not depend on the length of the text.
    """
    if len(tokens) == 0:
        return
    with reading(network):
        first = -float(network.log_frequency[int(tokens[0])])
    yield np.array([first])
    state: State = None
    for start in range(0, len(tokens) - 1, chunk):
        with reading(network):
            piece = _tensor(tokens[start : start + chunk + 1], network)[:, None]
            features, state = network(piece[:-1], state)
            nats = network.nats(features, piece[1:])
        yield nats[:, 0].double().cpu().numpy()


def parallel_nats(
    network: LanguageNetwork,
    tokens: NDArray[Any],
    *,
    streams: int = STREAMS,
    warm: int = 256,
    join: bool = False,
    release: Callable[[], None] = lambda: None,
) -> float:
    """The sum of -ln P over the tokens, read as `streams` pieces side by side.

    Each piece begins in the state that the last `warm` tokens before it leave. With `join` that is
    only a first guess: the pieces are read again, each from the state in which the one before it
    ended, until these states no longer change; the sum is then that of one unbroken reading (which
    is done where `PASSES` are not enough). `release` is called now and then, to free what was read.
    """
    steps = len(tokens) - 1
    streams = max(1, min(streams, steps // (4 * warm)))
    length = steps // streams
    begin = np.arange(streams) * length  # (B,) first token that each piece reads
    total = -float(network.log_frequency[int(tokens[0])])
    if steps == 0:
        return total
    with reading(network):
        state: State = None
        if streams > 1:
            _, state = _side_by_side(network, tokens, begin + length - warm, warm, None, release)
            state = _handed_on(state)
        for number in range(1, PASSES + 1):
            nats, ends = _side_by_side(network, tokens, begin, length, state, release)
            if streams == 1 or not join or _near(_handed_on(ends), state):
                break
            if number == PASSES:
                return sum(float(piece.sum()) for piece in exact_nats(network, tokens))
            state = _handed_on(ends)
        last = _each(ends, lambda part: part[:, -1:].contiguous())
        rest = np.array([streams * length])
        tail, _ = _side_by_side(network, tokens, rest, steps - int(rest[0]), last, release)
    return total + nats + tail


def _side_by_side(
    network: LanguageNetwork,
    tokens: NDArray[Any],
    begin: NDArray[np.int64],
    length: int,
    state: State,
    release: Callable[[], None],
) -> tuple[float, State]:
    """Read `length` tokens from each of `begin` (B,): (nats of the tokens after them, states)."""
    total, read = 0.0, 0
    size = max(1, _CELLS // len(begin))
    for start in range(0, length, size):
        stop = min(start + size, length)
        rows = [np.asarray(tokens[b + start : b + stop + 1], dtype=np.int64) for b in begin]
        piece = torch.from_numpy(np.stack(rows, axis=1)).to(network.device)  # (T + 1, B)
        features, state = network(piece[:-1], state)
        total += float(network.nats(features, piece[1:]).sum(dtype=torch.float64))
        read += piece.numel()
        if read >= RELEASE:
            release()
            read = 0
    return total, state


def _handed_on(state: State) -> State:
    """The state in which each piece ends, as the beginning of the next; the first begins anew."""

    def hand_on(part: Tensor) -> Tensor:  # (directions, B, H)
        return torch.cat([torch.zeros_like(part[:, :1]), part[:, :-1]], dim=1)

    return _each(state, hand_on)


def _near(one: State, other: State) -> bool:
    if isinstance(one, Tensor):
        return bool(torch.allclose(one, other, rtol=1e-5, atol=1e-5))
    return all(_near(a, b) for a, b in zip(one, other, strict=True))


def _each(state: State, change: Callable[[Tensor], Tensor]) -> State:
    if isinstance(state, Tensor):
        return change(state)
    return tuple(_each(part, change) for part in state)


def limited_nats(
    network: LanguageNetwork, tokens: NDArray[Any], context: int, *, most: int
) -> tuple[float, int]:
    """The sum of -ln P over tokens each of which is foreseen from only the `context` before it.

    A text of more than `most` tokens is sampled: it is cut into `most` equal pieces and one token
    is drawn from each, always the same ones. Gives (sum, tokens scored). The first tokens of the
    text see what there is.
    """
    size = len(tokens)
    if size <= most:
        chosen = np.arange(size)
    else:
        edges = np.linspace(0, size, most + 1).astype(np.int64)
        chosen = np.random.default_rng(0).integers(edges[:-1], edges[1:])
    total = 0.0
    early = chosen[chosen < context]
    if len(early):  # all that lies before these tokens may be seen: one reading scores them
        start = np.concatenate(list(exact_nats(network, tokens[: int(early[-1]) + 1])))
        total += float(start[early].sum())
    rows = max(1, _CELLS // max(1, context))
    late = chosen[chosen >= context]
    with reading(network):
        for first in range(0, len(late), rows):
            total += _viewed(network, tokens, late[first : first + rows], context)
    return total, len(chosen)


def _viewed(
    network: LanguageNetwork, tokens: NDArray[Any], places: NDArray[np.int64], width: int
) -> float:
    """The sum of -ln P of the tokens at `places` (B,), seen from `width` tokens before each."""
    targets = _tensor(tokens[places], network)  # (B,)
    if width == 0:
        return -float(network.log_frequency[targets].sum(dtype=torch.float64))
    at = np.arange(-width, 0)[:, None] + places  # (width, B)
    features, _ = network(_tensor(tokens[at], network))
    return float(network.nats(features[-1], targets).sum(dtype=torch.float64))


def _tensor(tokens: NDArray[Any], network: LanguageNetwork) -> Tensor:
    return torch.from_numpy(np.asarray(tokens, dtype=np.int64)).to(network.device)
