"""Digits read pixel by pixel: 784 steps of one number, in order or in one fixed permutation.

Run: python benchmarks/longrange.py DATA [--permuted] [--plain] [--minutes N] [--quick]

DATA is a folder that holds longrange/mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz (LeCun &
Cortes). 5,000 of the training images, drawn by seed 0, choose the weights that are kept; every
setting was chosen on them too. The permutation is numpy.random.default_rng(0).permutation(784).
Without DATA there is nothing to measure.

The settings are of at most 70,000 weights. --plain is what published figures of that size are of:
one direction, and the state after the last pixel (Bai et al. 2018, Table 1: LSTM 87.2 and GRU 96.2
in order, 85.7 and 87.3 permuted).
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from clew import Classifier
from clew.data.idx import read_idx
from clew.train import Lines

MOST = 70_000  # weights
APART = 5_000  # images that decide
SEED = 0  # of the permutation, and of which images are set apart

SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 96,
    "pool": "max",
    "init": "orthogonal",
    "dropout": 0.1,
    "label_smoothing": 0.0,
    "batch_size": 100,
    "learning_rate": 6e-3,
    "average": 0.999,
    "weight_decay": 0.01,
    "epochs": 40,
    "patience": None,
    "baseline": False,
}
PERMUTED: dict[str, Any] = {"pool": "last"}
PLAIN: dict[str, Any] = {**SETTINGS, "hidden_size": 144, "bidirectional": False, "pool": "last"}

Digits = tuple[np.ndarray, np.ndarray]


def digits(folder: Path, part: str) -> Digits:
    """Images (N, 784, 1) as float32 in [0, 1], and labels (N,)."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    assert images.shape == (len(labels), 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    return (images.reshape(len(images), -1, 1) / np.float32(255)), labels


def run(
    data: Path,
    *,
    permuted: bool = False,
    plain: bool = False,
    minutes: float = 58,
    quick: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    """Train for so many minutes, then say how many of the test digits are right, of what model."""
    folder = data / "longrange/mnist"
    images, labels = digits(folder, "train")
    test_images, test_labels = digits(folder, "t10k")
    draw = np.random.default_rng(SEED)
    order = draw.permutation(28 * 28) if permuted else slice(None)
    drawn = np.random.default_rng(SEED).permutation(len(images))
    aside, learn = drawn[:APART], drawn[APART:]
    if quick:
        aside, learn, minutes = aside[:50], learn[:100], 0.5
        test_images, test_labels = test_images[:50], test_labels[:50]
    parts = [(list(images[some][:, order]), labels[some]) for some in (learn, aside)]
    del images
    chosen = {**(PLAIN if plain else SETTINGS), **(PERMUTED if permuted else {}), **settings}
    model = Classifier(**chosen, time=60 * minutes)
    began = time.perf_counter()
    model.fit(*parts[0], validation=parts[1], report=Lines())
    taken = (time.perf_counter() - began) / 60
    weights = model.metrics_["parameters"]
    assert weights <= MOST, f"{weights:,} weights"
    right = model.score(list(test_images[:, order]), test_labels)
    print(
        f"{'permuted' if permuted else 'in order'}, "
        f"{'one direction, last state' if plain else 'both directions'}: "
        f"test {100 * right:.2f} %  held out {100 * model.metrics_['score']['accuracy']:.2f} %  "
        f"{weights:,} weights, {taken:.1f} min",
        flush=True,
    )
    return {"accuracy": right, "weights": weights, "minutes": taken, "cell": model.cell}


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path, nargs="?")
    parser.add_argument("--permuted", action="store_true", help="in one fixed permutation")
    parser.add_argument("--plain", action="store_true", help="one direction, the last state")
    parser.add_argument("--minutes", type=float, default=58, help="of training")
    parser.add_argument("--quick", action="store_true", help="half a minute: does it run?")
    asked = parser.parse_args()
    if asked.data is None:
        print("no DATA folder was named: nothing to measure (see --help)")
        return 0
    words = {"permuted": asked.permuted, "plain": asked.plain, "quick": asked.quick}
    run(asked.data, minutes=asked.minutes, **words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
