"""What a comparison may be, and by what it is known again."""

import json
import os

import pytest

from clew import InputError
from clew.memory.compare import Plan


def test_a_plan_is_read_back_from_json():
    plan = Plan(
        "probe", ("recall",), settings={"length": [5, 20]}, rivals=("gru",), time="2m",
        lengths=(5, 50), rates=(0.001, 0.01),
    )  # fmt: skip
    assert Plan.read(json.loads(json.dumps(plan.to_dict()))) == plan
    assert plan.time == 120


def test_a_plan_is_another_with_other_settings_or_files_but_not_with_more_runs(tmp_path):
    data = tmp_path / "a.csv"
    data.write_text("x")
    mark = Plan("classify", (str(data),)).mark()
    assert Plan("classify", (str(data),), seeds=5, rivals=("gru",)).mark() == mark
    for more in (
        {"budget": 9},
        {"test": str(data)},
        {"rates": (0.1, 0.2)},
        {"epochs": 2},
        {"settings": {"unit": "char"}},
        {"window": 3},
    ):
        assert Plan("classify", (str(data),), **more).mark() != mark
    os.utime(data, ns=(1, 1))
    assert Plan("classify", (str(data),)).mark() != mark


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"task": "guess"}, "no task 'guess'"),
        ({"budget": 0}, "budget is 0"),
        ({"seeds": None}, "seeds is None"),
        ({"seeds": True}, "seeds is True"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"time": "soon"}, "'soon' is not a length of time"),
        ({"settings": {"cell": "gru"}}, "cell is not for you to set"),
        ({"settings": {"epochs": 3}}, "epochs is not for you to set"),
        ({"lengths": (5,)}, "lengths of a task"),
        ({"rates": (0.1, -1.0)}, "a rate is -1.0"),
        ({"rates": (0.1, float("nan"))}, "a rate is nan"),
        ({"rates": (0.1,)}, "the rates are 0.1"),
        ({"rates": (0.1, 0.1, 0.2)}, "the rates are 0.1, 0.1, 0.2"),
        ({"rates": (0.1, 0.2), "settings": {"learning_rate": 0.1}}, "learning_rate and rates"),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        Plan(**{"task": "classify", "data": ("a.csv",), **given})
