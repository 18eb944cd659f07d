"""Arrays mapped from files."""

from pathlib import Path

import numpy as np

from clew.data.mapped import mapped, release


def test_what_is_given_back_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(np.arange(5000, dtype="<i8").tobytes())
    found = mapped(path, "<i8")
    release([found, found[7:9].reshape(2, 1), np.zeros(3), None])
    assert found.tolist() == list(range(5000))
    assert not found.flags.writeable


def test_an_empty_file_holds_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.bin").touch()
    assert mapped(tmp_path / "a.bin", "<f4").dtype == np.float32
    assert len(mapped(tmp_path / "a.bin", "<f4")) == 0
