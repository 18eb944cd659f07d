"""clew fit forecast and clew predict of its models: tables in, tables, pictures and scores out."""

import csv
import io
import json
from datetime import date, timedelta

import pytest

import clew as library

TINY = ["--hidden-size", "4", "--epochs", "1", "--horizon", "3"]
WEEK = [5, 3, 8, 2, 7, 1, 4]


def day(number):
    return str(date(2024, 1, 1) + timedelta(number))


@pytest.fixture
def sales(here):
    """sales.csv of two shops, 50 days each; plans.csv has the offers of the three days after."""
    rows = [f"{shop},{day(n)},{n % 3},{n % 2},{size * WEEK[n % 7] + n % 5}\n"
            for shop, size in (("north", 1), ("south", 10)) for n in range(50)]  # fmt: skip
    (here / "sales.csv").write_text("unique_id,ds,offer,rain,y\n" + "".join(rows))
    plans = [f"{shop},{day(n)},1\n" for shop in ("north", "south") for n in range(50, 53)]
    (here / "plans.csv").write_text("unique_id,ds,offer\n" + "".join(plans))
    return here


def test_it_ends_with_the_baselines_a_test_and_a_model_that_answers(clew, sales):
    columns = ["--future", "offer", "--past", "rain", "--windows", "2"]
    answer = clew("fit", "forecast", "sales.csv", *columns, "--out", "m", *TINY)
    assert answer.code == 0, answer.err
    metrics = library.load("m").metrics_
    lines = answer.out.splitlines()
    assert lines[0].split() == ["held", "out", "MASE", "sMAPE", "RMSE", "MAE", "CRPS"]
    assert f"{metrics['score']['mae']:.4g}" in lines[1].split()
    for name in ("AR(", "seasonal naive", "drift"):
        assert any(line.startswith(name) for line in lines)
    assert "4 x 3 steps" in answer.out  # two windows of each of two shops
    assert "on windows that chose nothing:" in answer.out
    assert "clew predict m sales.csv --future PLANS.csv" in answer.out
    asked = ["predict", "m", "sales.csv", "--future", "plans.csv"]
    assert metrics["held_out"]["said"][0] not in answer.out  # of the windows, not of what chose
    rows = [json.loads(line) for line in clew(*asked, "--json").out.splitlines()]
    assert [(row["unique_id"], row["ds"]) for row in rows] == [
        (shop, day(n)) for shop in ("north", "south") for n in range(50, 53)
    ]
    assert all(row["0.05"] <= row["forecast"] <= row["0.95"] for row in rows)
    table = list(csv.DictReader(io.StringIO(clew(*asked, "--format", "csv").out)))
    assert table == [{name: str(value) for name, value in row.items()} for row in rows]
    shown = clew(*asked, "--horizon", "2").out.splitlines()
    assert len(shown) == 1 + 2 * 2
    assert shown[1].split()[:2] == ["north", day(50)]
    assert float(shown[1].split()[2]) == pytest.approx(rows[0]["forecast"], rel=1e-4)


def test_without_windows_the_verdict_is_of_what_was_held_out(clew, sales):
    answer = clew("fit", "forecast", "sales.csv", "--out", "m", *TINY)
    assert answer.code == 0, answer.err
    said = library.load("m").metrics_["held_out"]["said"]
    assert len(said) >= 2
    text = answer.out
    assert "\n\n" + "\n".join(said) + "\n" in text
    assert text.index("chosen on this") < text.index(said[0])


def test_windows_play_no_part_in_the_fit(clew, sales):
    """What comes after is changed: the model is the same, its test is not."""
    text = (sales / "sales.csv").read_text().splitlines()
    text[-3:] = [line.rpartition(",")[0] + ",999" for line in text[-3:]]
    (sales / "other.csv").write_text("\n".join(text) + "\n")
    found = []
    for name in ("sales", "other"):
        given = [f"{name}.csv", "--windows", "1", "--out", name, "--json", "--quiet"]
        answer = clew("fit", "forecast", *given, *TINY)
        assert answer.code == 0, answer.err
        found.append(json.loads(answer.out))
    assert found[0]["score"] == found[1]["score"]
    assert found[0]["test"]["scores"] != found[1]["test"]["scores"]
    assert found[0]["test"]["windows"] == 2
    weights = [(sales / name / "model.safetensors").read_bytes() for name in ("sales", "other")]
    assert weights[0] == weights[1]


def test_without_a_table_the_series_that_were_learned_from_go_on(clew, sales):
    lines = [f"{n},{WEEK[n % 7]}\n" for n in range(40)]
    (sales / "one.csv").write_text("hour,load\n" + "".join(lines))
    given = ["one.csv", "--out", "m", "--quiet", "--quantiles", "0.1,0.5,0.9", *TINY]
    assert clew("fit", "forecast", *given).code == 0
    by_itself = clew("predict", "m", "--json", "--picture", "p.png")
    assert by_itself.code == 0, by_itself.err
    rows = [json.loads(line) for line in by_itself.out.splitlines()]
    assert [row["hour"] for row in rows] == [40, 41, 42]
    assert list(rows[0]) == ["unique_id", "hour", "forecast", "0.1", "0.5", "0.9"]
    assert (sales / "p.png").read_bytes().startswith(b"\x89PNG")
    from_table = [
        json.loads(line) for line in clew("predict", "m", "one.csv", "--json").out.splitlines()
    ]
    for ours, theirs in zip(rows, from_table, strict=True):
        assert ours["forecast"] == pytest.approx(theirs["forecast"], rel=1e-4, abs=1e-4)
    short = clew("predict", "m", "one.csv", "--picture", "q.svg", "--horizon", "1")
    assert len(short.out.splitlines()) == 2
    assert "<svg" in (sales / "q.svg").read_text()


def test_a_table_with_a_wrong_header_is_read_by_number(clew, here):
    rows = [
        f"{2000 + n // 12}-{1 + n % 12:02},x,{-99 if n == 7 else WEEK[n % 7]},9\n"
        for n in range(60)
    ]
    (here / "w.csv").write_text("a,b,c\n" + "".join(rows))
    given = ["w.csv", "--ds", "1", "--y", "3", "--missing", "-99", "--freq", "month"]
    answer = clew("fit", "forecast", *given, "--out", "m", *TINY)
    assert answer.code == 0, answer.err
    assert "1 value is missing" in answer.err
    assert library.load("m").data_["step"] == "month"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--windows", "17"], 1, "--windows 17 of --horizon 3"),
        (["--quantiles", "0.1,x"], 2, "--quantiles"),
        (["--quantiles", "0.9,0.1"], 2, "ascending"),
        (["--season-length", "long"], 2, "--season-length"),
        (["--calendar", "moon"], 1, "moon"),
        (["--freq", "blue"], 1, "blue"),
        (["--past", "wind"], 1, "no column 'wind'"),
        (["--y", "sold"], 1, "no column 'sold'"),
        (["--missing", "none"], 2, "--missing"),
        (["--base", "best"], 2, "best"),
    ],
)
def test_what_is_wrong_is_said(clew, sales, words, code, said):
    answer = clew("fit", "forecast", "sales.csv", "--out", "m", *TINY, *words)
    assert answer.code == code
    assert said in answer.err


def test_what_a_forecaster_cannot_answer_is_said(clew, sales, classifier):
    assert clew("fit", "forecast", "sales.csv", "--future", "offer", "--out", "m", "--quiet",
                *TINY).code == 0  # fmt: skip
    (sales / "gap.csv").write_text(f"unique_id,ds,offer\nnorth,{day(50)},1\nnorth,{day(52)},1\n")
    for words, said in (
        (["m"], "--future"),
        (["m", "--future", "gap.csv"], day(51)),
        (["m", "--future", "sales.csv"], "no row"),
        (["m", "none.csv"], "none.csv"),
        (["m", "sales.csv", "plans.csv"], "one table"),
        (["m", "--future", "plans.csv", "--horizon", "4"], "horizon"),
        (["m", "--future", "plans.csv", "--beam", "2"], "--beam"),
        (["m", "--future", "plans.csv", "--picture", "p.gif"], ".png"),
        ([classifier, "a text", "--horizon", "2"], "--horizon"),
    ):
        answer = clew("predict", *words)
        assert answer.code == 1, words
        assert said in answer.err, words
