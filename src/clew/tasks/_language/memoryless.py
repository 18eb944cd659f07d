"""What a language model is measured against: n-grams, and a network with a fixed window."""

from __future__ import annotations

import math

from clew.tasks._language.corpora import Corpora
from clew.tasks._language.window import window_baseline
from clew.tasks._ngrams import LIMIT, ngram_baseline
from clew.tasks._work import Figures
from clew.train import Reporter, on_main

WINDOW_TIME = 0.05  # share of a fit's `time`


def figures(nats: float, lengthy: float) -> dict[str, float]:
    """The figures that stand side by side, from nats a token and characters a token."""
    return {
        "bits_per_character": nats / lengthy / math.log(2),
        "nats_per_character": nats / lengthy,
        "bits_per_token": nats / math.log(2),
        "nats_per_token": nats,
        "perplexity": math.exp(min(nats, 700.0)),
    }


def memoryless(
    corpora: Corpora, *, limit: float | None, seed: int, device: str, report: Reporter
) -> Figures:
    """Figures on the held-out part of the best n-grams, and of a network with a fixed window.

    limit: seconds of the whole fit, of which the window network gets its share; without, it gets up
    to 20 seconds, by the length of the text. Both learn from the last LIMIT tokens at most, and
    `report` hears of both.
    """
    tokens, judged = corpora.train.tokens[-LIMIT:], corpora.judged.tokens
    size, lengthy = len(corpora.tokenizer), corpora.lengthy
    grams = on_main(lambda: ngram_baseline(tokens, judged, size))
    orders, best = grams.pop("nats_per_token"), grams.pop("best")
    baseline = {
        "name": f"{best}-grams",
        **figures(orders[str(best)], lengthy),
        "order": best,
        "unigram": figures(orders["1"], lengthy),
        "nats_per_token_by_order": orders,
        **grams,
    }
    report.message(f"{baseline['name']}: {baseline['bits_per_character']:.3f} bits/character")
    seconds = min(20.0, 2.0 + len(tokens) / 50_000) if limit is None else WINDOW_TIME * limit
    fixed = window_baseline(tokens, judged, size, seconds=seconds, seed=seed, device=device)
    nats = fixed.pop("nats_per_token")
    name = f"feedforward network over the last {fixed['context']}"
    window = {"name": name, **figures(nats, lengthy), **fixed}
    report.message(f"{name}: {window['bits_per_character']:.3f} bits/character")
    return baseline, window
