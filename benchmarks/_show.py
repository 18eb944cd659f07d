"""What the benchmarks share: their options, the machine's facts, tables, JSON and pictures."""

import argparse
import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import clew
from clew.cli.bench import duration, table
from clew.kernels import machine
from clew.kernels.turns import load

__all__ = [
    "Peak", "duration", "facts", "options", "output", "picture", "positive", "show", "whole",
    "write",
]  # fmt: skip

GREYS = ("0.15", "0.55", "0.85", "1.0", "1.0", "1.0")
HATCHES = ("", "", "", "////", "....", "xxxx")
THREADS = 1024  # at most
PICTURES = (".png", ".svg", ".pdf")


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every one of these benchmarks has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small and rough: does it run?")
    parser.add_argument("--threads", type=whole(1, THREADS), default=min(4, machine.cores()))
    parser.add_argument("--rounds", type=whole(1), help="rounds that the medians are taken over")
    parser.add_argument("--json", type=output(), metavar="FILE", help="write the figures here")
    parser.add_argument("--png", type=output(*PICTURES), metavar="FILE", help="draw a picture here")
    return parser


def whole(least: int, most: int = 2**31 - 1) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `least`."""

    def read(text: str) -> int:
        if not text.lstrip("+-").isdecimal() or not least <= (number := int(text)) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return number

    return read


def positive(text: str) -> float:
    """The type of an argument that is a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def output(*endings: str) -> Callable[[str], Path]:
    """The type of an argument that is a file to write: whether it can be is seen at once.

    endings: those that its name may have; none: any.
    """

    def read(text: str) -> Path:
        path = Path(text)
        if path.is_dir():
            raise argparse.ArgumentTypeError(f"{text} is a folder, and no file")
        if endings and path.suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(f"{text} does not end in {' or '.join(endings)}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"{text} cannot be written")
        return path

    return read


class Peak:
    """The most multiplications and additions a second in this run: the best of every measurement.

    Measured before and after, because what else runs on a machine can only lower it.
    """

    def __init__(self, threads: int, quick: bool) -> None:
        self.gflops = 0.0
        self.target = ""
        self._threads, self._seconds = threads, 0.2 if quick else 2.0

    def measure(self) -> "Peak":
        """Once more."""
        found = machine.measure(threads=self._threads, seconds=self._seconds)
        self.gflops, self.target = max(self.gflops, found.float32_gflops_all), found.target
        return self


def facts(threads: int, peak: Peak | None = None) -> dict[str, Any]:
    """What was measured on, and with what."""
    name = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        models = [line for line in listing.read_text().splitlines() if line.startswith("model n")]
        name = models[0].partition(":")[2].strip() if models else name
    found = {"processor": name, "cores": machine.cores(), "threads": threads}
    found |= {"clew": clew.__version__, "torch": torch.__version__}
    if peak is not None:
        found |= {"target": peak.target, "peak_gflops": peak.gflops}
    busy = load()
    if busy:
        print(busy)
    print(", ".join(f"{key} {value}" for key, value in found.items()), flush=True)
    return found


def show(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    print("\n".join(table(columns, rows)), flush=True)


def write(
    path: Path | None, benchmark: str, machine_facts: Mapping[str, Any], **parts: Any
) -> None:
    """Everything that was measured, as JSON, if a path was given."""
    if path is not None:
        text = json.dumps({"benchmark": benchmark, "machine": machine_facts, **parts}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        print(f"figures: {path}")


def picture(
    path: Path | None,
    title: str,
    panels: Sequence[tuple[str, Sequence[str], Mapping[str, Sequence[float]], str]],
    *,
    line: str | None = None,
) -> None:
    """Bars in greys and hatches, one panel a subject, if a path was given.

    A panel is (title, groups, {series: a value a group, NaN for none}, axis). `line` says what the
    dashed line at 1 stands for.
    """
    if path is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        len(panels), 1, figsize=(9, 0.8 + 3.3 * len(panels)), squeeze=False, layout="constrained"
    )
    figure.suptitle(title)
    for axis, (name, groups, series, unit) in zip(axes[:, 0], panels, strict=True):
        width = 0.8 / len(series)
        for k, (label, values) in enumerate(series.items()):
            places = [g + (k - (len(series) - 1) / 2) * width for g in range(len(groups))]
            bars = axis.bar(
                places, values, width, label=label, color=GREYS[k % 6], edgecolor="black",
                hatch=HATCHES[k % 6], linewidth=0.7,
            )  # fmt: skip
            axis.bar_label(bars, [_short(v) for v in values], fontsize=7, padding=1)
        if line is not None:
            axis.axhline(1.0, color="black", linestyle="--", linewidth=1)
            axis.annotate(line, (0.002, 1.0), xycoords=("axes fraction", "data"), fontsize=7,
                          va="bottom")  # fmt: skip
        axis.set_xticks(range(len(groups)), groups, fontsize=8)
        axis.set_title(name, fontsize=10, loc="left")
        axis.set_ylabel(unit, fontsize=9)
        axis.margins(y=0.15)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(
            fontsize=8, frameon=False, ncols=len(series), loc="lower center",
            bbox_to_anchor=(0.5, 1.06),
        )  # fmt: skip
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"picture: {path}")


def _short(value: float) -> str:
    """Three figures, no exponent; nothing for NaN."""
    if value != value:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
