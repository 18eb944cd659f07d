"""What a tagger is measured against: the most frequent tag of each word, and a window of three."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.tasks._tag.corpora import Prepared
from clew.tasks._tag.net import WindowTagger
from clew.tasks._tag.problem import Found, Judge, TagProblem, tagged
from clew.tasks._tag.store import Store
from clew.tasks._work import Figures
from clew.train import Reporter, sync
from clew.train.loop import train
from clew.train.settings import TrainSettings

WINDOW_TIME = 0.1  # share of a fit's `time`
EPOCHS = 3  # at most, of the window's network
LEARNED = 100_000  # sentences that the window's network learns from, at most
_SENTENCES = 65_536  # counted at a time


def word_counts(store: Store, places: NDArray[Any], words: int, tags: int) -> NDArray[np.int64]:
    """How often each word has each tag in these sentences, (words, tags)."""
    counts = np.zeros(words * tags, dtype=np.int64)
    for start in range(0, len(places), _SENTENCES):
        some = places[start : start + _SENTENCES]
        first, last = int(store.starts[some[0], 0]), int(store.starts[some[-1] + 1, 0])
        lengths = np.diff(store.starts[some[0] : some[-1] + 2, 0])
        wanted = np.zeros(len(lengths), dtype=bool)
        wanted[some - some[0]] = True
        real = np.repeat(wanted, lengths)
        pairs = store.words[first:last][real].astype(np.int64) * tags
        pairs += store.tags[first:last][real]
        counts += np.bincount(pairs, minlength=words * tags)
        store.release()
    return counts.reshape(words, tags)


def most_frequent(
    store: Store, learned: NDArray[Any], held_out: NDArray[Any], judge: Judge, *, words: int,
    tags: int, labels: int,
) -> dict[str, Any]:  # fmt: skip
    """Figures of the tag that each word had most often; a word unseen gets the tag of most words.

    Every sentence gets the label that most sentences had. `learned` is in ascending order.
    """
    counts = word_counts(store, learned, words, tags)
    best = counts.argmax(1)
    best[counts.sum(1) == 0] = counts.sum(0).argmax()
    found = []
    for index in held_out.tolist():
        first, last = store.starts[index : index + 2, 0]
        found.append(best[np.asarray(store.words[first:last])])
    common = None
    if labels:
        most = np.bincount(store.labels[learned], minlength=labels).argmax()
        common = np.full(len(held_out), most)
    return {"name": "most frequent tag of each word", **judge(Found(found, common)).figures}


def window(
    store: Store, learned: NDArray[Any], held_out: NDArray[Any], judge: Judge,
    settings: TrainSettings, *, words: int, tags: int, labels: int, features: int,
    hidden_size: int, batch_size: int,
) -> dict[str, Any]:  # fmt: skip
    """Train a WindowTagger with the loop that trains the recurrent network; its figures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = WindowTagger(words, features, hidden_size, tags, labels)
    limit = None if settings.time is None else WINDOW_TIME * settings.time
    settings = dataclasses.replace(settings, epochs=min(settings.epochs, EPOCHS), time=limit)
    if len(learned) > LEARNED:
        draw = np.random.default_rng(settings.seed)
        learned = np.sort(draw.choice(learned, LEARNED, replace=False))
    problem = TagProblem(
        network, store, learned, held_out, judge, batch_size=batch_size, seed=settings.seed,
        word_dropout=0.05,
    )  # fmt: skip
    history = train(problem, settings)
    network.eval()
    return {
        "name": "feedforward, a word and its two neighbours",
        **judge(tagged(network, store, held_out)).figures,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(history.seconds, 3),
    }


def without_memory(
    prepared: Prepared, held_out: NDArray[Any], judge: Judge, settings: TrainSettings,
    report: Reporter, figure: str, sizes: tuple[int, int, int],
) -> Figures:  # fmt: skip
    """Figures on the held-out sentences of both; `report` hears of `figure`.

    sizes: of a word's vector, of the hidden layer, and of a batch.
    """
    encoder, store, learned = prepared.encoder, prepared.store, prepared.train
    counted = {"words": len(encoder.pieces), "tags": len(encoder.tags),
               "labels": len(encoder.labels)}  # fmt: skip
    counts = sync.on_main(lambda: most_frequent(store, learned, held_out, judge, **counted))
    features, hidden_size, batch_size = sizes
    fixed = window(
        store, learned, held_out, judge, settings, **counted, features=features,
        hidden_size=hidden_size, batch_size=batch_size,
    )  # fmt: skip
    for found in (counts, fixed):
        report.message(f"{found['name']}: {figure} {found[figure]:.4f}")
    return counts, fixed
