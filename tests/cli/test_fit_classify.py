"""``clew fit classify`` and its answers where the data are series."""

import json

import numpy as np
import pytest

import clew as library
from clew.cli.predict_series import reads_series, series_line, series_rows
from clew.errors import InputError

TINY = ["--hidden-size", "8", "--epochs", "2", "--batch-size", "4"]
DRAW = np.random.default_rng(0)


def series(count, width=1):
    return [DRAW.normal(size=(int(DRAW.integers(2, 6)), width)) + n % 2 for n in range(count)]


def ts(path, arrays, last="high"):
    lines = ["@classLabel true low high", "@data"]
    for n, x in enumerate(arrays):
        label = "low" if n % 2 == 0 else last
        lines.append(":".join(",".join(map(repr, c.tolist())) for c in x.T) + f":{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


def long(path, arrays, label=True):
    lines = ["unique_id,ds,a,b" + ",label" * label]
    for n, x in enumerate(arrays):
        lines += [
            f"s{n},{t},{a},{b}" + f",{('low', 'high')[n % 2]}" * label for t, (a, b) in enumerate(x)
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_ts_file_becomes_a_model_with_its_scores(clew, here):
    ts(here / "A_TRAIN.ts", series(24))
    ts(here / "A_TEST.ts", series(6))
    words = ["A_TRAIN.ts", "--test", "A_TEST.ts", "--out", "m"]
    answer = clew("fit", "classify", *words, *TINY)
    assert answer.code == 0
    assert "A_TRAIN.ts: 24 series of 2 to 5 steps, 1 channel\n" in answer.err
    lines = answer.out.splitlines()
    assert lines[0].split() == ["accuracy", "held", "out", "test"]
    metrics = library.load("m").metrics_
    regression = next(line for line in lines if line.startswith("logistic regression on"))
    assert f"{100 * metrics['baseline']['accuracy']:.1f} %" in regression
    assert regression.count("%") == 2
    assert f"on {metrics['score']['examples']} series held out, 6 of the test" in answer.out
    assert "clew predict m --file series.ts" in answer.out


def test_a_long_table_with_columns_of_other_names(clew, here):
    path = long(here / "t.csv", series(24, 2))
    path.write_text(path.read_text().replace("unique_id,ds,a,b,label", "who,when,a,b,what"))
    named = ["--id-column", "who", "--time-column", "when", "--label", "what"]
    more = ["--value-columns", "b", "--json", *TINY]
    answer = clew("fit", "classify", "t.csv", "--out", "m", *named, *more)
    assert json.loads(answer.out)["score"]["examples"] > 0
    assert library.load("m")._encoder.features == 1
    assert "24 series" in answer.err
    answer = clew("fit", "classify", "t.csv", "--out", "n", *named, "--text", "a")
    assert answer.code == 1
    assert "--text" in answer.err


def test_tables_are_read_by_the_names_of_the_first(clew, here):
    """In whatever order their columns stand: also of the test, and of what is to be answered."""
    arrays = series(24, 2)
    path = long(here / "t.csv", arrays)
    names = ["who", "when", "a", "b", "what"]
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]

    def table(name, order, header=names):
        lines = [[header[k] for k in order], *([row[k] for k in order] for row in rows)]
        (here / name).write_text("\n".join(map(",".join, lines)) + "\n")
        return name

    train = table("train.csv", [0, 1, 2, 3, 4])
    other = table("other.csv", [3, 4, 0, 2, 1])
    named = ["--id-column", "who", "--time-column", "when", "--label", "what"]
    answer = clew("fit", "classify", train, "--test", other, "--out", "m", "--json", *named, *TINY)
    tested = json.loads(answer.out)["test"]["accuracy"]
    model = library.load("m")
    assert tested == model.score(arrays, ["low", "high"] * 12)
    told = clew("predict", "m", train, "--json").out
    assert [json.loads(line)["label"] for line in told.splitlines()] == [*model.predict(arrays)]
    assert clew("predict", "m", other, "--json").out == told
    strange = table("strange.csv", [0, 1, 2, 3], ["id", "t", "x", "y"])
    more = ["--id-column", "id", "--time-column", "t", "--value-columns", "x, y", "--json"]
    assert clew("predict", "m", strange, *more).out == told
    for words, said in (
        ([], "no column 'unique_id'"),
        (more[:4], "no column 'a'"),
        ([*more[:4], "--value-columns", "x"], "1 channel\n"),
    ):
        answer = clew("predict", "m", strange, *words)
        assert answer.code == 1
        assert said in answer.err
        assert "column" in answer.err.partition("try: ")[2]


@pytest.mark.parametrize("option", ["--id-column", "--time-column", "--value-columns"])
def test_a_model_of_texts_has_no_columns_of_series(clew, classifier, option):
    answer = clew("predict", classifier, "a text", option, "a")
    assert answer.code == 1
    assert f"where: {option}" in answer.err


def test_a_folder_with_parts(clew, here):
    (here / "set").mkdir()
    ts(here / "set/X_TRAIN.ts", series(16))
    ts(here / "set/X_TEST.ts", series(4))
    words = ["set", "--test", "set", "--validation", "set/X_TEST.ts", "--json", "--out", "m"]
    found = json.loads(clew("fit", "classify", *words, *TINY).out)
    assert found["test"]["examples"] == 4
    assert found["score"]["examples"] == 4
    assert found["test"]["accuracy"] == found["score"]["accuracy"]
    assert found["test"]["baseline"]["name"].startswith("logistic regression")


def test_gaps_are_refused_or_masked(clew, here):
    arrays = series(16)
    arrays[3][1, 0] = np.nan
    ts(here / "a.ts", arrays)
    answer = clew("fit", "classify", "a.ts", "--out", "m", *TINY)
    assert answer.code == 1
    assert "where: a.ts:6: step 2 of channel 1" in answer.err
    assert "--missing mask" in answer.err
    assert not (here / "m").exists()
    assert clew("fit", "classify", "a.ts", "--out", "m", "--missing", "mask", *TINY).code == 0
    assert len(list(series_rows(library.load("m"), here / "a.ts"))) == 16


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@classLabel false\n@data\n1,2\n3,4\n", "no labels"),
        ("@classLabel true a\n@data\n1,2:a\n3,4:a\n", "two classes"),
        ("@classLabel true a b\n@data\n1,2:a\n3,4:c\n", "a.ts:4"),
        ("@classLabel true a b\n@data\n", "no series"),
        ("", "a.ts"),
    ],
)
def test_bad_series_are_told_and_leave_nothing(clew, here, text, said):
    (here / "a.ts").write_text(text)
    answer = clew("fit", "classify", "a.ts", "--out", "m", *TINY)
    assert answer.code == 1
    assert said in answer.err
    assert not (here / "m" / "config.json").exists()


def test_a_label_of_the_test_that_training_lacks(clew, here):
    ts(here / "a.ts", series(8))
    (here / "b.ts").write_text("@classLabel true mid\n@data\n1,2:mid\n")
    answer = clew("fit", "classify", "a.ts", "--test", "b.ts", "--out", "m", *TINY)
    assert answer.code == 1
    assert "b.ts:3" in answer.err


def test_answers_for_series(clew, here):
    model = library.Classifier(hidden_size=4, epochs=1, baseline=False)
    arrays = series(20, 2)
    model.fit(arrays, ["low", "high"] * 10)
    assert reads_series(model)
    path = long(here / "new.csv", arrays, label=False)
    rows = list(series_rows(model, path))
    assert [row["series"] for row in rows] == [f"s{n}" for n in range(20)]
    assert [row["label"] for row in rows] == model.predict(arrays).tolist()
    shares = model.predict_proba(arrays).max(1)
    np.testing.assert_allclose([row["probability"] for row in rows], shares, atol=1e-4)
    assert series_line(rows[0]).endswith("\ts0")
    model.save(here / "m")
    told = "".join(series_line(row) + "\n" for row in rows)
    assert clew("predict", "m", "new.csv").out == told == clew("predict", "m", "--file", path).out
    assert clew("predict", "m", "new.csv", "b.csv").code == 1
    assert [row["series"] for row in series_rows(model, ts(here / "a.ts", arrays))][:2] == [
        "1",
        "2",
    ]
    with pytest.raises(InputError, match="not texts"):
        next(series_rows(model, None))
    with pytest.raises(InputError, match="1 channel") as caught:
        next(series_rows(model, ts(here / "b.ts", series(2))))
    assert "b.ts:3" in caught.value.where
    arrays[1][0, 1] = np.nan
    with pytest.raises(InputError, match="missing"):
        next(series_rows(model, long(here / "gap.csv", arrays)))
    assert not reads_series(library.Classifier(hidden_size=4, epochs=1, baseline=False).fit(
        ["a", "b"] * 4, [0, 1] * 4))  # fmt: skip
