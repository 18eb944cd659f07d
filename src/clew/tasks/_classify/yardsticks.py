"""What a classifier is measured against: counts, or a regression; a network of a fixed window."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from clew.tasks._classify.encoder import Encoder
from clew.tasks._classify.fixed import window_baseline
from clew.tasks._classify.labelling import Examples
from clew.tasks._classify.scaling import lengths
from clew.tasks._classify.summaries import series_baseline
from clew.tasks._classify.tfidf import tfidf_baseline
from clew.tasks._examples import Sequences
from clew.train import sync
from clew.train.settings import TrainSettings

WINDOW_TIME = 0.1  # share of a fit's `time`
COUNTS_TIME = 0.2  # the most that counting words may take of it
SECONDS = 1.5e-6  # that counting takes for one character of text, on a slow machine
REGRESSION = 1e-6  # seconds that the regression takes for one number of a series
EPOCHS = 5  # at most, of the window's network,
STEPS = 400  # unless these are fewer steps than that


def counting_share(texts: Sequences, time: float | None) -> float:
    """The share of `time` (seconds) that counting is given: a function of the data alone.

    A measured time would differ from run to run, and with it the schedule of a resumed fit.
    """
    return min(COUNTS_TIME, _counting(texts, time))


def _counting(texts: Sequences, time: float | None) -> float:
    if time is None:
        return 0.0
    if texts.kind == "arrays":
        return REGRESSION * int(lengths(texts.items).sum()) * (texts.features or 1) / time
    letters = 1 if texts.kind == "text" else 5  # in a token, about
    return SECONDS * letters * sum(map(len, texts.items)) / time


def without_memory(
    learned: Sequences,
    apart: Sequences,
    train: Examples,
    held_out: Examples,
    settings: TrainSettings,
    encoder: Encoder,
    *,
    embedding_size: int,
    hidden_size: int,
    dropout: float,
    batch_size: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of counts (of words; of arrays a regression) and of the window, on held-out examples.

    Where `settings.time` is too short to count every text, some by chance are; how many were
    stands under "counted".
    """
    some = np.arange(len(learned))
    if (excess := _counting(learned, settings.time) / COUNTS_TIME) > 1:
        random = np.random.default_rng(settings.seed)
        some = random.permutation(some)[: math.ceil(len(learned) / excess)]
    labels = train.classes[some]

    def count() -> dict[str, Any]:
        if learned.kind == "arrays":
            counted = [train.sequences[k] for k in some.tolist()]
            return series_baseline(counted, labels, held_out.sequences, held_out.classes)
        return tfidf_baseline(learned.pick(some).items, labels, apart.items, held_out.classes)

    baseline = sync.on_main(count)
    epochs = min(settings.epochs, max(EPOCHS, math.ceil(STEPS * batch_size / len(train))))
    limit = None if settings.time is None else WINDOW_TIME * settings.time
    window = window_baseline(
        train,
        held_out,
        dataclasses.replace(settings, epochs=epochs, time=limit),
        vocabulary=encoder.vocabulary,
        features=encoder.width or embedding_size,
        hidden_size=hidden_size,
        classes=len(encoder.classes),
        dropout=dropout,
        batch_size=batch_size,
    )
    return {**baseline, "counted": len(some)}, window
