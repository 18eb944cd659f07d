"""Labelled series from tables, JSON lines, arrays and frames: the same, or named if broken."""

import datetime
import gzip
import json

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.labelled_series import LongColumns, holds_series, read_series
from clew.errors import InputError

TABLE = """unique_id,ds,a,b,label
x,2024-01-01,1.5,2,low
x,2024-01-02,,3,low
y,2024-01-01,5,6,high
x,2024-01-03,7,8,low
"""
X = np.array([[1.5, 2], [np.nan, 3], [7, 8]], np.float32)


def write(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def same(found, folder=None):
    np.testing.assert_array_equal(found.sequences[0], X)
    np.testing.assert_array_equal(found.sequences[1], [[5, 6]])
    assert found.labels == ["low", "high"]
    assert found.names == ["x", "y"]
    assert found.channels == ["a", "b"]
    assert "step 2 of channel a" in found.gap


def test_every_layout_of_a_long_table_is_read_alike(tmp_path):
    frame = polars.read_csv(TABLE.encode())
    frame.write_parquet(tmp_path / "t.parquet")
    rows = "".join(json.dumps(row) + "\n" for row in frame.to_dicts())
    paths = [
        write(tmp_path, TABLE),
        write(tmp_path, gzip.compress(TABLE.encode()), "u.csv.gz"),
        write(tmp_path, TABLE.replace(",", "\t"), "t.tsv"),
        write(tmp_path, TABLE.replace(",", ";"), "s.csv"),
        write(tmp_path, rows, "t.jsonl"),
        write(tmp_path, json.dumps(frame.to_dicts()), "t.json"),
        tmp_path / "t.parquet",
    ]
    for path in paths:
        assert holds_series(path), path
        same(read_series(path))
    same(read_series(frame))
    assert read_series(paths[0]).where == [f"{paths[0]}:2", f"{paths[0]}:4"]
    assert read_series(frame).where == ["the table, row 1", "the table, row 3"]
    assert read_series(tmp_path / "t.parquet").where[1].endswith("row 3")


@pytest.mark.parametrize("kind", ["days", "datetime64[ns]", "object"])
def test_frames_of_either_library(kind):
    day = datetime.date(2024, 1, 1)
    days = [day, day + datetime.timedelta(1), day, day + datetime.timedelta(2)]
    columns = {"unique_id": ["x", "x", "y", "x"], "ds": days, "a": [1.5, None, 5, 7],
               "b": np.array([2, 3, 6, 8]), "label": ["low", "low", "high", "low"]}  # fmt: skip
    if kind == "days":
        same(read_series(polars.DataFrame(columns)))
        return
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(columns)
    frame["ds"] = frame["ds"].astype(kind)
    same(read_series(frame))
    frame.loc[2, "ds"] = None
    with pytest.raises(InputError, match="no moment") as caught:
        read_series(frame)
    assert caught.value.where == "the table, row 3, column 'ds'"


def test_a_label_that_is_true_is_called_so_in_every_layout(tmp_path):
    text = TABLE.replace("low", "true").replace("high", "false")
    frame = polars.read_csv(text.encode())
    assert frame["label"].dtype == polars.Boolean
    frame.write_parquet(tmp_path / "t.parquet")
    path = write(tmp_path, "".join(json.dumps(row) + "\n" for row in frame.to_dicts()), "t.jsonl")
    for source in (write(tmp_path, text), frame, tmp_path / "t.parquet", path):
        assert read_series(source).labels == ["true", "false"]


def test_time_since_the_beginning_is_a_time():
    since = [datetime.timedelta(seconds=s) for s in (0, 0.5, 0, 1)]
    frame = polars.read_csv(TABLE.encode()).with_columns(ds=polars.Series(since))
    same(read_series(frame))
    with pytest.raises(InputError, match="comes after"):
        read_series(frame.reverse())


@pytest.mark.parametrize(
    "source",
    [[1, 2], None, {"ds": [1]}, polars.LazyFrame(), polars.Series([1])],
    ids=["list", "None", "dict", "lazy", "series"],
)
def test_what_is_neither_a_file_nor_a_frame_is_named(source):
    with pytest.raises(InputError, match=f"type {type(source).__name__}"):
        read_series(source)


def test_infinity_in_parquet_is_no_gap(tmp_path):
    frame = polars.read_csv(TABLE.encode()).with_columns(b=polars.lit(float("inf")))
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="infinite") as caught:
        read_series(tmp_path / "t.parquet")
    assert caught.value.where.endswith("t.parquet, row 1, column 'b'")


def test_a_list_a_row_in_parquet(tmp_path):
    rows = {"series": [[[1.5, 2.0], [None, 3.0]], [[5.0, 6.0]]], "label": ["a", "b"]}
    polars.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    assert holds_series(tmp_path / "t.parquet")
    found = read_series(tmp_path / "t.parquet")
    np.testing.assert_array_equal(found.sequences[0], X[:2])
    assert found.labels == ["a", "b"]


@given(
    st.lists(
        st.tuples(st.sampled_from("pqr"), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=30
    )
)
def test_series_may_be_mixed_in_any_way(tmp_path_factory, rows):
    expected = {}
    lines = ["unique_id,ds,value,class"]
    for t, (name, value) in enumerate(rows):
        expected.setdefault(name, []).append(value)
        lines.append(f"{name},{t},{value!r},{name.upper()}")
    found = read_series(write(tmp_path_factory.mktemp("t"), "\n".join(lines)))
    assert found.names == list(expected)
    assert found.labels == [name.upper() for name in expected]
    for x, values in zip(found.sequences, expected.values(), strict=True):
        assert x[:, 0].tolist() == values


def test_columns_of_other_names(tmp_path):
    path = write(tmp_path, "who,when,how,a,b\n1,1,up,2,3\n1,2,up,4,5\n")
    assert not holds_series(path)
    found = read_series(path, unique_id="who", ds="when", label="how", values=["b"])
    assert found.sequences[0].tolist() == [[3], [5]]
    assert (found.labels, found.names, found.channels) == (["up"], ["1"], ["b"])
    assert read_series(path, unique_id="who", ds="when", values=["a", "b"]).labels is None
    for changed in ({"ds": "then"}, {"label": "a", "values": ["a"]}, {"values": ["c"]}, {}):
        with pytest.raises(InputError, match="column"):
            read_series(path, **{"unique_id": "who", "ds": "when", **changed} if changed else {})


def test_a_single_name_and_names_that_do_not_make_sense(tmp_path):
    path = write(tmp_path, TABLE)
    assert read_series(path, values="b").channels == ["b"]
    for values, said in (([], "no column of values"), (["a", "a"], "two meanings"), ("", "no col")):
        with pytest.raises(InputError, match=said):
            read_series(path, values=values)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("unique_id,ds,a,a,label", "two columns are called 'a'"),
        ("unique_id,ds,ds,b,label", "two columns are called 'ds'"),
        (",ds,unique_id,b,label", "a column has no name"),
        ("unique_id,ds,,b,label", "a column has no name"),
    ],
)
def test_columns_are_told_apart_by_their_names(tmp_path, header, said):
    path = write(tmp_path, header + "\n1,1,1,2,up\n")
    with pytest.raises(InputError, match=said) as caught:
        read_series(path)
    assert caught.value.where == str(path)
    if "no name" in said:
        assert read_series(path, values=["b"]).sequences[0].tolist() == [[2]]


KNOWN = LongColumns("who", "when", "how", ("a", "b"))


def test_a_table_is_read_like_another_one(tmp_path):
    """Its columns may stand in any order, among others; a name given goes before a known one."""
    path = write(tmp_path, "b,how,other,a,who,when\n3,up,text,2,x,1\n5,up,,4,x,2\n")
    found = read_series(path, known=KNOWN)
    assert found.columns == KNOWN
    assert found.sequences[0].tolist() == [[2, 3], [4, 5]]
    assert (found.labels, found.names) == (["up"], ["x"])
    assert read_series(path, known=KNOWN, values=["b"]).channels == ["b"]
    usual = write(tmp_path, "ds,unique_id,class,b,a\n1,x,?,3,2\n", "u.csv")
    found = read_series(usual, known=KNOWN, labels=False)
    assert found.sequences[0].tolist() == [[2, 3]]
    assert found.labels is None
    assert found.columns == LongColumns("unique_id", "ds", "class", ("a", "b"))
    lacks = write(tmp_path, "who,when,a,c\nx,1,2,3\n", "l.csv")
    with pytest.raises(InputError, match="no column 'b'") as caught:
        read_series(lacks, known=KNOWN)
    assert "fitted on a, b" in caught.value.hint
    text = "@data\n1,2:3,4\n"
    assert read_series(write(tmp_path, text, "t.ts"), known=KNOWN).columns is None


def test_labels_that_are_not_looked_at_may_be_anything(tmp_path):
    rows = "unique_id,ds,a,label\nx,1,1,\nx,2,2,b\nx,3,3,c\n"
    objects = '{"series": [1, 2, 3], "label": null}\n'
    np.savez(tmp_path / "t.npz", X=np.array([[1, 2, 3]]), y=[np.nan])
    for path in (write(tmp_path, rows), write(tmp_path, objects, "t.jsonl"), tmp_path / "t.npz"):
        found = read_series(path, labels=False)
        assert found.labels is None
        assert found.sequences[0].tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("rows", "where", "said"),
    [
        ("x,1,1,a\nx,1,2,a\n", "t.csv:3, and {}t.csv:2", "twice"),
        ("x,2,1,a\nx,1,2,a\n", "t.csv:3, and {}t.csv:2", "comes after"),
        ("x,1,1,a\ny,1,1,b\nx,2,2,b\n", "t.csv:4, and {}t.csv:2", "label of series 'x' is 'b'"),
        ("x,1,one,a\n", "t.csv:2, column 'v'", "'one' is no number"),
        ("x,1,inf,a\n", "t.csv:2, column 'v'", "infinite"),
        ("x,1,1e300,a\n", "t.csv:2, column 'v'", "too large"),
        ("x,soon,1,a\n", "t.csv:2, column 'ds'", "no moment"),
        ("x,,1,a\n", "t.csv:2, column 'ds'", "no moment"),
        ("x,1,1,a\nx,2024-01-01,1,a\n", "t.csv:3, and {}t.csv:2", "cannot be put in order"),
        (",1,1,a\n", "t.csv:2", "empty"),
        ("x,1,1,\n", "t.csv:2", "label is missing"),
        ("x,1,1\n", "t.csv:2", "3 fields"),
        ("", "t.csv", "no rows"),
    ],
)
def test_broken_rows_are_named(tmp_path, rows, where, said):
    with pytest.raises(InputError) as caught:
        read_series(write(tmp_path, "unique_id,ds,v,label\n" + rows))
    assert caught.value.where == f"{tmp_path}/{where.format(f'{tmp_path}/')}"
    assert said in caught.value.what


def test_json_series(tmp_path):
    lines = '{"series": [[1, 2], [null, 4]], "label": 1}\n{"series": [], "label": 2.0}\n'
    path = write(tmp_path, lines, "t.jsonl")
    assert holds_series(path)
    found = read_series(path)
    np.testing.assert_array_equal(found.sequences[0], [[1, 2], [np.nan, 4]])
    assert found.sequences[1].shape == (0, 2)
    assert found.labels == ["1", "2"]
    path = write(tmp_path, '{"series": []}\n{"series": [[1, 2]]}\n', "e.jsonl")
    assert [x.shape for x in read_series(path).sequences] == [(0, 2), (1, 2)]
    plain = read_series(write(tmp_path, '{"series": [1, 2.5]}\n', "p.jsonl"))
    assert plain.sequences[0].tolist() == [[1], [2.5]]
    assert plain.labels is None


@pytest.mark.parametrize(
    ("line", "where", "said"),
    [
        ('{"series": [[1], [1, 2]]}', ":2, step 2", "2 values"),
        ('{"series": [[1, 2]]}', ":2, step 1", "2 values"),
        ('{"series": [["a"]]}', ":2, step 1, value 1", "'a'"),
        ('{"series": [[true]]}', ":2, step 1, value 1", "True"),
        ('{"series": [[1e999]]}', ":2, step 1, value 1", "infinite"),
        ('{"series": 5}', ":2", "no list"),
        ('{"text": "a"}', ":2", "no list"),
        ('{"series": [[1]], "label": ""}', ":2", "no label"),
        ('{"series": [[1]], "label": "b"}', ":1", "no label, and others"),
        ("{", ":2", "not JSON"),
        ('{"series": [[' + "9" * 5000 + "]]}", ":2", "not JSON"),
        ('{"series": [[]]}', ":2, step 1", "0 values"),
        ('{"series": [[1]], "label": ["b"]}', ":2", "no label"),
        ("[1, 2]", ":2", "no list"),
    ],
)
def test_broken_json_is_named(tmp_path, line, where, said):
    path = write(tmp_path, '{"series": [[1], [2]]}\n' + line + "\n", "t.jsonl")
    with pytest.raises(InputError) as caught:
        read_series(path)
    assert caught.value.where == f"{path}{where}"
    assert said in caught.value.what


@pytest.mark.parametrize("line", ["[1, 2]", "5", '"x"'])
def test_lines_that_are_no_objects_are_named(tmp_path, line):
    path = write(tmp_path, line + "\n", "t.jsonl")
    with pytest.raises(InputError, match="no object") as caught:
        read_series(path)
    assert caught.value.where == f"{path}:1"
    path = write(tmp_path, '{"series": [[]]}\n', "u.jsonl")
    with pytest.raises(InputError, match="0 values"):
        read_series(path)


def test_arrays(tmp_path):
    draw = np.random.default_rng(0)
    values = draw.normal(size=(3, 4, 2))
    np.savez(tmp_path / "t.npz", X=values, y=["a", "b", "a"], lengths=[4, 0, 2])
    found = read_series(tmp_path / "t.npz")
    assert [len(x) for x in found.sequences] == [4, 0, 2]
    np.testing.assert_array_equal(found.sequences[2], values[2, :2].astype(np.float32))
    assert found.labels == ["a", "b", "a"]
    np.savez(tmp_path / "u.npz", X=values[:, :, 0])
    assert read_series(tmp_path / "u.npz").sequences[0].shape == (4, 1)
    values[1, 2, 1] = np.inf
    for wrong, said in [
        ({"X": values}, "infinite"),
        ({"X": values[0, 0]}, "shape"),
        ({"X": np.array([["a"]])}, "shape"),
        ({"X": values, "y": [1, 2]}, "y is of shape"),
        ({"X": values, "lengths": [1, 2, 9]}, "lengths"),
        ({"x": values}, "no array X"),
        ({"X": np.array([{}], dtype=object)}, "cannot be read"),
    ]:
        np.savez(tmp_path / "w.npz", **wrong)
        with pytest.raises(InputError, match=said):
            read_series(tmp_path / "w.npz")
    write(tmp_path, b"PK\x03\x04 no", "w.npz")
    with pytest.raises(InputError, match="cannot be read"):
        read_series(tmp_path / "w.npz")


def test_parts_of_a_folder_and_what_holds_no_series(tmp_path):
    head = "@classLabel true a\n@data\n"
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", head + "1:a\n", "Set_TRAIN.ts")
    write(tmp_path / "set", head + "1,2:a\n", "Set_TEST.ts")
    assert holds_series(tmp_path / "set")
    assert len(read_series(tmp_path / "set").sequences[0]) == 1
    assert len(read_series(tmp_path / "set", split="test").sequences[0]) == 2
    texts = [("r.csv", "text,label\na,b\n"), ("r.txt", "a b\n"), ("e.csv", ""), ("b.jsonl", "{"),
             ("r.jsonl", '{"text": "a", "label": "b"}\n'), ("z.csv", b"\0\xff")]  # fmt: skip
    for name, text in texts:
        assert not holds_series(write(tmp_path, text, name)), name
    for path, words in [
        (tmp_path, {}),
        (tmp_path / "set", {"split": "dev"}),
        (tmp_path / "r.txt", {}),
        (tmp_path / "e.csv", {}),
        (tmp_path / "set/Set_TEST.ts", {"split": "test"}),
        (tmp_path / "set/Set_TEST.ts", {"label": "a"}),
        (tmp_path / "none.ts", {}),
    ]:
        with pytest.raises(InputError):
            read_series(path, **words)
