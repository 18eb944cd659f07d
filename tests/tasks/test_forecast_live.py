"""Forecasters as streams, against what they say of a whole history."""

import copy

import numpy as np
import pytest
from forecasters import TINY, panel, short_epochs, values, waves  # noqa: F401

from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks.forecast import Forecaster


def said(model, whole):
    return values(model.predict(data=whole))[:, 1:].T


def same(ours, theirs):
    return np.allclose(ours, theirs, rtol=2e-5, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize(
    "changes",
    [{}, {"members": 2, "cell": "gru"}, {"base": "mean"}, {"base": "last", "season_length": 1},
     {"base": "ar", "num_layers": 2}, {"base": "ari", "cell": "rnn"}, {"base": "season"},
     {"base": "trend", "log": True}, {"likelihood": "student-t", "calendar": False}],
)  # fmt: skip
def test_value_by_value_is_the_whole_history(changes):
    whole = panel(count=2)
    model = Forecaster(**{**TINY, **changes}).fit(whole)
    one = whole.select([1])
    stream, series = model.stream("s1"), one.series(0)
    assert same(stream.forecast, said(model, one))
    y = 3 + np.sin(np.arange(9.0))
    y[4] = np.nan
    grown = Panel.of({"s1": np.concatenate([series.y, y])}, freq="day")
    for t, value in enumerate(y):
        found = stream.push(None if np.isnan(value) else float(value))
        if t in (0, 4, 8):
            part = grown.part(0, len(series) + t + 1)
            assert same(found, said(model, part))
            ends = model.predict(data=part)["ds"].to_numpy()
            assert np.array_equal(stream.ds, ends.astype(stream.ds.dtype))
    fresh = model.stream(history=grown)
    assert same(fresh.forecast, found)
    begun = model.stream(start="2000-01-01") if model._facts.calendar else model.stream()
    for value in np.concatenate([series.y, y]):
        last = begun.push(value)
    assert same(last, found)


def test_other_columns_are_read_as_they_come():
    series = waves(2, gaps=False)
    draw = np.random.default_rng(0)
    beside = {name: draw.standard_normal((len(y), 2)) for name, y in series.items()}
    beside["s0"][7, 1] = np.nan
    known = {name: draw.standard_normal(len(y)) for name, y in series.items()}
    whole = Panel.of(series, freq="day", past=beside, future=known)
    model = Forecaster(**{**TINY, "epochs": 2}, past=("x0", "x1"), future=("x0",)).fit(whole)
    stream = model.stream(start="2000-01-01")
    for t in range(50):
        found = stream.push(
            series["s0"][t], past=beside["s0"][t], future=known["s0"][t : t + 5, None]
        )
    answers = model._answers(whole, None, None, ahead=False)
    theirs = answers.at(answers.panel, [np.array([50]), np.array([], dtype=int)], 4)[0][0].T
    assert same(found, theirs)
    for wrong in ({}, {"past": [1.0, 2.0]}, {"past": [1.0], "future": np.ones((5, 1))},
                  {"past": [1.0, 2.0], "future": np.full((5, 1), np.nan)},
                  {"past": ["a", "b"], "future": np.ones((5, 1))}):  # fmt: skip
        with pytest.raises(InputError):
            stream.push(1.0, **wrong)


@pytest.fixture(scope="module")
def model():
    return Forecaster(**TINY, members=2).fit(panel())


def test_a_state_goes_on_elsewhere_and_a_reset_begins_anew(model):
    stream, other = model.stream("s0"), model.stream("s2")
    stream.push(3.0)
    other.state = stream.state
    assert np.array_equal(stream.push(2.5), other.push(2.5))
    stream.reset()
    fresh = model.stream(start="2000-01-01")
    assert np.isnan(stream.forecast).all()
    assert np.isnan(fresh.forecast).all()
    assert np.array_equal(stream.push(2.5), fresh.push(2.5))


def test_what_is_no_number_is_refused_and_loses_nothing(model):
    stream, fresh = model.stream("s0"), model.stream("s0")
    for wrong in ("3", [1.0], np.inf, True, object(), 1j, np.ones(2)):
        with pytest.raises(InputError):
            stream.push(wrong)
    with pytest.raises(InputError, match="past"):
        stream.push(1.0, past=[1.0])
    good = stream.state
    for wrong in (None, good[:3], (good[0][:1], *good[1:]), (*good[:3], -1),
                  (good[0], good[1] * np.nan, *good[2:]),
                  (good[0], good[1][:2], *good[2:])):  # fmt: skip
        with pytest.raises(InputError):
            stream.state = wrong
    assert np.array_equal(stream.push(np.float32(2)), fresh.push(2))
    with pytest.raises(TypeError):
        copy.deepcopy(stream)


def test_what_cannot_be_streamed_says_why(model):
    for given, told in (({}, "start"), ({"unique_id": "x"}, "no series 'x'"),
                        ({"history": panel()}, "3 series"), ({"start": 3}, "date"),
                        ({"unique_id": "s0", "start": "2000-01-01"}, "start")):  # fmt: skip
        with pytest.raises(InputError, match=told):
            model.stream(**given)
    with pytest.raises(InputError, match="recursive"):
        Forecaster(**TINY, decoding="recursive").fit(panel()).stream("s0")
