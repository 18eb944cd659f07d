"""What came of a fit: the table, whether memory earned its keep, and what to type next."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clew.cli import say
from clew.cli.progress import duration

Row = tuple[str, list[str]]


def test_classifier(model: Any, train: Any, apart: Any) -> dict[str, Any]:
    """Accuracy of the model, and of word counts, on texts that played no part in the fit."""
    from clew.tasks._classify.tfidf import tfidf_baseline

    found: dict[str, Any] = {
        "accuracy": model.score(apart.sequences, apart.labels),
        "examples": len(apart),
    }
    if model.baseline:
        found["baseline"] = tfidf_baseline(
            train.sequences, train.labels, apart.sequences, apart.labels
        )
    return found


def test_language(model: Any, path: Path) -> dict[str, Any]:
    """Score of the model on text that played no part in the fit."""
    return asdict(model.evaluate(path))


@dataclass(frozen=True)
class Summary:
    """How a fit of one task is told: its table, and what to type next (PLACE is the model)."""

    table: Callable[[dict[str, Any], dict[str, Any] | None], list[str]]
    next: tuple[str, ...]


def counted(number: int, noun: str) -> str:
    """A number of things as people write it: 1 text, 2,000 texts."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def show(model: Any, target: Path, tested: dict[str, Any] | None, words: Summary) -> None:
    """Print the table, the verdict and what to type next."""
    metrics = model.metrics_
    for line in words.table(metrics, tested):
        say.result(line)
    if model.history_.finished_by == "time":
        say.result("It was stopped by --time: more of it may help.")
    say.result()
    say.result(f"{metrics['parameters']:,} parameters, {duration(metrics['seconds'])} in all")
    place = shlex.quote(str(target))
    say.result(f"the model is in {place}; its learning curve in {place}/learning-curve.png")
    say.result()
    say.result("Next:")
    for line in words.next:
        say.result(f"  {line.replace('PLACE', place)}")


def _classified(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    score, others = metrics["score"], [metrics[k] for k in ("window", "baseline") if metrics[k]]
    count = score["examples"]
    columns = ["held out"] + (["test"] if tested else [])
    rows: list[Row] = [("this model", [percent(score["accuracy"])])]
    rows += [(str(other["name"]), [percent(other["accuracy"])]) for other in others]
    if metrics["baseline"]:
        rows.append(("most frequent label", [percent(metrics["baseline"]["majority"])]))
    if tested:
        baseline = tested.get("baseline", {})
        known = {
            "this model": tested["accuracy"],
            baseline.get("name"): baseline.get("accuracy"),
            "most frequent label": baseline.get("majority"),
        }
        for name, cells in rows:
            cells.append(percent(known[name]) if known.get(name) is not None else "")
    lines = aligned("accuracy", columns, rows)
    lines.append(
        f"on {counted(count, 'text')} held out"
        + (f", {tested['examples']:,} of the test" if tested else "")
    )
    if others:
        rivals = [(str(other["name"]), float(other["accuracy"])) for other in others]
        rivals.append(("the most frequent label", float(metrics["baseline"]["majority"])))
        name, best = max(rivals, key=lambda pair: pair[1])
        # Of the difference of two shares on the same texts; with so few right or wrong that a share
        # is near 0 or 1, one text more of each keeps it from looking certain.
        share = (score["accuracy"] * count + 1) / (count + 2)
        noise = math.sqrt(2 * share * (1 - share) / count)
        gain = score["accuracy"] - best
        lines += ["", *verdict(gain * 100, noise * 100, "points of accuracy", name)]
    return lines


def _written(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    score, held = metrics["score"], metrics["held_out"]
    others = [metrics[k] for k in ("window", "baseline") if metrics[k]]
    if metrics["baseline"]:
        others.append({"name": "counts of single pieces", **metrics["baseline"]["unigram"]})
    columns = ["bits/char", "nats/char", "perplexity"]
    keys = ["bits_per_character", "nats_per_character", "perplexity"]
    named = [("this model", score)] + [(str(other["name"]), other) for other in others]
    if tested:
        named.append(("this model, on the test", tested))
    rows: list[Row] = [(name, [f"{of[key]:.3f}" for key in keys]) for name, of in named]
    lines = aligned("fewer is better", columns, rows)
    lines.append(f"on {counted(held['characters'], 'character')} held out")
    if others:
        best = min(others, key=lambda other: float(other["bits_per_character"]))
        gain = best["bits_per_character"] - score["bits_per_character"]
        noise = 1.5 / math.sqrt(max(1, held["characters"]))  # bits spread by some 1.5 a character
        lines += ["", *verdict(gain, noise, "bits a character", str(best["name"]))]
    return lines


def verdict(gain: float, noise: float, unit: str, name: str) -> list[str]:
    """One honest word on memory: it helped, it did not, or nobody can tell."""
    if gain > noise:
        return [f"Memory earns its keep: {gain:.2g} {unit} ahead of {name}."]
    if gain < -noise:
        return [
            f"Memory did not earn its keep here: {-gain:.2g} {unit} behind {name}.",
            "For this data, as it is, that simpler model is the better choice.",
        ]
    return [f"Whether memory helps here cannot be told: too little between it and {name}."]


def percent(share: float) -> str:
    """A share as people write it."""
    return f"{100 * share:.1f} %"


def aligned(title: str, columns: list[str], rows: list[Row]) -> list[str]:
    """The table, the first row (the model's) in bold where there are colours."""
    first = max(len(title), *(len(name) for name, _ in rows))
    width = max(10, *(len(c) for c in columns), *(len(c) for _, cells in rows for c in cells))
    lines = [f"{title:{first}}" + "".join(f"  {c:>{width}}" for c in columns)]
    for number, (name, cells) in enumerate(rows):
        line = f"{name:{first}}" + "".join(f"  {c:>{width}}" for c in cells)
        lines.append(f"\x1b[1m{line}\x1b[0m" if number == 0 and say.colours(sys.stdout) else line)
    return lines


CLASSIFIED = Summary(
    _classified,
    (
        'clew predict PLACE "some text"',
        "clew predict PLACE --file texts.csv --format csv",
    ),
)
WRITTEN = Summary(
    _written,
    (
        "clew generate PLACE --length 300 --temperature 0.8",
        'clew predict PLACE "how surprising is this?"',
    ),
)
