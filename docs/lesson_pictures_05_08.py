"""The pictures of lessons 5 to 8; lesson_pictures.py draws them."""

from typing import Any

from lesson_pictures import Pictures, arrow, bare, box, names_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BACK = {"arrowstyle": "-|>", "color": "C1", "linewidth": 1.6}
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def middle(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """A text with its middle at (x, y)."""
    axes.text(x, y, text, ha="center", va="center", **style)


def step(figure: Figure) -> None:
    """All weights of one step, as lines between the units."""
    axes = bare(figure.subplots(), 10, 6.4)
    w_x = [[0.5, -1.0], [1.0, 0.0], [0.0, 2.0]]
    w_h = [[0.5, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, -0.5, 0.0]]
    inputs = [(1.6, 5.6), (1.6, 4.5)]
    before = [(1.6, 2.9), (1.6, 1.8), (1.6, 0.7)]
    after = [(8.0, 4.8), (8.0, 3.1), (8.0, 1.4)]
    for i, end in enumerate(after):
        rows = [*zip(inputs, w_x[i], strict=True), *zip(before, w_h[i], strict=True)]
        for start, weight in rows:
            if weight:
                color, mark = ("C0", "-") if weight > 0 else ("C1", "--")
                xs, ys = (start[0], end[0]), (start[1], end[1])
                axes.plot(xs, ys, mark, color=color, linewidth=2.5 * abs(weight))
                at = {inputs[0]: 0.3, inputs[1]: 0.17}.get(start, 0.22)
                x, y = (a + at * (b - a) for a, b in zip(start, end, strict=True))
                middle(axes, x, y, f"{weight:g}", fontsize=10, bbox=BEHIND)
    for number, (x, y) in enumerate(inputs):
        box(axes, x, y, f"x[{number}] = {(1.0, 0.5)[number]}")
    for number, (x, y) in enumerate(before):
        box(axes, x, y, f"h[{number}] = {(0.2, -0.4, 0.0)[number]}", "0.88")
    for number, (x, y) in enumerate(after):
        box(axes, x, y, f"h[{number}] = {('0.100', '0.800', '0.716')[number]}", "0.88")
    middle(axes, 8.0, 5.7, "new state:\ntanh of sum and bias")
    middle(axes, 0.45, 5.05, "input", rotation=90)
    middle(axes, 0.45, 1.8, "old state", rotation=90)
    said = "dashed: a weight below zero; a weight of 0 has no line"
    axes.text(9.9, 0.1, said, ha="right", va="center", color="0.3")


def cell(axes: Axes, x: float, t: str) -> None:
    """One copy of the step, with what it reads and what is read out of it."""
    sign = f"_{t}" if t else ""
    box(axes, x, 2.5, f"$h{sign}$", "0.88", 15)
    arrow(axes, (x, 0.8), (x, 1.9))
    arrow(axes, (x, 3.1), (x, 4.2))
    middle(axes, x, 0.4, f"$x{sign}$", fontsize=14)
    middle(axes, x, 4.6, f"$y{sign}$", fontsize=14)
    axes.text(x + 0.1, 1.35, "$W_x$", ha="left", va="center", fontsize=12, color="C0")
    axes.text(x + 0.1, 3.65, "$W_y$", ha="left", va="center", fontsize=12, color="C0")


def unrolled(figure: Figure) -> None:
    """The loop, and the chain that it is."""
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.9))
    bare(left, 4, 5, "the loop")
    cell(left, 1.6, "")
    left.plot([2.1, 3.1, 3.1], [2.75, 2.75, 2.25], color="0.3", linewidth=1.3)
    arrow(left, (3.1, 2.25), (2.1, 2.25))
    left.text(3.2, 2.5, "$W_h$", ha="left", va="center", fontsize=12, color="C0")
    bare(right, 11.6, 5, "unrolled: the same weights at every step")
    middle(right, 0.4, 2.5, "$h_0$", fontsize=15)
    for number in range(3):
        x = 3.0 + 3.2 * number
        cell(right, x, str(number + 1))
        arrow(right, (0.8 if number == 0 else x - 2.65, 2.5), (x - 0.55, 2.5))
        middle(right, x - 1.6, 2.8, "$W_h$", fontsize=12, color="C0")
    arrow(right, (9.95, 2.5), (11.2, 2.5))
    middle(right, 11.4, 2.5, "…", fontsize=14)


def walk_back(figure: Figure) -> None:
    """Forwards the states, backwards the slopes, and what falls to each weight on the way."""
    names = names_of("07-backpropagation-through-time")
    xs, target, (w_x, w_h, b) = [1.0, -0.5, 0.5], 0.8, (0.5, 0.8, 0.1)
    hs = names["forward"](xs, w_x, w_h, b)
    axes = bare(figure.subplots(), 12.4, 6.2)
    places = [1.0, 3.6, 6.2, 8.8]
    axes.text(0.1, 5.9, "forwards: the states", va="center", color="0.3")
    for t, x in enumerate(places):
        box(axes, x, 4.9, f"$h_{t}$ = {hs[t]:.3f}", "0.88")
        if t:
            arrow(axes, (places[t - 1] + 0.85, 4.9), (x - 0.85, 4.9))
    arrow(axes, (9.65, 4.9), (10.6, 4.9))
    box(axes, 11.4, 4.9, f"loss {(hs[-1] - target) ** 2:.3f}")
    axes.text(0.1, 3.95, "backwards: the slopes", va="center", color="C1")
    dh = 2 * (hs[-1] - target)
    curve = {**BACK, "connectionstyle": "arc3,rad=-0.3"}
    axes.annotate("", (9.6, 3.2), (11.4, 4.5), arrowprops=curve)
    for t in (3, 2, 1):
        da = dh * (1 - hs[t] ** 2)
        middle(axes, places[t], 3.2, f"dh {dh:.3f}", fontsize=12, color="C1")
        if t > 1:
            ends = (places[t - 1] + 0.75, 3.2), (places[t] - 0.75, 3.2)
            axes.annotate("", *ends, arrowprops=BACK)
        arrow(axes, (places[t], 2.9), (places[t], 2.3))
        shares = (da * xs[t - 1], da * hs[t - 1], da)
        for row, (name, share) in enumerate(zip(("w_x", "w_h", "b"), shares, strict=True)):
            text = f"${name}$: {share + 0.0:.3f}"
            middle(axes, places[t], 1.9 - 0.65 * row, text, fontsize=11)
        dh = da * w_h
    gradient = names["backward"](xs, hs, target, w_h)
    middle(axes, 11.4, 2.55, "sums", color="0.3")
    for row, slope in enumerate(gradient):
        middle(axes, 11.4, 1.9 - 0.65 * row, f"{slope:.3f}", fontsize=11, weight="bold")
    axes.text(0.1, 1.25, "falls to\nthe weights", va="center", color="0.3")


def lags(figure: Figure) -> None:
    """Sizes of gradients by lag, as the lesson measures them."""
    names = names_of("08-why-it-forgets")
    axes = figure.subplots()
    for spread, mark in ((3.0, "-"), (1.5, "--"), (1.0, "-."), (0.5, ":")):
        sizes = names["measure"](spread)
        axes.plot(range(41), sizes, mark, color="C0", linewidth=2)
        shown = min(40, next((n for n, size in enumerate(sizes) if size < 3e-10), 40))
        axes.text(shown + 0.6, max(sizes[shown], 3e-10), f"spread {spread:g}", va="center")
    axes.plot(range(41), names["sizes"][:41], color="0.3", linewidth=2)
    axes.text(40.6, 1.0, "running sum", va="center")
    axes.set(xlabel="lag: steps back", ylabel="size of the gradient", yscale="log")
    axes.set(xlim=(0, 50), ylim=(1e-10, 1e4), xticks=range(0, 41, 10))


PICTURES: Pictures = {
    "lesson-05-step": (step, (7.6, 4.6)),
    "lesson-06-unrolled": (unrolled, (10.0, 3.2)),
    "lesson-07-walk-back": (walk_back, (10.0, 4.4)),
    "lesson-08-lags": (lags, (8.0, 3.8)),
}
