"""One step from Python: Clew's streams beside torch's cells and layers and ONNX Runtime.

Every contender goes on from its own last state; what they say is compared before they are timed.
The figures are medians in microseconds, and how many times as fast as torch's cell.
Run: python benchmarks/step.py [--quick] [--threads N] [--json FILE] [--png FILE]
"""

import inspect
from functools import partial
from typing import Any

import _onnx
import _show
import numpy as np
import torch

from clew.kernels.turns import Times, in_turns, repeated
from clew.nn import bench

ONE, MANY = bench.Shape(1, 1, 64, 64), bench.Shape(64, 1, 64, 64)


def peers(threads: int) -> Any:
    """ONNX Runtime, with one thread for single steps: nothing there is worth sharing."""
    if not _onnx.available():
        return None

    def make(layer: Any, x: np.ndarray) -> dict[str, Any]:
        used = threads if len(x) > 1 else 1
        return {"ONNX Runtime": _onnx.stepping(layer, x, used)}

    return make


def bfloat16(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Streams with weights of half the size: time, and what is lost by them."""
    found = []
    for cell in bench.CELLS:
        for size in (64, 512):
            _, layer = bench.pair(cell, bench.Shape(1, 1, size, size))
            if "dtype" not in inspect.signature(layer.stream).parameters:
                print("bfloat16 is left out: layer.stream has no dtype")
                return []
            streams = {"float32": layer.stream(), "bfloat16": layer.stream(dtype="bfloat16")}
            steps = bench.drawn(1000, size).numpy()
            said = {name: [np.array(s.push(x)) for x in steps] for name, s in streams.items()}
            lost = np.abs(np.subtract(said["bfloat16"], said["float32"]))
            calls = {name: repeated(partial(s.push, steps[0])) for name, s in streams.items()}
            times = in_turns(calls, rounds=rounds, seconds=seconds)
            found.append(
                {
                    "cell": cell,
                    "H": size,
                    "seconds": {name: times.median(name) for name in calls},
                    "ratio": times.ratio("bfloat16", "float32"),
                    "largest_difference": float(lost.max()),
                    "rms_difference": float(np.sqrt((lost**2).mean())),
                }
            )
    return found


def micro(times: Times, name: str) -> str:
    return f"{1e6 * times.median(name):.2f}"


def main() -> None:
    asked = _show.options(__doc__).parse_args()
    rounds, seconds = (2, 0.01) if asked.quick else (9, 0.05)
    rounds = asked.rounds or rounds
    with bench.threads(asked.threads):
        facts = _show.facts(asked.threads)
        others = peers(asked.threads)
        rows = []
        for shape in (ONE, MANY):
            found = list(bench.steps(shape=shape, rounds=rounds, seconds=seconds, peers=others))
            rows += found
            names = list(found[0].times.rounds)
            print(f"\none step, B={shape.B}, D=H=64: µs (times as fast as torch's cell)")
            body = []
            for name in names:
                cells = [f"{micro(r.times, name)} ({r.ratio(name, names[0]):.2f}x)" for r in found]
                body.append([name, *cells])
            _show.show(["", *bench.CELLS], body)
            if "ONNX Runtime" in names:
                ratios = [f"{r.ratio('clew stream', 'ONNX Runtime'):.2f}x" for r in found]
                _show.show(["", *bench.CELLS], [["clew stream : ONNX Runtime", *ratios]])
        half = bfloat16(rounds, seconds)
    if half:
        print("\nbfloat16 weights, one stream: µs, and the difference to float32 over 1000 steps")
        _show.show(
            ["cell", "D=H", "float32", "bfloat16", "ratio", "largest", "rms"],
            [
                [h["cell"], str(h["H"]), *(f"{1e6 * s:.2f}" for s in h["seconds"].values()),
                 f"{h['ratio']:.2f}x", f"{h['largest_difference']:.1e}",
                 f"{h['rms_difference']:.1e}"]
                for h in half
            ],
        )  # fmt: skip
    _show.write(asked.json, "step", facts, rows=[r.summary() for r in rows], bfloat16=half)
    panels = []
    for shape in (ONE, MANY):
        found = [row for row in rows if row.shape.B == shape.B]
        names = sorted(found[0].times.rounds, key=lambda name: not name.startswith("clew"))
        series = {name: [1e6 * row.seconds(name) for row in found] for name in names}
        panels.append(
            (
                f"{shape.B} stream{'s' * (shape.B > 1)} at once",
                list(bench.CELLS),
                series,
                "µs a step",
            )
        )
    _show.picture(asked.png, f"One step, D = H = 64, torch {torch.__version__}", panels)


if __name__ == "__main__":
    main()
