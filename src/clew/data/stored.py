"""Encoded text on disk: a folder that is whole or not there, and larger than memory if need be.

- `tokens.npy`: the ids in order, (N,), uint16 if the vocabulary allows, else uint32
- `marks.npy`: (M, 2) int64, rows (tokens, characters) up to the end of a piece; absent where
  every token is one character
- `corpus.json`: {"format": 1, "tokens": N, "characters": n, "fingerprint": sha256 of the files,
  "tokenizer": sha256 of the tokenizer's JSON}
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from clew.data.cut import cut
from clew.data.files import Source, existing, pieces
from clew.data.text import Tokenizer
from clew.errors import InputError

_FORMAT = 1
_HEADER = 128  # bytes before the first id in tokens.npy
_NAMES = {"tokens.npy", "marks.npy", "corpus.json"}
_GROUP = 256  # pieces the tokenizer gets at once, which its threads share


class Marks:
    """Where pieces end, counted while they are encoded."""

    def __init__(self) -> None:
        self.tokens = 0
        self.characters = 0
        self._rows: list[NDArray[np.int64]] = []

    def add(self, tokens: Sequence[int], characters: Sequence[int]) -> None:
        """Count pieces of so many tokens and characters each."""
        rows = np.array([tokens, characters], dtype=np.int64).T.cumsum(axis=0)
        rows += np.array([self.tokens, self.characters])
        self._rows.append(rows)
        self.tokens, self.characters = (int(n) for n in rows[-1])

    def array(self) -> NDArray[np.int64] | None:
        """Rows (tokens, characters), (M, 2); None where every token is one character."""
        return np.concatenate(self._rows) if self._rows else None


def fineness(size: int) -> int:
    """Characters between marks: a thousandth of the text, within reason."""
    return max(64, min(size // 1000, 4096))


def encoded(
    texts: Iterable[str], tokenizer: Tokenizer, between: int, marks: Marks
) -> Iterator[NDArray[Any]]:
    """The ids of `texts` as they come, arrays (n,); `marks` counts them."""
    kind = np.dtype("<u2" if len(tokenizer) <= 1 << 16 else "<u4")
    exact = tokenizer.unit == "char" and not tokenizer.lowercase
    for text in texts:
        if exact:
            marks.tokens += len(text)
            marks.characters += len(text)
            yield tokenizer.encode_array(text).astype(kind)
            continue
        every = list(cut(text, between))
        for start in range(0, len(every), _GROUP):
            some = every[start : start + _GROUP]
            parts = tokenizer.encode_batch(some)
            marks.add([len(part) for part in parts], [len(piece) for piece in some])
            yield np.concatenate([np.array(part, dtype=kind) for part in parts])


def write(files: Sequence[Path], source: Source, tokenizer: Tokenizer, out: Path) -> None:
    """Encode `files` into the folder `out`: written beside it, flushed, then renamed.

    Raises InputError if a file is no text, `out` holds something else, or the disk is full.
    """
    if out.exists():
        names = {p.name for p in out.iterdir()} if out.is_dir() else {""}
        if not names <= _NAMES:
            raise InputError(
                "there is something else already", where=str(out), hint="name a new folder"
            )
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        _fill(beside, files, source, tokenizer)
        if out.exists():
            shutil.rmtree(out)
        beside.rename(out)
    except OSError as error:
        raise InputError(
            f"the encoded text cannot be written: {error.strerror}",
            where=str(out),
            hint="is there room on the disk, and leave to write there?",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _fill(folder: Path, files: Sequence[Path], source: Source, tokenizer: Tokenizer) -> None:
    digest, marks = hashlib.sha256(), Marks()
    between = fineness(sum(path.stat().st_size for path in files))
    kind = np.dtype("<u2" if len(tokenizer) <= 1 << 16 else "<u4")
    with (folder / "tokens.npy").open("wb") as file:
        file.write(bytes(_HEADER))
        for ids in encoded(pieces(files, source, digest.update), tokenizer, between, marks):
            file.write(ids.data)
        file.seek(0)
        file.write(_npy_header(kind, marks.tokens))
        _flush(file)
    array = marks.array()
    if array is not None:
        with (folder / "marks.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
            _flush(file)
    facts = {
        "format": _FORMAT,
        "tokens": marks.tokens,
        "characters": marks.characters,
        "fingerprint": digest.hexdigest(),
        "tokenizer": tokenizer.fingerprint,
    }
    with (folder / "corpus.json").open("wb") as file:
        file.write(json.dumps(facts, indent=1).encode())
        _flush(file)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _npy_header(kind: np.dtype[Any], count: int) -> bytes:
    """Version 1.0 of the .npy header, padded to a length known before the count is."""
    text = f"{{'descr': '{kind.str}', 'fortran_order': False, 'shape': ({count},), }}"
    body = text.ljust(_HEADER - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body.encode("latin1")


def read(
    path: str | Path, tokenizer: Tokenizer | None
) -> tuple[NDArray[Any], NDArray[np.int64] | None, dict[str, Any]]:
    """The tokens (a memory map), marks and facts of a folder `write` made; raises InputError."""
    folder = existing(path)
    try:
        facts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
        there = (folder / "marks.npy").exists()
        marks = np.load(folder / "marks.npy", allow_pickle=False) if there else None
    except (OSError, ValueError, EOFError, RecursionError) as error:
        raise InputError(
            f"this is no encoded text: {error}",
            where=str(path),
            expected="a folder with corpus.json and tokens.npy",
            hint="encode the text files again",
        ) from error
    wrong = _misfit(facts, tokens, marks)
    if wrong is None and tokenizer is not None and facts["tokenizer"] != tokenizer.fingerprint:
        wrong = "the text was encoded with another tokenizer"
    if wrong is not None:
        raise InputError(wrong, where=str(path), hint="encode the text files again")
    return tokens, marks, facts


def _misfit(facts: Any, tokens: NDArray[Any], marks: NDArray[Any] | None) -> str | None:
    """What of a stored corpus does not fit together, if anything."""
    kinds = {"format": int, "tokens": int, "characters": int, "fingerprint": str, "tokenizer": str}
    for name, kind in kinds.items():
        if not isinstance(facts, dict) or type(facts.get(name)) is not kind:
            return f"corpus.json has no proper {name!r}"
    if facts["format"] != _FORMAT:
        return f"the encoded text has format {facts['format']}, this Clew knows {_FORMAT}"
    if tokens.dtype not in (np.uint16, np.uint32) or tokens.shape != (facts["tokens"],):
        return f"tokens.npy holds {tokens.dtype} {tokens.shape}, not {facts['tokens']} ids"
    ends = (facts["tokens"], facts["characters"])
    if marks is None:
        return None if ends[0] == ends[1] else "marks.npy is missing"
    if (
        marks.dtype != np.int64
        or marks.ndim != 2
        or marks.shape[1] != 2
        or len(marks) == 0
        or (marks < 0).any()
        or (np.diff(marks, axis=0) < 0).any()
        or tuple(marks[-1]) != ends
    ):
        return "marks.npy does not fit tokens.npy"
    return None
