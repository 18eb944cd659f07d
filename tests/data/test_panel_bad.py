"""Tables of series that are wrong: every error names its place."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest
from frames import to_pandas

from clew.data.panel import read_panel
from clew.errors import InputError


def refused(path: Path, text: str | bytes, **columns: Any) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as error:
        read_panel(path, **columns)
    return str(error.value).replace(str(path), "FILE")


def rows(*lines: str, header: str = "unique_id,ds,y") -> str:
    return "\n".join([header, *lines]) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["the file is empty"]),
        ("unique_id,ds,y\n", ["the table has no rows"]),
        (rows("a,2020-01-01,1"), ["cannot be told", 'freq="month"']),
        (rows("a,2020-01-01,1", "b,2020-01-01,2", "a,2020-01-01,3"),
         ["series 'a' has the date 2020-01-01 twice", "FILE:2 and FILE:4"]),
        (rows("a,2020-01-02,1", "b,2020-01-01,2", "a,2020-01-01,3"),
         ["the dates of series 'a' go backwards: 2020-01-01 after 2020-01-02",
          "FILE:2 and FILE:4", "sort the table"]),
        (rows("2020-01-02,1", "2020-01-02,3", header="ds,y"),
         ["series 't' has the date 2020-01-02 twice", "--unique-id"]),
        (rows("a,2020-01-01,1", "a,2020-01-02,x"), ["'x' is not a number", "FILE:3, column 'y'"]),
        (rows("a,2020-01-01,1", "a,2020-01-02,inf"), ["infinite", "FILE:3, column 'y'"]),
        (rows("a,2020-01-01,1", "a,2020-01-02,1e999"), ["infinite", "FILE:3, column 'y'"]),
        (rows("a,2020-01-01,1_0"), ["'1_0' is not a number", "FILE:2"]),
        (rows("a,2020-01-01,1", 'a,2020-01-02,"3,5"'), ["'3,5'", "a decimal point"]),
        (rows("a,2020-01-01,1", 'a,2020-01-02,"1,234.5"'), ["'1,234.5'", "nothing between thou"]),
        (rows("a,2020-01-01,1", "a,2020-01-02,-1e300"),
         ["the value of 'y' is -1e+300: too large", "FILE:3, column 'y'", "--missing"]),
        (rows("a,2020-01-01,1", "a,2020-13-02,1"),
         ["'2020-13-02' is not a date", "FILE:3, column 'ds'"]),
        (rows("a,2020-02-30,1"), ["'2020-02-30' is not a date"]),
        (rows("a,31/12/2020,1"), ["'31/12/2020' is not a date", "write the year first"]),
        (rows("a,1958.25,1"), ["'1958.25' is not a date", "year and month"]),
        (rows("a,2020-01-01,1", "a,,1"), ["there is no date", "FILE:3, column 'ds'"]),
        (rows("a,2020-01-01,1", "a,3,1"), ["'3' is not a date", "as the first row has"]),
        (rows("a,3,1", "a,2020-01-01,1"), ["'2020-01-01' is not a date", "a whole number"]),
        (rows("a,2020-01-01 00:00Z,1", "a,2020-01-02,1"), ["have a time zone", "FILE:3"]),
        (rows(f"a,{10**19},1"), [f"'{10**19}' is not a date", "FILE:2"]),
        (rows(f"a,{1 - 10**18},1", "a,7,2", "a,8,3"), ["nearly all dates are missing"]),
        (rows(",2020-01-01,1"), ["the series has no name", "FILE:2, column 'unique_id'"]),
        (rows("a,2020-01-01,1", "a,2020-01-02,2", "a,2020-01-03,2", "a,2020-01-03 12:00,1"),
         ["2020-01-03 12:00:00 is not a whole number of steps", "FILE:5", "a step is a day",
          "the commonest distance"]),
        (rows("a,2020-01-01,1", "a,2020-01-02,2", "a,2920-01-03,2"),
         ["has 3 rows for 328721 steps of day", "is a date mistyped"]),
        (rows("a,2020-01-01,NA", "a,2020-01-02,", "b,2020-01-01,1"),
         ["series 'a' has no value at all", "column 'y'", "leave it out: a"]),
        (rows("a,2020-01-01,1", "a,2020-01-02"), ["the row has 2 fields", "FILE:3"]),
        (rows("a,2020-01-01,1", header="unique_id,when,value"),
         ["there is no column 'ds'", "unique_id, when, value", "--ds"]),
        (rows("1,2,3", header="ds,ds,y"), ["two columns are called 'ds'"]),
        (b"ds,y\n2020-01-01,\xff\n", ["not UTF-8", "FILE:2"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(
    text: str | bytes, said: list[str], tmp_path: Path
) -> None:
    if b"when" in (text if isinstance(text, bytes) else text.encode()):
        message = refused(tmp_path / "t.csv", text, past=["rain"])
    else:
        message = refused(tmp_path / "t.csv", text)
    assert [part for part in said if part not in message] == [], message


def test_known_columns_hold_numbers(tmp_path: Path) -> None:
    text = rows("2020-01-01,1,0.5,NW", "2020-01-02,2,1e39,SE", header="ds,y,x,wind")
    path = tmp_path / "t.csv"
    message = refused(path, text, past=["wind"])
    assert "'NW' is not a number" in message
    assert "FILE:2, column 'wind'" in message
    assert "a column of 0 and 1 for each" in message
    assert "too large" in refused(path, text, future=["x"])
    message = refused(path, text, future=["rain"])
    assert "there is no column 'rain'" in message
    assert "a fitted model needs those it learned from" in message
    assert "named twice" in refused(path, text, past=["x"], future=["x"])
    path.write_text(rows("2020-01-01,1,true", "2020-01-02,2,False", header="ds,y,x"))
    assert read_panel(path, future="x").future_names == ("x",)
    assert read_panel(path, future=["x"]).future[:, 0].tolist() == [1.0, 0.0]


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    assert "not JSON" in refused(tmp_path / "t.jsonl", '{"ds": 1, "y": 2}\n{"ds"')
    assert "FILE:1" in refused(tmp_path / "t.jsonl", "[1]")
    assert "FILE:2, column 'y'" in refused(
        tmp_path / "t.jsonl", '{"ds": 1, "y": 2}\n{"ds": 2, "y": [1]}'
    )
    assert "cannot be read" in refused(tmp_path / "t.parquet", b"PAR1 and nothing more")
    frame = polars.DataFrame({"ds": [1, 2, 3], "y": [0.0, 1.0, float("inf")]})
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError) as error:
        read_panel(tmp_path / "t.parquet")
    assert "t.parquet, row 3, column 'y'" in str(error.value)
    with pytest.raises(InputError, match="a folder"):
        read_panel(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_panel(tmp_path / "none.csv")
    for wrong in (None, [1, 2], {"y": [1]}):
        with pytest.raises(InputError, match="this is no table"):
            read_panel(wrong)


def test_frames_name_the_row() -> None:
    days = [dt.date(2020, 1, 1), None, dt.date(2020, 1, 2)]
    frame = polars.DataFrame({"ds": days, "y": [1.0, 2.0, 3.0]})
    for given in (frame, to_pandas(frame), to_pandas(frame).astype({"ds": object})):
        with pytest.raises(InputError, match="there is no date") as error:
            read_panel(given)
        assert error.value.where == "the table, row 2, column 'ds'"
    with pytest.raises(InputError, match="two columns are called 'y'"):
        read_panel(pandas.DataFrame([[1, 2, 3]], columns=["ds", "y", "y"]))
    with pytest.raises(InputError, match="'x' is not a number") as error:
        read_panel(frame.select(ds=polars.Series([1, 2, 3]), y=polars.Series(["1", "x", None])))
    assert error.value.where == "the table, row 2, column 'y'"


@pytest.mark.parametrize("kind", [polars.Int64, polars.UInt64])
def test_whole_numbers_that_are_too_large(kind: Any) -> None:
    frame = polars.DataFrame({"ds": polars.Series([1, 10**18 + 1], dtype=kind), "y": [1.0, 2.0]})
    with pytest.raises(InputError, match="1000000000000000001 is not a date") as error:
        read_panel(frame)
    assert error.value.where == "the table, row 2, column 'ds'"


def test_the_step_has_to_suit_the_dates() -> None:
    frame = polars.DataFrame({"ds": [3, 5, 9], "y": [1.0, 2.0, 3.0]})
    assert read_panel(frame, freq=2).lengths.tolist() == [4]
    with pytest.raises(InputError, match="the dates are whole numbers, the step is month"):
        read_panel(frame, freq="month")
    with pytest.raises(InputError, match="5 is not a whole number of steps after 3"):
        read_panel(frame, freq=4)
    days = polars.DataFrame({"ds": ["2020-01-01", "2020-01-03"], "y": [1.0, 2.0]})
    with pytest.raises(InputError, match="no whole numbers, the step is step"):
        read_panel(days, freq=1)
    with pytest.raises(InputError, match="there is no step '0 step'"):
        read_panel(frame, freq=0)
    with pytest.raises(InputError, match="there is no step 'fortnight'"):
        read_panel(days, freq="fortnight")
