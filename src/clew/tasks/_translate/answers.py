"""Answers of a trained translator: from sources to text, in batches or in a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import pad
from clew.errors import need
from clew.tasks._translate.decoding import Search, beam_search, decode, greedy
from clew.tasks._translate.hypotheses import Hypothesis
from clew.tasks._translate.net import TranslatorNetwork
from clew.tasks._translate.problem import Rows
from clew.tasks._translate.scores import EXTRA, bleu, chrf
from clew.tasks._translate.sides import Side, Sides, checked, copied

# Hypotheses so many nats below the likeliest of their step are not followed: with a beam of 8 that
# took a third less time, and the BLEU of 4,933 sentences stayed what it was.
MARGIN = 2.0


@dataclass(frozen=True)
class Candidate:
    """One answer: a text or token list, and log P (nats) of its pieces and of its end."""

    answer: Any
    score: float


@dataclass(frozen=True)
class Speaker:
    """A network with its two sides, and how it answers.

    longest: the most pieces of an answer, unless its source has more. copying: whether the source
    piece that an unknown one looks at is put in its place.
    """

    network: TranslatorNetwork
    sides: Sides
    longest: int
    copying: bool

    def limit(self, length: int) -> int:
        """The most pieces of an answer to a source of `length` pieces, its end included."""
        return max(self.longest, length - 1)

    def search(self, beam: int | None, n_best: int, length_penalty: float) -> Search:
        """How answers are sought; raises InputError for values that mean nothing."""
        end = self.sides.target.end
        return Search(
            begin=end, end=end, beam=beam, n_best=n_best, length_penalty=length_penalty,
            forbidden=(0,), margin=MARGIN if n_best == 1 else None,
        )  # fmt: skip

    def answers(self, items: Sequence[Any], how: Search) -> list[list[Candidate]]:
        """The best answers to each source."""
        side = self.sides.source
        read = [closed(pieces, side) for pieces in side.encode(items)]
        found = decode(self.network, read, how, self.limit, device=self.network.device)
        return [
            [Candidate(self.written(each, item), each.score) for each in every]
            for item, every in zip(items, found, strict=True)
        ]

    def written(self, found: Hypothesis, item: Any) -> Any:
        """The answer that the pieces found spell."""
        return self.put(found, self.sides.source.shown(item) if 1 in found.pieces else [])

    def put(self, found: Hypothesis, shown: Sequence[str]) -> Any:
        """The answer that the pieces found spell, to a source that shows these pieces."""
        looks = found.looks if self.copying else None
        places = [len(shown)] * len(found.pieces) if looks is None else looks.tolist()
        return self.sides.target.write(found.pieces, copied(shown, found.pieces, places))

    def weights(self, item: Any, answer: Any) -> NDArray[np.float32]:
        """What each piece of `answer` looks at, having read those before it: (T, S).

        The last row and column are those of the end.
        """
        source, target = self.sides.source, self.sides.target
        x, lengths = pad([closed(source.encode([item])[0], source)])
        y = closed(target.encode([answer])[0], target)
        read = torch.from_numpy(np.roll(y, 1)[:, None])
        device = self.network.device
        with torch.inference_mode():
            memory = self.network.encode(x.to(device), lengths.to(device))
            _, weights = self.network(read.to(device), memory)
        assert weights is not None
        seen: NDArray[np.float32] = weights[:, 0].cpu().numpy()
        return seen


def judge(
    speaker: Speaker, held_out: Rows, original: Callable[[int], tuple[Any, Any]], most: int
) -> dict[str, float]:
    """BLEU and chrF of greedy answers to at most `most` held-out pairs, evenly chosen.

    Raises InputError where sacrebleu is not installed.
    """
    need("sacrebleu", EXTRA)
    numbers = np.unique(np.linspace(0, len(held_out) - 1, min(most, len(held_out))).round())
    some = [int(number) for number in numbers]
    read = [held_out.pair(number)[0] for number in some]
    how = speaker.search(None, 1, 0.0)
    device = speaker.network.device
    found = decode(speaker.network.eval(), read, how, speaker.limit, device=device)
    pairs = [original(number) for number in some]
    texts = [speaker.written(best, pair[0]) for [best], pair in zip(found, pairs, strict=True)]
    truth = [pair[1] for pair in pairs]
    return {"bleu": bleu(texts, truth), "chrf": chrf(texts, truth), "translated": len(some)}


def closed(pieces: NDArray[np.int32], side: Side) -> NDArray[np.int64]:
    """Pieces with the end after them."""
    return np.append(pieces, side.end).astype(np.int64)


class Chat:
    """A conversation with a model: what is said next is answered with all that was said before.

    Made by ``Translator.chat``. An encoder that reads one way carries its state on and reads only
    what is new; one that reads both ways reads again what is kept. Of what was said, and answered,
    the last `max_length` pieces can be looked at.
    """

    def __init__(self, speaker: Speaker, how: Search) -> None:
        self._speaker, self._how = speaker, how
        self.reset()

    @property
    def history(self) -> list[tuple[str, str]]:
        """Turns and replies so far."""
        return list(self._history)

    def reset(self) -> None:
        """Forget all that was said."""
        self._history: list[tuple[str, str]] = []
        self._words: list[str] = []  # of each piece kept, for copying
        self._read = torch.zeros((0, 1), dtype=torch.int64)  # (S, 1) pieces kept
        self._outputs: Tensor | None = None  # (S, 1, K) what the encoder said of them
        self._state: Any = None  # of the encoder, after all that was read

    def say(self, text: str) -> str:
        """The reply to a turn; raises InputError for what is no text."""
        speaker = self._speaker
        network = speaker.network
        [text] = checked([text], "text", "text")
        with torch.inference_mode():
            self._hear(text)
            lengths = torch.tensor([len(self._read)], device=network.device)
            read = self._read.to(network.device)
            if network.encoder.bidirectional:
                memory = network.encode(read, lengths)
            else:
                assert self._outputs is not None
                memory = network.remember(self._outputs, lengths, read, self._state)
            limits = np.array([speaker.limit(len(self._read))])
            [[found, *_]] = search_one(network, memory, limits, self._how)
        reply = str(speaker.put(found, self._words))
        with torch.inference_mode():
            self._hear(reply)
        self._history.append((text, reply))
        return reply

    def _hear(self, text: str) -> None:
        """Read a text and its end, and keep the last pieces."""
        speaker, side = self._speaker, self._speaker.sides.source
        new = torch.from_numpy(closed(side.encode([text])[0], side))[:, None]  # (S, 1)
        most = speaker.longest + 1
        self._words = [*self._words, *side.shown(text), ""][-most:]
        self._read = torch.cat([self._read, new])[-most:]
        network = speaker.network
        if network.encoder.bidirectional:
            return
        there = new.to(network.device)
        lengths = torch.tensor([len(new)], device=network.device)
        outputs, self._state = network.read(there, lengths, self._state)
        together = outputs if self._outputs is None else torch.cat([self._outputs, outputs])
        self._outputs = together[-most:]


def search_one(
    network: TranslatorNetwork, memory: Any, limits: NDArray[np.int64], how: Search
) -> list[list[Hypothesis]]:
    """The answers after a memory that is there already."""
    search = greedy if how.beam is None else beam_search
    return search(network, memory, limits, how, network.device)
