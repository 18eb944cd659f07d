"""A piano roll as a picture: time to the right, pitch upward, a bar for each note."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from clew.data.notes import DRUMS, Notes
from clew.errors import InputError

_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_COLOURS = ("#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#2e75b6")


def roll_picture(notes: Notes, path: str | Path) -> None:
    """Draws notes as a piano roll (PNG, SVG or PDF by the ending); raises InputError for none.

    The keys that are black on a piano are shaded, an octave is named at each C, quarter notes are
    counted below; a colour for each track, paler where it is soft.
    """
    from matplotlib.figure import Figure

    heard = notes.program != DRUMS
    if not heard.any():
        raise InputError("there are no notes to draw", where=str(path))
    start, end = notes.start[heard], (notes.start + notes.duration)[heard]
    pitch, loud, track = notes.pitch[heard], notes.velocity[heard], notes.track[heard]
    quarters = notes.end / notes.ticks
    low, high = int(pitch.min()) - 2, int(pitch.max()) + 2
    figure = Figure(figsize=(float(np.clip(quarters / 5, 6, 16)), 0.09 * (high - low) + 2.2))
    axes: Any = figure.add_subplot()
    for key in range(low, high + 1):
        if key % 12 in (1, 3, 6, 8, 10):
            axes.axhspan(key - 0.5, key + 0.5, color="#f0f0f0", linewidth=0)
    for number, voice in enumerate(np.unique(track)):
        mine = track == voice
        axes.barh(
            pitch[mine], (end - start)[mine] / notes.ticks, left=start[mine] / notes.ticks,
            height=0.8, color=_COLOURS[number % len(_COLOURS)], edgecolor="white", linewidth=0.3,
            alpha=float(np.clip(loud[mine].mean() / 100, 0.35, 1.0)),
        )  # fmt: skip
    cs = [key for key in range(low, high + 1) if key % 12 == 0]
    named = cs if len(cs) > 1 else [key for key in range(low, high + 1) if key % 12 in (0, 4, 7)]
    axes.set_yticks(named, [f"{_NAMES[key % 12]}{key // 12 - 1}" for key in named])
    axes.set_xlim(0, max(quarters, 1))
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.set_xlabel("quarter notes")
    axes.grid(axis="x", color="#d0d0d0", linewidth=0.5)
    axes.set_axisbelow(True)
    saved(figure, path)


def saved(figure: Any, path: str | Path) -> None:
    """Writes a picture in the form that the ending of its name asks for."""
    try:
        figure.savefig(path, dpi=150, bbox_inches="tight")
    except OSError as error:
        raise InputError(
            f"cannot write: {os.strerror(error.errno or 0)}", where=str(path)
        ) from error
    except ValueError as error:
        raise InputError(
            str(error), where=str(path), expected="a name that ends in .png"
        ) from error
