"""Table 1 of Bai et al. 2018 ("An Empirical Evaluation of ...", arXiv:1803.01271) beside Clew.

Run: python benchmarks/table1.py [DATA] [--only adding copy ...] [--cell lstm|gru] [--setting a|b]
                                 [--minutes 29] [--threads 4] [--json FILE] [--quick]

adding: squared error on 1,000 new sequences of T = 600 numbers. copy: nats a step, the mean of all
steps, on 1,000 new sequences of T = 1,000 blanks. Both are drawn anew at every step of training,
and at most as many weights are used as theirs (about 70,000 and 16,000). Training begins with
shorter sequences, and then takes those of full length: all of it counts in the minutes, which are
for each of the two. Every setting was chosen on other draws than those of the test.

With DATA, a folder with longrange/mnist and music/jsb_chorales, also sequential and permuted MNIST
(accuracy in %, 58 minutes each, in one direction; benchmarks/longrange.py says how) and JSB
chorales (nats a step, notes independent, in their own keys; some two minutes).
"""

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from _show import THREADS, duration, facts, output, positive, show, whole, write

from clew.kernels import machine
from clew.memory.probes import Adding, Architecture, CopyMemory, Learning, Probe, learn
from clew.train import Lines

Length = int | tuple[int, int]


@dataclass(frozen=True)
class Published:
    """A row of theirs: weights, about; LSTM, GRU, simple recurrent network, TCN.

    earlier: what a full run of ours came to.
    """

    what: str
    weights: str
    figures: tuple[float, float, float, float]
    earlier: str


THEIRS: dict[str, Published] = {
    "adding": Published(
        "adding problem, T = 600 (squared error)", "70K", (0.164, 5.3e-5, 0.177, 5.8e-5),
        "3.2e-7 with a GRU of 64,081 weights, setting a, seed 0, 27 minutes on two cores",
    ),
    "copy": Published(
        "copy memory, T = 1000 (nats a step)", "16K", (0.0204, 0.0197, 0.0202, 3.5e-5),
        "1.5e-6 with a GRU of 15,277 weights, setting a, seed 0, 20 minutes on two cores",
    ),
    "mnist": Published(
        "sequential MNIST (accuracy, %)", "70K", (87.2, 96.2, 21.5, 99.0),
        "98.96 with a GRU of 58,954 weights that reads in both directions, unlike theirs and that "
        "of this benchmark; 55 minutes on three cores; in one direction: none",
    ),
    "permuted": Published(
        "permuted MNIST (accuracy, %)", "70K", (85.7, 87.3, 25.3, 97.2),
        "93.31 with a GRU of 58,954 weights that reads in both directions, unlike theirs and that "
        "of this benchmark; 38 minutes on three cores; in one direction: none",
    ),
    "jsb": Published(
        "JSB chorales (nats a step)", "300K", (8.45, 8.43, 8.91, 8.10),
        "8.30 with an LSTM of 293,128 weights, 2 minutes on one core",
    ),
}  # fmt: skip
NEEDED = {
    "mnist": "longrange/mnist", "permuted": "longrange/mnist",
    "jsb": "music/jsb_chorales/jsb-chorales-quarter.json",
}  # fmt: skip
JSB_UNITS = 220  # 293,128 weights
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
    if name == "copy":
        print('copy: "loss" on the way is nats a symbol recalled; the test is nats a step')
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


def with_data(name: str, data: Path, quick: bool, seed: int) -> dict[str, Any]:
    """A row that needs data."""
    if name == "jsb":
        import _compose

        return _compose.jsb(
            data, "independent", False, baseline=False, hidden_size=JSB_UNITS, seed=seed,
            time=2 if quick else None,
        )  # fmt: skip
    import longrange

    short = {"epochs": 2} if quick else {}
    found = longrange.run(
        data, permuted=name == "permuted", plain=True, quick=quick, seed=seed, **short
    )
    return {"test": 100 * found["accuracy"], **found}


def main() -> int:
    """Measure what was asked for, and print it beside what was published."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+", choices=list(THEIRS), help="rows; else all there are")
    parser.add_argument("--cell", choices=("lstm", "gru"), default="gru", help="of adding and copy")
    parser.add_argument("--setting", choices=("a", "b"), default="a", help="of adding and copy")
    parser.add_argument("--minutes", type=positive, default=29, help="for each of adding and copy")
    parser.add_argument("--seed", type=whole(0), default=0, help="of first weights and sequences")
    parser.add_argument("--threads", type=whole(1, THREADS), default=min(4, machine.cores()))
    parser.add_argument("--json", type=output(), metavar="FILE", help="write the figures here")
    parser.add_argument("--quick", action="store_true", help="small and rough: does it run?")
    asked = parser.parse_args()
    names = asked.only or (list(THEIRS) if asked.data is not None else list(SETTINGS))
    for name in names:
        if name in NEEDED and asked.data is None:
            parser.error(f"{name} needs DATA, a folder with {NEEDED[name]}")
        if name in NEEDED and not (asked.data / NEEDED[name]).exists():
            parser.error(f"{name}: there is no {asked.data / NEEDED[name]}")
    # Where gradients vanish they become denormal numbers, which are many times slower.
    torch.set_flush_denormal(True)
    torch.set_num_threads(asked.threads)
    about = facts(asked.threads)
    theirs = {name: asdict(row) for name, row in THEIRS.items()}
    minutes = 0.01 if asked.quick else asked.minutes
    found = {}
    for name in names:
        if name in SETTINGS:
            found[name] = measure(name, asked.cell, asked.setting, minutes, asked.quick, asked.seed)
        else:
            found[name] = with_data(name, asked.data, asked.quick, asked.seed)
        write(asked.json, "table1", about, quick=asked.quick, theirs=theirs, found=found)
    rows = [
        [THEIRS[name].what, THEIRS[name].weights, *(f"{value:g}" for value in THEIRS[name].figures),
         f"{row['test']:.3g}" if name in SETTINGS else f"{row['test']:.2f}",
         f"{row['cell'].upper()}, {row['weights']:,}, {duration(60 * row['minutes'])}"]
        for name, row in found.items()
    ]  # fmt: skip
    show(["", "weights", "LSTM", "GRU", "RNN", "TCN", "Clew", "of"], rows)
    print("LSTM, GRU, RNN, TCN, with about so many weights: Bai et al. 2018, Table 1.")
    if asked.quick:
        print("Clew: NO measurement. A quick run has short sequences and few of them, for seconds.")
    else:
        print(f"Clew: this run, on {asked.threads} threads.")
    print("Earlier full runs of Clew:")
    for name in names:
        print(f"  {THEIRS[name].what}: {THEIRS[name].earlier}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
