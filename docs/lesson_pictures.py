"""Draw the pictures of the course's lessons, docs/pictures/lesson-*.png.

Run: python docs/lesson_pictures.py [--out FOLDER] [NAME ...]

The numbers in them are those of the lessons' own examples, which are run for them. The functions
for lessons 1 to 4 are here, those for the others in files lesson_pictures_*.py beside this one.
Each file has a table PICTURES: name -> (function that draws in a figure, its size in inches).
"""

import argparse
import contextlib
import io
import itertools
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clew.course.course import OURS
from clew.course.lesson import read_lesson

Pictures = dict[str, tuple[Callable[[Figure], None], tuple[float, float]]]
HERE = Path(__file__).resolve().parent


def bare(axes: Axes, width: float, height: float, title: str = "") -> Axes:
    """Axes without a frame, on which x goes from 0 to width and y from 0 to height."""
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_title(title, fontsize=11)
    axes.axis("off")
    return axes


def box(axes: Axes, x: float, y: float, text: str, color: str = "white", size: float = 11) -> None:
    """A text in a rounded box, with its middle at (x, y)."""
    style = {"boxstyle": "round,pad=0.4", "facecolor": color, "edgecolor": "0.3"}
    axes.text(x, y, text, ha="center", va="center", fontsize=size, bbox=style)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0
) -> None:
    """An arrow from start to end, perhaps in a curve."""
    style = {
        "arrowstyle": "-|>", "color": "0.3", "linewidth": 1.3,
        "connectionstyle": f"arc3,rad={bend}", "shrinkA": 0, "shrinkB": 0,
    }  # fmt: skip
    axes.annotate("", end, start, arrowprops=style)


def names_of(lesson: str) -> dict[str, Any]:
    """What the examples of a lesson leave behind, by its name."""
    blocks = [block for block, _ in read_lesson(OURS / f"{lesson}.md").every_block()]
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in blocks:
            if block.kind == "code" and block.language == "python":
                exec(block.text, names)
    return names


def order(figure: Figure) -> None:
    """Two sentences fall into one bag; in numbered places they stay two."""
    left, right = figure.subplots(1, 2)
    bare(left, 6, 5, "a bag: two sentences, one input")
    bare(right, 6, 5, "numbered places: two inputs")
    places = (1.0, 2.5, 4.0, 5.5)
    sentences = (("dog", "bites", "man"), ("man", "bites", "dog"))
    for y, words, ends in ((4.4, sentences[0], (3.95, 3.1)), (0.6, sentences[1], (1.05, 1.9))):
        for x, word in zip((1.4, 3.0, 4.6), words, strict=True):
            box(left, x, y, word)
        arrow(left, (3.0, ends[0]), (3.0, ends[1]))
    box(left, 3.0, 2.5, "bites 1    dog 1    man 1", "0.88", 12)
    for number, x in enumerate(places[:3], 1):
        right.text(x, 4.6, f"$x_{number}$", ha="center", fontsize=13)
        right.axvspan(x - 0.65, x + 0.65, 0.12, 0.9, color="0.93", linewidth=0)
    for y, row in zip((3.8, 2.8, 1.6), (*sentences, ("the", *sentences[0])), strict=True):
        for x, word in zip(places, row, strict=False):
            box(right, x, y, word)
    right.text(3.0, 0.15, "one word in front: all have moved, and one has no place",
               ha="center", fontsize=10)  # fmt: skip


def window(figure: Figure) -> None:
    """The cliff at which the memory of a window ends."""
    axes = figure.subplots()
    share_right = names_of("02-fixed-window")["share_right"]
    widths = range(1, 8)
    axes.axhline(0.5, color="0.6", linewidth=1, linestyle=":")
    axes.text(7.0, 0.52, "guessing", ha="right", color="0.4")
    axes.plot(
        widths, [share_right(width) for width in widths], "o-", color="C0", drawstyle="steps-mid"
    )
    axes.text(4.4, 0.8, "from here on the bit of\nfour steps ago is in the window", ha="right")
    axes.set(xlabel="width of the window", ylabel="share of right answers", ylim=(0.4, 1.05))


def loop(figure: Figure) -> None:
    """A step that feeds its state back to itself, and the same step drawn once for each input."""
    left, right = figure.subplots(1, 2, width_ratios=(1, 3.2))
    bare(left, 4, 4, "the loop")
    box(left, 2.0, 2.0, "+", "0.88", 16)
    left.plot([2.35, 3.3, 3.3, 0.7, 0.7], [2.0, 2.0, 3.3, 3.3, 2.0], color="0.3", linewidth=1.3)
    arrow(left, (0.7, 2.0), (1.6, 2.0))
    arrow(left, (2.0, 0.7), (2.0, 1.5))
    left.text(2.0, 3.4, "$h$", ha="center", fontsize=14)
    left.text(2.0, 0.3, "$x$", ha="center", fontsize=14)
    bare(right, 11, 4, "the same step, drawn once for each input")
    inputs = (3, 1, 4, 1, 5)
    states = (0, *itertools.accumulate(inputs))
    for number, x in enumerate(inputs):
        at = 1.5 + 2.0 * number
        box(right, at, 2.0, "+", "0.88", 16)
        right.text(at, 0.3, str(x), ha="center", fontsize=13)
        arrow(right, (at, 0.75), (at, 1.5))
        arrow(right, (at - 1.0 if number else 0.45, 2.0), (at - 0.3, 2.0))
        right.plot([at + 0.3, at + 1.0], [2.0, 2.0], color="0.3", linewidth=1.3)
        if number:
            right.text(at - 1.0, 2.25, str(states[number]), ha="center", fontsize=13)
    arrow(right, (10.2, 2.0), (10.6, 2.0))
    right.text(0.3, 2.0, str(states[0]), ha="center", va="center_baseline", fontsize=13)
    right.text(10.5, 2.25, str(states[-1]), ha="center", fontsize=13)
    right.text(0.05, 3.1, "states $h$", fontsize=11, color="0.4")
    right.text(0.05, 0.32, "inputs $x$", fontsize=11, color="0.4", ha="left")


def tanh(figure: Figure) -> None:
    """The curve of tanh, and what three weights keep of one pulse."""
    left, right = figure.subplots(1, 2)
    step = names_of("04-keeping-it-bounded")["step"]
    zs = [z / 20 for z in range(-80, 81)]
    left.axhline(0, color="0.85", linewidth=1)
    left.axvline(0, color="0.85", linewidth=1)
    left.plot([-1.4, 1.4], [-1.4, 1.4], ":", color="0.5")
    left.text(1.5, 1.3, "y = z", color="0.4")
    left.plot(zs, [math.tanh(z) for z in zs], color="C0", linewidth=2)
    left.set(title="tanh(z)", xlabel="z", ylim=(-1.5, 1.5))
    for w_h, mark in ((2.0, "-"), (1.0, "--"), (0.5, ":")):
        h, states = 0.0, []
        for t in range(30):
            h = step(h, 1.0 if t == 0 else 0.0, w_h)
            states.append(h)
        right.plot(range(1, 31), states, mark, color="C0", linewidth=2)
        right.text(30.5, states[-1], f"w_h = {w_h}", va="center")
    right.set(title="h after one pulse, then silence", xlabel="steps")
    right.set(xlim=(0, 38), ylim=(-0.05, 1.05), xticks=[1, 10, 20, 30])


PICTURES: Pictures = {
    "lesson-01-order": (order, (9.0, 3.6)),
    "lesson-02-window": (window, (6.5, 3.4)),
    "lesson-03-loop": (loop, (10.0, 2.8)),
    "lesson-04-tanh": (tanh, (9.0, 3.4)),
}


def main() -> None:
    """Draw all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help="such as lesson-01-order")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=HERE / "pictures")
    asked = parser.parse_args()
    pictures = dict(PICTURES)
    for file in sorted(HERE.glob("lesson_pictures_*.py")):
        pictures |= runpy.run_path(str(file))["PICTURES"]
    for name in asked.names:
        if name not in pictures:
            parser.error(f"there is no picture {name!r}; there are {', '.join(sorted(pictures))}")
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.names or sorted(pictures):
        draw, size = pictures[name]
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        file = asked.out / f"{name}.png"
        figure.savefig(file, dpi=100, metadata={"Software": None})
        print(f"written: {file}")


if __name__ == "__main__":
    main()
