"""The pictures of lessons 13 to 16; lesson_pictures.py draws them."""

import math

from lesson_pictures import Pictures, arrow, bare, box
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def card(figure: Figure) -> None:
    """An encoder puts a sentence on one card, a decoder speaks from it and hears itself."""
    axes = figure.subplots()
    bare(axes, 15.6, 5)
    words = ("teddy", "likes", "potatoes")
    said = ("Teddy", "aime", "les pommes\nde terre", "END")
    for x, word in zip((1, 2.9, 4.8), words, strict=True):
        axes.text(x, 0.5, word, ha="center", va="center", fontsize=12)
        arrow(axes, (x, 0.8), (x, 2.0))
        box(axes, x, 2.4, "h", "0.9")
    for x in (1, 2.9):
        arrow(axes, (x + 0.4, 2.4), (x + 1.5, 2.4))
    arrow(axes, (5.2, 2.4), (6.2, 2.4))
    axes.text(7, 2.4, "card", ha="center", va="center", fontsize=13, bbox={
        "boxstyle": "square,pad=0.5", "facecolor": "#ffe9a8", "edgecolor": "0.3"})  # fmt: skip
    arrow(axes, (7.75, 2.4), (8.6, 2.4))
    places = (9, 11, 13, 15)
    for x, word in zip(places, said, strict=True):
        box(axes, x, 2.4, "h", "0.9")
        arrow(axes, (x, 2.8), (x, 3.9))
        axes.text(x, 4.4, word, ha="center", va="center", fontsize=12)
    for x in places[:-1]:
        arrow(axes, (x + 0.4, 2.4), (x + 1.6, 2.4))
        arrow(axes, (x + 0.25, 3.95), (x + 1.75, 2.85), bend=0.25)
    axes.text(2.9, 3.5, "encoder: reads, says nothing", ha="center", fontsize=12, color="0.3")
    axes.text(12, 1.4, "decoder: writes, and reads what it wrote", ha="center", fontsize=12)


def alignment(figure: Figure) -> None:
    """Weights of three French words over three English ones, as the lesson computes them."""
    axes = figure.subplots()
    notes = ([1.0, 0.1, 0.0], [0.0, 1.0, 0.2], [0.1, 0.2, 1.0])
    queries = ([4.0, 0.0, 0.0], [0.0, 0.0, 4.0], [0.0, 4.0, 0.0])
    rows = []
    for q in queries:
        powers = [math.exp(sum(u * v for u, v in zip(q, h, strict=True))) for h in notes]
        rows.append([p / sum(powers) for p in powers])
    axes.imshow(rows, cmap="Blues", vmin=0, vmax=1.2)
    for y, row in enumerate(rows):
        for x, weight in enumerate(row):
            axes.text(x, y, f"{weight:.2f}", ha="center", va="center",
                      color="white" if weight > 0.5 else "0.2")  # fmt: skip
    axes.set_xticks(range(3), ("a", "red", "car"), fontsize=12)
    axes.set_yticks(range(3), ("une", "voiture", "rouge"), fontsize=12)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xlabel("notes of the encoder")
    axes.set_ylabel("steps of the decoder")


def before_the_loop(figure: Figure) -> None:
    """What plain Python does number by number; what a layer does beforehand and side by side."""
    plain, layer = figure.subplots(2, 1)
    bare(plain, 14, 3.4, "plain Python: one number after the other")
    for t in range(4):
        _block(plain, 0.2 + 3.4 * t, 1.2, 1.5, 1.0, f"$W_x\\,x_{t + 1}$", "#cfe2f3")
        _block(plain, 1.8 + 3.4 * t, 1.2, 1.5, 1.0, "$W_h\\,h$", "#f9d5b5")
    bare(layer, 14, 3.4, "a layer: the inputs at once, then a thin chain, three texts side by side")
    _block(layer, 0.2, 0.5, 3.2, 2.4, "$W_x\\,x_1,\\ x_2,\\ x_3,\\ x_4$", "#cfe2f3")
    for t in range(4):
        for text in range(3):
            x, y = 4.2 + 1.7 * t, 0.5 + 0.85 * text
            _block(layer, x, y, 1.2, 0.7, "$W_h\\,h$", "#f9d5b5")
            if t < 3:
                arrow(layer, (x + 1.2, y + 0.35), (x + 1.7, y + 0.35))
    arrow(layer, (3.45, 1.7), (4.15, 1.7))


def chain_and_table(figure: Figure) -> None:
    """A chain of states; lines from each place to itself and to all before it."""
    left, right = figure.subplots(1, 2)
    bare(left, 8, 5, "recurrence: one after the other")
    bare(right, 8, 5, "self-attention: all at the same time")
    places = (1, 3, 5, 7)
    for axes in (left, right):
        for t, x in enumerate(places, start=1):
            axes.text(x, 0.5, f"$x_{t}$", ha="center", va="center", fontsize=14)
            axes.text(x, 4.5, f"$y_{t}$", ha="center", va="center", fontsize=14)
    for t, x in enumerate(places):
        arrow(left, (x, 0.85), (x, 2.05))
        box(left, x, 2.5, "h", "0.9")
        arrow(left, (x, 2.95), (x, 4.15))
        if t < 3:
            arrow(left, (x + 0.45, 2.5), (x + 1.55, 2.5))
        for before in places[: t + 1]:
            arrow(right, (before, 0.85), (x, 4.15))


def _block(axes: Axes, x: float, y: float, wide: float, high: float, text: str, color: str) -> None:
    axes.add_patch(Rectangle((x, y), wide, high, facecolor=color, edgecolor="0.4"))
    axes.text(x + wide / 2, y + high / 2, text, ha="center", va="center", fontsize=11)


PICTURES: Pictures = {
    "lesson-13-card": (card, (10.0, 3.2)),
    "lesson-14-alignment": (alignment, (4.4, 4.0)),
    "lesson-15-before-the-loop": (before_the_loop, (9.0, 4.4)),
    "lesson-16-chain-and-table": (chain_and_table, (9.0, 3.2)),
}
