"""The loss of an output layer, with its gradients: Clew beside torch, time and memory.

Clew never stores all scores; torch stores them and their softmax. Loss and gradients are compared
first. Memory is the most that a step needs over what it began with, in a process of its own.

Run: python benchmarks/loss.py [--quick] [--json FILE] [--png FILE]
"""

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import _memory
import _show
import torch
from torch.nn import functional as F

from clew.kernels.turns import in_turns, repeated
from clew.nn import bench, linear_cross_entropy

# Rows N, features H, vocabulary V: of a model of characters, of words, of subwords.
SHAPES = ((8192, 256, 65), (8192, 256, 10_000), (2048, 256, 50_000))
LARGE = (8192, 256, 50_000)  # whose memory is told, too
TINY = ((64, 16, 300),)


def drawn(rows: int, width: int, size: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, width, generator=generator)
    weight = torch.randn(size, width, generator=generator) / width**0.5
    targets = torch.randint(size, (rows,), generator=generator)
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def loss_of(library: str, hidden: Any, weight: Any, targets: Any) -> torch.Tensor:
    if library == "clew":
        return linear_cross_entropy(hidden, weight, None, targets)
    return F.cross_entropy(F.linear(hidden, weight), targets)


def measure(shape: tuple[int, int, int], rounds: int, seconds: float) -> list[dict[str, Any]]:
    hidden, weight, targets = drawn(*shape)

    def learn(library: str) -> Any:
        return torch.autograd.grad(loss_of(library, hidden, weight, targets), (hidden, weight))

    def score(library: str) -> Any:
        with torch.no_grad():
            return loss_of(library, hidden, weight, targets)

    where = "x".join(map(str, shape))
    names = ("clew", "torch")
    bench.check(where, *(score(name) for name in names), 1e-5, relative=True)
    bench.check(f"{where}: gradient", *(learn(name) for name in names), 1e-4, relative=True)
    found = []
    for what, work, products in (("loss", score, 1), ("loss and gradients", learn, 3)):
        calls = {name: repeated(lambda name=name, work=work: work(name)) for name in names}
        times = in_turns(calls, rounds=rounds, seconds=seconds)
        medians = {name: times.median(name) for name in names}
        flops = 2 * products * shape[0] * shape[1] * shape[2]
        found.append(
            {"shape": shape, "what": what, "seconds": medians, "flops": flops,
             "ratio": times.ratio("clew", "torch")}
        )  # fmt: skip
    return found


def peak(library: str, shape: tuple[int, int, int], threads: int) -> int:
    """Bytes over what was resident before the step."""
    words = [library, *map(str, shape), str(threads)]
    done = subprocess.run(
        [sys.executable, __file__, "--memory", *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return int(done.stdout)


def memory(library: str, shape: list[int], threads: int) -> int:
    with bench.threads(threads):
        for sizes in (TINY[0], shape):  # first a small one: threads start, libraries are loaded
            hidden, weight, targets = drawn(*sizes)
            gc.collect()
            Path("/proc/self/clear_refs").write_text("5")
            before = _memory._resident("VmRSS")
            loss_of(library, hidden, weight, targets).backward()
    return _memory._resident("VmHWM") - before


def main() -> None:
    if sys.argv[1:2] == ["--memory"]:
        numbers = [int(word) for word in sys.argv[3:]]
        print(memory(sys.argv[2], numbers[:3], numbers[3]))
        return
    asked = _show.options(__doc__).parse_args()
    shapes = TINY if asked.quick else SHAPES
    rounds, seconds = asked.rounds or (2 if asked.quick else 5), 0.01 if asked.quick else 0.3
    most = _show.Peak(asked.threads, asked.quick).measure()
    with bench.threads(asked.threads):
        facts = _show.facts(asked.threads, most)
        rows = [row for shape in shapes for row in measure(shape, rounds, seconds)]
    body = [
        [", ".join(map(str, row["shape"])), row["what"],
         *(_show.duration(row["seconds"][name]) for name in ("clew", "torch")),
         f"{row['ratio']:.2f}x",
         f"{100 * row['flops'] / row['seconds']['clew'] / most.gflops / 1e9:.0f} %"]
        for row in rows
    ]  # fmt: skip
    _show.show(["N, H, V", "", "Clew", "torch", "speed", "of the peak"], body)
    held = []
    if Path("/proc/self/clear_refs").exists():
        for shape in TINY if asked.quick else (*SHAPES[:2], LARGE):
            names = ("clew", "torch")
            of = {name: peak(name, shape, asked.threads) for name in names}
            held.append({"shape": shape, **of})
        print("\nmost memory of a step, gradients included, MB")
        body = [
            [", ".join(map(str, m["shape"])), f"{m['clew'] / 1e6:.0f}", f"{m['torch'] / 1e6:.0f}"]
            for m in held
        ]
        _show.show(["N, H, V", "Clew", "torch"], body)
    _show.write(asked.json, "loss", facts, rows=rows, memory=held)
    groups = [", ".join(map(str, shape)) for shape in shapes]
    series = {
        what: [row["ratio"] for row in rows if row["what"] == what]
        for what in ("loss", "loss and gradients")
    }
    panel = ("Clew (N, H, V)", groups, series, "x torch")
    _show.picture(asked.png, "Times as fast as torch", [panel], line="torch")


if __name__ == "__main__":
    main()
