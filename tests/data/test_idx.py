"""IDX files: every type of number comes back, and nothing broken passes."""

import gzip
import struct

import numpy as np
import pytest

from clew.data.idx import read_idx
from clew.errors import InputError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def packed(array, code):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(TYPES[code]).tobytes()


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 5)])
def test_what_was_packed_is_read(tmp_path, code, shape):
    array = np.arange(np.prod(shape)).reshape(shape)
    for name, raw in (("a", packed(array, code)), ("a.gz", gzip.compress(packed(array, code)))):
        (tmp_path / name).write_bytes(raw)
        found = read_idx(tmp_path / name)
        np.testing.assert_array_equal(found, array)
        assert found.dtype.isnative
        assert found.dtype.itemsize == np.dtype(TYPES[code]).itemsize


GOOD = packed(np.arange(6).reshape(2, 3), 0x08)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "nothing"),
        (GOOD[:3], "00 00 08"),
        (b"\x01" + GOOD[1:], "01 00"),
        (b"\0\0\x07" + GOOD[3:], "00 00 07"),
        (b"\0\0\x08\0", "00 00 08 00"),
        (GOOD[:10], "cut short"),
        (GOOD[:-1], "5 bytes"),
        (GOOD + b"\0", "more bytes"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "claims"),
        (gzip.compress(GOOD, mtime=0)[:-9], "damaged"),
        (b"\x1f\x8bno gzip", "damaged"),
    ],
)
def test_broken_files_are_named(tmp_path, raw, said):
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(InputError, match=said) as caught:
        read_idx(tmp_path / "a")
    assert str(tmp_path / "a") in caught.value.where


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_idx(tmp_path / "a")
