"""The story of the field in one picture: who still knows where one grew up, many words later?

Run: python benchmarks/agreement.py [--png FILE] [--json FILE] [--seeds SEED ...] [--quick]

"... I grew up in France . (any number of words) I speak fluent": which language? A simple recurrent
network, a GRU and an LSTM of the same number of weights, and an LSTM with chrono initialisation
(Tallec & Ollivier 2018), learn from the same sentences, in as many steps, from 5 to 100 words
apart; one in five sentences between names a country or language, be it another. Then: the share of
right answers from 5 to 400 words apart, with the range over the seeds; how it rose as they learnt;
how much of a small change of the state is left in the state some words later, before and after
training (the median of the seeds).
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
STYLES = (("o", 4, "-", "0.5"), ("s", 9, "--", "0.35"), ("^", 5, "-.", "0.0"), ("D", 6, ":", "0.0"))

Found: TypeAlias = dict[str, dict[str, Any]]

# The rate, of 3e-4, 1e-3 and 3e-3, is that with which the RNN does best on sequences held out, of
# the same lengths, with the seeds 100 and 101; gated cells learn with each of them.
LEARNING: dict[str, Any] = {"length": (5, 100), "steps": 3000, "learning_rate": 1e-3, "every": 100}
QUICK: dict[str, Any] = {"length": (5, 20), "steps": 20, "every": 10, "judged": 32}


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
    seeds: Sequence[int],
    learning: dict[str, Any],
    quick: bool = False,
    keep: Callable[[Found], None] | None = None,
) -> Found:
    """Train all with each seed, and measure; `keep` is given what there is after each of them."""
    distances = DISTANCES[:3] if quick else DISTANCES
    found: Found = {}
    for seed in seeds:
        for name, architecture in readers().items():
            model = learn(PROBE, Learning(**learning, seed=seed), architecture)
            weights = sum(p.numel() for p in model.reader.parameters())
            row = found.setdefault(
                name, {"weights": weights, "seconds": [], "shares": [], "learnt": [],
                       "gradient": []}
            )  # fmt: skip
            row["seconds"].append(model.history["seconds"])
            row["learnt"].append([(at["step"], at["accuracy"]) for at in model.history["rows"]])
            row["shares"].append(shares(model, distances, 32 if quick else 300, seed))
            curves = decay(model, distances[-1])
            row["gradient"].append({when: c.data() for when, c in curves.items()})
            said = " ".join(f"{share:.2f}" for share in row["shares"][-1])
            print(f"seed {seed}, {name}: {weights:,} weights, {row['seconds'][-1]:.0f} s: {said}")
            for when, c in curves.items():
                print(f"  state by earlier state, {when}: {c.decay.words()}", flush=True)
            if keep is not None:
                keep(found)
    return found


def draw(path: Any, found: Found, distances: tuple[int, ...]) -> None:
    """Right answers by distance and as they are learnt; gradients before training, and after."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, ((far, learnt), gradients) = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    for (name, row), (marker, size, dash, grey) in zip(found.items(), STYLES, strict=True):
        how: dict[str, Any] = {
            "linestyle": dash, "marker": marker, "ms": size, "color": grey, "label": name,
            "mfc": "white" if size > 5 else grey,
        }  # fmt: skip
        steps = [step for step, _ in row["learnt"][0]]
        over = [[right for _, right in one] for one in row["learnt"]]
        for axes, places, values in ((far, distances, row["shares"]), (learnt, steps, over)):
            columns = [[100 * value for value in at] for at in zip(*values, strict=True)]
            middle = [statistics.mean(column) for column in columns]
            axes.plot(places, middle, markevery=max(1, len(places) // 8), **how)
            low, high = ([end(column) for column in columns] for end in (min, max))
            axes.fill_between(places, low, high, color=grey, alpha=0.12, linewidth=0)
        for axes, when in zip(gradients, ("before", "after"), strict=True):
            lags = row["gradient"][0][when]["lags"]
            norms = zip(*(one[when]["mean"] for one in row["gradient"]), strict=True)
            middle = [statistics.median(at) for at in norms]
            axes.plot(lags, middle, markevery=max(1, len(lags) // 8), **how)
    for axes in (far, learnt):
        axes.axhline(100 / len(PROBE.answers), color="0.5", linewidth=1)
        axes.set_ylim(0, 103)
        axes.set_ylabel("right answers (%)")
    far.annotate("chance", (distances[0], 1.0), fontsize=8, color="0.3")
    far.set_xscale("log")
    far.set_xticks(distances, [str(d) for d in distances])
    far.minorticks_off()
    far.set_xlabel('words from the country to "fluent"')
    far.set_title("I grew up in France ... I speak fluent ___", fontsize=10, loc="left")
    learnt.set_xlabel("steps of training")
    learnt.set_title("as it is learnt, on sequences held out", fontsize=10, loc="left")
    learnt.legend(fontsize=9, frameon=False, loc="center right")
    for axes, when in zip(gradients, ("before", "after"), strict=True):
        axes.set_yscale("log")
        axes.set_ylim(1e-9, 1e2)
        axes.set_xlabel("lag (words)")
        axes.set_ylabel("|dh_t / ds_{t-lag}|")
        axes.set_title(
            f"left of a small change of the state, {when} training", fontsize=10, loc="left"
        )
    for axes in (far, learnt, *gradients):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
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
        "--png", type=Path, metavar="FILE", help="the picture (else agreement.png; quick: none)"
    )
    parser.add_argument("--quick", action="store_true", help="small and rough: does it run?")
    parser.add_argument("--seeds", type=int, nargs="+", default=[20, 21, 22], metavar="SEED")
    parser.add_argument(
        "--lengths", type=int, nargs=2, default=LEARNING["length"], metavar=("LEAST", "MOST"),
        help="words apart that are learnt from",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=LEARNING["steps"])
    parser.add_argument("--rate", type=float, default=LEARNING["learning_rate"])
    asked = parser.parse_args()
    # Where gradients vanish they become denormal numbers, which are many times slower.
    torch.set_flush_denormal(True)
    torch.set_num_threads(asked.threads)
    about = facts(asked.threads)
    distances = DISTANCES[:3] if asked.quick else DISTANCES
    seeds = asked.seeds[:1] if asked.quick else asked.seeds
    chosen = {"length": tuple(asked.lengths), "steps": asked.steps, "learning_rate": asked.rate}
    learning = {**LEARNING, **chosen, **(QUICK if asked.quick else {})}

    def keep(found: Found) -> None:
        told = {"distances": list(distances), "seeds": seeds, "learning": learning}
        write(asked.json, "agreement", about, **told, found=found)

    found = run(seeds, learning, asked.quick, keep)
    rows = [
        [name, f"{row['weights']:,}", *(f"{100 * statistics.mean(at):.0f}" for at in
         zip(*row["shares"], strict=True))] for name, row in found.items()
    ]  # fmt: skip
    show(["right answers in %, words apart", "weights", *map(str, distances)],
         [*rows, ["chance", "", *("8" for _ in distances)]])  # fmt: skip
    if asked.png is not None or not asked.quick:
        draw(asked.png or "agreement.png", found, distances)
    return 0


if __name__ == "__main__":
    sys.exit(main())
