"""Piano rolls as a fit takes them: of a file or a list, divided, empty ones left out."""

import json

import numpy as np
import pytest
from rolls import roll, rolls

from clew.data.rolls import roll_of
from clew.errors import InputError
from clew.tasks._compose import roll_data

PIECES = [[[50 + n, 64], [], [60 + n, 67, 71]] for n in range(6)]


def texts(part):
    return sorted(part[n].tobytes() for n in range(len(part)))


def test_equal_rolls_stay_together_and_empty_ones_are_left_out():
    data = [*rolls(9), *rolls(9)]
    for seed in range(4):
        found = roll_data.prepare_rolls(data, None, 0.3, seed)
        learned, held = texts(found.train), texts(found.held_out)
        assert sorted(learned + held) == texts([one for one in data if len(one)])
        assert not set(learned) & set(held)
        assert len(set(held)) == 2  # of the 8 that differ
    again = roll_data.prepare_rolls(data, None, 0.3, 3)
    assert found.fingerprint == again.fingerprint
    assert found.fingerprint != roll_data.prepare_rolls(data, None, 0.3, 0).fingerprint
    given = roll_data.prepare_rolls(rolls(9), [roll(0), roll(4)], 0.3, 0)
    assert (len(given.train), len(given.held_out)) == (8, 1)


@pytest.mark.parametrize(
    ("data", "validation"),
    [([], None), ([roll(0)], None), ([roll(4)], None), ([roll(4)], [roll(1)]),
     ([roll(1), roll(1, 1)], None), ([roll(4)], []), ([roll(1)], [roll(3)])],
)  # fmt: skip
def test_too_little_is_told(data, validation):
    with pytest.raises(InputError, match=r"roll|tune"):
        roll_data.prepare_rolls(data, validation, 0.3, 0)


def test_what_is_read_is_what_is_written(tmp_path):
    file = tmp_path / "rolls.json"
    file.write_text(json.dumps(PIECES))
    listed = roll_data.given([roll_of(piece) for piece in PIECES], None, 0.3, 0)
    found = roll_data.given(file, None, 0.3, 0)
    assert found.fingerprint == listed.fingerprint
    assert (len(found.train), len(found.held_out), found.pitches) == (4, 2, 88)
    for part in (found.train, found.held_out):
        for n in range(len(part)):
            sounding = [(np.flatnonzero(step) + 21).tolist() for step in part[n]]
            assert sounding in PIECES


def test_parts_of_a_file_are_taken_for_what_they_are(tmp_path):
    file, other = tmp_path / "rolls.json", tmp_path / "other.json"
    parts = {"train": PIECES[:3], "valid": PIECES[3:5], "test": PIECES[5:]}
    file.write_text(json.dumps(parts))
    found = roll_data.given(str(file), None, 0.3, 0)
    assert (len(found.train), len(found.held_out)) == (3, 2)
    other.write_text(json.dumps(PIECES[:4]))
    found = roll_data.given(file, other, 0.3, 0)
    assert (len(found.train), len(found.held_out)) == (3, 4)
    assert len(roll_data.read(file, "test", "tunes")) == 1
    assert len(roll_data.read(other, "test", "tunes")) == 4
    del parts["valid"]
    file.write_text(json.dumps(parts))
    found = roll_data.given(file, None, 0.4, 0)
    assert (len(found.train), len(found.held_out)) == (2, 1)


def test_a_broken_part_is_told(tmp_path):
    file = tmp_path / "rolls.json"
    file.write_text(json.dumps({"train": PIECES, "valid": [[[60], [7]]]}))
    with pytest.raises(InputError, match="no key 7") as caught:
        roll_data.given(file, None, 0.3, 0)
    assert caught.value.where == f"{file}, valid, piece 0, step 1"
    for missing in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError):
            roll_data.read(missing, "test", "tunes")
    for wrong in (5, [[[60]]], {"train": []}):
        with pytest.raises(InputError, match="no list of rolls"):
            roll_data.given(wrong, None, 0.3, 0)


def test_grids_must_agree():
    data = [roll_of(piece, grid=4) for piece in PIECES]
    assert roll_data.given(data, None, 0.3, 0).grid == 4
    with pytest.raises(InputError, match="4, None"):
        roll_data.given([*data, roll_of(PIECES[0])], None, 0.3, 0)
