"""Piano rolls: files, bits, notes, and what is said of keys that a piano lacks."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.notes import notes_of
from clew.data.rolls import notes_from_roll, read_rolls, roll_from_notes, roll_of, roll_of_steps
from clew.errors import InputError

PARTS = {"train": [[[60, 64], [], [108]], [[21]]], "valid": [[[50]]], "test": [[[51], [51]]]}
STEPS = st.lists(st.sets(st.integers(21, 108), max_size=5).map(sorted), min_size=1, max_size=12)


def saved(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "a.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_files(tmp_path: Path) -> None:
    path = saved(tmp_path, PARTS)
    assert [roll.pitches for roll in read_rolls(path)] == PARTS["train"]
    assert [roll.pitches for roll in read_rolls(path, "valid", grid=1)] == PARTS["valid"]
    assert read_rolls(path, "test", grid=1)[0].grid == 1
    packed = tmp_path / "b.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert [roll.pitches for roll in read_rolls(packed, "test")] == PARTS["test"]
    bare = saved(tmp_path, PARTS["train"])
    assert [roll.pitches for roll in read_rolls(bare)] == PARTS["train"]
    with pytest.raises(InputError, match="no parts"):
        read_rolls(bare, "test")


@given(STEPS)
def test_bits(steps: list[list[int]]) -> None:
    roll = roll_of(steps)
    assert roll.pitches == steps
    assert roll.bits.shape == (len(steps), 11)
    assert roll.steps.shape == (len(steps), 88)
    for row, pitches in zip(roll.steps, steps, strict=True):
        assert [21 + k for k in range(88) if row[k]] == pitches
    assert roll_of_steps(roll.steps.astype(float)).pitches == steps


@given(STEPS)
def test_notes_and_back(steps: list[list[int]]) -> None:
    roll = roll_of(steps, grid=4)
    notes = notes_from_roll(roll, tempo=90)
    assert notes.ticks == 4
    back = roll_from_notes(notes, grid=4).pitches
    assert back == steps[: len(back)]
    assert not any(steps[len(back) :])  # silence at the end is no note


def test_held_keys_are_one_note() -> None:
    notes = notes_from_roll(roll_of([[60, 64], [60], [], [60]]), grid=2)
    assert [row[:3] for row in notes.rows()] == [(0, 1, 64), (0, 2, 60), (3, 1, 60)] or [
        row[:3] for row in notes.rows()
    ] == [(0, 2, 60), (0, 1, 64), (3, 1, 60)]
    drums = notes_of([(0, 480, 40, 90, 128, 0), (0, 480, 10, 90, 0, 0), (0, 480, 60, 9, 0, 0)])
    assert roll_from_notes(drums, grid=1).pitches == [[60]]


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        ("", "empty", "a.json"),
        ("{", "no JSON", "a.json:1"),
        ({"a": []}, "no part 'train'", "a.json"),
        ({"train": 3}, "no pieces", "train"),
        ({"train": []}, "no pieces", "train"),
        ({"train": [[]]}, "no steps", "train, piece 0"),
        ({"train": [[[60]], 5]}, "a piece is int", "train, piece 1"),
        ({"train": [[[60], 61]]}, "a step is 61", "train, piece 0, step 1"),
        ({"train": [[[60], [20]]]}, "no key 20", "train, piece 0, step 1"),
        ({"train": [[[109]]]}, "no key 109", "train, piece 0, step 0"),
        ({"train": [[[60.5]]]}, "no key 60.5", "train, piece 0, step 0"),
        ({"train": [[[True]]]}, "no key True", "train, piece 0, step 0"),
        ({"train": [[["60"]]]}, "no key '60'", "train, piece 0, step 0"),
        ({"train": [["60"]]}, "a step is '60'", "train, piece 0, step 0"),
        ("[" * 100_000, "nested|no JSON", "a.json"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, content: object, what: str, where: str) -> None:
    with pytest.raises(InputError, match=what) as error:
        read_rolls(saved(tmp_path, content))
    assert where in str(error.value.where)


def test_arguments(tmp_path: Path) -> None:
    path = saved(tmp_path, PARTS)
    with pytest.raises(InputError, match="split="):
        read_rolls(path, "dev")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="shape"):
        roll_of_steps(np.zeros((3, 87)))
    with pytest.raises(InputError, match="other values"):
        roll_of_steps(np.full((3, 88), 2))
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(b"[[[60]]]" * 50)[:-9])
    with pytest.raises(InputError, match=r"cut short|damaged"):
        read_rolls(tmp_path / "c.json.gz")
