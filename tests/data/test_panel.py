"""Tables of series: what is read of every kind of table, and how it is cut."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pytest
from frames import to_pandas
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data import _panel_frames, _panel_store, panel
from clew.data.panel import Freq, Panel, read_future, read_panel
from clew.errors import InputError
from clew.tasks import _forecast

HEADER = ["unique_id", "ds", "y", "rain", "sale"]
ROWS: list[tuple[str, str, float | None, float | None, int]] = [
    ("b", "2020-02-28", 1.5, 0.1, 0),
    ("a", "2019-12-31", None, 0.2, 1),
    ("b", "2020-02-29", -2.0, None, 1),
    ("a", "2020-01-01", 4.0, 0.3, 0),
    ("a", "2020-01-04", 1e-3, 0.4, 1),
    ("b", "2020-03-01", 3.25, 0.5, 0),
]
NAN = np.nan


def numbers() -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, allow_infinity=False, width=32)


def text(separator: str = ",") -> str:
    rows = [["" if cell is None else str(cell) for cell in row] for row in ROWS]
    return "\n".join(separator.join(row) for row in [HEADER, *rows]) + "\n"


def frame() -> polars.DataFrame:
    table = polars.DataFrame(ROWS, schema=HEADER, orient="row")
    return table.with_columns(polars.col("ds").str.to_date())


def kinds(folder: Path) -> dict[str, Any]:
    """The same table in every form."""
    (folder / "t.csv").write_text("\ufeff" + text(";").replace("\n", "\r\n"))
    (folder / "t.tsv").write_text(text("\t"))
    (folder / "t.csv.gz").write_bytes(gzip.compress(text().encode()))
    objects = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, objects)))
    (folder / "t.json").write_text(json.dumps(objects))
    frame().write_parquet(folder / "t.parquet")
    pandas_frame = pandas.DataFrame(objects)
    stamped = pandas_frame.assign(ds=pandas.to_datetime(pandas_frame["ds"]))
    files = ["t.csv", "t.tsv", "t.csv.gz", "t.jsonl", "t.json", "t.parquet"]
    return {
        **{name: folder / name for name in files},
        "polars": frame(), "lazy": frame().lazy(), "pandas": stamped,
        "texts": pandas_frame, "index": stamped.set_index(["unique_id", "ds"]),
        "decimals": frame().with_columns(polars.col("y").cast(polars.Decimal(scale=4))),
    }  # fmt: skip


def test_every_kind_of_table_gives_the_same_series(tmp_path: Path) -> None:
    marks = set()
    for name, source in kinds(tmp_path).items():
        found = read_panel(source, past=["rain"], future=["sale"])
        assert found.ids == ["b", "a"], name
        assert found.freq == Freq("day")
        assert found.lengths.tolist() == [3, 5]
        b, a = found.series(0), found.series(1)
        np.testing.assert_array_equal(b.y, [1.5, -2.0, 3.25])
        np.testing.assert_array_equal(a.y, [NAN, 4.0, NAN, NAN, 1e-3])
        np.testing.assert_array_equal(b.past, np.float32([[0.1], [NAN], [0.5]]))
        np.testing.assert_array_equal(a.future, np.float32([[1], [0], [NAN], [NAN], [1]]))
        assert (b.past.dtype, b.future.dtype) == (np.float32, np.float32)
        dates = found.stamps(found.times(1))
        assert dates.tolist() == [dt.date(2019, 12, 31) + dt.timedelta(i) for i in range(5)], name
        assert found.notes == (
            "2 dates are missing in 1 of 2 series: there the value is taken as missing",
            "1 value is missing in the table",
        )
        marks.add(found.fingerprint)
    assert len(marks) == 1


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_rows_may_come_in_parts_and_by_way_of_the_disk(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read_panel(frame(), past=["rain"], future=["sale"])
    path = tmp_path / "t.csv"
    path.write_text(text())
    monkeypatch.setattr(panel, "_LARGE", 0)
    monkeypatch.setattr("clew.data._panel_tables.ROWS", rows)
    monkeypatch.setattr(_panel_frames, "ROWS", rows)
    monkeypatch.setattr(_panel_store, "_SOME", 2)
    stored = read_panel(path, past=["rain"], future=["sale"], store=tmp_path / "store")
    assert isinstance(stored.y.base, np.memmap) or isinstance(stored.y, np.memmap)
    assert stored.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(stored.y, expected.y)
    stored.release()
    np.testing.assert_array_equal(stored.past, expected.past)
    assert sorted(p.name for p in (tmp_path / "store").iterdir()) == [
        "begins.bin", "facts.json", "future.bin", "lengths.bin", "past.bin", "starts.bin", "y.bin"
    ]  # fmt: skip
    assert read_panel(frame(), past=["rain"], future=["sale"]).fingerprint == expected.fingerprint


def test_what_is_stored_is_read_again_only_where_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "_LARGE", 0)
    path, store = tmp_path / "t.csv", tmp_path / "store"
    path.write_text(text())
    first = read_panel(path, store=store)
    with monkeypatch.context() as patch:
        patch.setattr(panel, "open_table", None)  # nothing is read of the table
        assert read_panel(path, store=store).fingerprint == first.fingerprint
    assert read_panel(path, past=["rain"], store=store).past.shape == (8, 1)
    (store / "y.bin").write_bytes(b"1234")
    assert read_panel(path, past=["rain"], store=store).fingerprint != first.fingerprint
    path.write_text(text().replace("1.5", "2.5"))
    assert read_panel(path, store=store).y[0] == 2.5


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4), numbers()), min_size=1),
       st.integers(1, 5))  # fmt: skip
def test_series_may_alternate_and_have_gaps(
    steps: list[tuple[str, int, float]], at_once: int
) -> None:
    """Each row is a step of one of three series, after a gap or not: against a plain dict."""
    now = {"a": -3, "b": 0, "c": 10}
    rows, expected = [], dict[str, dict[int, float]]()
    for name, gap, value in steps:
        now[name] += gap
        rows.append((name, now[name], value))
        expected.setdefault(name, {})[now[name]] = value
    table = polars.DataFrame(rows, schema=["unique_id", "ds", "y"], orient="row")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_panel_frames, "ROWS", at_once)
        found = read_panel(table, freq=1)
    assert found.ids == list(expected)
    for i, seen in enumerate(expected.values()):
        span = range(min(seen), max(seen) + 1)
        assert found.times(i).tolist() == list(span)
        np.testing.assert_array_equal(found.series(i).y, [seen.get(t, NAN) for t in span])


def test_a_table_of_two_columns_is_one_series(tmp_path: Path) -> None:
    path = tmp_path / "passengers.csv"
    path.write_text('"Month","Passengers"\n"1949-01",112\n"1949-02",118\n"1949-04",129')
    found = read_panel(path)
    assert found.ids == ["passengers"]
    assert found.columns == ("unique_id", "Month", "Passengers")
    assert found.freq == Freq("month")
    np.testing.assert_array_equal(found.y, [112, 118, NAN, 129])
    assert found.notes[0].startswith("1 date is missing in series 'passengers'")


def test_columns_by_number_where_the_header_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "co2.csv"
    path.write_text("Date,Average\n1958-03,1958.2,315.71,-1\n1958-04,1958.3,-99.99,-1\n")
    with pytest.raises(InputError, match="the row has 4 fields, the header names 2"):
        read_panel(path, ds="Date", y="Average")
    with pytest.raises(InputError, match="there is no column '3'"):
        read_panel(path, ds=1, y=3)
    path.write_text("Date,Average,Days\n1958-03,1958.2,315.71,-1\n1958-04,1958.3,-99.99,-1\n")
    found = read_panel(path, ds=1, y=3, missing=(-99.99, -1))
    np.testing.assert_array_equal(found.y, [315.71, NAN])
    path.write_text("1958-03,1958.2,315.71,-1\n1958-04,1958.3,316.0,-1\n")
    np.testing.assert_array_equal(read_panel(path, ds="1", y="3").y, [315.71, 316.0])


def test_the_answer_has_the_form_and_zone_of_the_table() -> None:
    midnight = polars.col("ds").cast(polars.Datetime("ms"))
    days = frame().with_columns(midnight.dt.replace_time_zone("Europe/Berlin"))
    for table in (days, to_pandas(days)):
        found = read_panel(table.filter(polars.col("unique_id") == "b")
                           if isinstance(table, polars.DataFrame)
                           else table[table["unique_id"] == "b"])  # fmt: skip
        assert found.freq == Freq("day")
        answer = found.table({"ds": found.times(0, 3, 40), "mean": np.zeros(40)})
        assert type(answer) is type(table)
        stamps = list(answer["ds"])
        assert [s.strftime("%m-%d %H") for s in (stamps[0], stamps[-1])] == ["03-02 00", "04-10 00"]
        # Summer time began between: the same clock, another distance from UTC.
        assert [str(s.utcoffset()) for s in (stamps[0], stamps[-1])] == ["1:00:00", "2:00:00"]


def test_hours_in_a_zone_are_those_of_utc() -> None:
    start = dt.datetime(2020, 10, 25, 0, tzinfo=dt.UTC)  # the night the clocks go back in Berlin
    hours = [start + dt.timedelta(hours=i) for i in range(4)]
    table = polars.DataFrame({"ds": hours, "y": [1.0, 2.0, 3.0, 4.0]})
    local = table.with_columns(polars.col("ds").dt.convert_time_zone("Europe/Berlin"))
    for form in (local, to_pandas(local)):
        found = read_panel(form)
        assert (found.freq, found.lengths.tolist()) == (Freq("hour"), [4])
        answer = found.table({"ds": found.times(0), "y": found.y})
        assert [hour.astimezone(dt.UTC) for hour in answer["ds"]] == hours
        assert answer["ds"][0].hour == 2


SERIES = st.dictionaries(
    st.text("abc", min_size=1), st.lists(numbers(), min_size=1, max_size=9), min_size=1, max_size=4
)


@settings(max_examples=30)
@given(SERIES, st.integers(0, 9), st.integers(0, 9), st.sampled_from(["day", "month", "step"]))
def test_parts_are_those_of_the_arrays(
    series: dict[str, list[float]], first: int, last: int, freq: str
) -> None:
    whole = Panel.of(series, freq=freq, past={k: [[v] for v in y] for k, y in series.items()})
    ends = [min(last, len(y)) for y in series.values()]
    part = whole.part(first, np.array(ends))
    tail, rest = whole.tail(last), whole.without_tail(last)
    for i, y in enumerate(series.values()):
        assert part.series(i).y.tolist() == y[first:last]
        assert tail.series(i).y.tolist() == (y[-last:] if last else [])
        assert rest.series(i).y.tolist() == y[: max(len(y) - last, 0)]
        np.testing.assert_array_equal(tail.series(i).past[:, 0], np.float32(tail.series(i).y))
        times = whole.times(i)
        np.testing.assert_array_equal(part.times(i), times[first:last])
        np.testing.assert_array_equal(rest.times(i, 0, len(y)), times)
    chosen = [len(series) - 1, 0]
    again = whole.select(chosen)
    assert again.ids == [list(series)[i] for i in chosen]
    assert again.series(1).y.tolist() == next(iter(series.values()))
    assert np.shares_memory(again.y, whole.y)


def test_a_cut_is_before_a_date() -> None:
    whole = Panel.of(
        {"a": range(5), "b": range(3), "c": range(2)}, freq="month",
        starts={"a": "2020-01-01", "b": dt.date(2020, 3, 1), "c": "2021-01-01"},
    )  # fmt: skip
    assert whole.cut("2020-04-01").lengths.tolist() == [3, 1, 0]
    assert whole.cut(dt.date(2020, 4, 2)).lengths.tolist() == [4, 2, 0]
    assert whole.cut("2030-01").lengths.tolist() == [5, 3, 2]
    assert whole.cut("2020-04-01").fingerprint != whole.fingerprint
    assert Panel.of({"a": range(5)}, starts={"a": 10}).cut(12).lengths.tolist() == [2]
    with pytest.raises(InputError, match="is no date of this table"):
        whole.cut(7)


@pytest.mark.parametrize(
    ("day", "dates", "expected"),
    [(1, ["2020-01-31", "2020-02-29"], 31), (31, ["2020-01-01", "2020-02-01"], 1),
     (30, ["2020-04-30"], 30), (1, ["2020-04-30"], 31), (31, ["2020-02-29"], 31)],
)  # fmt: skip
def test_the_day_of_the_month_is_that_of_the_dates(
    day: int, dates: list[str], expected: int
) -> None:
    table = polars.DataFrame({"ds": dates, "y": [1.0] * len(dates)})
    assert read_panel(table, freq=Freq("month", 1, day)).freq == Freq("month", 1, expected)


def test_columns_known_ahead() -> None:
    whole = Panel.of({"a": range(3), "b": range(2)}, freq="month",
                     future={"a": np.zeros((3, 2)), "b": np.zeros((2, 2))})  # fmt: skip
    ahead = [("b", "2000-03", 3, 30), ("a", "2000-03", 0, 0), ("a", "2000-04", 1, 10),
             ("x", "2000-04", 9, 9), ("a", "2000-05", 2, 20), ("b", "2000-04", 4, 40),
             ("b", "2000-06", 7, 70)]  # fmt: skip
    table = polars.DataFrame(ahead, schema=["unique_id", "ds", "x0", "x1"], orient="row")
    found = read_future(table, whole, 2)
    assert found.dtype == np.float32
    assert found.tolist() == [[[1, 10], [2, 20]], [[3, 30], [4, 40]]]
    for wrong, message in [
        (table.drop("x1"), "there is no column 'x1'"),
        (table.drop("unique_id"), "there is no column 'unique_id', and there are 2 series"),
        (table.filter(polars.col("unique_id") != "b"), "series 'b' has no row"),
        (table[:5], "series 'b' has no row for 2000-04-01"),
        (polars.concat([table, table[2:3]]), "series 'a' has the date 2000-04-01 twice"),
        (table.with_columns(x1=polars.lit(None)), "known ahead is missing"),
        (table.with_columns(ds=polars.lit(3)), "here are whole numbers, in the history dates"),
    ]:
        with pytest.raises(InputError, match=message):
            read_future(wrong, whole, 2)


def test_a_panel_is_taken_as_it_is() -> None:
    given = read_panel(frame(), past=["rain"])
    assert read_panel(given) is given
    assert read_panel(given, past=["rain"]) is given
    with pytest.raises(InputError, match="other columns"):
        read_panel(given, past=["sale"])


def test_forecasts_read_tables_by_public_names_alone() -> None:
    for module in Path(_forecast.__file__).parent.glob("*.py"):
        assert "clew.data._" not in module.read_text(encoding="utf-8"), module.name
    assert all(hasattr(panel, name) for name in panel.__all__)
