"""Table 1 of Bai et al. 2018 ("An Empirical Evaluation of ...", arXiv:1803.01271) beside Clew.

Run: python benchmarks/table1.py [DATA] [--only adding copy ...] [--cell lstm|gru] [--setting a|b]
                                 [--minutes 29] [--threads 4] [--json FILE] [--quick]

adding: squared error on 1,000 new sequences of T = 600 numbers. copy: nats a step, the mean of all
steps, on 1,000 new sequences of T = 1,000 blanks. Both are drawn anew at every step of training,
and at most as many weights are used as theirs (about 70,000 and 16,000). Training begins with
shorter sequences, and then takes those of full length: all of it counts in the minutes, which are
for each of the two. Every setting was chosen on other draws than those of the test.

With DATA, a folder with longrange/mnist and music/jsb_chorales, also sequential and permuted MNIST
(accuracy in %, 58 minutes each; benchmarks/longrange.py says how) and JSB chorales (nats a step).
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _show import facts, show, write

from clew.kernels import machine
from clew.memory.probes import Adding, Architecture, CopyMemory, Learning, Probe, learn
from clew.train import Lines

Length = int | tuple[int, int]

# LSTM, GRU, simple recurrent network, TCN, as published.
THEIRS: dict[str, tuple[str, tuple[float, float, float, float]]] = {
    "adding": ("adding problem, T = 600 (squared error)", (0.164, 5.3e-5, 0.177, 5.8e-5)),
    "copy": ("copy memory, T = 1000 (nats a step)", (0.0204, 0.0197, 0.0202, 3.5e-5)),
    "mnist": ("sequential MNIST (accuracy, %)", (87.2, 96.2, 21.5, 99.0)),
    "permuted": ("permuted MNIST (accuracy, %)", (85.7, 87.3, 25.3, 97.2)),
    "jsb": ("JSB chorales (nats a step)", (8.45, 8.43, 8.91, 8.10)),
}
TESTED = 1000  # sequences
SEED = 20_181_803  # of the test


@dataclass(frozen=True)
class Stage:
    """A part of a training: a share of its time, at some lengths; `target` ends it earlier."""

    length: Length
    share: float
    learning_rate: float
    batch_size: int = 32
    final: float = 0.02
    average: float = 0.0
    target: float | None = None
    every: int = 250


@dataclass(frozen=True)
class Row:
    """How a probe is learnt: at most so many weights, in these stages."""

    probe: Probe
    length: int
    weights: int
    units: dict[str, int]
    t_max: float
    stages: tuple[Stage, ...]
    clip: float = 1.0


ADDING: dict[str, Any] = {
    "probe": Adding(), "length": 600, "weights": 70_500, "units": {"lstm": 128, "gru": 144},
    "t_max": 600.0,
}  # fmt: skip
COPY: dict[str, Any] = {
    "probe": CopyMemory(), "length": 1000, "weights": 16_500, "units": {"lstm": 56, "gru": 64},
    "t_max": 1000.0,
}  # fmt: skip
SETTINGS: dict[str, dict[str, Row]] = {
    "adding": {
        "a": Row(**ADDING, stages=(Stage(600, 1.0, 1e-2, final=0.002, average=0.999),)),
        "b": Row(**ADDING, stages=(
            Stage((20, 600), 0.25, 1.5e-2, final=0.4),
            Stage(600, 0.75, 6e-3, final=0.002, average=0.999),
        )),
    },
    "copy": {
        "a": Row(**COPY, stages=(
            Stage((1, 20), 0.25, 1.5e-2, batch_size=64, final=0.3, target=2e-2),
            Stage((10, 1000), 0.55, 5e-3, final=0.2),
            Stage(1000, 0.2, 1e-3, final=0.02, average=0.99),
        )),
        "b": Row(**COPY, stages=(
            Stage((1, 1000), 0.75, 1.5e-2, final=0.1),
            Stage(1000, 0.25, 1e-3, final=0.02, average=0.99),
        )),
    },
}  # fmt: skip


def measure(
    name: str, cell: str, setting: str, minutes: float, quick: bool = False, seed: int = 0
) -> dict[str, Any]:
    """Train in the given minutes, then the loss on new sequences of full length."""
    row = SETTINGS[name][setting]
    length = row.length // 20 if quick else row.length
    architecture = Architecture(cell, row.units[cell], init="chrono", t_max=row.t_max)
    began, model, steps, saved = time.perf_counter(), None, 0, 0.0
    for stage in row.stages:
        seconds = 60 * minutes * stage.share + saved  # a stage that ended early leaves its time
        since = time.perf_counter()
        learning = Learning(
            _within(stage.length, length), steps=10_000_000, batch_size=stage.batch_size,
            learning_rate=stage.learning_rate, final=stage.final, clip=row.clip,
            average=stage.average, target=stage.target, time=seconds, judged=256,
            every=20 if quick else stage.every, seed=seed + 1000 * steps,
        )  # fmt: skip
        model = learn(row.probe, learning, architecture, start=model, report=Lines(every=60))
        steps += model.history["steps"]
        saved = max(0.0, seconds - (time.perf_counter() - since))
    assert model is not None
    taken = (time.perf_counter() - began) / 60
    weights = sum(p.numel() for p in model.network.parameters())
    assert weights <= row.weights, f"{weights:,} weights"
    score = model.score(length, 50 if quick else TESTED, SEED)
    chance = row.probe.chance(length)
    print(
        f"{name}, {cell.upper()}, setting {setting}: test {score.loss:.3g} (chance "
        f"{chance.loss:.3g}), {weights:,} weights, {steps:,} steps, {taken:.1f} min", flush=True,
    )  # fmt: skip
    return {"test": score.loss, "accuracy": score.accuracy, "weights": weights, "steps": steps,
            "minutes": taken, "cell": cell, "setting": setting, "length": length}  # fmt: skip


def _within(length: Length, most: int) -> Length:
    if isinstance(length, int):
        return min(length, most)
    low, high = (min(end, most) for end in length)
    return (low, high) if low < high else high


def with_data(names: list[str], data: Path, quick: bool) -> dict[str, dict[str, Any]]:
    """The rows that need data."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        if name == "jsb":
            import _compose

            nats = _compose.run_jsb(data, quick=quick)
            ours = nats["independent, as they stand"]
            found[name] = {"test": ours, "cell": "lstm", "all": nats}
        else:
            import longrange

            right = longrange.run(data, permuted=name == "permuted", plain=True, quick=quick)
            found[name] = {"test": 100 * right, "cell": "gru"}
    return found


def main() -> int:
    """Measure what was asked for, and print it beside what was published."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+", choices=list(THEIRS), help="rows; else all there are")
    parser.add_argument("--cell", choices=("lstm", "gru"), help="of adding and copy")
    parser.add_argument("--setting", choices=("a", "b"), default="a", help="of adding and copy")
    parser.add_argument("--minutes", type=float, default=29, help="for each of adding and copy")
    parser.add_argument("--seed", type=int, default=0, help="of first weights and sequences")
    parser.add_argument("--threads", type=int, default=min(4, machine.cores()))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--quick", action="store_true", help="small and rough: does it run?")
    asked = parser.parse_args()
    # Where gradients vanish they become denormal numbers, which are many times slower.
    torch.set_flush_denormal(True)
    torch.set_num_threads(asked.threads)
    about = facts(asked.threads)
    there = list(THEIRS) if asked.data is not None else list(SETTINGS)
    names = [name for name in asked.only or there if name in there]
    for name in set(asked.only or []) - set(there):
        print(f"{name} needs DATA: left out")
    minutes = 0.25 if asked.quick else asked.minutes
    found = {
        name: measure(name, asked.cell or DEFAULT[name], asked.setting, minutes, asked.quick,
                      asked.seed)
        for name in names if name in SETTINGS
    }  # fmt: skip
    found |= with_data([name for name in names if name not in SETTINGS], asked.data, asked.quick)
    rows = [
        [THEIRS[name][0], *(f"{value:g}" for value in THEIRS[name][1]),
         f"{row['test']:.4g} ({row['cell'].upper()})"] for name, row in found.items()
    ]  # fmt: skip
    show(["", "LSTM", "GRU", "RNN", "TCN", "Clew"], rows)
    print("LSTM, GRU, RNN, TCN: Bai et al. 2018, Table 1; Clew: this run.")
    if asked.quick:
        print("A quick run: sequences of a twentieth of the length, in seconds. No measurement.")
    write(asked.json, "table1", about, theirs=THEIRS, found=found)
    return 0


DEFAULT = {"adding": "gru", "copy": "gru"}

if __name__ == "__main__":
    sys.exit(main())
