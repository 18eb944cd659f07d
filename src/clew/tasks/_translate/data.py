"""From a user's pairs to encoded ones: some to learn from, some held out, and how they were cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data._pairs_store import key_of
from clew.data.pairs import PairFiles, Row, read_pairs
from clew.data.pairs import Pairs as FilePairs
from clew.data.text import Unit
from clew.errors import InputError
from clew.tasks._translate.limits import check_conversations, tell_left_out
from clew.tasks._translate.problem import ListedPairs, Rows
from clew.tasks._translate.sides import Sides, checked

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Cutting:
    """How pairs are cut into pieces, and how many pieces a side may have."""

    unit: Unit
    size: int
    min_count: int
    lowercase: bool
    shared: bool
    longest: int


@dataclass(frozen=True)
class Pairs:
    """Checked pairs in memory; conversations: (N,) ids, equal ones one after the other."""

    sources: list[Any]
    targets: list[Any]
    conversations: list[Any] | None = None
    place: Callable[[int], str] = "X[{}]".format  # where a pair stands, as messages name it
    left_out: int = 0  # pairs of which one side was empty

    def __len__(self) -> int:
        return len(self.sources)

    def pick(self, places: NDArray[np.int64]) -> Pairs:
        """The pairs at these places."""
        some = places.tolist()
        ids = None if self.conversations is None else [self.conversations[i] for i in some]
        sources, targets = ([side[i] for i in some] for side in (self.sources, self.targets))
        return Pairs(sources, targets, ids, lambda n: self.place(some[n]))

    def first(self) -> NDArray[np.int64] | None:
        """For each pair the one that its conversation begins with, (N,)."""
        if self.conversations is None:
            return None
        found = np.arange(len(self))
        for i in range(1, len(self)):
            if self.conversations[i] == self.conversations[i - 1]:
                found[i] = found[i - 1]
        return found


@dataclass(frozen=True)
class Prepared:
    """What a fit learns from, and what it is judged on."""

    sides: Sides
    train: Rows
    held_out: Rows
    original: Callable[[int], tuple[Any, Any]]  # a held-out pair as it was given
    fingerprint: str


def check_pairs(
    X: Any, y: Any, conversation: Any = None, *, names: tuple[str, str] = ("X", "y"),
    sides: Sides | None = None,
) -> Pairs:  # fmt: skip
    """Sources X and targets y as they must be; raises InputError naming the place.

    Without y, X is a file of pairs or two whose lines belong together (see clew.data.pairs), or
    what read_pairs made of them. sides: what was learned from, where something was.
    """
    if y is None and conversation is None and (found := _of_files(X)) is not None:
        texts = sides is None or (sides.source.kind == "text" == sides.target.kind)
        if not texts:
            raise InputError("a file of texts, for a translator of lists of tokens", where=names[0])
        return found
    if y is None:
        raise InputError(
            "there are no targets", where=names[1], expected="a list as long as that of the sources"
        )
    sources = checked(X, names[0]) if sides is None else sides.source.check(X, names[0])
    targets = checked(y, names[1]) if sides is None else sides.target.check(y, names[1])
    if len(sources) != len(targets):
        raise InputError(
            f"there are {len(sources)} sources and {len(targets)} targets",
            where=names[1],
            expected="a target for each source",
        )
    ids = None
    if conversation is not None:
        ids = list(conversation)
        if len(ids) != len(sources):
            raise InputError(
                f"there are {len(sources)} pairs and {len(ids)} conversation ids",
                where="conversation",
                expected="an id for each pair",
            )
    return Pairs(sources, targets, ids)


def files_of(X: Any) -> PairFiles | None:
    """The files that X names, one of pairs or two whose lines belong together; None if none."""
    several = isinstance(X, tuple) and len(X) == 2 and all(isinstance(x, str | Path) for x in X)
    if several or isinstance(X, str | Path):
        return PairFiles.find(X)
    return X if isinstance(X, PairFiles) else None


def _of_files(X: Any) -> Pairs | None:
    """The pairs of files, or what was read from them; None where X is something else."""
    if (files := files_of(X)) is not None:
        given = files.paths[0] if len(files.paths) == 1 else (files.paths[0], files.paths[1])
        X = read_pairs(given, **vars(files.columns))
    if not isinstance(X, FilePairs):
        return None
    return Pairs(X.sources, X.targets, X.conversations, X.place, X.left_out.count)


def prepare(
    pairs: Pairs, validation: Pairs | None, cutting: Cutting, share: float, seed: int, tell: Tell
) -> Prepared:
    """Hold out pairs, learn the pieces of the others, and encode all of them.

    Raises InputError where nothing is left to learn from.
    """
    mark = _fingerprint(pairs, validation)
    if pairs.left_out:
        tell(f"{pairs.left_out:,} pairs have an empty side and are left out")
    if validation is None:
        inside, aside = hold_out(pairs, share, seed=seed)
        if len(aside) == 0:
            tell("nothing can be held out: scores are of the training pairs")
            aside = inside
        learned, apart = pairs.pick(inside), pairs.pick(aside)
    else:
        learned, apart = pairs, validation
    check_conversations(pairs.conversations is not None, cutting.shared)
    sides = Sides.learn(
        learned.sources, learned.targets, unit=cutting.unit, size=cutting.size,
        min_count=cutting.min_count, lowercase=cutting.lowercase, shared=cutting.shared,
    )  # fmt: skip
    train, held = (_rows(part, sides, cutting.longest) for part in (learned, apart))
    for rows, part, words in ((train, learned, "to learn from"), (held, apart, "held out")):
        left = np.setdiff1d(np.arange(len(part)), rows.places)
        tell_left_out(left, len(part), part.place, words, cutting.longest, tell)
    places = held.places.tolist()

    def original(number: int) -> tuple[Any, Any]:
        return apart.sources[places[number]], apart.targets[places[number]]

    return Prepared(sides, train, held, original, mark)


def hold_out(
    pairs: Pairs, share: float, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places to train on and places held out, about `share` of the distinct sources by chance.

    Pairs of equal sources stay on one side, so that nothing held out has been read in training;
    of conversations, whole ones. They are the same ones of a list and of a file.
    """
    names = pairs.sources if pairs.conversations is None else pairs.conversations
    rows = (Row(0, n if isinstance(n, str) else repr(n), "") for n in names)
    keys = np.array([key_of(row, seed) for row in rows], dtype=np.uint64)
    distinct = np.unique(keys)
    count = min(max(1, round(share * len(distinct))), len(distinct) - 1)
    aside = keys < distinct[count] if count else np.zeros(len(keys), dtype=bool)
    return np.flatnonzero(~aside), np.flatnonzero(aside)


def _rows(pairs: Pairs, sides: Sides, longest: int) -> Rows:
    """The pairs encoded, but for those that are too long."""
    store = ListedPairs(sides.source.encode(pairs.sources), sides.target.encode(pairs.targets))
    fit = np.flatnonzero((store.lengths <= longest).all(1))
    return Rows(store, fit, (sides.source.end, sides.target.end), longest, pairs.first())


def _fingerprint(*parts: Pairs | None) -> str:
    """A SHA-256 of all pairs, the same on every machine."""
    total = hashlib.sha256()
    for pairs in parts:
        if pairs is None:
            continue
        total.update(f"{len(pairs)}\n".encode())
        columns: list[Sequence[Any]] = [pairs.sources, pairs.targets]
        columns += [] if pairs.conversations is None else [pairs.conversations]
        for row in zip(*columns, strict=True):
            raw = repr(row).encode("utf-8", "surrogatepass")
            total.update(f"{len(raw)} ".encode() + raw)
    return total.hexdigest()
