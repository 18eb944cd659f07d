"""Rows of steps: what is added up stays, however often rows become one; files are whole."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.errors import InputError
from clew.memory._record import MOST, Record, Row, read


def noted(steps, every=1, clip=1.0):
    record = Record(every, clip=clip, layers=("a", "b"), unit="steps")
    for step in range(1, steps + 1):
        norm = 0.5 + step % 3
        cut = norm > clip
        factor = clip / norm if cut else 0.0
        record.since += Row(step, 1, norm, norm, int(cut), factor, (norm, 2 * norm))
        record.step = step
        if record.due(step):
            record.close([norm, float(step)])
    return record


@settings(max_examples=25)
@given(st.integers(1, 600), st.integers(1, 7))  # at 600 rows have been halved three times
def test_rows_hold_every_step_once_and_are_never_too_many(steps, every):
    record = noted(steps, every)
    assert len(record.rows) <= MOST
    parts = [*record.rows, *([record.since] if record.since.steps else [])]
    norms = [0.5 + step % 3 for step in range(1, steps + 1)]
    assert sum(row.steps for row in parts) == steps
    assert sum(row.norm for row in parts) == pytest.approx(sum(norms))
    assert max(row.longest for row in parts) == max(norms)
    assert sum(row.clipped for row in parts) == sum(norm > 1 for norm in norms)
    assert sum(row.layers[1] for row in parts) == pytest.approx(2 * sum(norms))
    assert record.rows[0].step == 1
    assert all(row.step % record.every == 0 for row in record.rows[1:])
    for before, row in zip(record.rows, record.rows[1:], strict=False):
        assert row.step - before.step == row.steps
        assert row.lags[1] == row.step  # measured at its end
    assert record.since.lags is None


def test_it_is_read_back_as_it_was(tmp_path):
    record = noted(40, 3)
    record.close([math.inf, 0.1 + 0.2])  # what is no number becomes none
    record.write(tmp_path / "gradients.json")
    again = read(tmp_path / "gradients.json")
    assert math.isnan(again.rows[-1].lags[0])
    assert again.rows[-1].lags[1] == 0.1 + 0.2
    assert again.rows[:-1] == record.rows[:-1]
    assert (again.since, again.step, again.every, again.layers) == (
        record.since, record.step, record.every, record.layers,
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["gradients.json"]


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "gradients.json"
    noted(5).write(path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        noted(9).write(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="could not be written"):
        noted(5).write(tmp_path / "none" / "gradients.json")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.json")


def damage(**changes):
    return lambda plain: plain.update(changes)


@pytest.mark.parametrize(
    "harm",
    [
        damage(format=2),
        damage(every=0),
        damage(every=True),
        damage(step="many"),
        damage(clip="one"),
        damage(rows=None),
        damage(rows=[1]),
        damage(layers=3),
        damage(layers=["a"]),
        damage(measured=None),
        damage(more=1),
        lambda plain: plain.pop("since"),
        lambda plain: plain["rows"][0].pop("norm"),
        lambda plain: plain["rows"][0].update(layers=[1.0, "x"]),
        lambda plain: plain["rows"][0].update(steps=-1),
        lambda plain: plain["rows"].reverse(),
        lambda plain: plain["rows"][0].update(lags=7),
    ],
)
def test_a_damaged_file_is_refused(harm, tmp_path):
    path = tmp_path / "gradients.json"
    noted(12, 2).write(path)
    plain = json.loads(path.read_text())
    harm(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(InputError, match="does not hold gradients") as error:
        read(path)
    assert error.value.where == str(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", "[]", "3", "null", '"x"'])
def test_what_is_no_record_at_all_is_refused(text, tmp_path):
    path = tmp_path / "gradients.json"
    path.write_text(text)
    with pytest.raises(InputError):
        read(path)
