"""Translate: BLEU on held-out English sentences of Tatoeba, with and without attention."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from clew import Translator
from clew.data.pairs import read_pairs
from clew.train import Lines

FILE = "translation/tatoeba_eng_fra/fra.txt.xz"
SHARE = 0.05  # of the distinct English sentences, which no pair in training has
BEAM = 5
SETTINGS: dict[str, Any] = {
    "vocabulary_size": 5000,
    "batch_size": 128,
    "learning_rate": 0.003,
    "dropout": 0.2,
    "epochs": 14,
    "held_out": 0.01,
    "patience": None,
}
SHOWN = "The red car is very expensive."


def run(
    data: Path,
    *,
    limit: str | float | None = "39m",
    quick: bool = False,
    picture: Path | None = None,
) -> dict[str, Any]:
    """Train with attention and without, and score both on pairs that chose nothing.

    limit: the time of each training. picture: a file to draw an alignment into.

    Plain corpus BLEU (sacrebleu, 13a, cased), once with one reference a pair, where a held-out
    sentence with three French sentences is three pairs and all three must be met by one answer, and
    once with all references of each sentence.
    """
    pairs = read_pairs(data / FILE)
    distinct = sorted(set(pairs.sources))
    order = np.random.default_rng(0).permutation(len(distinct))
    aside = {distinct[place] for place in order[: round(SHARE * len(distinct))]}
    learn = [i for i, text in enumerate(pairs.sources) if text not in aside]
    test = [i for i, text in enumerate(pairs.sources) if text in aside]
    X, y = [pairs.sources[i] for i in learn], [pairs.targets[i] for i in learn]
    X_test, y_test = [pairs.sources[i] for i in test], [pairs.targets[i] for i in test]
    print(f"{len(X):,} pairs to learn from, {len(X_test):,} of {len(aside):,} other sentences")
    found = {}
    settings: tuple[dict[str, Any], ...] = ({}, {"attention": None})
    for name, setting in zip(("with attention", "without"), settings, strict=True):
        model = Translator(**SETTINGS, **setting, time=60 if quick else limit)
        began = time.perf_counter()
        model.fit(X, y, report=Lines())
        minutes = (time.perf_counter() - began) / 60
        for beam in (None, BEAM):
            began = time.perf_counter()
            figures = model.scores(X_test, y_test, beam=beam)
            seconds = time.perf_counter() - began
            how = "greedy" if beam is None else f"beam of {beam}"
            every = all_references(model, X_test, y_test, beam)
            print(
                f"{name}, {minutes:.1f} min, {how}: BLEU {figures['bleu']:.2f}, with all "
                f"references {every:.2f}  chrF {figures['chrf']:.2f}  "
                f"({seconds:.0f} s for {len(X_test):,})",
                flush=True,
            )
            found[f"{name}, {how}"] = figures["bleu"]
            found[f"{name}, {how}, all references"] = every
        if setting == {}:
            decoding(model, X_test[:: max(1, len(X_test) // 1000)][:1000])
            if picture is not None:
                model.align(SHOWN).picture(picture)
    return found


def all_references(model: Translator, X: list[str], y: list[str], beam: int | None) -> float:
    """BLEU of one answer to each distinct sentence, beside all its translations."""
    import sacrebleu

    translations: dict[str, list[str]] = {}
    for source, target in zip(X, y, strict=True):
        translations.setdefault(source, []).append(target)
    most = max(map(len, translations.values()))
    streams = [[(own + [None] * most)[k] for own in translations.values()] for k in range(most)]
    return float(sacrebleu.corpus_bleu(model.predict(list(translations), beam=beam), streams).score)


def decoding(model: Translator, texts: list[str]) -> None:
    """Pieces a second of greedy decoding, and what a beam of 8 costs."""
    taken = {}
    for beam in (None, 8):
        began = time.perf_counter()
        answers = model.predict(texts, beam=beam)
        taken[beam] = time.perf_counter() - began
        if beam is None:
            pieces = sum(len(model.target_tokenizer_.encode(" " + a)) + 1 for a in answers)
            print(f"greedy: {pieces / taken[beam]:,.0f} pieces a second, {len(texts):,} sentences")
    print(f"beam of 8: {taken[8] / taken[None]:.1f} times greedy")
