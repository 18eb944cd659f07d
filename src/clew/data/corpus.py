"""Running text as one long array of ids, in memory or mapped from disk."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data import stored
from clew.data.files import Source, pieces, text_files
from clew.data.text import Tokenizer
from clew.errors import InputError


def iter_text(source: Source) -> Iterator[str]:
    """The text of a file, a folder's `*.txt` (sorted) or a list of these, in pieces of some MiB.

    UTF-8, without byte order mark, CRLF and CR as newlines. A file that does not end in a newline
    gets one if another follows. Pieces end after a newline where there is one.

    Raises InputError: no such file (with names that are close), binary, wrong encoding (with the
    byte offset), no text at all.
    """
    return pieces(text_files(source), source)


def read_text(source: Source) -> str:
    """All that `iter_text` gives, as one string; the same errors."""
    return "".join(iter_text(source))


@dataclass(frozen=True, eq=False)
class Corpus:
    """A long text as ids; `tokens` (N,) may be a memory map of a file larger than memory.

    `characters` counts the text's characters, `fingerprint` is the sha-256 of its raw bytes.
    `marks` (M, 2) holds the ends of pieces, in tokens and in characters; it is None where every
    token is one character.
    """

    tokens: NDArray[Any]
    characters: int
    fingerprint: str
    marks: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def from_text(cls, text: str | Iterable[str], tokenizer: Tokenizer) -> Corpus:
        """Encode text in memory; items of a list are joined, by newlines where they lack one.

        Raises InputError if there is no text.
        """
        if not isinstance(text, str):
            items = list(text)
            ends = ["" if item.endswith("\n") else "\n" for item in items[:-1]]
            text = "".join(a + b for a, b in zip(items, [*ends, ""], strict=False))
        if not text:
            raise InputError("there is no text", expected="at least one character")
        marks = stored.Marks()
        parts = list(stored.encoded([text], tokenizer, stored.fineness(len(text)), marks))
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        return cls(np.concatenate(parts), marks.characters, fingerprint, marks.array())

    @classmethod
    def encode_files(cls, source: Source, tokenizer: Tokenizer, out: str | Path) -> Corpus:
        """Encode text files into the folder `out` (see `clew.data.stored`), streaming, and open it.

        Takes about 100 MB of memory whatever the files' size. A former corpus in `out` is replaced
        when the new one is whole. Raises InputError as `iter_text` does, or if `out` holds
        something else.
        """
        stored.write(text_files(source), source, tokenizer, Path(out))
        return cls.open(out)

    @classmethod
    def open(cls, path: str | Path, tokenizer: Tokenizer | None = None) -> Corpus:
        """Open the folder `encode_files` wrote; `tokenizer`, if given, must be its tokenizer.

        Raises InputError if anything in it does not fit together.
        """
        tokens, marks, facts = stored.read(path, tokenizer)
        return cls(tokens, facts["characters"], facts["fingerprint"], marks)

    def split(self, fraction: float) -> tuple[Corpus, Corpus]:
        """The first part, and the last `fraction` to be held out; neither is copied.

        Characters are cut exactly; words and BPE at the nearest end of a piece, of which there are
        about a thousand, at the end of a line where possible.
        Raises InputError for a fraction outside (0, 1) or a text too short to be cut.
        """
        if not 0 < fraction < 1:
            raise InputError(f"the fraction held out is {fraction}", expected="between 0 and 1")
        at = int(len(self) * (1 - fraction) + 1e-9)
        characters = at
        if self.marks is not None:
            inner = self.marks[(self.marks[:, 0] > 0) & (self.marks[:, 0] < len(self))]
            nearest = inner[np.abs(inner[:, 0] - at).argmin()] if len(inner) else (0, 0)
            at, characters = int(nearest[0]), int(nearest[1])
        if not 0 < at < len(self):
            raise InputError(
                f"the text is too short to hold a part of it out: {self.characters} characters",
                hint="give more text, or a held-out text of its own",
            )
        first = self._part(0, at, 0, characters)
        return first, self._part(at, len(self), characters, self.characters)

    def _part(self, start: int, stop: int, first: int, last: int) -> Corpus:
        marks = self.marks
        if marks is not None:
            marks = marks[(marks[:, 0] > start) & (marks[:, 0] <= stop)] - (start, first)
        name = hashlib.sha256(f"{self.fingerprint}:{start}:{stop}".encode()).hexdigest()
        return Corpus(self.tokens[start:stop], last - first, name, marks)

    def release(self) -> None:
        """Give the memory of mapped pages back to the system; they are read again when needed.

        A process that has walked through a memory map is charged for all of it, although the
        system could take it back: call this now and then to keep the resident size small.
        """
        base: Any = self.tokens
        while base is not None and not isinstance(base, mmap.mmap):
            base = getattr(base, "base", None)
        if base is not None and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)
