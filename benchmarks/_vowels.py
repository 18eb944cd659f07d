"""Whose vowel it is: nine speakers, series of 7 to 29 steps of twelve numbers (Kudo et al. 1999).

`run(data)` reads JapaneseVowels_{TRAIN,TEST}.ts.gz of the UCR/UEA archive (sktime/sktime) from
data/classification_series/JapaneseVowels.
"""

import statistics
import time
from pathlib import Path
from typing import Any

from clew import Classifier
from clew.data.labelled_series import read_series
from clew.tasks._classify.summaries import series_baseline

# Chosen by folds of the training file alone, by the log loss of two rounds of five.
SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 64,
    "init": "orthogonal",
    "layer_norm": True,
    "label_smoothing": 0.0,
    "batch_size": 8,
    "epochs": 20,
    "learning_rate": 5e-3,
    "patience": None,
    "baseline": False,
}


def run(data: Path, seeds: int = 5, quick: bool = False, **settings: Any) -> list[float]:
    """Accuracy on the test series, of several seeds, beside the regression."""
    folder = data / "classification_series/JapaneseVowels"
    train, test = (read_series(folder, split=part) for part in ("train", "test"))
    found = []
    for seed in range(1 if quick else seeds):
        began = time.perf_counter()
        model = Classifier(seed=seed, time=15 if quick else None, **{**SETTINGS, **settings})
        model.fit(train.sequences, train.labels)
        seconds = time.perf_counter() - began
        found.append(100 * model.score(test.sequences, test.labels))
        print(f"seed {seed}: test {found[-1]:.2f} %  {seconds:.0f} s", flush=True)
    sides = (model._encoder.encode(model._encoder.check(part.sequences)) for part in (train, test))
    learned, apart = sides
    rival = series_baseline(learned, train.labels or [], apart, test.labels or [])
    print(f"{rival['name']}: {100 * rival['accuracy']:.2f} %")
    print(f"median {statistics.median(found):.2f} %, {min(found):.2f} to {max(found):.2f}")
    return found
