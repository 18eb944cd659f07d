"""A text coloured by what one unit of a network does at each of its elements."""

from __future__ import annotations

import html as escaping
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from clew.errors import InputError
from clew.memory._lettering import drawable, shown
from clew.memory._reading import find_unit, unit_name
from clew.memory._time_scales import time_scales
from clew.memory.finding import Table
from clew.memory.inside import Inside
from clew.memory.states import CALLED, QUANTITIES, gathered, opened_case
from clew.memory.subject import Case, Subject

WIDTH = 72  # columns of a picture
_ABOVE, _BELOW = (64, 136, 200), (230, 136, 40)  # blue and orange: black on them can be read
_NEAR = 0.1  # of the greatest value: no colour
_MARKS = "=-.+#"  # from far below zero to far above it, where there are no colours


@dataclass(frozen=True)
class Coloured:
    """The values (T,) of one unit at the elements of a text.

    unit: "2:37". quantity: "h", "c" or a gate. middle: the value without a colour, 0, of gates 0.5.
    most: the distance from it that has the full colour. spaced: whether elements are words, with a
    space between.
    """

    element: tuple[str, str]
    names: list[str]
    values: NDArray[np.float64]
    unit: str
    quantity: str
    middle: float
    most: float
    spaced: bool
    chosen: str

    name = "coloured-text"
    title = "The text in the eyes of a unit"

    @property
    def method(self) -> str:
        """What is coloured by what."""
        return (
            f"Each {self.element[0]} has the colour of the {CALLED[self.quantity]} of unit "
            f"{self.unit} after it was read: blue and underlined above {self.middle:g}, orange and "
            f"dotted below, the stronger the further off, in full at {self.most:.3g}. {self.chosen}"
        )

    def words(self) -> list[str]:
        """Where the unit is far above and far below."""
        share = self._shares()
        lines = [
            f"Unit {self.unit} ({CALLED[self.quantity]}) goes from {self.values.min():.2f} to "
            f"{self.values.max():.2f} over {len(self.values)} "
            f"{self.element[len(self.values) != 1]}: far above {self.middle:g} at "
            f"{100 * np.mean(share > 0.5):.0f} % of them, far below at "
            f"{100 * np.mean(share < -0.5):.0f} %."
        ]
        for word, order in (("highest", -self.values), ("lowest", self.values)):
            places = np.argsort(order, kind="stable")[:5]
            told = ", ".join(f"{shown(self.names[k])!r} ({self.values[k]:.2f})" for k in places)
            lines.append(f"It is {word} after {told}.")
        return lines

    def tables(self) -> list[Table]:
        """A row for each element."""
        rows: list[list[str | int | float | None]] = [
            [k, shown(name), float(f"{value:.4g}")]
            for k, (name, value) in enumerate(zip(self.names, self.values, strict=True))
        ]
        title = f"{CALLED[self.quantity]} of unit {self.unit}"
        return [Table(title, ["place", self.element[0], "value"], rows)]

    def html(self) -> str:
        """The text as spans, black on colours, each with its number as title; self-contained."""
        spans = []
        for name, value, share in zip(self.names, self.values, self._shares(), strict=True):
            style = ""
            if abs(share) >= _NEAR:
                red, green, blue = _colour(share)
                line = "solid" if share > 0 else "dotted"
                style = (
                    f' style="background:#{red:02x}{green:02x}{blue:02x};border-bottom:2px {line}"'
                )
            text = escaping.escape(name)
            spans.append(f'<span title="{value:.3f}"{style}>{text}</span>')
        label = f"text coloured by the {CALLED[self.quantity]} of unit {self.unit}"
        style = "white-space:pre-wrap;color:#000;background:#fff;line-height:1.7"
        if all(len(name) == 1 for name in self.names):
            style += ";font-family:monospace"
        body = (" " if self.spaced else "").join(spans)
        return f'<div role="group" aria-label="{label}" style="{style}">{body}</div>'

    def terminal(self, width: int = 80) -> Text:
        """The text in colours, as rich prints it; what is above zero is underlined."""
        found = Text()
        for k, line in enumerate(self._lines(width)):
            found.append("\n" if k else "")
            for place, text in line:
                share = self._shares()[place]
                style = ""
                if abs(share) >= _NEAR:
                    red, green, blue = _colour(share)
                    style = f"{'underline ' if share > 0 else ''}black on rgb({red},{green},{blue})"
                found.append(text, style)
                found.append(" " if self.spaced else "")
        return found

    def plain(self, width: int = 80) -> str:
        """The text without colours: under each line marks, # far above zero to = far below."""
        found = []
        share = self._shares()
        for line in self._lines(width):
            gap = " " if self.spaced else ""
            marks = (_mark(share[place]) * _columns(text) for place, text in line)
            found += [gap.join(text for _, text in line), gap.join(marks).rstrip()]
        scale = ", ".join(
            f"{mark} {says}"
            for mark, says in zip(
                reversed(_MARKS), ("far above", "above", "near", "below", "far below"), strict=True
            )
        )
        return "\n".join([*found, f"({scale} {self.middle:g})"])

    def show(self, console: Console) -> None:
        """Print it: in colours where the terminal has them, else with marks below the lines."""
        width = max(20, min(console.width, 100))
        if console.color_system is None or console.no_color:
            console.print(self.plain(width), markup=False, highlight=False, soft_wrap=True)
        else:
            console.print(self.terminal(width), soft_wrap=True)

    def size(self) -> tuple[float, float]:
        """Higher for more lines."""
        return (9.0, 1.0 + 0.24 * sum(1 for _ in self._lines(WIDTH)))

    def draw(self, figure: Any) -> None:
        """The text on a ground of greys, white far below and black far above."""
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        axes = figure.subplots()
        boxes, shares = [], []
        rows = list(self._lines(WIDTH))
        every = self._shares()
        for row, line in enumerate(rows):
            column = 0
            for place, text in line:
                share, wide = float(every[place]), _columns(text)
                boxes.append(Rectangle((column, row), wide, 0.9))
                shares.append(share)
                seen = drawable(text, WIDTH).replace("␣", " ")
                axes.text(
                    column + wide / 2, row + 0.45, seen, ha="center", va="center",
                    color="white" if share > 0.2 else "black", fontsize=8, family="monospace",
                    parse_math=False,
                )  # fmt: skip
                column += wide + self.spaced
        ground = PatchCollection(boxes, cmap="Greys", linewidth=0)
        ground.set_array(np.array(shares))
        ground.set_clim(-1.0, 1.0)
        axes.add_collection(ground)
        axes.set(xlim=(0, WIDTH), ylim=(len(rows), 0))
        axes.set_axis_off()
        bar = figure.colorbar(ground, ax=axes, orientation="horizontal", aspect=50, pad=0.02)
        ticks = np.linspace(-1.0, 1.0, 5)
        bar.set_ticks(ticks, labels=[f"{self.middle + t * self.most:.2g}" for t in ticks])
        bar.set_label(f"{CALLED[self.quantity]} of unit {self.unit}", fontsize=8)
        bar.ax.tick_params(labelsize=8)

    def data(self) -> dict[str, Any]:
        """The elements and their values."""
        return {
            "unit": self.unit,
            "quantity": self.quantity,
            "names": self.names,
            "values": self.values.tolist(),
        }

    def _shares(self) -> NDArray[np.float64]:
        """Values as shares of the full colour, -1 to 1."""
        shares: NDArray[np.float64] = np.clip((self.values - self.middle) / self.most, -1.0, 1.0)
        return shares

    def _lines(self, width: int) -> Iterator[list[tuple[int, str]]]:
        """Lines of at most so many columns: places of elements, and how they are shown."""
        line: list[tuple[int, str]] = []
        used = 0
        for place, name in enumerate(self.names):
            text = _visible(name, width)
            wide = _columns(text)
            if line and used + wide > width:
                yield line
                line, used = [], 0
            line.append((place, text))
            used += wide + self.spaced
            if name.endswith("\n"):
                yield line
                line, used = [], 0
        if line:
            yield line


def coloured(
    subject: Subject, case: Case, unit: str | None = None, *, quantity: str | None = None
) -> Coloured:
    """The text of a case, coloured by one unit's cell c, or output h where it has none.

    unit: "2:37"; where None, of the ten units of the longest time scale (without gates, of all)
    the one that varies most. quantity: "h", "c" or a gate.

    Raises InputError for a unit or quantity that is not there, and a case whose elements are
    numbers, which have no names.
    """
    layers, case = opened_case(subject, case)
    names = subject.names(case)
    if not any(names):
        raise InputError(
            f"the {subject.element[1]} are numbers, and no text that could be coloured",
            where="case",
            hint="`states` shows units beside numbers",
        )
    place, number = _striking(layers, quantity) if unit is None else find_unit(layers, unit)
    layer = layers[place]
    quantity = _known(layer, quantity)
    values = gathered(layers, [(place, number)], quantity)[:, 0]
    gate = quantity not in ("h", "c")
    most = 0.5 if gate else float(np.abs(values).max()) or 1.0
    spaced = all(len(name) > 0 and not name[0].isspace() for name in names) and any(
        len(name) > 1 for name in names
    )
    return Coloured(
        subject.element, names, values, unit_name(layer, number), quantity,
        0.5 if gate else 0.0, most, spaced,
        "" if unit is not None else "It was chosen as the one that varies most of those that hold "
        "on longest." if layer.kind in ("LSTM", "GRU") else "It was chosen as the one that varies "
        "most.",
    )  # fmt: skip


def _known(layer: Inside, quantity: str | None) -> str:
    known = QUANTITIES[layer.kind]
    if quantity is None:
        return "c" if "c" in known else "h"
    if quantity not in known or (quantity == "h" and layer.units != layer.y.shape[2]):
        raise InputError(
            f"{layer.name} has no {quantity!r}", where="quantity", expected=", ".join(known)
        )
    return quantity


def _striking(layers: list[Inside], quantity: str | None) -> tuple[int, int]:
    """The unit that varies most among the ten of the longest time scale, or all without gates."""
    ranked: list[tuple[float, int, int]] = []
    for place, layer in enumerate(layers):
        scales = time_scales(layer)
        for number in range(layer.units):
            ranked.append((0.0 if scales is None else float(scales[number]), place, number))
    if layers[0].kind in ("LSTM", "GRU"):
        ranked = sorted(ranked, key=lambda one: -one[0])[:10]
    chosen = [(place, number) for _, place, number in ranked]
    varies = gathered(layers, chosen, _known(layers[chosen[0][0]], quantity)).std(0)
    return chosen[int(np.argmax(varies))]


def _colour(share: float) -> tuple[int, int, int]:
    full = _ABOVE if share > 0 else _BELOW
    red, green, blue = (round(255 + abs(share) * 0.8 * (end - 255)) for end in full)
    return red, green, blue


def _mark(share: float) -> str:
    return _MARKS[int(np.digitize(share, (-0.5, -_NEAR, _NEAR, 0.5)))]


def _visible(name: str, width: int) -> str:
    """A name as it stands in a line: blanks within stay, breaks and what cannot be shown do not."""
    if name == "\n":
        return "⏎"
    text = "".join(c if c.isprintable() else "⏎" if c == "\n" else "·" for c in name)
    return text if len(text) <= width else text[: width - 1] + "…"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return Text(text).cell_len
