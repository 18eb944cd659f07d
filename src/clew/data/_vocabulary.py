"""Learning a vocabulary, and the standard JSON it is kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Library

from clew.errors import InputError

Unit = Literal["char", "word", "bpe"]
PAD = "<pad>"
UNKNOWN = "<unk>"

_CHARACTER = r"[\s\S]"
# A run of white space gives its last space to the word after it; a newline is always alone.
_SPACES = r"[^\S\n]+(?=[^\S\n])|[^\S\n]"
_WORD_KEEPING = r"\n| ?\w+(?:['’]\w+)*| ?[^\w\s]|" + _SPACES
_WORD_DROPPING = r"\w+(?:['’]\w+)*|['’](?:s|re|ve|ll|d|m|t)\b|[^\w\s]"
_BYTES = (
    r"\n|['’](?:s|t|re|ve|m|ll|d)\b| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|" + _SPACES
)


@dataclass(frozen=True)
class Settings:
    """All that distinguishes one tokenizer from another."""

    unit: Unit
    lowercase: bool
    keep_spaces: bool
    vocabulary: list[str]
    merges: list[tuple[str, str]]


def lower(text: str) -> str:
    """Lowercase as the library does it (character by character, unlike `str.lower`)."""
    return str(normalizers.Lowercase().normalize_str(text))


def build(
    unit: Unit,
    vocabulary: Sequence[str],
    *,
    lowercase: bool,
    keep_spaces: bool,
    merges: Sequence[tuple[str, str]] = (),
) -> Library:
    """The library's tokenizer for a vocabulary; the one place that says how each unit is cut."""
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    if unit == "bpe":
        library = _guarded(lambda: Library(models.BPE(vocab=ids, merges=list(merges))))
        library.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_BYTES), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        library.decoder = decoders.ByteLevel()
    else:
        library = _guarded(lambda: Library(models.WordLevel(ids, unk_token=UNKNOWN)))
        if unit == "char":
            library.pre_tokenizer = pre_tokenizers.Split(Regex(_CHARACTER), "isolated")
        elif keep_spaces:
            library.pre_tokenizer = pre_tokenizers.Split(Regex(_WORD_KEEPING), "isolated")
        else:
            library.pre_tokenizer = pre_tokenizers.Split(
                Regex(_WORD_DROPPING), "removed", invert=True
            )
        if keep_spaces:
            library.decoder = decoders.Fuse()
    if lowercase:
        library.normalizer = normalizers.Lowercase()
    return library


def count_characters(texts: Iterable[str], size: int, min_count: int, lowercase: bool) -> list[str]:
    """The vocabulary of characters, most frequent first, equal counts by code point."""
    counts = np.zeros(0x110000, dtype=np.int64)
    for text in texts:
        points = np.frombuffer(
            (lower(text) if lowercase else text).encode("utf-32-le"), dtype=np.dtype("<u4")
        )
        if len(points) < 65_536:  # a short text should not cost a table of all code points
            found, times = np.unique(points, return_counts=True)
            counts[found] += times
        else:
            some = np.bincount(points)
            counts[: len(some)] += some
    enough = np.flatnonzero(counts >= min_count)
    kept = enough[np.argsort(-counts[enough], kind="stable")][: size - 2]
    return [PAD, UNKNOWN, *(chr(point) for point in kept)]


def learn_words(
    texts: Iterator[str], size: int, min_count: int, lowercase: bool, keep_spaces: bool
) -> Library:
    """The tokenizer of the most frequent words."""
    blank = build("word", [PAD, UNKNOWN], lowercase=lowercase, keep_spaces=keep_spaces)
    trainer = trainers.WordLevelTrainer(
        vocab_size=size,
        min_frequency=min_count,
        show_progress=False,
        special_tokens=[PAD, UNKNOWN],
    )
    blank.train_from_iterator(texts, trainer)
    # Built anew, because the trainer also registers <pad> and <unk> as marks to be found in text.
    ids = blank.get_vocab()
    vocabulary = sorted(ids, key=ids.__getitem__)
    return build("word", vocabulary, lowercase=lowercase, keep_spaces=keep_spaces)


def learn_bpe(texts: Iterator[str], size: int, min_count: int, lowercase: bool) -> Library:
    """The tokenizer of byte pairs (Sennrich et al. 2016), merged in order of frequency."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    blank = build("bpe", [PAD, UNKNOWN, *alphabet], lowercase=lowercase, keep_spaces=True)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_count,
        show_progress=False,
        special_tokens=[PAD, UNKNOWN],
        initial_alphabet=alphabet,
    )
    blank.train_from_iterator(texts, trainer)
    merges = [(str(a), str(b)) for a, b in json.loads(blank.to_str())["model"]["merges"]]
    vocabulary = [PAD, UNKNOWN, *alphabet]
    known = set(vocabulary)
    kept: list[tuple[str, str]] = []
    for first, second in merges:
        # Text that spells a mark ("<pad>") must not become the mark, so such a merge is left out.
        if first + second in (PAD, UNKNOWN) or not {first, second} <= known - {PAD, UNKNOWN}:
            continue
        kept.append((first, second))
        if first + second not in known:
            known.add(first + second)
            vocabulary.append(first + second)
    return build("bpe", vocabulary, lowercase=lowercase, keep_spaces=True, merges=kept)


def parse(text: str) -> Settings:
    """Check the JSON of a tokenizer and take from it what distinguishes it; raises InputError."""
    try:
        whole = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"the tokenizer is not JSON: {error}") from error
    model = _field(whole, "model", dict)
    kind = model.get("type")
    if kind not in ("WordLevel", "BPE"):
        raise InputError(f"unknown kind of tokenizer {kind!r}", expected="WordLevel or BPE")
    vocabulary = _vocabulary(_field(model, "vocab", dict))
    lowercase = whole.get("normalizer") is not None
    merges: list[tuple[str, str]] = []
    unit: Unit = "bpe"
    keep_spaces = True
    if kind == "BPE":
        merges = _merges(_field(model, "merges", list), vocabulary)
    else:
        pattern = _field(_field(whole, "pre_tokenizer", dict), "pattern", dict).get("Regex")
        if pattern == _CHARACTER:
            unit = "char"
            if any(len(piece) != 1 for piece in vocabulary[2:]):
                raise InputError("a tokenizer of characters has a piece that is not one character")
        elif pattern in (_WORD_KEEPING, _WORD_DROPPING):
            unit, keep_spaces = "word", pattern == _WORD_KEEPING
        else:
            raise InputError(
                "the tokenizer cuts text in a way Clew does not know",
                hint="it may come from another program or a newer Clew",
            )
    settings = Settings(unit, lowercase, keep_spaces, vocabulary, merges)
    _same_rules(whole, settings)
    return settings


def _same_rules(whole: dict[str, Any], settings: Settings) -> None:
    """Refuse JSON whose rules (all but the vocabulary) differ from what we would write."""
    blank = build(
        settings.unit,
        [PAD, UNKNOWN],
        lowercase=settings.lowercase,
        keep_spaces=settings.keep_spaces,
    )
    ours = json.loads(blank.to_str())
    for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens"):
        if whole.get(name) != ours[name]:
            raise InputError(
                f"the tokenizer's {name.replace('_', ' ')} is not one Clew writes",
                expected=json.dumps(ours[name]),
            )


def _field(whole: Any, name: str, kind: type) -> Any:
    if not isinstance(whole, dict) or not isinstance(whole.get(name), kind):
        raise InputError(f"the tokenizer has no proper {name!r}", expected="tokenizers JSON")
    return whole[name]


def _vocabulary(ids: dict[str, Any]) -> list[str]:
    """Pieces in order of id, once it is certain that the ids are 0..n-1."""
    pieces: list[str | None] = [None] * len(ids)
    for piece, i in ids.items():
        if type(i) is not int or not 0 <= i < len(ids) or pieces[i] is not None:
            raise InputError(
                f"the tokenizer gives {piece!r} the id {i!r}",
                expected=f"each of 0 to {len(ids) - 1} once",
            )
        if any("\ud800" <= c <= "\udfff" for c in piece):
            raise InputError(f"the tokenizer has a piece that is not Unicode: {piece!r}")
        pieces[i] = piece
    if pieces[:2] != [PAD, UNKNOWN]:
        raise InputError(
            f"the tokenizer's first pieces are {pieces[:2]}", expected=f"{PAD} and {UNKNOWN}"
        )
    return [piece for piece in pieces if piece is not None]


def _merges(pairs: list[Any], vocabulary: list[str]) -> list[tuple[str, str]]:
    known = set(vocabulary)
    if not set(pre_tokenizers.ByteLevel.alphabet()) <= known:
        raise InputError("the tokenizer lacks some of the 256 bytes")
    merges: list[tuple[str, str]] = []
    for n, pair in enumerate(pairs):
        both = pair.split(" ") if isinstance(pair, str) else pair
        if not (
            isinstance(both, list)
            and len(both) == 2
            and all(isinstance(half, str) and half in known for half in both)
            and "".join(both) in known
        ):
            raise InputError(f"merge {n} of the tokenizer does not fit its vocabulary: {pair!r}")
        merges.append((both[0], both[1]))
    return merges


def _guarded(make: Any) -> Library:
    """Call the library; what it throws, a Rust panic too, becomes an InputError."""
    try:
        library: Library = make()
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a Rust panic is no Exception
        raise InputError(f"the tokenizer cannot be built: {error}") from error
    return library
