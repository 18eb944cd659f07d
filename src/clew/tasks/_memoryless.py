"""What a language model is measured against: n-grams, and a network with a fixed window."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from clew.tasks._corpora import Corpora
from clew.tasks._ngrams import ngram_baseline
from clew.tasks._window import window_baseline
from clew.train import on_main

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
    corpora: Corpora, judged: NDArray[Any], lengthy: float, *, time: float | None, seed: int,
    device: str,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """Figures of the best n-grams, and of a network that sees a fixed window, on `judged` tokens.

    lengthy: characters a token. time: seconds of the whole fit, of which the window network gets
    its share; without, it gets up to 20 seconds, by the length of the text.
    """
    tokens, size = corpora.train.tokens, len(corpora.tokenizer)
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
    seconds = min(20.0, 2.0 + len(tokens) / 50_000) if time is None else WINDOW_TIME * time
    fixed = window_baseline(tokens, judged, size, seconds=seconds, seed=seed, device=device)
    nats = fixed.pop("nats_per_token")
    name = f"feedforward network over the last {fixed['context']}"
    return baseline, {"name": name, **figures(nats, lengthy), **fixed}
