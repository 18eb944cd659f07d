"""Features of dates, against the standard library's calendar."""

import calendar as standard
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data import calendar
from clew.data._panel_freq import Freq
from clew.errors import InputError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1600, 1, 1), datetime(2300, 1, 1), timezones=st.just(UTC))
WAVES = {"month": 2, "year_day": 2, "week_day": 3, "hour": 3, "minute": 1}


def micro(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def turn(name: str, moment: datetime) -> float:
    """Where in its period a moment is, by the standard library."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    within = (moment - midnight) / timedelta(days=1)
    if name == "month":
        return (moment.month - 1) / 12
    if name == "week_day":
        return moment.weekday() / 7
    if name == "hour":
        return within
    if name == "minute":
        return within * 24 % 1
    length = 366 if standard.isleap(moment.year) else 365
    return (moment.timetuple().tm_yday - 1 + within) / length


@given(MOMENTS, st.sampled_from(sorted(WAVES)))
def test_every_feature_is_what_the_standard_library_says(moment: datetime, name: str) -> None:
    x = turn(name, moment)
    waves = range(1, WAVES[name] + 1)
    expected = [f(2 * math.pi * k * x) for k in waves for f in (math.sin, math.cos)]
    found = calendar.table([micro(moment)], [name])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected], atol=1e-6)


@given(MOMENTS)
def test_the_day_of_the_month_runs_from_its_first_to_its_last(moment: datetime) -> None:
    last = standard.monthrange(moment.year, moment.month)[1]
    expected = 2 * (moment.day - 1) / (last - 1) - 1
    assert calendar.table([micro(moment)], ["month_day"])[0, 0] == pytest.approx(expected, abs=1e-6)


def test_all_days_of_a_week_and_all_months_differ() -> None:
    days = Freq("day").times(0, np.arange(7))
    months = Freq("month").times(0, np.arange(12))
    for times, name in ((days, "week_day"), (months, "month")):
        assert len(np.unique(calendar.table(times, [name]).round(4), axis=0)) == len(times)


@pytest.mark.parametrize(
    ("freq", "expected"),
    [
        (Freq("year"), ()), (Freq("quarter", 4), ()), (Freq("step", 24), ()),
        (Freq("month"), ("month",)), (Freq("quarter"), ("month",)),
        (Freq("week", 2), ("year_day",)), (Freq("day"), ("year_day", "week_day")),
        (Freq("weekday"), ("year_day", "week_day")),
        (Freq("hour"), ("year_day", "week_day", "hour")),
        (Freq("minute", 15), ("year_day", "week_day", "hour")),
        (Freq("second"), ("year_day", "week_day", "hour", "minute")),
    ],
)  # fmt: skip
def test_what_suits_a_step(freq: Freq, expected: tuple[str, ...]) -> None:
    assert calendar.suited(freq) == calendar.chosen("auto", freq) == calendar.chosen(True, freq)
    assert calendar.suited(freq) == expected
    assert calendar.chosen(False, freq) == ()


def test_features_can_be_named() -> None:
    assert calendar.chosen("hour", Freq("day")) == ("hour",)
    assert calendar.chosen(["month", "month_day"], Freq("day")) == ("month", "month_day")
    names = calendar.columns(["minute", "month_day"])
    assert names == ["minute sin 1", "minute cos 1", "month_day"]
    assert calendar.table([0, 1, 2], []).shape == (3, 0)
    with pytest.raises(InputError, match="called 'easter'"):
        calendar.chosen(["easter"], Freq("day"))
    with pytest.raises(InputError, match="whole numbers"):
        calendar.chosen(["hour"], Freq("step"))


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 700)), max_size=8))
def test_a_run_gives_the_rows_of_the_table_in_any_order(asked: list[tuple[int, int]]) -> None:
    freq, names = Freq("hour"), ("hour", "week_day", "year_day", "month_day")
    start = micro(datetime(2023, 12, 30, 5, tzinfo=UTC))
    run = calendar.Run(freq, start, names)
    for first, count in asked:
        whole = calendar.table(freq.times(start, np.arange(first, first + count)), names)
        np.testing.assert_array_equal(run.rows(first, count), whole)
