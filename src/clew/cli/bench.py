"""``clew bench``: this machine, Clew's layers beside torch's, as ratios."""

from __future__ import annotations

import json as jsonlib
import math
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from clew.cli import say
from clew.cli.options import Grouped
from clew.errors import InputError


def register(app: typer.Typer) -> None:
    """Add ``clew bench`` to `app`."""
    app.command(cls=Grouped)(bench)


def bench(
    threads: Annotated[
        int | None,
        typer.Option(help="Threads, of torch and of Clew. [one a core]", show_default=False),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One shape, few repetitions: rough figures at once.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure Clew's layers beside torch's on this machine.

    RNN, GRU and LSTM of the same weights read, learn and step in turns; outputs and gradients
    are compared first. Takes about half a minute.

    Examples:

      clew bench

      clew bench --threads 1 --json
    """
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}", where="--threads", expected="1 or more")
    from clew.kernels.turns import load
    from clew.nn import bench as measuring

    busy = load()
    if busy:
        say.note(busy)
    say.note("comparing, then timing" + (" ..." if quick else ": about half a minute ..."))
    with measuring.threads(threads) as used:
        found = measuring.measure(threads=used, quick=quick)
    if json:
        say.result(jsonlib.dumps(found.summary()))
        return
    for line in report(found, busy=bool(busy)):
        say.result(line)


def report(found: Any, *, busy: bool = False) -> list[str]:
    """The table and the sentence under it; `found` is a ``clew.nn.bench.Report``.

    On a busy machine the sentence claims nothing: there, threads that wait for each other are as
    slow as the one that was put aside, and ratios are of waiting.
    """
    peak = f"{found.peak:,.0f} GFLOP/s"
    lines = [
        f"Clew {found.versions['clew']} beside torch {found.versions['torch']}: "
        f"{found.threads} thread{'s' * (found.threads > 1)}, {found.target}, peak {peak}",
        "time of Clew, and how many times as fast as torch",
        "",
    ]
    cells = list(dict.fromkeys(row.cell for row in found.rows))
    for what in dict.fromkeys(row.what for row in found.rows):
        body = []
        rows = [row for row in found.rows if row.what == what]
        name, to = ("clew stream", "torch cell") if what == "step" else ("clew", "torch")
        for shape in dict.fromkeys(row.shape for row in rows):
            line = [f"{shape!s:>27}"]
            for cell in cells:
                row = next(r for r in rows if r.cell == cell and r.shape == shape)
                line += [duration(row.seconds(name)), f"{row.ratio(name, to):.2f}x"]
            body.append(line)
        title = f"{what:17}B, T, D, H"
        lines += table([title, *(word for cell in cells for word in (cell, ""))], body)
        lines.append("")
    if busy:
        return [*lines, "The machine was busy: try again when it is idle, for figures that hold."]
    return [*lines, *_sentence(found)]


def _sentence(found: Any) -> list[str]:
    """What it comes to, in words."""
    means = found.means()
    step = duration(found.fastest_step())
    best = max(row.share("clew", found.peak) for row in found.rows if row.what != "step")
    return [
        f"Compared with torch, Clew's speed is {means['inference']:.1f}x in reading, "
        f"{means['forward+backward']:.1f}x in learning (geometric means)",
        f"and {means['step']:.1f}x in a step, which takes {step} at best; "
        f"it used up to {100 * best:.0f} % of the peak.",
    ]


def duration(seconds: float) -> str:
    """Seconds with their unit, to three figures: 2.31 µs, 0.871 ms, 1.20 s."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= 0.1 * scale or unit == "µs":
            value = seconds / scale
            figures = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
            return f"{value:.{min(figures, 3)}f} {unit}"
    raise AssertionError(seconds)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of aligned cells: the first column to the left, the others to the right."""
    everything = [columns, *rows]
    widths = [max(len(line[k]) for line in everything) for k in range(len(columns))]
    return [
        "  ".join(
            f"{cell:<{width}}" if k == 0 else f"{cell:>{width}}"
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in everything
    ]
