"""The story of the field in one picture: who still knows where one grew up, many words later?

Run: python benchmarks/agreement.py [--png FILE] [--json FILE] [--seeds SEED ...] [--quick]

"... I grew up in France . (any number of words) I speak fluent": which language? A simple recurrent
network, a GRU and an LSTM of the same number of weights, and an LSTM with chrono initialisation
(Tallec & Ollivier 2018), learn from the same sentences, in as many steps, from 5 to 100 words
apart; one in five sentences between names a country or language, be it another. Then: the share of
right answers from 5 to 400 words apart, with the range over the seeds; beside it, how much of a
change of the state is left in the state some words later, before and after training.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from _show import facts, show, write

from clew.kernels import machine
from clew.memory.lags import LagCurve, gradient_by_lag
from clew.memory.probes import Agreement, Architecture, Learning, ProbeModel, learn
from clew.memory.probes.network import WIDEST

DISTANCES = (5, 10, 20, 50, 100, 200, 400)
WEIGHTS = 25_000  # of the reader
PROBE = Agreement()
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
STYLES = (("o", "-", "0.55"), ("s", "--", "0.3"), ("^", "-.", "0.0"), ("D", ":", "0.0"))

Found: TypeAlias = dict[str, dict[str, Any]]

LEARNING: dict[str, Any] = {"length": (5, 100), "steps": 800, "learning_rate": 3e-3, "every": 200}
QUICK: dict[str, Any] = {"length": (5, 20), "steps": 60, "every": 30, "judged": 32}


def units(cell: str) -> int:
    """As many as WEIGHTS allow."""
    sizes = range(1, WEIGHTS)
    return max(h for h in sizes[:1000] if GATES[cell] * h * (h + WIDEST + 2) <= WEIGHTS)


def readers() -> dict[str, Architecture]:
    """Those that are compared, by name."""
    found = {cell.upper(): Architecture(cell, units(cell)) for cell in GATES}
    chrono = Architecture("lstm", units("lstm"), init="chrono", t_max=400.0)
    return {**found, "LSTM, chrono": chrono}


def shares(
    model: ProbeModel, distances: tuple[int, ...], count: int, seed: int
) -> list[float | None]:
    """The share of right answers at each distance."""
    return [model.score(distance, count, seed).accuracy for distance in distances]


def decay(model: ProbeModel, lags: int) -> dict[str, LagCurve]:
    """|dh_t / ds_{t-lag}| before training and after."""
    asked = model.at_length(lags)
    cases = asked.cases(16, 2 * lags)
    found = gradient_by_lag(asked, cases, lags=lags, most=8, exact=False, vectors=4)
    layers = [c for c in found.curves if c.of_layer]
    return {"after" if c.trained else "before": c for c in layers}


def run(
    seeds: Sequence[int], quick: bool = False, keep: Callable[[Found], None] | None = None
) -> Found:
    """Train all with each seed, and measure; `keep` is given what there is after each of them."""
    distances = DISTANCES[:3] if quick else DISTANCES
    found: Found = {}
    for seed in seeds:
        for name, architecture in readers().items():
            settings = {**LEARNING, **(QUICK if quick else {}), "seed": seed}
            model = learn(PROBE, Learning(**settings), architecture)
            weights = sum(p.numel() for p in model.reader.parameters())
            row = found.setdefault(
                name, {"weights": weights, "seconds": [], "shares": [], "gradient": []}
            )
            row["seconds"].append(model.history["seconds"])
            row["shares"].append(shares(model, distances, 100 if quick else 300, seed))
            curves = decay(model, distances[-1])
            row["gradient"].append({when: c.data() for when, c in curves.items()})
            said = " ".join(f"{share:.2f}" for share in row["shares"][-1])
            print(f"seed {seed}, {name}: {weights:,} weights, {row['seconds'][-1]:.0f} s: {said}")
            for when, c in curves.items():
                print(f"  state by earlier state, {when}: {c.decay.words()}", flush=True)
            if keep is not None:
                keep(found)
    return found


def draw(path: Any, found: dict[str, dict[str, Any]], distances: tuple[int, ...]) -> None:
    """Shares of right answers; gradients before training, and after."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, *others) = plt.subplots(1, 3, figsize=(13, 4.3), layout="constrained")
    for (name, row), (marker, dash, grey) in zip(found.items(), STYLES, strict=True):
        how: dict[str, Any] = {
            "linestyle": dash, "marker": marker, "ms": 5, "color": grey, "label": name,
            "mfc": "white" if dash == ":" else grey,
        }  # fmt: skip
        columns = list(zip(*row["shares"], strict=True))
        middle = [100 * statistics.mean(column) for column in columns]
        low, high = ([100 * end(column) for column in columns] for end in (min, max))
        left.plot(distances, middle, **how)
        left.fill_between(distances, low, high, color=grey, alpha=0.12, linewidth=0)
        for axes, when in zip(others, ("before", "after"), strict=True):
            one = row["gradient"][0][when]
            axes.plot(one["lags"], one["mean"], markevery=max(1, len(one["lags"]) // 8), **how)
    left.axhline(100 / 12, color="0.5", linewidth=1)
    left.annotate("chance", (distances[0], 100 / 12 + 1.5), fontsize=8, color="0.3")
    left.set_xscale("log")
    left.set_xticks(distances, [str(d) for d in distances])
    left.minorticks_off()
    left.set_ylim(0, 103)
    left.set_xlabel("words between the country and the question")
    left.set_ylabel("right answers (%)")
    left.set_title("I grew up in France ... I speak fluent ___", fontsize=10, loc="left")
    for axes, when in zip(others, ("before", "after"), strict=True):
        axes.set_yscale("log")
        axes.set_ylim(1e-9, 1e2)
        axes.set_xlabel("lag (words)")
        axes.set_ylabel("what is left of a change of the state, |dh_t / ds_{t-lag}|", fontsize=8)
        axes.set_title(f"{when} training", fontsize=10, loc="left")
    for axes in (left, *others):
        axes.spines[["top", "right"]].set_visible(False)
    others[0].legend(fontsize=9, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"picture: {path}")


def main() -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=min(4, machine.cores()))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument(
        "--png", type=Path, metavar="FILE", default="agreement.png", help="draw the picture here"
    )
    parser.add_argument("--quick", action="store_true", help="small and rough: does it run?")
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12], metavar="SEED")
    asked = parser.parse_args()
    # Where gradients vanish they become denormal numbers, which are many times slower.
    torch.set_flush_denormal(True)
    torch.set_num_threads(asked.threads)
    about = facts(asked.threads)
    distances = DISTANCES[:3] if asked.quick else DISTANCES
    seeds = asked.seeds[:1] if asked.quick else asked.seeds

    def keep(found: Found) -> None:
        write(asked.json, "agreement", about, distances=list(distances), seeds=seeds, found=found)

    found = run(seeds, asked.quick, keep)
    rows = [
        [name, f"{row['weights']:,}", *(f"{100 * statistics.mean(at):.0f}" for at in
         zip(*row["shares"], strict=True))] for name, row in found.items()
    ]  # fmt: skip
    show(["right answers in %, words apart", "weights", *map(str, distances)],
         [*rows, ["chance", "", *("8" for _ in distances)]])  # fmt: skip
    draw(asked.png, found, distances)
    return 0


if __name__ == "__main__":
    sys.exit(main())
