"""The .ts files of the UCR/UEA archive: what stands in them is read, what is broken is named."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.labelled_series import read_series
from clew.errors import InputError

HEAD = "# made up\n@problemName Bowls\n@classLabel true low high\n@data\n"
NUMBER = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))


def write(folder, text, name="a.ts"):
    path = folder / name
    raw = text.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def written(values):
    """A series (T, D) as the format has it."""
    return ":".join(",".join("?" if x != x else repr(float(x)) for x in row) for row in values.T)


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.lists(st.tuples(*[NUMBER] * width), min_size=1, max_size=6), min_size=1, max_size=5
        )
    )
)
def test_what_was_written_is_read(tmp_path_factory, many):
    folder = tmp_path_factory.mktemp("ts")
    arrays = [np.array(steps, dtype=np.float32) for steps in many]
    labels = [("low", "high")[n % 2] for n in range(len(arrays))]
    lines = [f"{written(a)}:{label}" for a, label in zip(arrays, labels, strict=True)]
    found = read_series(write(folder, HEAD + "\n".join(lines) + "\n\n", "a.ts.gz"))
    assert found.labels == labels
    assert found.where == [f"{folder / 'a.ts.gz'}:{n}" for n in range(5, 5 + len(arrays))]
    for one, other in zip(found.sequences, arrays, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)
    assert (found.gap is None) == (not any(np.isnan(a).any() for a in arrays))


def test_without_labels_and_with_a_header_in_any_case(tmp_path):
    head = "@PROBLEMNAME x\n@univariate true\n@CLASSLABEL FALSE\n%note\n@Data\n"
    found = read_series(write(tmp_path, head + "1,2,NaN\n# note\n4\n"))
    assert found.labels is None
    assert [x.shape for x in found.sequences] == [(3, 1), (1, 1)]
    assert found.gap.endswith("a.ts:6: step 3 of channel 1")


def test_times_give_the_order_and_must_rise(tmp_path):
    head = "@timeStamps true\n@classLabel true a\n@data\n"
    text = "(0,1.5),(0.5,?):(0,2),(0.5,3):a\n(2024-01-01 10:30:00,7):(2024-01-01 10:30:00,8):a\n"
    found = read_series(write(tmp_path, head + text))
    np.testing.assert_array_equal(found.sequences[0], [[1.5, 2], [np.nan, 3]])
    np.testing.assert_array_equal(found.sequences[1], [[7, 8]])
    for line, said in [
        ("(0,1),(0,2):a", "stands there twice"),
        ("(1,1),(0,2):a", "comes after"),
        ("(0,1):(1,2):a", "other times than the first"),
        ("1,2:a", "without times"),
        ("(0,1),2:a", "without its time"),
        ("(soon,1):a", "no moment in time"),
        ("(0,x):a", "'x' is no number"),
    ]:
        with pytest.raises(InputError, match=said) as caught:
            read_series(write(tmp_path, head + line))
        assert caught.value.where.startswith(f"{tmp_path / 'a.ts'}:4, channel ")


@pytest.mark.parametrize(
    ("lines", "where", "said"),
    [
        ("1,2:low\n1,2:3,4:low", ":6", "2 channels"),
        ("1,2:3:low", ":5, channel 2", "1 values, the first has 2"),
        ("1,two:low", ":5, channel 1, value 2", "'two' is no number"),
        ("1,1_0:low", ":5, channel 1, value 2", "'1_0' is no number"),
        ("1,inf:low", ":5, channel 1, value 2", "infinite"),
        ("1:1e39:low", ":5, channel 2, value 1", "too large"),
        ("1,2:medium", ":5", "the label is 'medium'"),
        ("1,2:", ":5", "no label"),
        ("1,2", ":5", "'1,2'"),
        ("high", ":5", "label alone"),
        (":1:low", ":5, channel 1", "channel is empty"),
        ("(0,1):low", ":5, channel 1, value 1", "'(0' is no number"),
    ],
)
def test_broken_series_are_named(tmp_path, lines, where, said):
    with pytest.raises(InputError) as caught:
        read_series(write(tmp_path, HEAD + lines + "\n"))
    assert caught.value.where == f"{tmp_path / 'a.ts'}{where}"
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("@problemName x\n1,2:a\n", 2, "no line of a header"),
        ("@missing perhaps\n@data\n", 1, "perhaps"),
        ("@dimensions 0\n@data\n", 1, "@dimensions says 0"),
        ("@dimensions two\n@data\n", 1, "two"),
        ("@dimension\n@data\n", 1, "nothing"),
        ("@sampleRate 100\n@data\n", 1, "@sampleRate"),
        ("@\n@data\n1\n", 1, "unknown line @"),
        ("@targetLabel true\n@data\n1:2\n", 2, "not a class"),
        ("@univariate true\n@dimensions 2\n@data\n1:2\n", 3, "@dimensions 2"),
        ("@problemName x\n", 1, "no line @data"),
        ("@dimensions 3\n@data\n1:2\n", 3, "2 channels"),
        ("@seriesLength 3\n@data\n1,2\n", 3, "2 steps"),
        ("@equalLength true\n@data\n1,2\n1\n", 4, "1 step"),
        ("@univariate true\n@data\n1:2\n", 3, "2 channels"),
    ],
)
def test_a_broken_header_is_named(tmp_path, text, line, said):
    with pytest.raises(InputError) as caught:
        read_series(write(tmp_path, text))
    assert caught.value.where == f"{tmp_path / 'a.ts'}:{line}"
    assert said in caught.value.what


def test_a_length_of_equal_ones_alone_is_held_to(tmp_path):
    text = "@equalLength false\n@seriesLength 3\n@data\n1,2\n"
    assert len(read_series(write(tmp_path, text)).sequences[0]) == 2


def test_labels_that_are_not_looked_at_may_be_anything(tmp_path):
    path = write(tmp_path, HEAD + "1,2:?\n3:\n4:medium\n")
    found = read_series(path, labels=False)
    assert found.labels is None
    assert [x[:, 0].tolist() for x in found.sequences] == [[1, 2], [3], [4]]


def test_no_series_and_no_text(tmp_path):
    with pytest.raises(InputError, match="no series"):
        read_series(write(tmp_path, HEAD))
    with pytest.raises(InputError, match="no line @data"):
        read_series(write(tmp_path, ""))
    path = write(tmp_path, HEAD + "1,2:low\n" * 1000, "b.ts.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged"):
        read_series(path)
    with pytest.raises(InputError, match="binary"):
        read_series(write(tmp_path, HEAD + "1,\0:low\n"))
