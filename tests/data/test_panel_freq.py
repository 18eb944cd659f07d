"""Steps between dates: counted, named and inferred, against the standard library and pandas."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data._panel_cells import Dates
from clew.data._panel_freq import Freq, Survey, read_freq
from clew.errors import InputError

EPOCH = datetime(1970, 1, 1)
STARTS = st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1))


def micro(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def moments(times: np.ndarray) -> list[datetime]:
    return [EPOCH + timedelta(microseconds=int(time)) for time in times]


@settings(max_examples=40)
@given(STARTS, st.sampled_from(["month", "quarter", "year"]), st.integers(1, 7), st.integers(0, 40))
def test_months_go_by_the_calendar(start: datetime, unit: str, count: int, steps: int) -> None:
    """The same day of the month, or its last where it is shorter."""
    freq = Freq(unit, count, start.day)
    months = {"month": 1, "quarter": 3, "year": 12}[unit] * count * np.arange(steps)
    expected = [start + pandas.DateOffset(months=int(n)) for n in months]
    found = freq.times(micro(start), np.arange(steps))
    assert moments(found) == [e.to_pydatetime() for e in expected]
    away, on = freq.steps(micro(start), found)
    assert away.tolist() == list(range(steps))
    assert on.all()
    assert not freq.steps(micro(start), found + 1)[1].any()


@settings(max_examples=40)
@given(STARTS, st.integers(0, 400))
def test_weekdays_leave_out_weekends(start: datetime, steps: int) -> None:
    while start.weekday() > 4:
        start += timedelta(days=1)
    found = moments(Freq("weekday").times(micro(start), np.arange(steps)))
    every = (start + timedelta(days=n) for n in range(2 * steps + 9))
    assert found == [day for day in every if day.weekday() < 5][:steps]
    away, on = Freq("weekday").steps(micro(start), [micro(day) for day in found])
    assert away.tolist() == list(range(steps))
    assert on.all()


@pytest.mark.parametrize(
    ("unit", "size"),
    [("week", 604_800_000_000), ("day", 86_400_000_000), ("hour", 3_600_000_000),
     ("minute", 60_000_000), ("second", 1_000_000), ("millisecond", 1000), ("step", 1)],
)  # fmt: skip
def test_even_steps(unit: str, size: int) -> None:
    freq = Freq(unit, 3)
    assert freq.times(-7, [0, 1, -2]).tolist() == [-7, 3 * size - 7, -6 * size - 7]
    away, on = freq.steps(-7, np.array([-7, 6 * size - 7, -3 * size - 7, 3 * size - 6]))
    assert away.tolist()[:3] == [0, 2, -1]
    assert on.tolist() == [True, True, True, size == 0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("month", Freq("month")), ("MS", Freq("month")), ("ME", Freq("month")), ("M", Freq("month")),
     ("15min", Freq("minute", 15)), ("15 minutes", Freq("minute", 15)), ("h", Freq("hour")),
     ("H", Freq("hour")), ("2h", Freq("hour", 2)), ("hourly", Freq("hour")), ("D", Freq("day")),
     ("B", Freq("weekday")), ("W-MON", Freq("week")), ("QS-JAN", Freq("quarter")),
     ("Days", Freq("day")), ("YE", Freq("year")), ("s", Freq("second")), ("step", Freq("step")),
     ("ms", Freq("millisecond")), (Freq("day", 2), Freq("day", 2))],
)  # fmt: skip
def test_words_and_letters(given: str | Freq, expected: Freq) -> None:
    assert read_freq(given) == expected
    assert read_freq(str(expected)) == expected


def test_steps_within_a_sentence() -> None:
    said = [freq.named for freq in (Freq("hour"), Freq("month"), Freq("hour", 3), Freq("weekday"))]
    assert said == ["an hour", "a month", "3 hours", "a weekday"]


@pytest.mark.parametrize("given", ["", "fortnight", "0 days", "-1 day", "2B", "1.5h", None])
def test_no_such_step(given: str) -> None:
    with pytest.raises(InputError, match="there is no step"):
        read_freq(given)


def inferred(dates: list[str] | list[int]) -> Freq | None:
    column = Dates("ds")
    times = column.read(dates, str)
    survey = Survey(column.numbered)
    for first, last in ((0, 2), (2, len(times))):  # gathered in parts
        after = times[max(first, 1) : last]
        survey.add(times[first:last], times[max(first, 1) - 1 : last - 1][: len(after)], after)
    return survey.freq()


@pytest.mark.parametrize(
    ("letters", "expected"),
    [("MS", Freq("month")), ("ME", Freq("month", 1, 31)), ("QS", Freq("quarter")),
     ("QE", Freq("quarter", 1, 31)), ("YS", Freq("year")), ("YE", Freq("year", 1, 31)),
     ("2MS", Freq("month", 2)), ("5YS", Freq("year", 5)), ("D", Freq("day")),
     ("B", Freq("weekday")), ("W", Freq("week")), ("2W", Freq("week", 2)), ("h", Freq("hour")),
     ("4W", Freq("week", 4)), ("36h", Freq("hour", 36)), ("15min", Freq("minute", 15)),
     ("s", Freq("second")), ("10ms", Freq("millisecond", 10))],
)  # fmt: skip
@pytest.mark.parametrize("gap", [False, True])
def test_the_commonest_step_is_found(letters: str, expected: Freq, gap: bool) -> None:
    dates = [str(stamp) for stamp in pandas.date_range("2019-11-04", periods=40, freq=letters)]
    if gap:
        del dates[20], dates[7]
    assert inferred(dates) == expected


def test_days_of_the_month_that_months_share() -> None:
    ends = ["2020-01-30", "2020-02-29", "2020-03-30", "2020-04-30"]
    assert inferred(ends) == Freq("month", 1, 30)
    assert inferred(["2020-01-31", "2020-02-29"]) == Freq("month", 1, 31)
    assert inferred([3, 5, 7, 11]) == Freq("step", 2)
    assert inferred([3]) == Freq("step")
    assert inferred(["2020-01-31"]) is None


@pytest.mark.parametrize(
    ("written", "moment"),
    [("1949-01", datetime(1949, 1, 1)), ("2010/1/1 03:00", datetime(2010, 1, 1, 3)),
     ("2010-01-01T03:04:05.678901234", datetime(2010, 1, 1, 3, 4, 5, 678901)),
     ("20100131", datetime(2010, 1, 31)), ("2010.12.31", datetime(2010, 12, 31)),
     ("1994Q3", datetime(1994, 7, 1)), ("1994-q4", datetime(1994, 10, 1)),
     ("2010-01-01 00:30+02:00", datetime(2009, 12, 31, 22, 30)),
     ("2010-01-01T00:30:00-0530", datetime(2010, 1, 1, 6)),
     ("2010-01-01 00:30Z", datetime(2010, 1, 1, 0, 30)), (" 1600-02-29 ", datetime(1600, 2, 29))],
)  # fmt: skip
def test_ways_to_write_a_date(written: str, moment: datetime) -> None:
    assert Dates("ds").read([written, written], str).tolist() == 2 * [micro(moment)]


def test_numbers_and_calendar_objects_are_dates_too() -> None:
    assert Dates("ds").read(["7", "-8"], str).tolist() == [7, -8]
    assert Dates("ds").read([7, 8.0], str).tolist() == [7, 8]
    days = [date(1970, 1, 2), datetime(1970, 1, 3)]
    assert Dates("ds").read(days, str).tolist() == [86_400_000_000, 2 * 86_400_000_000]
    assert all(b - a == 1 for a, b in pairwise(Dates("ds").read(np.arange(5), str).tolist()))
