"""Draw docs/pictures/series.png: what a classifier thinks of a path after each of its steps.

Run: python docs/make_series_picture.py [--out FILE]

The paths are those of examples/series.py.
"""

import argparse
import runpy
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clew import Classifier

ROOT = Path(__file__).resolve().parents[1]
STYLES = {"left": "-", "right": "--", "eight": ":"}


def main() -> None:
    """Train for some seconds, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", metavar="FILE", type=Path, default=ROOT / "docs/pictures/series.png"
    )
    asked = parser.parse_args()
    runs = runpy.run_path(str(ROOT / "examples/series.py"))["runs"]
    model = Classifier(hidden_size=24, bidirectional=False, dropout=0.2, learning_rate=0.01)
    model.fit(*runs(450, seed=1))
    stream = model.stream()
    picture = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(picture)
    rows = picture.subplots(2, 2, width_ratios=(1, 2))
    for (left, right), path, way in zip(
        rows, *(part[1:3] for part in runs(150, seed=2)), strict=True
    ):
        stream.reset()
        shares = np.array([stream.push(step) for step in path])  # (T, C)
        left.plot(*path.T, color="0.3", marker=".", linewidth=0.8)
        left.plot(*path[0], color="black", marker="o")
        left.set(aspect="equal", xticks=[], yticks=[], title=f"{way}, from the dot on")
        for name, column in zip(stream.names, shares.T, strict=True):
            line, width = STYLES[name], 2.5 if name == way else 1.2
            right.plot(np.arange(1, len(path) + 1), column, line, linewidth=width, label=name)
        right.set(xlabel="steps read", ylabel="probability", ylim=(-0.03, 1.03))
        right.legend(loc="center right")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(asked.out, dpi=100)
    print(f"written: {asked.out}")


if __name__ == "__main__":
    main()
