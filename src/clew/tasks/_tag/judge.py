"""How well sentences were tagged: the figures of what was found beside what is true."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from clew.errors import InputError
from clew.tasks._tag import bio as bio
from clew.tasks._tag.corpora import Mender
from clew.tasks._tag.encoder import GOES_ON, UNSEEN, TagEncoder
from clew.tasks._tag.inputs import Given
from clew.tasks._tag.problem import Found, tagged
from clew.tasks._tag.scores import by_kind, of_spans
from clew.tasks._tag.store import Sink, Store
from clew.train.problem import Evaluation

NATS = 1e-3  # what a nat a word counts for beside a share that is right


class Judge:
    """Figures of the tags and labels found for the sentences at `places` of a store.

    What is to be as low as can be is 1 - `figure`, or with labels 1 - its mean with their accuracy.
    """

    def __init__(
        self, encoder: TagEncoder, store: Store, places: NDArray[Any], figure: str
    ) -> None:
        self._encoder, self._figure = encoder, figure
        self._truth = [store.truth(index) for index in places.tolist()]
        self._unseen = sum(int((tags >= GOES_ON).sum()) for tags in self._truth)
        self._labels = np.asarray(store.labels[places]) if len(store.labels) else None
        if self._labels is not None:
            self._unseen += int((self._labels == UNSEEN).sum())
        self._spans = [self._read(tags) for tags in self._truth] if encoder.spans else []

    def __call__(self, found: Found) -> Evaluation:
        """The figures, and what decides."""
        figures = self.figures(found)
        best = figures[self._figure]
        if "label_accuracy" in figures:
            best = (best + figures["label_accuracy"]) / 2
        # While nothing is right yet, or all is, the nats still tell which weights are better.
        return Evaluation(1.0 - best + NATS * min(figures.get("nats", 0.0), 100.0), figures)

    def figures(self, found: Found) -> dict[str, float]:
        """The figures that `Tagger.evaluate` gives."""
        right = [ours == theirs for ours, theirs in zip(found.tags, self._truth, strict=True)]
        words = sum(map(len, right))
        figures = {"accuracy": sum(int(r.sum()) for r in right) / words}
        if self._encoder.spans:
            figures.update(of_spans(self._spans, [self._read(row) for row in found.tags]))
        figures["whole_sentences"] = float(np.mean([r.all() for r in right]))
        if found.labels is not None and self._labels is not None:
            figures["label_accuracy"] = float((found.labels == self._labels).mean())
        if found.nats is not None:
            figures["nats"] = found.nats
        if self._unseen:
            figures["unseen"] = float(self._unseen)
        return figures

    def _read(self, tags: NDArray[Any]) -> list[bio.Span]:
        return self._encoder.spans_of(tags)

    def kinds(self, found: Found) -> dict[str, dict[str, float]]:
        """precision, recall, f1 and number of the spans of each kind, or of each tag."""
        return by_kind(*([self._encoder.spans_of(row) for row in rows]
                         for rows in (self._truth, found.tags)))  # fmt: skip


def evaluated(network: nn.Module, encoder: TagEncoder, source: Given) -> tuple[Judge, Found]:
    """What a tagger finds in sentences with their tags, and what judges it.

    Raises InputError where there are no words, or labels and a tagger that has learned none.
    """
    if source.labelled and not encoder.labels:
        raise InputError("this tagger has learned no labels of sentences", where="labels")
    sink = Sink(None)
    sentences = Mender(encoder.tags).mend(source)
    encoder.encode(sentences, sink, labelled=source.labelled)
    store = sink.done()
    places = np.flatnonzero(store.lengths > 0)
    if len(places) == 0:
        raise InputError("there is nothing to score", where="X", expected="one word or more")
    return Judge(encoder, store, places, "accuracy"), tagged(network, store, places)
