"""A translator as a subject: its own words so far, or the words of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import pad
from clew.data.pairs import PairFiles
from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.tasks._translate import fit as fitting
from clew.tasks._translate.data import check_pairs, files_of
from clew.tasks._translate.net import Memory
from clew.tasks._translate.problem import ListedPairs, Rows
from clew.tasks._translate.sides import END, Side
from clew.tasks.translate import Translator

WHOLE = "The source is given whole; the elements are the words that it has written so far."
MEAN = "The loss is the mean over the whole target, which is given as it should be."
COLUMNS = ("source", "target", "conversation")


def translate(
    model: Translator, data: Any, columns: dict[str, Any], *, side: Literal["target", "source"]
) -> Target | Source:
    """A translator and pairs: (X, y), or what files `Translator.score` takes.

    side: "target": its own words so far are counted, the source is given whole. "source": the words
    of the source are, and the loss is the mean over the whole target. Raises InputError as `score`.
    """
    if side not in ("target", "source"):
        raise InputError(f"side is {side!r}", where="side", expected="target or source")
    pairs = _pairs(model, data, columns)
    network = model.network_.eval()
    sides = model._sides
    name = "translator" + ("" if model.attention is None else " with attention")
    written = side == "target"
    stack = network.decoder if written else network.encoder
    kind = Target if written else Source
    read = sides.target if written else sides.source
    one, many = parts.UNITS[getattr(read.tokenizer, "unit", "word")]
    said, _ = parts.UNITS[getattr(sides.target.tokenizer, "unit", "word")]
    odd = parts.known([pair[written][:-1] for pair in pairs], 1, (one, many))
    return kind(
        title=f"{name}, {'its own words' if written else 'the source'}, {parts.named(stack)}{odd}",
        task="translate",
        element=(one, many),
        both_ways=not written and network.encoder.bidirectional,
        network=network,
        reader=stack,
        loss_name=f"nats a {said}",
        in_nats=True,
        answers=[*read.tokenizer.vocabulary, END] if written else ["mean of ln P"],
        note=WHOLE if written else MEAN,
        model=model,
        pairs=pairs,
        side=read,
    )


def _pairs(model: Translator, data: Any, columns: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Sources and targets in pieces, each closed by the end."""
    sides = model._sides
    X, y = data, None
    if isinstance(data, Path) or files_of(data) is not None:
        parts.refused(columns, COLUMNS)
        X = PairFiles.find(data, **columns) if columns else data
    else:
        parts.refused(columns, ())
        if isinstance(data, tuple | list) and len(data) == 2:
            X, y = data
    pairs = check_pairs(X, y, sides=sides)
    store = ListedPairs(sides.source.encode(pairs.sources), sides.target.encode(pairs.targets))
    ends = (sides.source.end, sides.target.end)
    rows = Rows(store, np.arange(len(pairs)), ends, int(model.max_length), pairs.first())
    found = [rows.pair(number) for number in range(len(rows))]
    if not found:
        raise InputError("there is no pair", where="data", expected="one or more")
    return [(source.astype(np.int64), target.astype(np.int64)) for source, target in found]


def _shown(side: Side, pieces: NDArray[Any]) -> list[str]:
    """The text of each piece."""
    tokenizer, end = side.tokenizer, side.end
    if isinstance(tokenizer, Tokenizer):
        return [END if n == end else tokenizer.decode([n]) for n in pieces.tolist()]
    return [END if n == end else tokenizer.vocabulary[n] for n in pieces.tolist()]


@dataclass(frozen=True, eq=False)
class _Pairs(parts.Traits):
    """What both sides share: pairs in pieces, and what a network makes of them."""

    model: Translator
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]]  # (S,) and (T,), ends included
    side: Side

    def names(self, case: Case) -> list[str]:
        """The text of each piece."""
        return _shown(self.side, case.inputs)

    def beside(self, case: Case) -> list[str]:
        """The text of each piece of the other side, the end included."""
        sides = self.model._sides
        if isinstance(self, Target):
            return _shown(sides.source, case.extra)
        return _shown(sides.target, case.target)

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """<unk>."""
        return np.array(1)

    def untrained(self) -> Any:
        """Weights as first drawn, and how frequent pieces are in the targets given here.

        Unknown after chrono, which asked how long sentences are.
        """
        if self.model.init == "chrono":
            return None
        model = self.model
        network = parts.made_anew(
            lambda: fitting.build(model, model._sides, model.attention, 1), model.seed, self.like
        )
        network.count([target for _, target in self.pairs])
        decodes = isinstance(self, Target)
        return replace(
            self, network=network, reader=network.decoder if decodes else network.encoder
        )

    def _before(self, targets: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor, Tensor]:
        """What the decoder reads (T, B), what it should say (T, B), and how long that is (B,)."""
        y, lengths = pad(targets)
        y = y.to(self.like.device)
        begin = torch.full_like(y[:1], self.model._sides.target.end)
        return torch.cat([begin, y[:-1]]), y, lengths.to(y.device)


@dataclass(frozen=True, eq=False)
class Target(_Pairs):
    """Asked for the next word, having read its own so far; the source is given whole."""

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """Places in the targets; see Subject."""
        found = []
        for k, at in parts.spots([range(len(y)) for _, y in self.pairs], count, reach, seed):
            source, target = self.pairs[k]
            read = np.concatenate([target[-1:], target[:-1]])  # first the end, as a beginning
            piece, place = parts.stretch(len(read), at, reach, both=False)
            found.append(Case(read[piece], place, int(target[at]), source, k))
        return parts.some_cases(found, "a pair")

    def vectors(self, inputs: Tensor) -> Tensor:
        """The embeddings of pieces; with input feeding zeros beside them, where features go."""
        x: Tensor = self.network._embed(inputs.to(self.like.device).long())
        return F.pad(x, (0, self.reader.input_size - x.shape[2]))

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """A score for each piece."""
        source, sizes = pad([case.extra for case in cases])
        memory = self.network.encode(source.to(x.device), sizes.to(x.device))
        if not self.network.input_feeding:
            h, _ = self.reader(x, memory.state)
            features, _ = self.network._features(parts.asked(h, at), memory)
        else:
            features = parts.asked(self._fed(x, memory), at)
        found: Tensor = self.network.logits(features)
        return found

    def _fed(self, x: Tensor, memory: Memory) -> Tensor:
        """Features (T, B, A), those of each step read with the next."""
        layers, fed = self.network.start(memory)
        found = []
        for x_t in x:
            x_t = x_t + F.pad(fed, (x.shape[2] - fed.shape[1], 0))
            h, layers = self.reader.step(x_t, layers)
            fed, _ = self.network._features(h, memory)
            found.append(fed)
        return torch.stack(found)

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """-ln P of the piece that follows."""
        return parts.nats(said, cases)


@dataclass(frozen=True, eq=False)
class Source(_Pairs):
    """Asked, when the source ends, for the whole target, which is given as it should be."""

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """The ends of sources; see Subject."""
        ends = [range(len(source) - 1, len(source)) for source, _ in self.pairs]
        found = []
        for k, at in parts.spots(ends, count, reach, seed):
            source, target = self.pairs[k]
            piece, place = parts.stretch(len(source), at, reach, both=False)
            found.append(Case(source[piece], place, target, None, k))
        return parts.some_cases(found, "a pair")

    def vectors(self, inputs: Tensor) -> Tensor:
        """The embeddings of pieces."""
        found: Tensor = self.network.source(inputs.to(self.like.device).long())
        return found

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """The mean of ln P of the pieces of each target, (B, 1)."""
        steps = (lengths if self.both_ways else at + 1).to(x.device)
        outputs, final = self.reader(x, lengths=steps)
        memory = self.network.remember(outputs, steps, x[..., 0].long(), final)
        before, y, sizes = self._before([case.target for case in cases])
        features, _ = self.network(before, memory)
        chances = self.network.logits(features).double().log_softmax(-1)
        chosen = chances.gather(2, y[..., None])[..., 0]  # (T, B)
        real = torch.arange(len(y), device=y.device)[:, None] < sizes
        return (torch.where(real, chosen, 0.0).sum(0) / sizes)[:, None]

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """Less the mean of ln P."""
        return -said[:, 0]
