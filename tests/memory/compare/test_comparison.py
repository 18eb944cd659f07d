"""A comparison as a finding: tables and data hold every number, the picture is drawn."""

import json

import pytest
from comparisons import ACCURACY, BITS, comparison
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@pytest.fixture
def found():
    return comparison(
        {"lstm": [0.8, 0.9], "bigru": [0.7, 0.75]}, baseline=("word counts", 0.6),
        costs={"lstm": 30.0},
    )  # fmt: skip


def test_tables_hold_every_figure(found):
    (table,) = found.tables()
    assert len({len(row) for row in [table.columns, *table.rows]}) == 1
    first, lstm, gru = table.rows
    assert first[:2] == ["word counts", 0.6]
    named = dict(zip(table.columns, lstm, strict=True))
    assert named["accuracy, held out"] == pytest.approx(0.85)
    assert (named["lowest"], named["highest"]) == (0.8, 0.9)
    assert named["a step after 64 (µs)"] == 30.0
    assert named["looks back (words)"] == 3
    assert gru[0] == "GRU both ways"


def test_what_was_tested_and_tried_has_columns_of_its_own():
    found = comparison(
        {"lstm": [0.8, 0.9], "gru": [0.7, 0.75]}, tests={"lstm": [0.6, 0.7], "gru": [0.5, 0.5]},
        baseline=("word counts", 0.6, 0.55), held_out=40, tested=50,
        rates={"lstm": {0.01: 0.8, 0.001: None}, "gru": {0.001: 0.8, 0.01: 0.7}},
    )  # fmt: skip
    table, rates = found.tables()
    assert len({len(row) for row in [table.columns, *table.rows]}) == 1
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["LSTM"]["test"] == pytest.approx(0.65)
    assert (rows["LSTM"]["lowest of the test"], rows["LSTM"]["highest of the test"]) == (0.6, 0.7)
    assert (rows["LSTM"]["learning rate"], rows["GRU"]["learning rate"]) == (0.01, 0.001)
    assert rows["word counts"]["test"] == 0.55
    assert rates.columns[1:] == ["0.001", "0.01"]
    assert [list(row) for row in rates.rows] == [["LSTM", None, 0.8], ["GRU", 0.8, 0.7]]
    assert "The test played no part in any choice." in found.method
    assert "each its best learning rate" in found.method
    read = json.loads(json.dumps(found.data()))
    assert read["networks"][0]["test"] == [0.6, 0.7]
    figure = Figure(figsize=found.size())
    FigureCanvasAgg(figure)
    found.draw(figure)
    left = figure.axes[0]
    assert "test: more is better" in left.get_ylabel()
    drawn = sorted(float(bar.lines[0].get_ydata()[0]) for bar in left.containers)
    assert drawn == pytest.approx([50.0, 65.0])


def test_data_are_json_and_name_the_chosen(found):
    read = json.loads(json.dumps(found.data()))
    assert read["chosen"] == "lstm"
    assert read["baseline"] == {
        "name": "word counts", "score": 0.6, "test": None, "how": "", "chance": None,
    }  # fmt: skip
    assert [one["name"] for one in read["networks"]] == ["lstm", "bigru"]
    assert len(read["networks"][0]["runs"]) == 2
    assert "learning rate" in read["method"]


@pytest.mark.parametrize(("less", "horizon"), [(False, None), (True, 0), (False, 7)])
def test_the_picture_shows_scores_and_horizons(less, horizon):
    found = comparison(
        {"lstm": [0.8, 0.9], "window": [0.5, 0.6], "bitransformer": [0.1, 0.2]},
        figure=BITS if less else ACCURACY, baseline=("5-grams, 誤", 0.4), horizon=horizon,
        open_ended=horizon == 7,
    )  # fmt: skip
    figure = Figure(figsize=found.size())
    FigureCanvasAgg(figure).draw()
    found.draw(figure)
    figure.canvas.draw()
    left, right = figure.axes
    assert left.get_xlabel() == "one more step (µs)"
    assert ("less is better" if less else "more is better") in left.get_ylabel()
    assert len(right.patches) == (0 if horizon is None else 3)
    assert [text.get_text() for text in right.texts] == {None: [], 0: ["0"] * 3, 7: ["7+"] * 3}[
        horizon
    ]


def test_a_cost_is_the_median_of_all_rounds():
    found = comparison({"lstm": [0.8, 0.9]}, rounds=[3.0, 90.0, 4.0], streams={"lstm": 2.0})
    (row,) = found.rows
    assert row.costs == {"8": 4.0, "64": 4.0, "512": 4.0}
    assert (row.stream, row.served, row.unsteady) == (2.0, 2.0, True)


def test_what_is_unknown_stays_unknown():
    found = comparison({"lstm": [0.8]}, horizon=None, peak=None)
    row = found.rows[0]
    assert row.peak is None
    assert row.horizons == []
    assert not row.open_ended
    json.dumps(found.data())
