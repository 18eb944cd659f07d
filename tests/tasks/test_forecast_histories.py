"""Panels as the network reads them: columns in one measure, the calendar, facts kept and read."""

import json

import numpy as np
import pytest

from clew.data import calendar
from clew.data.panel import Freq, Panel, Stamp
from clew.errors import InputError
from clew.tasks._forecast.histories import (
    FAR,
    Facts,
    PanelHistories,
    facts_from,
    measured,
    usual_of,
    with_gaps,
)
from clew.tasks._forecast.scaling import Scaling


def facts(**changes):
    given = {
        "scaling": Scaling(7, "ar", prior=0.1, usual=-2.0, line=(0.1, 0.9)), "freq": Freq("day"),
        "stamp": Stamp(), "calendar": ("week_day",), "past": ((1.0, 2.0),),
        "future": ((0.0, 1.0),), "past_names": ("p",), "future_names": ("f",),
        "usual": (-1.0, 0.0, 1.0),
    }  # fmt: skip
    return Facts(**{**given, **changes})


def test_facts_are_read_as_they_were_written():
    for one in (facts(), facts(freq=Freq("month", 3, 31), missing=(-99.0,), kind="pandas")):
        assert facts_from(json.loads(json.dumps(one.to_json()))) == one


def test_columns_are_in_standard_deviations_and_gaps_are_marked():
    columns = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0], [1e9, 5.0]], dtype=np.float32)
    usual = np.array(usual_of(columns[:3]))
    assert np.allclose(usual, [[2.0, 1.0], [5.0, 1.0]])  # a constant stays as it is
    assert np.allclose(measured(columns, usual), [[-1, 0], [1, 0], [0, 0], [FAR, 0]])
    assert np.allclose(with_gaps(columns, usual)[:, 2:], [[0, 0], [0, 0], [1, 0], [0, 0]])


def test_what_is_known_goes_on_after_the_end():
    panel = Panel.of({"a": np.ones(4), "b": np.ones(6)}, freq="day",
                     past={"a": np.ones(4), "b": np.ones(6)},
                     future={"a": np.arange(4.0), "b": np.arange(6.0)})  # fmt: skip
    ahead = np.array([[[1.0], [2.0]], [[3.0], [4.0]]], dtype=np.float32)
    read = PanelHistories(panel, facts(), ahead).known(0, 2, 7)
    assert np.allclose(read[:, -1], [2, 3, 1, 2, 0])
    times = panel.times(0, 2, 5)
    assert np.array_equal(read[:, :-1], calendar.table(times, ("week_day",)))
    assert np.allclose(PanelHistories(panel, facts()).known(1, 6, 8)[:, -1], 0.0)


def test_logarithms_of_what_has_none_name_series_and_date():
    panel = Panel.of({"a": [1.0, np.e, np.nan], "b": [1.0, 2.0, -3.0]}, freq="day")
    read = PanelHistories(panel, facts(scaling=Scaling(1, "last", log=True)))
    assert np.allclose(read.y(0, 0, 3), [0.0, 1.0, np.nan], equal_nan=True)
    with pytest.raises(InputError, match="'b' has -3 at 2000-01-03"):
        read.y(1, 1, 3)
