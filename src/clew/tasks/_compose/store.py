"""Encoded tunes: flat arrays on disk, and some of them taken to learn from or to judge by."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.data.batches import pad
from clew.data.mapped import mapped, release
from clew.errors import InputError
from clew.tasks._compose.vocabulary import END, SPECIAL, START, UNKNOWN, Notation, Vocabulary

KINDS = {"tokens": "<u4", "starts": "<i8", "characters": "<i8", "keys": "<u8"}
_PIECE = 1 << 20  # tokens looked at together
_PART = 1 << 16  # tokens held back before they are written


@dataclass(frozen=True)
class Written:
    """A tune as it is to be learned: its tokens, and the length of its text in characters."""

    tokens: list[str]
    characters: int


@dataclass(frozen=True, eq=False)
class Store:
    """n encoded tunes of N tokens in all, END after each; the arrays may be memory maps.

    tokens (N,), starts (n + 1,) where each begins, characters (n,), keys (n,): equal for equal
    tunes.
    """

    tokens: NDArray[Any]
    starts: NDArray[Any]
    characters: NDArray[Any]
    keys: NDArray[Any]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """What `encode` wrote into a folder."""
        return cls(**{name: mapped(folder / f"{name}.bin", kind) for name, kind in KINDS.items()})

    def release(self) -> None:
        """Give the memory of mapped pages back to the system; they are read again when needed."""
        release([self.tokens])


@dataclass(frozen=True, eq=False)
class Part:
    """Some tunes of a store: `places` (n,) are their numbers there."""

    store: Store
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each tune, END included, (n,)."""
        starts = np.asarray(self.store.starts)
        return np.diff(starts)[self.places]

    @property
    def tokens(self) -> int:
        """Tokens of all of them."""
        return int(self.lengths.sum())

    @property
    def characters(self) -> int:
        """Characters of the text of all of them."""
        return int(np.asarray(self.store.characters)[self.places].sum())

    def unknown(self) -> int:
        """How many of the tokens are not known."""
        return sum(int(np.count_nonzero(piece == UNKNOWN)) for piece in self.pieces())

    def tune(self, number: int) -> NDArray[np.int64]:
        """The tokens of one tune, END included, (t,)."""
        first, last = self.store.starts[self.places[number] : self.places[number] + 2].tolist()
        return np.asarray(self.store.tokens[first:last], dtype=np.int64)

    def pieces(self, size: int = _PIECE) -> Iterator[NDArray[np.int64]]:
        """The tokens of all tunes, whole tunes of some `size` tokens at a time."""
        few: list[NDArray[np.int64]] = []
        held = 0
        for number in range(len(self)):
            few.append(self.tune(number))
            held += len(few[-1])
            if held >= size:
                yield np.concatenate(few)
                self.store.release()
                few, held = [], 0
        if few:
            yield np.concatenate(few)

    def last(self, limit: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Tokens (N,) of the last tunes that have at most `limit` together, and their starts."""
        ends = np.cumsum(self.lengths[::-1])
        count = max(1, int(np.searchsorted(ends, limit, side="right")))
        chosen = Part(self.store, self.places[-count:])
        starts = np.concatenate([[0], np.cumsum(chosen.lengths)[:-1]])
        return np.concatenate(list(chosen.pieces())), starts

    def batch(
        self, numbers: NDArray[np.int64], start: int = 0, stop: int | None = None,
        tables: NDArray[np.int64] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Tunes side by side, from their token `start` to `stop`.

        Gives the tokens before each (T, B), the tokens (T, B), and how many are real (B,). tables:
        what each token becomes in another key, (B, V), for each tune; one that has a token which is
        not known there stays as it is.
        """
        tunes = [self.tune(number) for number in numbers.tolist()]
        if tables is not None:
            tunes = [_moved(tune, table) for tune, table in zip(tunes, tables, strict=True)]
        before = [np.concatenate([[START], tune[:-1]])[start:stop] for tune in tunes]
        tokens, lengths = pad([tune[start:stop] for tune in tunes])
        return pad(before)[0], tokens, lengths


def _moved(tune: NDArray[np.int64], table: NDArray[np.int64]) -> NDArray[np.int64]:
    found = table[tune]
    return tune if ((found == UNKNOWN) & (tune != UNKNOWN)).any() else found


def encode(tunes: Iterable[Written], folder: Path) -> Counter[str]:
    """Write tunes into a new folder, their tokens numbered as they come; how often each occurs.

    `finish` makes the numbers those of a vocabulary. Raises InputError where the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _encode(tunes, folder)
    except OSError as error:
        raise InputError(
            f"the encoded tunes cannot be written: {error.strerror}",
            where=str(folder),
            hint="is there room on the disk, and leave to write there?",
        ) from error


def _encode(tunes: Iterable[Written], folder: Path) -> Counter[str]:
    numbers: dict[str, int] = {token: number for number, token in enumerate(SPECIAL)}
    counts: Counter[str] = Counter()
    starts, characters, keys = array("q", [0]), array("q"), array("Q")
    held: list[int] = []
    with (folder / "tokens.bin").open("wb") as file:
        for tune in tunes:
            found = [numbers.setdefault(token, len(numbers)) for token in tune.tokens]
            counts.update(tune.tokens)
            digest = hashlib.sha256("\n".join(tune.tokens).encode()).digest()
            keys.append(int.from_bytes(digest[:8], "little"))
            held += [*found, END]
            starts.append(starts[-1] + len(found) + 1)
            characters.append(tune.characters)
            if len(held) >= _PART:
                np.array(held, dtype=KINDS["tokens"]).tofile(file)
                held.clear()
        np.array(held, dtype=KINDS["tokens"]).tofile(file)
    for name, values in (("starts", starts), ("characters", characters), ("keys", keys)):
        np.array(values, dtype=KINDS[name]).tofile(folder / f"{name}.bin")
    (folder / "names.txt").write_text("\n".join(numbers), encoding="utf-8")
    return counts


def finish(folder: Path, vocabulary: Vocabulary) -> Store:
    """Number the tokens of an encoded folder as the vocabulary does; what it lacks is UNKNOWN."""
    names = (folder / "names.txt").read_text(encoding="utf-8").split("\n")
    table = np.concatenate([np.arange(len(SPECIAL)), vocabulary.encode(names[len(SPECIAL) :])])
    tokens = np.memmap(folder / "tokens.bin", dtype=KINDS["tokens"], mode="r+")
    for start in range(0, len(tokens), _PIECE):
        tokens[start : start + _PIECE] = table[tokens[start : start + _PIECE]]
    tokens.flush()
    del tokens
    return Store.open(folder)


def learn(folder: Path, places: NDArray[np.int64], notation: Notation) -> Vocabulary:
    """The vocabulary of those tunes of an encoded, unfinished folder that are learned from."""
    names = (folder / "names.txt").read_text(encoding="utf-8").split("\n")
    part = Part(Store.open(folder), places)
    counts = np.zeros(len(names), dtype=np.int64)
    for piece in part.pieces():
        counts += np.bincount(piece, minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    special = {START, END, UNKNOWN}
    kept = [names[n] for n in order.tolist() if counts[n] and n not in special]
    return Vocabulary(notation, kept)


def divide(
    keys: NDArray[Any], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which tunes are learned from and which are held out; equal ones stay together."""
    distinct, group = np.unique(np.asarray(keys), return_inverse=True)
    if len(distinct) < 2:
        raise InputError(
            f"there is only {len(distinct)} tune to learn from" if len(distinct) else
            "there is no tune to learn from",
            expected="at least 2 different ones: one is held out",
        )  # fmt: skip
    count = min(len(distinct) - 1, max(1, round(share * len(distinct))))
    chosen = np.random.default_rng(seed).permutation(len(distinct))[:count]
    held = np.isin(group, chosen)
    return np.flatnonzero(~held), np.flatnonzero(held)


def fingerprint(*parts: Part) -> str:
    """Sha-256 of the tokens of all parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"part")
        for piece in part.pieces():
            digest.update(piece.astype("<u4").tobytes())
    return digest.hexdigest()


def real(lengths: Tensor, steps: int) -> Tensor:
    """(T, B) bool: where there is a token."""
    return torch.arange(steps, device=lengths.device)[:, None] < lengths
