"""How a language model writes: the prompt is read once, then every token is one step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.tasks._draw import Draw, check_whole, choose, generator
from clew.tasks._language.net import LanguageNetwork
from clew.tasks._language.scoring import CHUNK
from clew.tasks._step import reading, stepper

NEVER = (0, 1)  # <pad> and <unk> are read, never written
_HELD = 16  # tokens kept back at most while the bytes of one character are incomplete


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen; raises InputError for values that mean nothing.

    length: tokens to write at most. temperature: 1 draws by the model's probabilities, less is
    bolder, 0 always takes the likeliest. top_k: draw among the k likeliest only. top_p: draw among
    the fewest that together have probability p (Holtzman et al. 2020). stop: texts at which to end,
    not written themselves.
    """

    length: int = 200
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_whole("length", self.length, 0)
        Draw(self.temperature, self.top_k, self.top_p, self.seed)
        if any(not isinstance(text, str) or not text for text in self.stop):
            raise InputError(
                "a stop text is empty, or no text", where="stop",
                expected="at least one character", hint="leave stop out to write the whole length",
            )  # fmt: skip


def read_prompt(prompt: str, tokenizer: Tokenizer) -> list[int]:
    """The tokens of a prompt; raises InputError naming the first piece that is not known."""
    if not isinstance(prompt, str):
        raise InputError(
            f"this is of type {type(prompt).__name__}", where="prompt", expected="a str"
        )
    for place, piece in tokenizer.unknown(prompt):
        raise InputError(
            f"the prompt holds {piece!r}, which the text learned from did not",
            where=f"prompt, character {place + 1} of {len(prompt)}",
            hint="leave it out, or train with unit='bpe', which knows every character",
        )
    return tokenizer.encode(prompt)


def write(network: LanguageNetwork, prompt: Sequence[int], how: Decoding) -> Iterator[int]:
    """The tokens that follow `prompt`, one a step; memory does not grow with their number.

    After an empty prompt the first token is drawn by how often each occurs in the text that was
    learned from.
    """
    chance = generator(how.seed)
    with reading(network):
        scores, state = network.log_frequency, None
        for start in range(0, len(prompt), CHUNK):
            piece = torch.tensor(prompt[start : start + CHUNK], device=network.device)[:, None]
            features, state = network(piece, state)
            scores = network.logits(features[-1, 0])
    step: Callable[[int], Tensor] | None = None
    for written in range(1, how.length + 1):
        token = choose(_allowed(scores), how, chance)
        yield token
        if written < how.length:
            step = step or stepper(network, state)
            with reading(network):
                scores = step(token)


def _allowed(logits: Tensor) -> Tensor:
    scores = logits.detach().to(device="cpu", dtype=torch.float64, copy=True)
    if not bool(torch.isfinite(scores).all()):
        raise InputError(
            "the network's scores are not finite", hint="train it anew at a smaller learning rate"
        )
    scores[list(NEVER)] = -math.inf
    return scores


def as_text(
    tokens: Iterator[int], decode: Callable[[list[int]], str], stop: Sequence[str] = ()
) -> Iterator[str]:
    """Pieces of text from tokens, each as soon as it is certain.

    Kept back are the bytes of an unfinished character, and what may be the start of a stop text.
    Ends before the first stop text.
    """
    pending: list[int] = []
    held = ""
    for token in tokens:
        pending.append(token)
        text = decode(pending)
        if text.endswith("\N{REPLACEMENT CHARACTER}") and len(pending) < _HELD:
            continue
        pending.clear()
        held += text
        ends = [place for s in stop if (place := held.find(s)) >= 0]
        if ends:
            if min(ends):
                yield held[: min(ends)]
            return
        keep = max((_overlap(held, s) for s in stop), default=0)
        if len(held) > keep:
            yield held[: len(held) - keep]
            held = held[len(held) - keep :]
    held += decode(pending) if pending else ""
    if held:
        yield held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` may be the beginning of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if stop.startswith(text[-n:])), 0)
