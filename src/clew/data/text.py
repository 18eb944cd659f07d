"""Cutting text into numbered pieces: characters, words or byte-level BPE.

The vocabulary is kept in the JSON of Hugging Face's `tokenizers`, which many programs read.
Ids: 0 is `<pad>`, 1 is `<unk>`, the rest follow, most frequent first (BPE: in order of merging).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as Library

from clew.data._ascii import shortcut
from clew.data._vocabulary import (
    PAD,
    UNKNOWN,
    Unit,
    build,
    count_characters,
    learn_bpe,
    learn_words,
    lower,
    parse,
)
from clew.data.cut import cut
from clew.errors import InputError

__all__ = ["PAD", "UNKNOWN", "Tokenizer", "Unit"]

_PIECE = 4096  # characters the library gets at once: small enough for its threads to share a text
_BLOCK = 1 << 18  # characters looked up at once: what is in between stays in the cache
_GROUP = 256  # pieces in one call of the library: bounds the memory its answers take


class Tokenizer:
    """Turns text into ids and back; made by `train`, `from_json` or `load`, never changed."""

    def __init__(self, library: Library, unit: Unit, keep_spaces: bool, lowercase: bool) -> None:
        """Wrap a checked library tokenizer; users call `train`, `from_json` or `load` instead."""
        self._library = library
        self._unit: Unit = unit
        self._keep_spaces = keep_spaces
        self._lowercase = lowercase
        ids = library.get_vocab(with_added_tokens=False)
        self._vocabulary = sorted(ids, key=ids.__getitem__)
        self._ids_of_characters = _lookup(self._vocabulary) if unit == "char" else None
        self._shortcut = shortcut(library, unit, self._vocabulary, keep_spaces)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        unit: Unit,
        *,
        size: int = 20_000,
        min_count: int = 1,
        lowercase: bool = False,
        keep_spaces: bool = True,
    ) -> Tokenizer:
        """Learn a vocabulary of at most `size` entries from `texts`, read once, as it streams.

        `min_count` leaves out characters or words seen less often (for BPE: pairs). With
        `keep_spaces` (running text) `decode(encode(text)) == text` for text without unknown
        pieces: a word carries the space before it and every newline stands alone. Without it
        (classification) words and punctuation are split and white space is dropped; characters
        and BPE keep it always. `lowercase` is undone by nothing.

        Raises InputError for a wrong unit or size, or text that is not valid Unicode.
        """
        if unit not in ("char", "word", "bpe"):
            raise InputError(f"unknown unit {unit!r}", expected='"char", "word" or "bpe"')
        smallest = 258 if unit == "bpe" else 3
        if size < smallest:
            raise InputError(
                f"a vocabulary of {size} is too small for unit {unit!r}",
                expected=f"size of at least {smallest} (<pad>, <unk> and "
                + ("the 256 bytes)" if unit == "bpe" else "one piece)"),
            )
        if min_count < 1:
            raise InputError(f"min_count is {min_count}", expected="at least 1")
        if isinstance(texts, str):
            texts = [texts]
        clean = _checked(texts)
        keep_spaces = keep_spaces or unit != "word"
        if unit == "char":
            vocabulary = count_characters(clean, size, min_count, lowercase)
            library = build(unit, vocabulary, lowercase=lowercase, keep_spaces=True)
        elif unit == "word":
            library = learn_words(_short(clean), size, min_count, lowercase, keep_spaces)
        else:
            library = learn_bpe(_short(clean), size, min_count, lowercase)
        return cls(library, unit, keep_spaces, lowercase)

    @property
    def unit(self) -> Unit:
        """What a text is cut into: "char", "word" or "bpe"."""
        return self._unit

    @property
    def keep_spaces(self) -> bool:
        """Whether white space is kept, so that decoding gives the text back."""
        return self._keep_spaces

    @property
    def lowercase(self) -> bool:
        """Whether text is lowercased before it is cut."""
        return self._lowercase

    @property
    def vocabulary(self) -> list[str]:
        """Every piece, in order of its id (BPE pieces in the byte alphabet of the JSON)."""
        return list(self._vocabulary)

    @property
    def fingerprint(self) -> str:
        """Sha-256 of the JSON: equal for tokenizers that give the same ids."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._vocabulary)

    def __repr__(self) -> str:
        return f"Tokenizer(unit={self._unit!r}, {len(self)} pieces)"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Tokenizer.from_json, (self.to_json(),))

    def encode(self, text: str) -> list[int]:
        """The ids of `text`; a piece not in the vocabulary becomes 1, `<unk>`."""
        if self._ids_of_characters is not None:
            return cast("list[int]", self.encode_array(text).tolist())
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of every text; words and BPE that are not ASCII are cut on all cores."""
        if self._shortcut is None:
            return [self.encode(text) for text in texts]
        found: list[list[int]] = [[] for _ in texts]
        later: list[tuple[list[int], str]] = []  # parts for the library, and where their ids go
        for ids, text in zip(found, texts, strict=True):
            if _valid(text).isascii():
                ids.extend(self._shortcut.encode(text.lower() if self._lowercase else text))
            else:
                later.append((ids, text))
        for start in range(0, len(later), _GROUP):
            self._encode_mixed(later[start : start + _GROUP])
        return found

    def _encode_mixed(self, later: Sequence[tuple[list[int], str]]) -> None:
        """Append to each list the ids of the text beside it: lines of ASCII by the short cut."""
        assert self._shortcut is not None
        # A newline is never inside a piece, so that every line can be numbered by itself.
        parts = [(ids, part) for ids, text in later for part in _lines(text)]
        hard = [part for _, part in parts if not part.isascii()]
        answers = iter(self._library.encode_batch_fast(hard, add_special_tokens=False))
        for ids, part in parts:
            if part.isascii():
                ids.extend(self._shortcut.encode(part.lower() if self._lowercase else part))
            else:
                ids.extend(next(answers).ids)

    def encode_array(self, text: str) -> NDArray[np.uint32]:
        """The ids of a long text, (N,); characters go through a table instead of the library."""
        if self._ids_of_characters is None:
            parts = self.encode_batch(list(cut(text, _PIECE)))
            arrays = [np.array(part, dtype=np.uint32) for part in parts]
            return np.concatenate(arrays) if arrays else np.empty(0, dtype=np.uint32)
        if self._lowercase:
            text = lower(_valid(text))
        ids = np.empty(len(text), dtype=np.uint32)
        for start in range(0, len(text), _BLOCK):
            points = _points(text[start : start + _BLOCK], start)
            ids[start : start + _BLOCK] = self._ids_of_characters[points]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`: `<pad>` is left out, `<unk>` is written so.

        BPE ids that are no whole UTF-8 become U+FFFD.
        Raises InputError for an id outside the vocabulary.
        """
        if not isinstance(ids, (list, np.ndarray)):
            ids = [int(i) for i in ids]
        numbers = np.asarray(ids, dtype=np.int64)
        wrong = np.flatnonzero((numbers < 0) | (numbers >= len(self)))
        if len(wrong):
            raise InputError(
                f"id {numbers[wrong[0]]} is not in the vocabulary", expected=f"0 to {len(self) - 1}"
            )
        kept = numbers[numbers != 0].tolist()
        if self._unit == "bpe":
            return str(self._library.decode(kept, skip_special_tokens=False))
        return ("" if self._keep_spaces else " ").join(map(self._vocabulary.__getitem__, kept))

    def tokens(self, text: str) -> list[str]:
        """The pieces of `text` as they stand in it, one for each id of `encode`.

        A BPE piece that is part of a character is shown as U+FFFD.
        """
        if self._unit == "char" and not self._lowercase:
            return list(text)
        answer = self._library.encode(_valid(text), add_special_tokens=False)
        if self._unit == "bpe":
            return [str(self._library.decode([i], skip_special_tokens=False)) for i in answer.ids]
        return [text[start:stop] for start, stop in answer.offsets]

    def unknown(self, text: str) -> list[tuple[int, str]]:
        """The pieces of `text` that are not in the vocabulary: (position in the text, piece)."""
        if self._unit == "bpe":
            return []  # the 256 bytes are all known
        if self._ids_of_characters is not None and not self._lowercase:
            return [(int(i), text[i]) for i in np.flatnonzero(self.encode_array(text) == 1)]
        answer = self._library.encode(_valid(text), add_special_tokens=False)
        places = zip(answer.ids, answer.offsets, strict=True)
        return [(start, text[start:stop]) for i, (start, stop) in places if i == 1]

    def to_json(self) -> str:
        """The tokenizer as standard `tokenizers` JSON."""
        return str(self._library.to_str())

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Read what `to_json` wrote; raises InputError for anything else."""
        settings = parse(text)
        library = build(
            settings.unit,
            settings.vocabulary,
            lowercase=settings.lowercase,
            keep_spaces=settings.keep_spaces,
            merges=settings.merges,
        )
        return cls(library, settings.unit, settings.keep_spaces, settings.lowercase)

    def save(self, path: str | Path) -> None:
        """Write the JSON to `path`."""
        Path(path).write_text(self.to_json(), encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read the JSON at `path`; raises InputError naming the file."""
        try:
            text = Path(path).read_bytes().decode("utf-8")
        except OSError as error:
            raise InputError(
                f"the tokenizer cannot be read: {error.strerror}", where=str(path)
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"the tokenizer is not UTF-8 at byte {error.start}", where=str(path)
            ) from error
        try:
            return cls.from_json(text)
        except InputError as error:
            raise InputError(
                error.what, where=str(path), expected=error.expected, hint=error.hint
            ) from error


def _lookup(vocabulary: Sequence[str]) -> NDArray[np.uint32]:
    """The id of every code point there is (1114112,); 1, `<unk>`, where there is none."""
    table = np.ones(0x110000, dtype=np.uint32)
    for i, piece in enumerate(vocabulary[2:], 2):
        table[ord(piece)] = i
    return table


def _lines(text: str) -> list[str]:
    """The lines of `text` with their newlines; only "\\n" ends a line."""
    *whole, last = text.split("\n")
    return [*(line + "\n" for line in whole), *([last] if last else [])]


def _points(text: str, start: int) -> NDArray[np.uint32]:
    """The code points (N,) of `text`, which stands at `start` in what was given."""
    try:
        return np.frombuffer(text.encode("utf-32-le"), dtype=np.dtype("<u4"))
    except UnicodeEncodeError as error:
        raise _half_character(start + error.start) from error


def _valid(text: str) -> str:
    """`text` itself, if it is a str the library can take."""
    if not isinstance(text, str):
        raise TypeError(f"a text must be a str, got {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _half_character(error.start) from error
    return text


def _half_character(position: int) -> InputError:
    return InputError(
        f"the text is not valid Unicode: half a surrogate pair at character {position}",
        hint="text.encode('utf-16', 'surrogatepass').decode('utf-16') joins pairs",
    )


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield _valid(text)


def _short(texts: Iterable[str]) -> Iterator[str]:
    """Texts in pieces the trainers can buffer: they hold 256 at a time."""
    for text in texts:
        yield from cut(text, 16_384)
