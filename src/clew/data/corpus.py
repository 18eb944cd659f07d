"""Running text as one long array of ids, on disk as large as it likes.

A corpus on disk is a folder, whole or not there:

    tokens.npy    the ids in order, (N,), uint16 if the vocabulary allows, else uint32
    marks.npy     (M, 2) int64, rows (tokens, characters) up to the end of a piece; absent where
                  every token is one character
    corpus.json   {"format": 1, "tokens": N, "characters": n, "fingerprint": sha256 of the files,
                  "tokenizer": sha256 of the tokenizer's JSON}
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from clew.data.cut import cut
from clew.data.files import BLOCK, Source, decoded, existing, text_files
from clew.data.text import Tokenizer
from clew.errors import InputError

_FORMAT = 1
_HEADER = 128  # bytes before the first id in tokens.npy


def iter_text(source: Source) -> Iterator[str]:
    """The text of a file, a folder of `*.txt` (sorted) or a list of these, in pieces of about 1 MiB.

    UTF-8, without byte order mark, CRLF and CR as newlines. A file that does not end in a newline
    gets one if another follows. Pieces end after a newline where there is one.

    Raises InputError: no such file (with names that are close), binary, wrong encoding (with the
    byte offset), no text at all.
    """
    yield from _pieces(text_files(source), hashlib.sha256(), source)


def read_text(source: Source) -> str:
    """All that `iter_text` gives, as one string; the same errors."""
    return "".join(iter_text(source))


def _pieces(files: Sequence[Path], digest: Any, source: Source) -> Iterator[str]:
    found = False
    for number, path in enumerate(files):
        rest, ended = "", True
        for text in decoded(path, observe=digest.update):
            found = True
            ended = text.endswith("\n")
            rest += text
            if len(rest) >= BLOCK:
                end = rest.rfind("\n") + 1
                if end == 0 and len(rest) < 4 * BLOCK:
                    continue  # a very long line: wait a little for its end
                pieces = list(cut(rest, BLOCK)) if end == 0 else [rest[:end], rest[end:]]
                rest = pieces.pop()
                yield from pieces
        if not ended and number + 1 < len(files):
            rest += "\n"
        if rest:
            yield rest
    if not found:
        name = str(source) if isinstance(source, (str, Path)) else ", ".join(map(str, files))
        raise InputError("there is no text: the file is empty", where=name, expected="UTF-8 text")


@dataclass(frozen=True, eq=False)
class Corpus:
    """A long text as ids; `tokens` (N,) may be a memory map of a file larger than memory."""

    tokens: NDArray[Any]
    characters: int
    fingerprint: str
    marks: NDArray[np.int64] | None = None  # (M, 2) ends of pieces: tokens, characters

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def from_text(cls, text: str | Iterable[str], tokenizer: Tokenizer) -> Corpus:
        """Encode text that is in memory; a list is joined, with newlines where an item lacks one."""
        if not isinstance(text, str):
            items = [t if t.endswith("\n") else t + "\n" for t in text]
            text = "".join(items)
        if not text:
            raise InputError("there is no text", expected="at least one character")
        parts, marks = [], _Marks()
        for ids in _encoded([text], tokenizer, _fineness(len(text)), marks):
            parts.append(ids)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        return cls(np.concatenate(parts), marks.characters, fingerprint, marks.array())

    @classmethod
    def encode_files(cls, source: Source, tokenizer: Tokenizer, out: str | Path) -> Corpus:
        """Encode text files into the folder `out`, streaming, and open it.

        Memory stays small whatever the files' size. A former corpus in `out` is replaced when the
        new one is whole. Raises InputError as `iter_text` does, or if `out` holds something else.
        """
        out = Path(out)
        _check_replaceable(out)
        files = text_files(source)
        beside = out.with_name(f".{out.name}.{os.getpid()}.part")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir(parents=True)
            _write(files, source, tokenizer, beside)
            if out.exists():
                shutil.rmtree(out)
            beside.rename(out)
        except OSError as error:
            raise InputError(
                f"cannot write the encoded text: {error.strerror}",
                where=str(out),
                hint="is the disk full?",
            ) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return cls.open(out)

    @classmethod
    def open(cls, path: str | Path, tokenizer: Tokenizer | None = None) -> Corpus:
        """Open the folder `encode_files` wrote; `tokenizer`, if given, must be the one that made it.

        Raises InputError if anything in it does not fit together.
        """
        folder = existing(path)
        try:
            facts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
            tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
            there = (folder / "marks.npy").exists()
            marks = np.load(folder / "marks.npy", allow_pickle=False) if there else None
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"this is no encoded text: {error}",
                where=str(path),
                expected="a folder with corpus.json and tokens.npy",
                hint="encode the text files again",
            ) from error
        _check_facts(folder, facts, tokens, marks)
        if tokenizer is not None and facts["tokenizer"] != tokenizer.fingerprint:
            raise InputError(
                "the text was encoded with another tokenizer",
                where=str(path),
                hint="encode the text files again",
            )
        return cls(tokens, facts["characters"], facts["fingerprint"], marks)

    def split(self, fraction: float) -> tuple[Corpus, Corpus]:
        """The first part, and the last `fraction` of it to be held out; neither is copied.

        Characters are cut exactly; words and BPE at the nearest known end of a piece (about
        every thousandth of the text, at a line's end where possible).
        """
        if not 0 < fraction < 1:
            raise InputError(f"the fraction held out is {fraction}", expected="between 0 and 1")
        at = int(len(self) * (1 - fraction) + 1e-9)
        characters = at
        if self.marks is not None:
            inner = self.marks[(self.marks[:, 0] > 0) & (self.marks[:, 0] < len(self))]
            if len(inner) == 0:
                raise InputError("the text is too short to hold a part of it out")
            at, characters = (int(n) for n in inner[np.abs(inner[:, 0] - at).argmin()])
        if not 0 < at < len(self):
            raise InputError("the text is too short to hold a part of it out")
        return self._part(0, at, 0, characters), self._part(
            at, len(self), characters, self.characters
        )

    def _part(self, start: int, stop: int, first: int, last: int) -> Corpus:
        marks = self.marks
        if marks is not None:
            marks = marks[(marks[:, 0] > start) & (marks[:, 0] <= stop)] - (start, first)
        name = hashlib.sha256(f"{self.fingerprint}:{start}:{stop}".encode()).hexdigest()
        return Corpus(self.tokens[start:stop], last - first, name, marks)

    def release(self) -> None:
        """Give the memory of pages read so far back to the system; they are read again at need.

        Only matters for the figure of resident memory: a process that has walked through a memory
        map is charged for all of it.
        """
        base: Any = self.tokens
        while base is not None and not isinstance(base, mmap.mmap):
            base = getattr(base, "base", None)
        if base is not None and hasattr(base, "madvise"):
            base.madvise(mmap.MADV_DONTNEED)


class _Marks:
    """Where pieces end, counted while they are encoded."""

    def __init__(self) -> None:
        self.tokens = 0
        self.characters = 0
        self._rows: list[tuple[int, int]] = []

    def add(self, tokens: int, characters: int) -> None:
        self.tokens += tokens
        self.characters += characters
        self._rows.append((self.tokens, self.characters))

    def array(self) -> NDArray[np.int64] | None:
        return np.array(self._rows, dtype=np.int64).reshape(-1, 2) if self._rows else None


def _fineness(size: int) -> int:
    """Characters between marks: a thousandth of the text, within reason."""
    return max(64, min(size // 1000, 4096))


def _encoded(
    texts: Iterable[str], tokenizer: Tokenizer, fineness: int, marks: _Marks
) -> Iterator[NDArray[Any]]:
    kind = np.uint16 if len(tokenizer) <= 1 << 16 else np.uint32
    exact = tokenizer.unit == "char" and not tokenizer.lowercase
    for text in texts:
        if exact:
            marks.tokens += len(text)
            marks.characters += len(text)
            yield tokenizer.encode_array(text).astype(kind)
            continue
        pieces = list(cut(text, fineness))
        for start in range(0, len(pieces), 256):
            some = pieces[start : start + 256]
            parts = tokenizer.encode_batch(some)
            for piece, part in zip(some, parts, strict=True):
                marks.add(len(part), len(piece))
            yield np.fromiter((i for part in parts for i in part), dtype=kind)


def _write(files: Sequence[Path], source: Source, tokenizer: Tokenizer, folder: Path) -> None:
    digest, marks = hashlib.sha256(), _Marks()
    fineness = _fineness(sum(path.stat().st_size for path in files))
    kind = np.dtype("<u2" if len(tokenizer) <= 1 << 16 else "<u4")
    with (folder / "tokens.npy").open("wb") as file:
        file.write(bytes(_HEADER))
        for ids in _encoded(_pieces(files, digest, source), tokenizer, fineness, marks):
            file.write(memoryview(ids.astype(kind, copy=False)))
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


def _check_replaceable(out: Path) -> None:
    if not out.exists():
        return
    names = {p.name for p in out.iterdir()} if out.is_dir() else {""}
    if not names <= {"tokens.npy", "marks.npy", "corpus.json"}:
        raise InputError("there is something else already", where=str(out), hint="name a new folder")


def _check_facts(
    folder: Path, facts: Any, tokens: NDArray[Any], marks: NDArray[Any] | None
) -> None:
    def wrong(what: str) -> InputError:
        return InputError(what, where=str(folder), hint="encode the text files again")

    kinds = {"format": int, "tokens": int, "characters": int, "fingerprint": str, "tokenizer": str}
    for name, kind in kinds.items():
        if not isinstance(facts, dict) or type(facts.get(name)) is not kind:
            raise wrong(f"corpus.json has no proper {name!r}")
    if facts["format"] > _FORMAT:
        raise wrong(f"the encoded text has format {facts['format']}, newer than this Clew knows")
    if tokens.dtype not in (np.uint16, np.uint32) or tokens.shape != (facts["tokens"],):
        raise wrong(f"tokens.npy holds {tokens.dtype} {tokens.shape}, not {facts['tokens']} ids")
    ends = (facts["tokens"], facts["characters"])
    if marks is None:
        if ends[0] != ends[1]:
            raise wrong("marks.npy is missing")
    elif (
        marks.dtype != np.int64
        or marks.ndim != 2
        or marks.shape[1:] != (2,)
        or not len(marks)
        or (np.diff(marks, axis=0) < 0).any()
        or tuple(marks[-1]) != ends
        or (marks < 0).any()
    ):
        raise wrong("marks.npy does not fit the text")
