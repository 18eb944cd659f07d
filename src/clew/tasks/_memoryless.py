"""What a language model is measured against: n-grams, and a network with a fixed window."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from clew.tasks._corpora import Corpora
from clew.tasks._ngrams import LIMIT, ngram_baseline
from clew.tasks._window import window_baseline
from clew.train import Reporter, on_main

Figures: TypeAlias = tuple[dict[str, Any], dict[str, Any]]  # of n-grams, of the window

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


@dataclass(frozen=True)
class Measured:
    """What was found before the network learns: figures without memory, and the time it took."""

    mark: str  # of the data and settings
    baseline: dict[str, Any]
    window: dict[str, Any]
    seconds: float


def measured(work: Path, mark: str, begun: float, measure: Callable[[], Figures]) -> Measured:
    """What `measure` finds, or found before the fit in `work` was interrupted.

    begun: when the fit began (time.monotonic). The seconds since then are kept too, so that a fit
    with a time limit goes on by the schedule it was begun with.
    """
    place = work / "measured.json"
    if (known := on_main(lambda: _read(place, mark))) is not None:
        return known
    baseline, window = measure()
    found = Measured(mark, baseline, window, time.monotonic() - begun)
    return on_main(lambda: _write(place, found))


def _read(place: Path, mark: str) -> Measured | None:
    try:
        known = Measured(**json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # not there, or not whole: measured anew
        return None
    return known if known.mark == mark else None


def _write(place: Path, found: Measured) -> Measured:
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(".part")
    beside.write_text(json.dumps(dataclasses.asdict(found)), encoding="utf-8")
    beside.replace(place)
    return found


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
