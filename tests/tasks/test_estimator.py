"""What the tasks share: where a fit may write, what is stored, the card and the picture."""

import inspect
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from clew.errors import InputError
from clew.tasks import _estimator as shared

CURVE = [{"step": 10 * n, "train_loss": 1 / n, "accuracy": 1 - 1 / n} for n in range(1, 6)]


def test_where_a_fit_may_write(tmp_path):
    assert shared.open_out(None, False) is None
    assert shared.open_out(tmp_path / "new", False) == tmp_path / "new"
    (tmp_path / ".lock").touch()
    assert shared.open_out(str(tmp_path), False) == tmp_path
    (tmp_path / "checkpoint.safetensors").touch()
    assert shared.open_out(tmp_path, True) == tmp_path


@pytest.mark.parametrize(
    ("name", "match", "hint"),
    [("config.json", "finished model", "another folder"),
     ("checkpoint.safetensors", "unfinished run", "resume=True, or --resume"),
     ("notes.txt", "not empty", "another folder")],
)  # fmt: skip
def test_where_it_may_not(tmp_path, name, match, hint):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=match) as caught:
        shared.open_out(tmp_path, False)
    assert hint in caught.value.hint
    with pytest.raises(InputError, match="not a folder"):
        shared.open_out(tmp_path / name, False)


def test_first_weights_for_gates_need_gates():
    for cell in ("lstm", "gru"):
        shared.check_cell(SimpleNamespace(cell=cell, init="chrono"))
    with pytest.raises(InputError, match="has none") as caught:
        shared.check_cell(SimpleNamespace(cell="rnn", init="chrono"))
    assert caught.value.where == "init"


def test_plain_is_what_json_gives_back():
    value = {"a": np.float64(0.5), "b": (np.int8(3), True, None), 4: np.array([1.5, 2.5])}
    found = shared.plain(value)
    assert (
        json.loads(json.dumps(found)) == found == {"a": 0.5, "b": [3, True, None], "4": [1.5, 2.5]}
    )
    for wrong in (float("nan"), np.float32("inf"), object(), {"a": {1, 2}}):
        with pytest.raises(InputError):
            shared.plain(wrong)


def test_a_long_curve_is_thinned_but_keeps_its_end():
    rows = [{"step": n} for n in range(12_345)]
    found = shared.build_metrics(
        {}, baseline={}, window={}, curve=rows, seconds=1, network=nn.Linear(2, 3)
    )
    steps = [row["step"] for row in found["curve"]]
    assert len(steps) <= shared.CURVE_ROWS + 1
    assert (steps[0], steps[-1]) == (0, 12_344)
    assert len(set(np.diff(steps[:-1]))) == 1
    assert found["parameters"] == 9


@pytest.mark.parametrize("rows", [[], CURVE[:1], CURVE])
def test_the_picture_is_a_picture(rows):
    import io

    from matplotlib.image import imread

    draw = inspect.unwrap(shared.learning_curve)  # not the one of all folders, see conftest
    picture = imread(io.BytesIO(draw(rows, "accuracy", 0.7)))
    assert picture.shape[1] > picture.shape[0] > 100
    blue = (picture[..., 2] > 0.6) & (picture[..., 0] < 0.3)  # matplotlib's first colour
    assert bool(blue.any()) == bool(rows)


def test_the_card_has_every_figure_and_no_broken_table():
    metrics = shared.build_metrics(
        {"accuracy": 0.91234, "examples": 7},
        baseline={"name": "word counts", "accuracy": 0.8},
        window={},
        curve=CURVE,
        seconds=12.3,
        network=nn.Linear(9, 1000),
    )
    card = shared.model_card("A | title", metrics, use="import clew", data={"sequences": 3},
                             parameters={"hidden_size": 8})  # fmt: skip
    assert "| this model | 0.9123 | 7 |" in card
    assert "| word counts | 0.8000 |  |" in card
    assert "10,000 weights, 12 s" in card
    assert "`hidden_size=8`" in card
    table = [line for line in card.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"\|", line)) for line in table} == {4}
