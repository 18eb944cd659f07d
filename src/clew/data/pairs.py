"""Pairs of texts that belong together: to translate, to summarise, to reply."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.data._pairs_columns import Columns
from clew.data._pairs_json import Observe, Row
from clew.data._pairs_rows import aligned, counted, rows
from clew.data.files import existing
from clew.data.rows import place
from clew.errors import InputError

__all__ = ["LeftOut", "PairFiles", "PairSource", "Pairs", "Row", "read_pairs"]

PairSource: TypeAlias = str | Path | tuple[str | Path, str | Path]


@dataclass
class LeftOut:
    """Pairs of which one side is empty: how many, and the number of the first one's line."""

    count: int = 0
    first: int = 0

    def add(self, number: int) -> None:
        """Count one more."""
        self.first = self.first or number
        self.count += 1


@dataclass(frozen=True)
class PairFiles:
    """A file of pairs, or two whose lines belong together; checked to be there, read by `rows`."""

    paths: tuple[Path, ...]
    columns: Columns = field(default_factory=Columns)

    @classmethod
    def find(
        cls,
        given: PairSource,
        *,
        source: str | int | None = None,
        target: str | int | None = None,
        conversation: str | int | None = None,
    ) -> PairFiles:
        """The files of what the user gave; see `read_pairs`."""
        several = isinstance(given, Sequence) and not isinstance(given, str)
        items: list[Any] = list(given) if several else [given]  # type: ignore[arg-type]
        if several and len(items) != 2:
            raise InputError(
                f"{len(items)} files were given",
                where="the data",
                expected="one file of pairs, or two whose lines belong together",
            )
        paths = tuple(existing(item) for item in items)
        for path in paths:
            if path.is_dir():
                raise InputError(
                    "this is a folder",
                    where=str(path),
                    expected="a file of pairs, or two whose lines belong together",
                )
        columns = Columns(source, target, conversation)
        if several and columns.given():
            raise InputError(
                "there are no columns to choose from: line n of one file belongs to that of the "
                "other",
                where=" and ".join(map(str, paths)),
                hint="leave out the names of the columns",
            )
        return cls(paths, columns)

    def rows(self, left_out: LeftOut, observe: Observe | None = None) -> Iterator[Row]:
        """Every pair with two sides, as they stand in the file, in the memory of a few.

        A pair with one empty side is counted in `left_out`; an empty line, with two, is none.
        `observe` gets the bytes that are read. Raises InputError naming the line for what is
        broken, and the file where there is no pair.
        """
        one = len(self.paths) == 1
        every = (
            rows(self.paths[0], self.columns, observe)
            if one
            else aligned(self.paths[0], self.paths[1], observe)
        )
        found = False
        for row in every:
            sides = bool(row.source.strip()) + bool(row.target.strip())
            if sides == 2:
                found = True
                yield row
            elif sides == 1:
                left_out.add(row.number)
        if not found:
            raise InputError(
                "there is no pair with two sides" if left_out.count else "there are no pairs",
                where=" and ".join(map(str, self.paths)),
                expected="pairs of texts",
            )

    def place(self, number: int) -> str:
        """Where the row of this number stands, as messages name it."""
        return " and ".join(place(path, number, counted(path)) for path in self.paths)

    @property
    def signature(self) -> list[Any]:
        """What changes when the files, or what is read of them, do: for what is kept of them."""
        status = [(path, path.stat()) for path in self.paths]
        files: list[Any] = [[str(path.resolve()), s.st_size, s.st_mtime_ns] for path, s in status]
        return [*files, [self.columns.source, self.columns.target, self.columns.conversation]]


@dataclass(frozen=True)
class Pairs:
    """Sources and targets in order, the conversation of each where there are such.

    numbers: (N,) the line (or row) of each, which `place` names. fingerprint: the sha-256 of what
    was read. left_out: pairs with one empty side.
    """

    sources: list[str]
    targets: list[str]
    conversations: list[str] | None
    numbers: NDArray[np.int64]
    files: PairFiles
    fingerprint: str
    left_out: LeftOut

    def __len__(self) -> int:
        return len(self.sources)

    def place(self, index: int) -> str:
        """Where a pair stands, as messages name it: file and line."""
        return self.files.place(int(self.numbers[index]))


def read_pairs(
    given: PairSource,
    *,
    source: str | int | None = None,
    target: str | int | None = None,
    conversation: str | int | None = None,
) -> Pairs:
    """Pairs of texts from any of the layouts below, packed by gzip or xz or not.

    - `.csv`, `.jsonl` / `.ndjson` / `.json`, `.parquet`: the columns `source` and `target`, or
      those called so (source, src, input, question, ...; target, tgt, output, answer, ...), or the
      only two, of which the first is the source. {"translation": {"en": ..., "fr": ...}} is read.
    - any other file: lines with tabs. A first line is taken for names only where both are known, or
      were chosen by name. Quotes mean themselves.
    - two files (sources, targets): line n of one belongs to line n of the other.

    source, target, conversation: other columns, by name, or by number from 1 where there are no
    names. Rows of one conversation follow one another. A pair with an empty side is left out.
    Raises InputError naming file and line for whatever is broken.
    """
    files = PairFiles.find(given, source=source, target=target, conversation=conversation)
    digest, left_out = hashlib.sha256(), LeftOut()
    sources: list[str] = []
    targets: list[str] = []
    numbers: list[int] = []
    ids: list[str] = []
    for row in files.rows(left_out, digest.update):
        sources.append(row.source)
        targets.append(row.target)
        numbers.append(row.number)
        if row.conversation is not None:
            ids.append(row.conversation)
    return Pairs(
        sources, targets, ids or None, np.array(numbers, dtype=np.int64), files,
        digest.hexdigest(), left_out,
    )  # fmt: skip
