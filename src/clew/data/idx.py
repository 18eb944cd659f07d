"""Arrays out of IDX files, the format of MNIST, packed by gzip or xz or not.

- byte 0, 1: zero; byte 2: the type of a number; byte 3: the number of dimensions
- each dimension as an unsigned number of 32 bits, the first byte the highest
- the numbers, in C order, the highest byte first
"""

from __future__ import annotations

import gzip
import lzma
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data.files import existing, unpacked, unreadable
from clew.errors import InputError

_KINDS = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST = 1 << 32  # bytes; a claim of more is taken for damage


def read_idx(path: str | Path) -> NDArray[Any]:
    """The array in an IDX file, in the byte order of this machine.

    Raises InputError for another format, a size that is not what the header claims, and a file
    that cannot be read or unpacked.
    """
    source = existing(path)
    try:
        with source.open("rb") as stored:
            file = unpacked(stored)
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _KINDS or head[3] == 0:
                raise InputError(
                    f"the file begins with {head.hex(' ') or 'nothing'}",
                    where=str(source),
                    expected="an IDX file: 00 00, then type and number of dimensions",
                )
            sizes = file.read(4 * head[3])
            shape = tuple(int(n) for n in np.frombuffer(sizes[: len(sizes) // 4 * 4], dtype=">u4"))
            kind = np.dtype(_KINDS[head[2]])
            claim = math.prod(shape) * kind.itemsize
            if len(shape) < head[3] or claim > _MOST:
                raise InputError(
                    f"the header claims {claim:,} bytes" if len(shape) == head[3]
                    else "the header is cut short",
                    where=str(source),
                    hint="the file may be damaged: compare it with the original",
                )  # fmt: skip
            data = file.read(claim + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise InputError(
            f"the compressed file is damaged: {error}",
            where=str(source),
            hint="it may be cut short: compare its size with the original",
        ) from error
    except OSError as error:
        raise unreadable(source, error) from error
    if len(data) != claim:
        raise InputError(
            f"there are {'more' if len(data) > claim else len(data)} bytes after the header",
            where=str(source),
            expected=f"{claim:,}, for an array of shape {shape}",
            hint="the file may be cut short or damaged: compare it with the original",
        )
    found = np.frombuffer(data, dtype=kind).reshape(shape)
    return found.astype(kind.newbyteorder("="))
