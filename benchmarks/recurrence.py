"""RNN, GRU and LSTM over whole sequences: Clew beside torch and ONNX Runtime.

Outputs and gradients are compared first, and what differs is not timed. Then contenders take
turns, and figures are medians over the rounds, and how many times as fast as torch. Also: the share
of this machine's peak (measured in the same run), what layer normalisation, zoneout and recurrent
dropout cost, the most memory of forward and backward, and how exact float32 is.

The arithmetic counted is what the matrix products need: forward 2 T B G (D + H) for G rows of all
gates' weights; forward and backward, with the gradient of x, three times that.

Run: python benchmarks/recurrence.py [--quick] [--only PART] [--json FILE] [--png FILE]
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _memory
import _onnx
import _options
import _show
import torch

from clew.nn import bench
from clew.nn.bench import INFERENCE, TRAINING, Row, Shape

PARTS = ("speed", "options", "memory", "accuracy")
LARGE = bench.SHAPES[3]  # the shape whose share of the peak is told


def speed(
    cells: Sequence[str], shapes: Sequence[Shape], threads: int, rounds: int, seconds: float
) -> list[Row]:
    """Every cell and shape, told as it is measured."""

    def peers(layer: Any, x: torch.Tensor) -> dict[str, Any]:
        return {"ONNX Runtime": _onnx.reading(layer, x, threads)}

    rows = []
    some = peers if _onnx.available() else None
    for row in bench.layers(cells, shapes, rounds=rounds, seconds=seconds, peers=some):
        rows.append(row)
        said = [
            f"{name} {_show.duration(row.seconds(name))}"
            + ("" if name == "torch" else f" ({row.ratio(name):.2f}x)")
            for name in row.times.rounds
        ]
        print(f"  {row.cell:5}{row.shape!s:20}{row.what:18}{', '.join(said)}", flush=True)
    return rows


def tell_speed(rows: Sequence[Row], cells: Sequence[str], peak: _show.Peak) -> dict[str, Any]:
    """Tables by what was done, geometric means, and the share of the peak."""
    for what in (INFERENCE, TRAINING):
        chosen = [row for row in rows if row.what == what]
        body = []
        for shape in dict.fromkeys(row.shape for row in chosen):
            line = [str(shape)]
            for cell in cells:
                row = next(r for r in chosen if (r.cell, r.shape) == (cell, shape))
                line += [_show.duration(row.seconds("clew")), f"{row.ratio('clew'):.2f}x"]
                line.append(_other(row))
            body.append(line)
        print(f"\n{what}: Clew's time, its speed to torch's, and to ONNX Runtime's")
        _show.show(["B, T, D, H", *(w for c in cells for w in (c, "torch", "ORT"))], body)
    figures: dict[str, Any] = {"means": {}, "lowest": {}, "share_of_peak": {}}
    body = []
    for what, name, to in (
        (INFERENCE, "clew", "torch"),
        (TRAINING, "clew", "torch"),
        (INFERENCE, "clew", "ONNX Runtime"),
    ):
        of = [row for row in rows if row.what == what and to in row.times.rounds]
        if not of:
            continue
        line = [f"{what}, to {to}"]
        for cell in cells:
            mean = bench.means(of, what, name, to, cell)
            least = min(row.ratio(name, to) for row in of if row.cell == cell)
            figures["means"][f"{what}, {cell}, to {to}"] = mean
            figures["lowest"][f"{what}, {cell}, to {to}"] = least
            line.append(f"{mean:.2f}x (lowest {least:.2f}x)")
        body.append(line)
    print("\ngeometric means over the shapes")
    _show.show(["", *cells], body)
    largest = max((row.shape for row in rows), key=lambda s: s.B * s.T * s.H * (s.D + s.H))
    body = []
    for row in (r for r in rows if r.shape == largest):
        shares = {name: row.share(name, peak.gflops) for name in row.times.rounds}
        figures["share_of_peak"][f"{row.what}, {row.cell}"] = shares
        told = [f"{100 * shares[name]:.0f} %" for name in ("clew", "torch")]
        body.append([f"{row.what}, {row.cell}", f"{row.flops / 1e9:.3g} GFLOP", *told])
    print(f"\nshare of the peak of {peak.gflops:,.0f} GFLOP/s at ({largest})")
    _show.show(["", "needed", "Clew", "torch"], body)
    return figures


def _other(row: Row) -> str:
    return f"{row.ratio('clew', 'ONNX Runtime'):.2f}x" if "ONNX Runtime" in row.times.rounds else ""


def memory(cells: Sequence[str], shapes: Sequence[Shape], threads: int) -> list[dict[str, Any]]:
    """The most memory of forward and backward beside torch's; Linux tells it."""
    if not Path("/proc/self/clear_refs").exists():
        print("\nmemory is left out: this system does not tell")
        return []
    found = []
    for shape in shapes:
        for cell in cells:
            sizes = (shape.B, shape.T, shape.D, shape.H)
            ours, theirs = (_memory.peak(name, cell, sizes, threads) for name in ("clew", "torch"))
            found.append({"cell": cell, **vars(shape), "clew": ours, "torch": theirs})
    print("\nmost memory of forward and backward, MB")
    body = [
        [f"{m['cell']:5}{Shape(m['B'], m['T'], m['D'], m['H'])}", f"{m['clew'] / 1e6:.1f}",
         f"{m['torch'] / 1e6:.1f}", f"{m['clew'] / max(1, m['torch']):.2f}"]
        for m in found
    ]  # fmt: skip
    _show.show(["", "Clew", "torch", "Clew : torch"], body)
    return found


def accuracy(cells: Sequence[str], steps: int) -> list[dict[str, Any]]:
    """float32 beside torch's float64 over many steps: the largest difference of outputs."""
    found = []
    shape = Shape(4, steps, 64, 128)
    for cell in cells:
        theirs, ours = bench.pair(cell, shape)
        x = bench.drawn(shape.T, shape.B, shape.D)
        said = {"clew": bench.inference(ours, x)(), "torch": bench.inference(theirs, x)()}
        truth = bench.inference(theirs.double(), x.double())()
        errors = {name: float((y.double() - truth).abs().max()) for name, y in said.items()}
        found.append({"cell": cell, "T": steps, **errors})
    print(f"\nlargest error of float32 over T={steps} (B=4, D=64, H=128), against float64")
    _show.show(
        ["", "Clew", "torch"],
        [[e["cell"], f"{e['clew']:.1e}", f"{e['torch']:.1e}"] for e in found],
    )
    return found


def draw(path: Path | None, rows: Sequence[Row]) -> None:
    """How many times as fast as torch, a panel each for inference and for forward and backward."""
    if path is None or not rows:
        return
    panels = []
    for what in (INFERENCE, TRAINING):
        chosen = [row for row in rows if row.what == what]
        shapes = list(dict.fromkeys(row.shape for row in chosen))
        series = {}
        for row in chosen:
            for name in list(row.times.rounds)[1:]:
                series.setdefault(f"{row.cell} {name}", [float("nan")] * len(shapes))[
                    shapes.index(row.shape)
                ] = row.ratio(name)
        order = sorted(series, key=lambda name: name.split(" ", 1)[1] != "clew")
        groups = [str(shape) for shape in shapes]
        panels.append((f"{what} (B, T, D, H)", groups, {k: series[k] for k in order}, "x torch"))
    _show.picture(path, "Times as fast as torch.nn", panels, line="torch")


def main() -> None:
    parser = _show.options(__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="these parts only")
    parser.add_argument("--options", action="store_true", help="the same as --only options")
    parser.add_argument("--cell", choices=list(bench.CELLS), action="append")
    parser.add_argument("--shape", type=int, nargs=4, metavar=("B", "T", "D", "H"), action="append")
    asked = parser.parse_args()
    parts = asked.only or (["options"] if asked.options else list(PARTS))
    cells = asked.cell or list(bench.CELLS)
    usual = bench.TINY if asked.quick else bench.SHAPES
    shapes = [Shape(*sizes) for sizes in asked.shape] if asked.shape else usual
    rounds, seconds = (2, 0.01) if asked.quick else (7, 0.1)
    rounds = asked.rounds or rounds
    peak = _show.Peak(asked.threads, asked.quick).measure()
    figures: dict[str, Any] = {}
    with bench.threads(asked.threads):
        facts = _show.facts(asked.threads, peak)
        rows: list[Row] = []
        if "speed" in parts:
            rows = speed(cells, shapes, asked.threads, rounds, seconds)
            facts["peak_gflops"] = peak.measure().gflops
            figures |= tell_speed(rows, cells, peak)
        if "options" in parts:
            some = shapes if asked.shape or asked.quick else bench.SHAPES[1:3]
            figures["options"] = _options.cost(cells, some, rounds, seconds)
        if "memory" in parts:
            some = shapes[-1:] if asked.quick else shapes
            figures["memory"] = memory(cells[: 1 if asked.quick else 3], some, asked.threads)
        if "accuracy" in parts:
            figures["accuracy"] = accuracy(cells, 50 if asked.quick else 1000)
    summaries = [row.summary() for row in rows]
    _show.write(asked.json, "recurrence", facts, rows=summaries, **figures)
    draw(asked.png, rows)


if __name__ == "__main__":
    main()
