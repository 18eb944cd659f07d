"""Encoded pairs on disk: as many as there are, in the memory of a few.

A folder of plain little-endian arrays, N pairs:

- `pieces.bin`: the ids of each source and, after it, of its target; uint16, or uint32 where the
  vocabularies ask for it
- `starts.bin`: (N,) int64 where each pair begins in them; `lengths.bin`: (N, 2) uint32
- `numbers.bin`: (N,) int64 the line each stands on
- `first.bin`: (N,) int64 the pair its conversation begins with; empty where there are none
- `held.bin`: (K,) int64 the pairs that are held out; `texts.jsonl`: their texts, [source, target],
  which begin at `text_starts.bin`, (K,) int64
- `facts.json`: {"format": 1, "pairs": N, "kind": "<u2", ...}; written last: it is whole or absent
"""

from __future__ import annotations

import array
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clew.data._pairs_json import Row
from clew.data.mapped import mapped, release
from clew.errors import InputError

_FORMAT = 1
_GROUP = 2048  # pairs encoded at once, which the tokenizer's threads share
_COUNTED = 1 << 20  # pairs whose share is held out to the very number; of more, about so many
_SAMPLE = 1 << 24  # characters of the sample that a vocabulary is learned from, about
RELEASE = 1 << 11  # pairs read between two times that mapped pages are given back
_KINDS = {"starts": "<i8", "lengths": "<u4", "numbers": "<i8", "first": "<i8", "held": "<i8",
          "text_starts": "<i8"}  # fmt: skip

Encode = Callable[[Sequence[str]], Iterable[Sequence[int] | NDArray[Any]]]


class Read(Protocol):
    """Gives the rows from the first one on; the bytes they are made of go to the argument."""

    def __call__(self, observe: Callable[[bytes], Any]) -> Iterator[Row]: ...


def key_of(row: Row, seed: int) -> int:
    """A number below 2^64 by which pairs are held out, equal sources or conversations together."""
    name = row.source if row.conversation is None else row.conversation
    mark = hashlib.blake2b(name.encode(), digest_size=8, salt=(seed % 2**64).to_bytes(8, "little"))
    return int.from_bytes(mark.digest(), "little")


@dataclass
class Survey:
    """What a first reading learns: how many pairs, which are held out, and an even sample.

    Pairs with a key below `bound` are held out; the sample is of the others.
    """

    pairs: int = 0
    bound: int = 0
    conversations: bool = False
    fingerprint: str = ""
    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)


def survey(read: Read, share: float, seed: int, sample: int = _SAMPLE) -> Survey:
    """Read all pairs once; hold out about `share` of the distinct sources, at least one.

    The sample has about `sample` characters, every so many pairs one, whatever the file's size.
    """
    found, digest = Survey(), hashlib.sha256()
    keys = array.array("Q")
    kept: list[tuple[int, str, str]] = []
    stride, size = 1, 0
    for number, row in enumerate(read(digest.update)):
        found.pairs += 1
        found.conversations |= row.conversation is not None
        key = key_of(row, seed)
        if number < _COUNTED:
            keys.append(key)
        if number % stride:
            continue
        kept.append((key, row.source, row.target))
        size += len(row.source) + len(row.target)
        while size > sample and len(kept) > 1:
            kept, stride = kept[::2], 2 * stride
            size = sum(len(source) + len(target) for _, source, target in kept)
    found.bound = _bound(keys, found.pairs, share)
    found.fingerprint = digest.hexdigest()
    inside = [item for item in kept if item[0] >= found.bound]
    found.sources, found.targets = [i[1] for i in inside], [i[2] for i in inside]
    return found


def _bound(keys: array.array[int], pairs: int, share: float) -> int:
    if share == 0:
        return 0
    if pairs > len(keys):
        return round(share * 2**64)
    distinct = np.unique(np.frombuffer(keys, dtype=np.uint64))
    count = min(max(1, round(share * len(distinct))), len(distinct) - 1)
    return int(distinct[count]) if count > 0 else 0


def write(
    folder: Path, rows: Iterator[Row], encode: tuple[Encode, Encode], *, sizes: tuple[int, int],
    bound: int, seed: int, facts: dict[str, Any],
) -> None:  # fmt: skip
    """Encode all rows into `folder`, a new one; hold out those with a key below `bound`.

    sizes: of the vocabularies. bound: -1 holds out all. facts: more to keep. Raises InputError
    where the disk does not take it.
    """
    kind = "<u2" if max(sizes) <= 1 << 16 else "<u4"
    try:
        folder.mkdir(parents=True)
        with _Files(folder, kind) as files:
            while group := list(islice(rows, _GROUP)):
                sources = encode[0]([row.source for row in group])
                targets = encode[1]([row.target for row in group])
                held = [bound < 0 or key_of(row, seed) < bound for row in group]
                files.add(group, list(sources), list(targets), held)
        whole = {"format": _FORMAT, "pairs": files.pairs, "kind": kind, **facts}
        with (folder / "facts.json").open("wb") as file:
            file.write(json.dumps(whole).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(
            f"the encoded pairs cannot be written: {error.strerror}",
            where=str(folder),
            hint="is there room on the disk, and leave to write there?",
        ) from error


class _Files:
    """The files of a store while they grow."""

    def __init__(self, folder: Path, kind: str) -> None:
        names = {**_KINDS, "pieces": kind}
        self._kinds = names
        self._files = {name: (folder / f"{name}.bin").open("wb") for name in names}
        self._texts = (folder / "texts.jsonl").open("wb")
        self._pieces = self._begin = 0
        self._conversation: str | None = None
        self.pairs = 0

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *error: object) -> None:
        for file in (*self._files.values(), self._texts):
            file.flush()
            os.fsync(file.fileno())
            file.close()

    def add(
        self, rows: Sequence[Row], sources: Sequence[Any], targets: Sequence[Any],
        held: Sequence[bool],
    ) -> None:  # fmt: skip
        """Some pairs with their pieces."""
        sides = [ids for both in zip(sources, targets, strict=True) for ids in both]
        sizes = np.array([len(ids) for ids in sides], dtype=np.int64).reshape(-1, 2)
        ends = self._pieces + np.cumsum(sizes.sum(1))
        self._write("pieces", np.concatenate([np.asarray(ids, dtype=np.int64) for ids in sides]))
        self._write("starts", ends - sizes.sum(1))
        self._write("lengths", sizes)
        self._write("numbers", [row.number for row in rows])
        self._pieces = int(ends[-1])
        for place, (row, aside) in enumerate(zip(rows, held, strict=True), self.pairs):
            if row.conversation is not None:
                if row.conversation != self._conversation:
                    self._conversation, self._begin = row.conversation, place
                self._write("first", [self._begin])
            if aside:
                self._write("held", [place])
                self._write("text_starts", [self._texts.tell()])
                self._texts.write(json.dumps([row.source, row.target]).encode() + b"\n")
        self.pairs += len(rows)

    def _write(self, name: str, values: Any) -> None:
        self._files[name].write(np.asarray(values).astype(self._kinds[name]).tobytes())


@dataclass(eq=False)
class PairStore:
    """N encoded pairs, mapped from a folder that `write` made. lengths: (N, 2) of both sides."""

    folder: Path
    facts: dict[str, Any]
    pieces: NDArray[Any]
    starts: NDArray[np.int64]
    lengths: NDArray[np.uint32]
    numbers: NDArray[np.int64]
    first: NDArray[np.int64] | None
    held: NDArray[np.int64]
    text_starts: NDArray[np.int64]
    _read: int = 0

    @classmethod
    def open(cls, folder: Path) -> PairStore:
        """The store in `folder`; raises OSError or ValueError where none is whole there."""
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
            raise ValueError("another format")
        kinds = {**_KINDS, "pieces": facts["kind"]}
        found: dict[str, Any] = {
            name: mapped(folder / f"{name}.bin", kind) for name, kind in kinds.items()
        }
        found["lengths"] = found["lengths"].reshape(-1, 2)
        if not len(found["starts"]) == len(found["lengths"]) == facts["pairs"]:
            raise ValueError("parts that do not fit together")
        first = found.pop("first")
        return cls(folder, facts, first=first if len(first) else None, **found)

    def __len__(self) -> int:
        return len(self.starts)

    def pair(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The pieces of the source and of the target of a pair."""
        start = int(self.starts[index])
        one, other = self.lengths[index].tolist()
        found = np.array(self.pieces[start : start + one + other])
        self._read += 1
        if self._read >= RELEASE:
            self._read = 0
            self.release()
        return found[:one], found[one:]

    @property
    def aside(self) -> NDArray[np.bool_]:
        """(N,) True where a pair is held out."""
        found = np.zeros(len(self), dtype=bool)
        found[self.held] = True
        return found

    def texts(self, index: int) -> tuple[str, str]:
        """Source and target of a pair that is held out, as they were given."""
        place = int(np.searchsorted(self.held, index))
        with (self.folder / "texts.jsonl").open("rb") as file:
            file.seek(int(self.text_starts[place]))
            source, target = json.loads(file.readline())
        return source, target

    def release(self) -> None:
        """Give the memory of mapped pages back to the system; they are read again when needed."""
        release((self.pieces, self.starts, self.lengths, self.numbers, self.first))
