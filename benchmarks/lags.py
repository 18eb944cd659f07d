"""Do the instruments find the lag that was planted?

Run: python benchmarks/lags.py [--lags 5 20 50 100] [--seeds N] [--threads N] [--json FILE]
                               [--quick]

An LSTM of 32 units learns to name the letter of a known time ago, until it errs by less than 0.002
nats. Then three instruments look at it, on other sequences and without a word of what was planted:
the horizon (ablation), the lag of which its answer hangs most (gradient x input), and the greatest
lag of which most can be read off its state when it is asked (linear memory). Each must order the
models as their lags do, and each horizon must be its lag, within one step; that of a network that
reads each element for itself must be 0. Beside them, of one change of its state, the share that is
left at the lag: it holds alike at every lag, and tells of none. Some 15 s on one core.
"""

import argparse
import itertools
import sys
import time
from typing import Any

import torch
from _show import THREADS, facts, output, show, whole, write
from torch import Tensor, nn

from clew.kernels import machine
from clew.memory.horizon import horizon
from clew.memory.lags import gradient_by_lag
from clew.memory.linear import linear
from clew.memory.probes import Architecture, DelayedRecall, Learning, ProbeModel, learn

LEARNING: dict[str, Any] = {
    "steps": 2000, "learning_rate": 1e-2, "target": 2e-3, "every": 50, "judged": 128
}  # fmt: skip


class Now(nn.Module):
    """Ignores the past."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, 32)

    def forward(self, x: Tensor, state: Any, lengths: Tensor) -> tuple[Tensor, Any]:
        """(T, B, D) -> (T, B, 32)."""
        return torch.tanh(self.inner(x)), state


def measured(model: ProbeModel) -> dict[str, Any]:
    """The horizon with its interval."""
    found = horizon(model, model.cases(200, 512))
    return {
        "horizon": found.horizon, "low": found.seen.at_least, "high": found.seen.at_most,
        "loss": found.loss,
    }  # fmt: skip


def run(lag: int, seed: int) -> dict[str, Any]:
    """Train at a lag, and measure."""
    began = time.perf_counter()
    chrono = Architecture("lstm", 32, init="chrono", t_max=float(max(3, lag)))
    model = learn(DelayedRecall(), Learning(lag, seed=seed, **LEARNING), chrono)
    row = {"lag": lag, "seed": seed, "steps": model.history["steps"],
           "seconds": time.perf_counter() - began, **measured(model)}  # fmt: skip
    found = gradient_by_lag(model, model.cases(32, 512), lags=lag + 10, before=False)
    state, answer = found.curve("layer 1"), found.curve("gradient x input")
    memory = linear(model, model.cases(600, 512), lags=lag + 10, asked=True).layers[0]
    return {
        **row, "left": float(state.mean[state.lags == lag][0]), "answer": answer.peak,
        "linear": memory.furthest(0.5), "r2": float(memory.r2[lag]),
    }  # fmt: skip


def disorder(rows: list[dict[str, Any]]) -> list[str]:
    """What does not order the models of a seed as their lags do."""
    found = []
    for name in ("horizon", "answer", "linear"):
        for seed in sorted({row["seed"] for row in rows}):
            some = sorted((row for row in rows if row["seed"] == seed), key=lambda row: row["lag"])
            depths = [-1 if row[name] is None else row[name] for row in some]
            if any(b <= a for a, b in itertools.pairwise(depths)):
                found.append(f"{name} (seed {seed})")
    return found


def main() -> int:
    """Measure, print, fail where a horizon is not its lag or an instrument orders otherwise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="lags 5 and 20 only")
    parser.add_argument("--lags", type=whole(1), nargs="+")
    parser.add_argument("--seeds", type=whole(1), default=1)
    parser.add_argument("--threads", type=whole(1, THREADS), default=min(4, machine.cores()))
    parser.add_argument("--json", type=output(), metavar="FILE", help="write the figures here")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    about = facts(asked.threads)
    lags = sorted(set(asked.lags or ([5, 20] if asked.quick else [5, 20, 50, 100])))
    rows = [run(lag, seed) for lag in lags for seed in range(asked.seeds)]
    blind = measured(learn(DelayedRecall(), Learning(5, steps=100), reader=Now))
    shown = [
        [str(row["lag"]), str(row["horizon"]), f"{row['low']} to {row['high']}",
         f"{row['answer']}", f"{row['linear']} ({row['r2']:.2f})", f"{row['left']:.2f}",
         f"{row['loss']:.4f}", f"{row['steps']}", f"{row['seconds']:.0f} s"]
        for row in rows
    ]  # fmt: skip
    show(["planted lag", "horizon", "95 %", "answer hangs on", "linear (R^2)", "of the state left",
          "nats", "steps", ""],
         [*shown, ["no memory", str(blind["horizon"]), f"{blind['low']} to {blind['high']}",
                   "", "", "", f"{blind['loss']:.4f}", "", ""]])  # fmt: skip
    write(asked.json, "lags", about, quick=asked.quick, rows=rows, blind=blind)
    exact = blind["horizon"] == 0 and all(abs(row["horizon"] - row["lag"]) <= 1 for row in rows)
    print("every horizon is its lag, within one" if exact else "NOT every horizon is its lag")
    wrong = disorder(rows)
    print(
        f"NOT in the order of the lags: {', '.join(wrong)}" if wrong
        else "all three instruments are in the order of the lags"
    )  # fmt: skip
    return 0 if exact and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
