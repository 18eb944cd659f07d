"""What was noted of a run, told and drawn."""

import json

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clew.memory._record import Record, Row
from clew.memory.decay import decay
from clew.memory.watched import GradientsWatched, in_words


def row(step, steps, lags, *, norm=2.0, clipped=0, kept=0.0, layers=(1.0, 0.25)):
    return Row(step, steps, norm * steps, 2 * norm, clipped, kept,
               tuple(size * steps for size in layers), lags)  # fmt: skip


def found(*rows, **changes):
    rest = {"clip": 3.0, "layers": ("stack.layers.0", "$odd 漢"), "measured": "what is said"}
    return GradientsWatched(Record(2, rows=list(rows), **{**rest, **changes}))


def halving(lags, every=1.0):
    return tuple(0.5 ** (np.arange(lags) / every))


def drawn(one):
    figure = Figure(figsize=one.size())
    FigureCanvasAgg(figure)
    one.draw(figure)
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize(
    ("norms", "told"),
    [
        (halving(24), "the gradient vanishes: halves every step; 20 steps back a millionth of it "
         "is left"),
        (halving(24, 2), "the gradient vanishes: halves every 2 steps; 20 steps back a thousandth "
         "of it is left"),
        (halving(5, 2), "the gradient vanishes: halves every 2 steps; 4 steps back 25 % of it is "
         "left"),
        (halving(4, -1), "the gradient explodes: doubles every step; 3 steps back it is 8 times as "
         "long"),
        ((1.0, 1.0, 1.0), "the gradient holds: changes by less than a factor of 2 over 2 steps; 2 "
         "steps back 100 % of it is left"),
        ((1.0, 1e-9, 1e-18), "the gradient vanishes: halves every 0.033 steps; 1 step back a "
         "millionth of it is left"),
        ((0.0, 1.0, 0.5, 0.25), "the gradient vanishes: halves every step"),
        ((1.0, 0.0, 0.0), "gradient by lag: there is some at lag 0 only"),
        ((0.0, 0.0, 0.0), "no gradient arrives at any lag"),
    ],
)  # fmt: skip
def test_gradients_by_lag_in_words(norms, told):
    assert in_words(norms, decay(np.arange(len(norms)), np.array(norms))) == told


def test_words_tell_of_the_first_and_the_last_look_of_layers_and_of_clipping():
    one = found(
        row(1, 1, halving(24)), row(2, 1, None), row(4, 2, halving(24, 2), clipped=1, kept=0.6)
    )
    first, last, layers, clipped = one.words()
    assert (
        first == "Step 1: the gradient vanishes: halves every step; 20 steps back a millionth of "
        "it is left."
    )
    assert last.endswith("halves every 2 steps; 20 steps back a thousandth of it is left.")
    assert layers == "By layer the mean length goes from 0.25 ($odd 漢) to 1 (layer 1)."
    assert clipped == (
        "Clipped at 3: 1 of 4 steps (25 %), shortened to 0.6 of their length in the mean; "
        "the longest was 4."
    )
    assert found(row(1, 1, None)).words()[-1].startswith("No gradient was clipped: the limit is 3")
    assert found(row(1, 1, None), clip=None).words()[-1].startswith("No limit was set")
    assert len(found(row(1, 1, halving(9))).words()) == 3
    assert found(row(3, 1, None), unseen=2).words()[-1] == "2 steps were made unwatched."


def test_what_was_not_measured_is_said():
    assert "no recurrent layer reads a sequence" in found(row(1, 1, None)).words()[0]
    assert "a single step" in found(row(1, 1, (1.0,))).words()[0]


def test_steps_after_the_last_row_count_too():
    one = found(row(2, 2, None), since=row(3, 1, None, norm=5.0, clipped=1, kept=0.5))
    assert one.total.steps == 3
    assert one.total.longest == 10.0
    assert "1 of 3 steps" in one.words()[2]


def test_tables_hold_what_is_drawn():
    one = found(row(1, 1, halving(40)), row(3, 2, halving(38)))
    lags, layers, clipped = one.tables()
    assert lags.columns[:3] == ["step", "lag 0", "lag 1"]
    assert lags.columns[-1] == "lag 39"
    assert lags.rows[1][-1] is None  # it has fewer lags
    assert layers.rows == [[1, 1.0, 0.25], [3, 1.0, 0.25]]
    assert clipped.rows == [[1, 1, 2.0, 4.0, 0, None], [3, 2, 2.0, 4.0, 0, None]]


@pytest.mark.parametrize(
    "rows",
    [
        [row(1, 1, halving(9)), row(2, 1, None), row(4, 2, (0.0,) * 9, clipped=1, kept=0.5)],
        [row(1, 1, None, norm=0.0, layers=(0.0, 0.0))],
        [row(1, 1, (float("nan"), 1e300, float("inf")), norm=float("nan"))],
    ],
)
def test_whatever_was_noted_is_drawn_and_is_json(rows):
    one = found(*rows)
    figure = drawn(one)
    measured = one.by_lag.shape[1] > 1
    assert len(figure.axes) == (3 if measured else 2)
    assert len(figure.axes[0].child_axes) == measured  # a bar of greys beside the lags
    json.dumps(one.data(), allow_nan=False)
    assert one.words()
    assert one.method


def test_clipped_rows_are_marked_and_many_layers_are_the_longest():
    names = tuple(f"layer.{k}" for k in range(20))
    sizes = tuple(float(k) for k in range(20))
    one = found(
        row(1, 1, None, layers=sizes), row(2, 1, None, layers=sizes, clipped=1, kept=0.5),
        layers=names,
    )  # fmt: skip
    by_layer, whole = drawn(one).axes
    assert [line.get_label() for line in by_layer.lines] == list(names[8:])
    marks = {line.get_label(): list(line.get_xdata()) for line in whole.lines}
    assert marks["clipped"] == [2]
