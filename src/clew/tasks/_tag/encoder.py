"""From words, tags and labels to numbers, and what of that must be stored with a tagger."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data.text import PAD, UNKNOWN
from clew.errors import InputError
from clew.tasks._folder import CONFIG, LIMITS, TOKENIZER, Contents
from clew.tasks._header import check_tokenizer
from clew.tasks._pieces import Pieces
from clew.tasks._tag import bio as bio
from clew.tasks._tag.inputs import Sentence
from clew.tasks._tag.store import Sink, Store

WORD = 64  # letters read of a word: of a longer one the first and the last half
LETTERS = 10_000  # different letters known, at most
MANY = 1_000_000  # different words counted at once; beyond, those seen once are forgotten
FEW = 10_000  # sentences of which exactly the share is held out; of more, each by its own chance
GOES_ON, UNSEEN = (1 << 16) - 2, (1 << 16) - 1  # tags of the truth that are not known
KNOWN = 200_000  # words whose numbers are kept while encoding


def key(words: Sequence[str], seed: int) -> int:
    """A number of 64 bits drawn for these words: the same for equal sentences, on any machine."""
    raw = "\x1f".join(words).encode("utf-8")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8, salt=_salt(seed)).digest(), "little")


def _salt(seed: int) -> bytes:
    return (seed & (1 << 64) - 1).to_bytes(16, "little")


@dataclass
class Survey:
    """What a first reading of the sentences finds."""

    bound: int  # sentences whose key is below it are held out
    words: Counter[str] = field(default_factory=Counter)  # of those learned from, as letters follow
    letters: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    fingerprint: str = ""
    sentences: int = 0
    tokens: int = 0


def survey(source: Iterable[Sentence], share: float, *, seed: int, lowercase: bool) -> Survey:
    """Read all sentences once: count words, letters, tags and labels of those not held out.

    Tags and labels are of all. `share` 0 holds nothing out.
    """
    reading = iter(source)
    first = list(islice(reading, FEW))
    found = Survey(_bound(first, share, seed))
    digest = hashlib.sha256()
    apart: Counter[str] = Counter()
    for sentence in chain(first, reading):
        _digest(digest, sentence)
        found.tags.update(sentence.tags)
        if sentence.label is not None:
            found.labels[sentence.label] += 1
        found.sentences += 1
        found.tokens += len(sentence.words)
        words = apart if key(sentence.words, seed) < found.bound else found.words
        words.update(sentence.words)
        if len(words) > MANY:
            for rare in [word for word, count in words.items() if count == 1]:
                del words[rare]
    if not found.words:  # nothing is left to learn from: hold nothing out
        found.words, found.bound = apart, 0
    for word, count in found.words.items():
        for letter in word:
            found.letters[letter] += count
    if lowercase:
        lowered: Counter[str] = Counter()
        for word, count in found.words.items():
            lowered[word.lower()] += count
        found.words = lowered
    found.fingerprint = digest.hexdigest()
    return found


def _bound(first: list[Sentence], share: float, seed: int) -> int:
    """The key below which sentences are held out: where all are known, exactly their share."""
    if len(first) == FEW or share == 0:
        return int(share * 2**64)
    keys = sorted({key(sentence.words, seed) for sentence in first if len(sentence.words)})
    wanted = max(1, round(share * len(keys)))
    return keys[wanted] if wanted < len(keys) else 0


def _digest(digest: Any, sentence: Sentence) -> None:
    said = [list(sentence.words), list(sentence.tags), sentence.label]
    raw = json.dumps(said, ensure_ascii=False).encode("utf-8")
    digest.update(len(raw).to_bytes(8, "little") + raw)


@dataclass(frozen=True)
class TagEncoder:
    """How sentences become numbers: known words and letters, tags (K,) and labels (C,), in order.

    Of letters 0 is padding and 1 unknown, as of words.
    """

    pieces: Pieces
    letters: list[str]
    tags: list[str]
    labels: list[str]  # empty where sentences carry none
    lowercase: bool

    @classmethod
    def learn(
        cls, found: Survey, *, size: int, min_count: int, lowercase: bool, file: str | None = None
    ) -> TagEncoder:
        """The encoder of what a survey found, maybe in a file.

        Raises InputError for too few or too many tags.
        """
        for names, what in ((found.tags, "tags"), (found.labels, "labels")):
            _check_names(sorted(names), what, file)
        counts = found.words
        for mark in (PAD, UNKNOWN):
            counts.pop(mark, None)
        kept = [word for word in _ranked(counts) if counts[word] >= min_count]
        pieces = Pieces([PAD, UNKNOWN, *kept[: max(0, size - 2)]])
        check_tokenizer(pieces.to_json().encode("utf-8"), len(pieces), "X")
        letters = _ranked(found.letters)[:LETTERS]
        return cls(pieces, letters, sorted(found.tags), sorted(found.labels), lowercase)

    @cached_property
    def spans(self) -> bool:
        """Whether the tags are spans, marked by B-, I- and O."""
        return bio.is_bio(self.tags)

    def spans_of(self, tags: NDArray[Any]) -> list[bio.Span]:
        """The spans that these numbers of tags mark; else each word is one, of its tag's kind."""
        others = {GOES_ON: "I-?", UNSEEN: "B-?" if self.spans else "?"}
        names = [others.get(tag) or self.tags[tag] for tag in tags.tolist()]
        if self.spans:
            return bio.spans(names)
        return [(name, place, place + 1) for place, name in enumerate(names)]

    def encode(
        self,
        sentences: Iterable[Sentence],
        sink: Sink,
        *,
        seed: int = 0,
        labelled: bool = True,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Give all sentences to `sink`.

        labelled: whether they have labels. A tag or label that is not known becomes UNSEEN, which
        no answer is, and `tell` hears of the first one of each.
        """
        numbers = self._numbers()
        tags = {name: n for n, name in enumerate(self.tags)}
        labels = {name: n for n, name in enumerate(self.labels)}
        tell_tag = tell_label = tell
        for sentence in sentences:
            found = [numbers(word) for word in sentence.words]
            truth = [tags.get(tag) or _code(tag, tags) for tag in sentence.tags]
            if tell_tag is not None and max(truth, default=0) >= GOES_ON:
                at = next(n for n, tag in enumerate(truth) if tag >= GOES_ON)
                tell_tag(_unseen("tag", sentence.tags[at], sentence.place(at)))
                tell_tag = None
            label = None
            if self.labels and labelled:
                label = labels.get(str(sentence.label), UNSEEN)
                if tell_label is not None and label == UNSEEN:
                    tell_label(_unseen("label", str(sentence.label), sentence.place(None)))
                    tell_label = None
            sink.add([number for number, _ in found], truth, [spelled for _, spelled in found],
                     key(sentence.words, seed), label)  # fmt: skip

    def encode_words(self, sentences: Iterable[Sequence[str]]) -> Store:
        """Sentences whose tags are not known, in memory."""
        blank = self.tags[0]
        given = (Sentence(words, [blank] * len(words), None, str) for words in sentences)
        sink = Sink(None)
        self.encode(given, sink, labelled=False)
        return sink.done()

    @staticmethod
    def _spelling(word: str, letters: dict[str, int]) -> bytes:
        """Two bytes a letter; of a long word those at its ends."""
        if len(word) > WORD:
            word = word[: WORD // 2] + word[-WORD // 2 :]
        return np.array([letters.get(letter, 1) for letter in word], "<u2").tobytes()

    def _numbers(self) -> Callable[[str], tuple[int, bytes]]:
        """What gives a word its number and its letters'; it remembers the words it has met."""
        letters = {letter: n for n, letter in enumerate(self.letters, 2)}
        known: dict[str, tuple[int, bytes]] = {}

        def numbers(word: str) -> tuple[int, bytes]:
            found = known.get(word)
            if found is None:
                if len(known) >= KNOWN:
                    known.clear()
                plain = word.lower() if self.lowercase else word
                number = self.pieces.encode_batch([[plain]])[0][0]
                found = known[word] = (number, self._spelling(word, letters))
            return found

        return numbers

    def sizes(self) -> dict[str, Any]:
        """What config.json keeps of it."""
        return {
            "vocabulary": len(self.pieces),
            "letters": self.letters,
            "tags": self.tags,
            "labels": self.labels,
        }

    @classmethod
    def read(cls, contents: Contents, lowercase: bool) -> TagEncoder:
        """The encoder that a model folder keeps; raises InputError where its parts do not agree."""
        sizes = contents.network
        if set(sizes) != {"vocabulary", "letters", "tags", "labels"}:
            raise contents.bad("'network' does not describe a tagger")
        if contents.tokenizer is None:
            raise contents.bad(f"there is no {TOKENIZER}", expected="one, for a tagger")
        try:
            pieces = Pieces.from_json(contents.tokenizer)
        except InputError as error:
            raise contents.bad(error.what, name=TOKENIZER, expected=error.expected) from error
        if type(sizes["vocabulary"]) is not int or sizes["vocabulary"] != len(pieces):
            raise contents.bad("'vocabulary' of 'network' is not the size of the tokenizer")
        for name in ("letters", "tags", "labels"):
            names = sizes[name]
            if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
                raise contents.bad(f"{name!r} of 'network' is not a list of texts")
            if len(set(names)) != len(names) or (name != "letters" and sorted(names) != names):
                raise contents.bad(f"{name!r} of 'network' are not distinct and in order")
        if any(len(letter) != 1 for letter in sizes["letters"]):
            raise contents.bad("'letters' of 'network' are not single letters")
        if len(sizes["letters"]) > LETTERS or len(sizes["tags"]) < 2 or len(sizes["labels"]) == 1:
            raise contents.bad("'network' has too many letters, or too few tags or labels")
        return cls(pieces, sizes["letters"], sizes["tags"], sizes["labels"], lowercase)


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))


_CHOICES = {
    "tags": "is it the column of the tags? --tag-column names it; in Python y",
    "labels": "is it the label you mean? --label names it; in Python labels",
}


def _check_names(names: list[str], what: str, file: str | None) -> None:
    where = file or ("y" if what == "tags" else "labels")
    if len(names) == 1 or (what == "tags" and not names):
        raise InputError(
            f"every {what[:-1]} is {names[0]!r}" if names else "there are no words with tags",
            where=where,
            expected=f"two {what} or more",
            hint=_CHOICES[what] if file else None,
        )
    size = len(json.dumps(names, ensure_ascii=False).encode("utf-8"))
    if len(names) > GOES_ON or size > LIMITS[CONFIG] // 4:
        raise InputError(
            f"there are {len(names)} different {what}, too many or too long",
            where=where,
            hint="were words and tags exchanged?" if what == "tags" else None,
        )


def _code(tag: str, tags: dict[str, int]) -> int:
    """The number of a tag; of one that is not known, whether it goes on as I- does."""
    return tags.get(tag, GOES_ON if tag.startswith("I-") else UNSEEN)


def _unseen(what: str, name: str, where: str) -> str:
    return f"the {what} {name!r} ({where}) was not there in training: such {what}s are mistakes"


def split(store: Store, bound: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Places of the sentences to learn from and of those held out; without words they are none."""
    some = store.lengths > 0
    aside = store.keys < np.uint64(bound)
    store.release()
    train, held_out = np.flatnonzero(some & ~aside), np.flatnonzero(some & aside)
    kind = np.int32 if len(store) < 1 << 31 else np.int64  # of many sentences half the memory
    return train.astype(kind), held_out.astype(kind)
