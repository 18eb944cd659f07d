"""The pictures of lessons 9 to 12; drawn by `python docs/lesson_pictures.py`."""

import itertools
from collections.abc import Callable

from lesson_pictures import arrow, bare, box
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Point = tuple[float, float]


def line(axes: Axes, *points: Point) -> None:
    """A line through the points, such as an arrow begins with before it turns."""
    axes.plot(*zip(*points, strict=True), color="0.3", linewidth=1.3, solid_joinstyle="miter")


def circle(axes: Axes, x: float, y: float, text: str, color: str = "white") -> None:
    """A sign of arithmetic in a circle, with its middle at (x, y)."""
    style = {"boxstyle": "circle,pad=0.25", "facecolor": color, "edgecolor": "0.3"}
    axes.text(x, y, text, ha="center", va="center", fontsize=13, bbox=style)


def lstm(figure: Figure) -> None:
    """The belt from c to the new c, and the four that work at it."""
    axes = bare(figure.subplots(), 12, 6.2)
    axes.plot([0.9, 10.9], [5, 5], color="C0", linewidth=9, alpha=0.35, solid_capstyle="butt")
    arrow(axes, (0.9, 5), (2.6, 5))
    arrow(axes, (3.4, 5), (5.6, 5))
    arrow(axes, (6.4, 5), (10.9, 5))
    axes.text(0.3, 5, "$c$", fontsize=16, va="center")
    axes.text(11.1, 5, r"$c_{new}$", fontsize=16, va="center")
    axes.text(4.5, 5.5, "the belt", ha="center", color="C0", fontsize=12)
    circle(axes, 3, 5, "×")
    circle(axes, 6, 5, "+")
    circle(axes, 6, 3.55, "×")
    arrow(axes, (6, 3.95), (6, 4.6))
    jobs = ((3, "f", "keep"), (5.3, "i", "write"), (6.7, "g", "what"), (8.9, "o", "show"))
    for x, name, job in jobs:
        box(axes, x, 1.95, f"${name}$", "0.88", 14)
        arrow(axes, (x, 0.75), (x, 1.5))
        axes.text(x, 0.4, job, ha="center", va="center", color="0.35", fontsize=10)
    arrow(axes, (3, 2.4), (3, 4.6))
    arrow(axes, (5.3, 2.4), (5.85, 3.2))
    arrow(axes, (6.7, 2.4), (6.15, 3.2))
    box(axes, 8.9, 4.15, "tanh")
    arrow(axes, (8.9, 5), (8.9, 4.5))
    circle(axes, 8.9, 3.15, "×")
    arrow(axes, (8.9, 3.85), (8.9, 3.5))
    arrow(axes, (8.9, 2.4), (8.9, 2.8))
    arrow(axes, (9.25, 3.15), (10.9, 3.15))
    axes.text(11.1, 3.15, r"$h_{new}$", fontsize=16, va="center")
    line(axes, (1.1, 0.75), (8.9, 0.75))
    axes.text(0.2, 0.75, r"$x_t,\ h$", fontsize=15, va="center")


def gru(figure: Figure) -> None:
    """The lever between the old h and the candidate."""
    axes = bare(figure.subplots(), 12, 5.4)
    axes.plot([0.9, 10.9], [4.4, 4.4], color="C0", linewidth=9, alpha=0.35, solid_capstyle="butt")
    axes.text(0.3, 4.4, "$h$", fontsize=16, va="center")
    axes.text(11.1, 4.4, r"$h_{new}$", fontsize=16, va="center")
    arrow(axes, (0.9, 4.4), (6.0, 4.4))
    circle(axes, 6.5, 4.4, "$z$", "0.88")
    arrow(axes, (7.0, 4.4), (8.7, 4.4))
    circle(axes, 9.1, 4.4, "+")
    arrow(axes, (9.5, 4.4), (10.9, 4.4))
    axes.text(6.5, 5.05, "share of the old", ha="center", color="0.35", fontsize=10)
    circle(axes, 9.1, 2.85, "$1-z$", "0.88")
    arrow(axes, (9.1, 3.5), (9.1, 4.0))
    axes.text(9.85, 2.85, "share\nof the new", va="center", color="0.35", fontsize=10)
    box(axes, 6.5, 1.3, "candidate $n$")
    line(axes, (7.65, 1.3), (9.1, 1.3))
    arrow(axes, (9.1, 1.3), (9.1, 2.2))
    line(axes, (1.2, 4.4), (1.2, 1.3))
    arrow(axes, (1.2, 1.3), (1.6, 1.3))
    box(axes, 2.4, 1.3, "$W_h h + b_h$", "white", 11)
    arrow(axes, (3.25, 1.3), (3.85, 1.3))
    circle(axes, 4.25, 1.3, "$r$", "0.88")
    arrow(axes, (4.65, 1.3), (5.35, 1.3))
    axes.text(4.25, 1.95, "how much of the\nold is seen", ha="center", color="0.35", fontsize=10)
    axes.text(1.3, 0.2, "$r$ and $z$ are made of $x_t$ and $h$", color="0.35", fontsize=10)
    arrow(axes, (6.5, 0.25), (6.5, 0.9))
    axes.text(6.3, 0.2, "$x_t$", ha="right", va="center", fontsize=15)


def both(figure: Figure) -> None:
    """One chain of states from the left, one from the right, joined at each word."""
    axes = bare(figure.subplots(), 12, 6)
    words = ("Teddy", "bear", "is", "soft")
    places = [2.4 + 2.6 * t for t in range(len(words))]
    for t, (x, word) in enumerate(zip(places, words, strict=True)):
        axes.text(x, 0.4, word, ha="center", va="center", fontsize=13)
        box(axes, x - 0.45, 2.0, f"ahead[{t}]", "white", 9)
        box(axes, x + 0.45, 3.6, f"back[{t}]", "0.85", 9)
        box(axes, x, 5.4, f"y[{t}]", "white", 10)
        arrow(axes, (x - 0.1, 0.75), (x - 0.45, 1.45))
        arrow(axes, (x + 0.1, 0.75), (x + 0.45, 3.05))
        arrow(axes, (x - 0.45, 2.5), (x - 0.12, 4.9))
        arrow(axes, (x + 0.45, 4.1), (x + 0.12, 4.9))
    for left, right in itertools.pairwise(places):
        arrow(axes, (left + 0.08, 2.0), (right - 0.98, 2.0))
        arrow(axes, (right, 3.6), (left + 0.9, 3.6))
    for y, color in ((2.0, "C0"), (3.6, "C1")):
        axes.plot([1.4, 11.2], [y, y], color=color, linewidth=9, alpha=0.3, zorder=0)
    arrow(axes, (1.0, 2.0), (1.42, 2.0))
    arrow(axes, (11.6, 3.6), (11.1, 3.6))
    axes.text(0.1, 2.0, "ahead", va="center", color="C0", fontsize=12)
    axes.text(0.1, 3.6, "back", va="center", color="C1", fontsize=12)
    axes.text(0.1, 5.4, "joined", va="center", fontsize=12)


def stack(figure: Figure) -> None:
    """Time runs to the right, layers lie on top of each other."""
    axes = bare(figure.subplots(), 11, 6)
    places = [2.6 + 2.1 * t for t in range(4)]
    for t, x in enumerate(places):
        axes.text(x, 0.35, f"$x_{t + 1}$", ha="center", va="center", fontsize=15)
        for layer in (1, 2, 3):
            y = 1.5 * layer
            box(axes, x, y, f"h{layer}", str(1.0 - 0.08 * (layer - 1)), 11)
            arrow(axes, (x, y - 0.9), (x, y - 0.45))
            arrow(axes, (x + 0.4, y), (x + 1.65, y))
            if t == 0:
                arrow(axes, (x - 0.85, y), (x - 0.45, y))
                axes.text(x - 1.0, y, "0", ha="center", va="center", fontsize=12)
        arrow(axes, (x, 4.95), (x, 5.45))
        axes.text(x, 5.7, f"$y_{t + 1}$", ha="center", va="center", fontsize=15)
    for layer in (1, 2, 3):
        axes.text(0.05, 1.5 * layer, f"layer {layer}", va="center", fontsize=12)


PICTURES: dict[str, tuple[Callable[[Figure], None], Point]] = {
    "lesson-09-lstm": (lstm, (9.0, 4.4)),
    "lesson-10-gru": (gru, (9.0, 3.9)),
    "lesson-11-both": (both, (9.0, 4.2)),
    "lesson-12-stack": (stack, (8.0, 4.2)),
}
