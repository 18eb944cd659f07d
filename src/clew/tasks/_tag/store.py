"""Tagged sentences as numbers: flat arrays, in memory or mapped from disk, cut into batches."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import pad

KINDS = {"words": "<u4", "tags": "<u2", "sizes": "u1", "letters": "<u2", "labels": "<u2",
         "starts": "<i8", "keys": "<u8"}  # fmt: skip
_PIECE = 1 << 20  # sentences looked at together
RELEASE = 8  # batches read between two times that pages of mapped files are given back


@dataclass(frozen=True)
class Batch:
    """Sentences side by side, and the letters of each distinct word in them once.

    words (T, B) ids, lengths (B,); letters (L, W) ids of the W distinct words, sizes (W,) how many
    letters each has; places (T, B): which of the W each word is. Zeros beyond the ends.
    """

    words: Tensor
    lengths: Tensor
    letters: Tensor
    sizes: Tensor
    places: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    @property
    def real(self) -> Tensor:
        """(T, B) bool: where there is a word."""
        steps = torch.arange(len(self.words), device=self.words.device)[:, None]
        return steps < self.lengths


@dataclass(frozen=True, eq=False)
class Store:
    """S encoded sentences of N words with M letters; the arrays may be memory maps.

    words, tags, sizes (letters of a word) are (N,), letters (M,), starts (S + 1, 2) where each
    sentence begins in words and in letters, labels (S,) or (0,), keys (S,): equal for equal words.
    """

    words: NDArray[Any]
    tags: NDArray[Any]
    sizes: NDArray[Any]
    letters: NDArray[Any]
    labels: NDArray[Any]
    starts: NDArray[Any]
    keys: NDArray[Any]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """How many words each sentence has, (S,)."""
        found = np.empty(len(self), dtype=np.int32)
        for start in range(0, len(found), _PIECE):
            found[start : start + _PIECE] = np.diff(self.starts[start : start + _PIECE + 1, 0])
            self.release()
        return found

    def truth(self, index: int) -> NDArray[np.int64]:
        """The tags (T,) of one sentence."""
        first, last = self.starts[index : index + 2, 0]
        return np.asarray(self.tags[first:last], dtype=np.int64)

    def batch(self, indices: Sequence[int] | NDArray[Any]) -> tuple[Batch, Tensor, Tensor]:
        """Sentences at these places: the batch, their tags (T, B) and labels (B,) or (0,)."""
        distinct: dict[bytes, int] = {}
        words, tags, places = [], [], []
        for index in indices:
            (first, begin), (last, end) = self.starts[index : index + 2].tolist()
            words.append(np.asarray(self.words[first:last], dtype=np.int64))
            tags.append(np.asarray(self.tags[first:last], dtype=np.int64))
            raw = self.letters[begin:end].tobytes()
            ends = (2 * np.cumsum(self.sizes[first:last], dtype=np.int64)).tolist()
            starts = [0, *ends[:-1]] if ends else []
            spelled = (raw[a:b] for a, b in zip(starts, ends, strict=True))
            places.append([distinct.setdefault(word, len(distinct)) for word in spelled])
        ids, lengths = _padded(words)
        letters, sizes = _padded([np.frombuffer(word, "<u2") for word in distinct] or [_NONE])
        where = _padded([np.array(row, dtype=np.int64) for row in places])[0]
        labels = np.asarray(self.labels[np.asarray(indices)] if len(self.labels) else _NONE)
        found = Batch(ids, lengths, letters, sizes, where)
        return found, _padded(tags)[0], torch.from_numpy(labels.astype(np.int64))

    def release(self) -> None:
        """Give the memory of mapped pages back to the system; they are read again when needed."""
        for name in KINDS:
            base: Any = getattr(self, name)
            while base is not None and not isinstance(base, mmap.mmap):
                base = getattr(base, "base", None)
            if base is not None and hasattr(mmap, "MADV_DONTNEED"):
                base.madvise(mmap.MADV_DONTNEED)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """What a Sink wrote into `folder`, as memory maps; raises OSError or ValueError."""
        return cls(**{name: _mapped(folder / f"{name}.bin", name) for name in KINDS})


_NONE = np.zeros(0, dtype=np.int64)


def _padded(rows: list[NDArray[Any]]) -> tuple[Tensor, Tensor]:
    """As `pad`, but at least one step long: a network reads no sequence of no steps at all."""
    ids, lengths = pad(rows)
    return (ids if len(ids) else ids.new_zeros((1, len(rows)))), lengths


def _mapped(path: Path, name: str) -> NDArray[Any]:
    shape = (-1, 2) if name == "starts" else (-1,)
    if path.stat().st_size == 0:
        return np.zeros(0, KINDS[name]).reshape(shape)
    found: NDArray[Any] = np.memmap(path, dtype=KINDS[name], mode="r").reshape(shape)
    return found


class Sink:
    """Where encoded sentences go: into memory, or into the files of a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._words = self._letters = 0
        self._parts: dict[str, bytearray] = {name: bytearray() for name in KINDS}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = {name: (folder / f"{name}.bin").open("wb") for name in KINDS}
        self._parts["starts"] += np.zeros(2, KINDS["starts"]).tobytes()

    def add(
        self, words: Sequence[int], tags: Sequence[int], spelled: Sequence[bytes], key: int,
        label: int | None,
    ) -> None:  # fmt: skip
        """One sentence: ids of words and tags, the letters of each word as bytes, its key."""
        parts = self._parts
        letters = b"".join(spelled)
        parts["words"] += np.array(words, KINDS["words"]).tobytes()
        parts["tags"] += np.array(tags, KINDS["tags"]).tobytes()
        parts["sizes"] += bytes(len(word) // 2 for word in spelled)
        parts["letters"] += letters
        self._words += len(words)
        self._letters += len(letters) // 2
        parts["starts"] += np.array([self._words, self._letters], KINDS["starts"]).tobytes()
        parts["keys"] += np.array([key], KINDS["keys"]).tobytes()
        if label is not None:
            parts["labels"] += np.array([label], KINDS["labels"]).tobytes()
        if self.folder is not None and len(parts["letters"]) > 1 << 20:
            self._spill()

    def _spill(self) -> None:
        for name, part in self._parts.items():
            self._files[name].write(part)
            part.clear()

    def done(self) -> Store:
        """The store of all that was added."""
        if self.folder is not None:
            self._spill()
            for file in self._files.values():
                file.close()
            return Store.open(self.folder)
        found = {name: np.frombuffer(bytes(self._parts[name]), KINDS[name]) for name in KINDS}
        return Store(**{**found, "starts": found["starts"].reshape(-1, 2)})


class Plan(Sequence[Any]):
    """The batches of one epoch, made when asked for: like lengths together, in shuffled order.

    A pure function of its arguments. Where sentences are many, what is kept of them is a permuted
    list of their places; no batch lies in memory before its turn. An item is None where this rank
    has nothing to do.
    """

    POOL = 50  # batches sorted by length together

    def __init__(
        self, places: NDArray[Any], lengths: NDArray[Any], batch_size: int, *, seed: int,
        epoch: int, rank: int, world: int,
    ) -> None:  # fmt: skip
        draw = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, epoch])
        self._order = places.copy()
        draw.shuffle(self._order)
        self._lengths, self._size = lengths, batch_size * world
        self._turns = draw.permutation(-(-len(places) // self._size))
        self._rank, self._world = rank, world
        self._pool: tuple[int, NDArray[Any]] = (-1, places[:0])

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        """The places of the sentences of one batch, or None."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        pool, place = divmod(int(self._turns[index]), self.POOL)
        start = pool * self.POOL * self._size
        some = self._order[start : start + self.POOL * self._size]
        some = some[np.argsort(self._lengths[some], kind="stable")]
        mine = some[place * self._size : (place + 1) * self._size][self._rank :: self._world]
        return mine if len(mine) else None
