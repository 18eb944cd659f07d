"""What a file claims, checked before memory is taken for it: JSON text and safetensors headers."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from clew.errors import InputError

HEADER_LIMIT = 4 << 20  # bytes; a header of 4 MiB describes more than 30,000 tensors
BRACKET_LIMIT = 50_000  # an empty list of two bytes becomes 64 bytes of Python: bound their number
TOKENIZER_LIMIT, TOKENIZER_MARKS = 10 << 20, 4000
ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
              "U8": 1, "BOOL": 1}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """What a safetensors header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def parse_json(raw: bytes, path: Path) -> dict[str, Any]:
    """The JSON object in `raw`: UTF-8, no NaN, no repeated names, bounded nesting.

    Raises InputError naming `path`.
    """
    if raw.count(b"[") + raw.count(b"{") > BRACKET_LIMIT:
        raise InputError("the file holds far more lists than any model needs", where=str(path))
    try:
        found = json.loads(
            raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repeats
        )
    except RecursionError:
        raise InputError("the file is nested too deeply", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file is not UTF-8 text (byte {error.start})", where=str(path), expected="JSON"
        ) from None
    except ValueError as error:
        raise InputError(
            "the file is not valid JSON", where=str(path), expected=f"JSON ({str(error)[:200]})"
        ) from None
    if not isinstance(found, dict):
        raise InputError(
            f"the file holds a {type(found).__name__}", where=str(path), expected="a JSON object"
        )
    return found


def check_tokenizer(raw: bytes, size: int, where: str) -> None:
    """Raise InputError unless `raw`, a tokenizer's JSON, could be that of `size` pieces.

    A piece takes ten quotes, commas and brackets at most, those within it aside; so a small model
    cannot bring a file that unfolds into millions of Python objects.
    """
    if len(raw) > TOKENIZER_LIMIT or sum(map(raw.count, (b'"', b",", b"[", b"{"))) > (
        TOKENIZER_MARKS + 16 * size
    ):
        raise InputError(
            f"the tokenizer takes {len(raw)} bytes, far more than {size} pieces need",
            where=where,
            expected=f"at most {TOKENIZER_LIMIT} bytes, and few marks in a piece",
            hint='shorter pieces: a smaller vocabulary_size, or unit="char"',
        )


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found


def refuse_pickle(start: bytes, path: Path) -> None:
    """Raise InputError where the first bytes of a file are those of a pickle or a torch archive."""
    kind = None
    # The length of a safetensors header may begin so, too; taken for a length, no pickle's first
    # eight bytes are a possible one.
    header = len(start) >= 8 and int.from_bytes(start[:8], "little") <= HEADER_LIMIT
    protocol = start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    if protocol and not header:
        kind = "a pickle"
    elif start[:4] == b"PK\x03\x04":
        kind = "a zip archive, as torch.save writes (a pickle inside)"
    if kind is not None:
        raise InputError(
            f"the file is {kind}; Clew never opens pickles, because opening one can run any code",
            where=str(path),
            expected="a safetensors file",
            hint="ask whoever made it for the folder that Classifier.save or `clew fit` wrote",
        )


def read_header(file: BinaryIO, size: int, path: Path) -> dict[str, Entry]:
    """The header of a safetensors file of `size` bytes: every number checked, no data read.

    A header is trusted only where the tensors it names fill the rest of the file exactly: no
    gap, no overlap, each as long as its shape and type say. Raises InputError.
    """
    file.seek(0)
    start = file.read(8)
    refuse_pickle(start, path)
    if len(start) < 8:
        raise InputError(
            f"the file is truncated: {size} bytes", where=str(path), expected="a safetensors file"
        )
    (length,) = struct.unpack("<Q", start)
    if length > min(HEADER_LIMIT, size - 8):
        raise InputError(
            f"the header claims {length} bytes, in a file of {size}",
            where=str(path),
            expected=f"a safetensors file with a header of at most {HEADER_LIMIT} bytes",
        )
    found = parse_json(file.read(length), path)
    found.pop("__metadata__", None)
    entries = {name: _entry(name, claim, path) for name, claim in found.items()}
    position = 0
    for name, entry in sorted(entries.items(), key=lambda pair: (pair[1].begin, pair[1].end)):
        if entry.begin != position:
            raise InputError(
                f"tensor {name[:80]!r} starts at byte {entry.begin} of the data",
                where=str(path),
                expected=f"byte {position}, where the tensor before it ends",
            )
        position = entry.end
    if position != size - 8 - length:
        raise InputError(
            f"the tensors take {position} bytes and the file holds {size - 8 - length}",
            where=str(path),
            expected="tensors that fill the file exactly",
        )
    return entries


def _entry(name: str, claim: Any, path: Path) -> Entry:
    where = f"{path}, tensor {name[:80]!r}"
    if not isinstance(claim, dict) or set(claim) != {"dtype", "shape", "data_offsets"}:
        raise InputError(
            "the tensor is not described", where=where, expected="dtype, shape and data_offsets"
        )
    dtype, shape, offsets = claim["dtype"], claim["shape"], claim["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise InputError(
            f"unknown type {str(dtype)[:40]!r}", where=where, expected=", ".join(ITEM_BYTES)
        )
    if not _naturals(shape) or len(shape) > 8:
        raise InputError("the shape is not a list of sizes", where=where)
    if not _naturals(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise InputError("data_offsets is not a pair of byte positions", where=where)
    if math.prod(shape) * ITEM_BYTES[dtype] != offsets[1] - offsets[0]:
        raise InputError(
            f"shape {shape} of {dtype} does not take {offsets[1] - offsets[0]} bytes", where=where
        )
    return Entry(dtype, tuple(shape), offsets[0], offsets[1])


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number < 2**63 for number in value
    )
