"""Training and using a network that gives every word of a sentence a tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.tasks._tag.net import TaggerNetwork
from clew.tasks._tag.store import RELEASE, Batch, Plan, Store
from clew.train.problem import Evaluation

Array = np.ndarray[Any, Any]

AT_ONCE = 1 << 21  # products that are added up at a time
CELLS = 16_384  # padded words in one batch of predictions: bounds its memory
JUDGED = 60_000  # held-out words that are tagged at an evaluation, at most


@dataclass(frozen=True)
class Found:
    """What a network says of sentences: the numbers of the best tags (T,) of each, and of the best
    labels (N,), or None; with the truth known the nats of a word, of all that is learned.
    """

    tags: list[NDArray[Any]]
    labels: NDArray[Any] | None = None
    nats: float | None = None


Judge = Callable[[Found], Evaluation]


class TagProblem:
    """Cross-entropy of every tag, or of all tags of a sentence together where there is a CRF.

    `network` maps a Batch to scores (T, B, K) of tags and (B, C) of labels, or None. `judge` turns
    the tags and labels found for the sentences `held_out` into an Evaluation. One of `world` ranks
    takes every `world`-th sentence of batches `world` times as large.
    """

    unit = "words"

    def __init__(
        self,
        network: nn.Module,
        store: Store,
        train: NDArray[Any],
        held_out: NDArray[Any],
        judge: Judge,
        *,
        batch_size: int,
        seed: int,
        word_dropout: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        self.network = network
        self.store, self.train, self.held_out, self.judge = store, train, held_out, judge
        self.batch_size, self.seed = batch_size, seed
        self.word_dropout, self.label_smoothing = word_dropout, label_smoothing
        self._lengths = store.lengths
        self._read = 0

    def plan(self, epoch: int, rank: int, world: int) -> Sequence[Any]:
        """Places of the sentences of each batch; None where this rank has none."""
        return Plan(
            self.train, self._lengths, self.batch_size, seed=self.seed, epoch=epoch, rank=rank,
            world=world,
        )  # fmt: skip

    def loss(self, item: Any, carry: Any) -> tuple[Tensor, int, Any]:
        """Summed nats of the words of the sentences at the places `item`, and of their labels."""
        batch, tags, labels = self.store.batch(item)
        self._read += 1
        if self._read % RELEASE == 0:
            self.store.release()
        words = batch.words
        if self.word_dropout:
            # A known word now and then becomes the unknown one, and is known by its letters only.
            hidden = (torch.rand(words.shape) < self.word_dropout) & (words > 1)
            words = words.masked_fill(hidden, 1)
        batch = Batch(words, batch.lengths, batch.letters, batch.sizes, batch.places)
        device = next(self.network.parameters()).device
        batch, tags, labels = batch.to(device), tags.to(device), labels.to(device)
        scores, label_scores = self.network(batch)
        loss = nats(
            self.network, batch, scores, tags, label_scores, labels, smoothing=self.label_smoothing
        )
        return loss, int(batch.lengths.sum()), None

    def evaluate(self, full: bool = False) -> Evaluation:
        """Figures of the held-out sentences, see `judge`."""
        return self.judge(tagged(self.network, self.store, self.held_out, truth=True))


def nats(
    network: nn.Module, batch: Batch, scores: Tensor, tags: Tensor, label_scores: Tensor | None,
    labels: Tensor, *, smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """-ln P of the tags (T, B), with a CRF of a sentence's together, and of the labels (B,)."""
    crf = getattr(network, "crf", None)
    if crf is not None:
        # A tag of the truth that is none of the scored has no nats, nor has its sentence.
        odd = batch.real & (tags >= crf.tags)
        each = crf.loss(scores, tags.masked_fill(odd, 0), batch.lengths)
        loss: Tensor = each.masked_fill(odd.any(0), 0.0).sum()
    else:
        real = batch.real & (tags < scores.shape[2])
        loss = F.cross_entropy(scores[real], tags[real], reduction="sum", label_smoothing=smoothing)
    if label_scores is not None:
        known = labels < label_scores.shape[1]
        loss = loss + F.cross_entropy(
            label_scores[known], labels[known], reduction="sum", label_smoothing=smoothing
        )
    return loss


def judged(places: NDArray[Any], lengths: NDArray[Any]) -> NDArray[Any]:
    """The first of these sentences that have JUDGED words together."""
    within = np.cumsum(lengths[places]) <= JUDGED
    return places[: max(1, int(within.sum()))]


def batches(
    network: nn.Module, store: Store, places: NDArray[Any]
) -> Iterator[tuple[NDArray[Any], Batch, Tensor, Tensor]]:
    """The sentences at `places`, like lengths together: where each of a batch stands in `places`,
    the batch, its tags and labels.
    """
    lengths = store.lengths[places]
    order = np.argsort(lengths, kind="stable")
    device = next(network.parameters()).device
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < min(len(order), start + 256) and (
            int(lengths[order[stop]]) * (stop + 1 - start) <= CELLS
        ):
            stop += 1
        batch, tags, labels = store.batch(places[order[start:stop]])
        yield order[start:stop], batch.to(device), tags.to(device), labels.to(device)
        start = stop
        store.release()


@torch.no_grad()
def tagged(network: nn.Module, store: Store, places: NDArray[Any], *, truth: bool = False) -> Found:
    """What `network`, in eval mode, says of these sentences; `truth`: their tags are known."""
    found: list[NDArray[Any]] = [np.zeros(0, np.int64)] * len(places)
    best: NDArray[Any] | None = None
    crf = getattr(network, "crf", None)
    total, words = 0.0, 0
    for some, batch, tags, labels in batches(network, store, places):
        scores, label_scores = network(batch)
        if truth:
            total += float(nats(network, batch, scores, tags, label_scores, labels))
            words += int(batch.lengths.sum())
        chosen = scores.argmax(2) if crf is None else crf.decode(scores, batch.lengths)[0]
        rows = chosen.T.cpu().numpy()
        for place, row, length in zip(some, rows, batch.lengths.tolist(), strict=True):
            found[place] = row[:length]
        if label_scores is not None:
            best = np.zeros(len(places), np.int64) if best is None else best
            best[some] = label_scores.argmax(1).cpu().numpy()
    return Found(found, best, total / max(1, words) if truth else None)


@torch.no_grad()
def probabilities(network: TaggerNetwork, store: Store) -> list[Array]:
    """Of each sentence the probabilities (T, K) of the tags; with a CRF their marginals."""
    found: list[Array] = [np.zeros((0, network.output.out_features))] * len(store)
    for some, batch, _, _ in batches(network, store, np.arange(len(store))):
        if network.crf is None:
            y = network.outputs(batch).cpu().numpy()
            each = np.stack([row_probabilities(network, y_t) for y_t in y])
        else:
            scores, _ = network(batch)
            each = network.crf.marginals(scores, batch.lengths).cpu().double().numpy()
        for b, (place, length) in enumerate(zip(some, batch.lengths.tolist(), strict=True)):
            row = each[:length, b]
            found[place] = row if network.crf is None else row / row.sum(1, keepdims=True)
    return found


def row_probabilities(network: TaggerNetwork, y: Array) -> Array:
    """Probabilities (B, K), float64, of outputs (B, H): the bits of a row depend on it alone.

    A product of matrices may add up in another order where there are more rows; here the order is
    always the same, so that a stream says what is said of the whole.
    """
    weight, bias = (p.detach().cpu().double().numpy() for p in network.output.parameters())
    rows = max(1, AT_ONCE // weight.size)
    pieces = [_sums(y[n : n + rows, None, :] * weight) for n in range(0, len(y), rows)]
    scores = np.concatenate(pieces) + bias
    parts = np.exp(scores - scores.max(1, keepdims=True))
    shares: Array = parts / _sums(parts)[:, None]
    return shares


def _sums(values: Array) -> Array:
    """Sums over the last axis, half of it added to the other half until one is left."""
    while (size := values.shape[-1]) > 1:
        half = size // 2
        rest = values[..., 2 * half :]
        values = values[..., :half] + values[..., half : 2 * half]
        if rest.shape[-1]:
            values = np.concatenate([values, rest], -1)
    return values[..., 0]
