"""From what a tagger is given to encoded sentences: to learn from, and held out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError
from clew.tasks._pieces import Pieces
from clew.tasks._tag import bio as bio
from clew.tasks._tag.encoder import Survey, TagEncoder, split, survey
from clew.tasks._tag.inputs import Given, Sentence
from clew.tasks._tag.store import Sink, Store
from clew.train import on_main


@dataclass(frozen=True)
class Knowledge:
    """Which words are known, and how sentences are shared out."""

    size: int
    min_count: int
    lowercase: bool
    held_out: float
    seed: int


@dataclass(frozen=True)
class Prepared:
    """All sentences as numbers, the places of those learned from and of those held out."""

    encoder: TagEncoder
    store: Store
    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    fingerprint: str
    notes: list[str]  # to be told

    def facts(self) -> dict[str, Any]:
        """What a model says of the data that it learned from."""
        return {
            "fingerprint": self.fingerprint,
            "sentences": len(self.train),
            "words": int(self.store.lengths[self.train].sum(dtype=np.int64)),
            "held_out": len(self.held_out),
            "tags": len(self.encoder.tags),
            "labels": len(self.encoder.labels),
            "vocabulary": len(self.encoder.pieces),
        }


def prepare(source: Given, aside: Given | None, known: Knowledge, work: Path) -> Prepared:
    """Survey and encode all sentences; those of files into the folder `work`.

    Where an interrupted fit has encoded the same files there, they are taken as they are. Raises
    InputError as the readers do, and for too few tags.
    """
    if source.files is None and (aside is None or aside.files is None):
        return _encode(source, aside, known, None)
    files = [source.files, None if aside is None else aside.files]
    mark = json.dumps([files, dataclasses.astuple(known)], default=str)

    def on_disk() -> None:
        if _earlier(work, mark) is None:
            shutil.rmtree(work / "store", ignore_errors=True)
            _keep(work, mark, _encode(source, aside, known, work / "store"))

    on_main(on_disk)
    found = _earlier(work, mark)
    assert found is not None
    return found


def _encode(source: Given, aside: Given | None, known: Knowledge, folder: Path | None) -> Prepared:
    share = known.held_out if aside is None else 0.0
    first = survey(source, share, seed=known.seed, lowercase=known.lowercase)
    mender = Mender(first.tags)
    other = _other(first, aside, known)
    if mender.spans:
        first.tags = Counter(bio.complete(first.tags))
    encoder = TagEncoder.learn(
        first, size=known.size, min_count=known.min_count, lowercase=known.lowercase,
        file=source.name,
    )  # fmt: skip
    sink = Sink(folder)
    notes: list[str] = []
    for sentences in (source, aside or ()):
        encoder.encode(mender.mend(sentences), sink, seed=known.seed, tell=notes.append)
    store = sink.done()
    notes += mender.notes()
    train, held_out = _sides(store, first, aside is not None)
    if len(held_out) == 0:
        notes.append("nothing can be held out: scores are of the training examples")
        held_out = train
    mark = hashlib.sha256(f"{first.fingerprint} {other}".encode()).hexdigest()
    return Prepared(encoder, store, train, held_out, mark, notes)


def _other(first: Survey, aside: Given | None, known: Knowledge) -> str:
    """The fingerprint of what is held out, where it was given."""
    if aside is None:
        return ""
    found = survey(aside, 0.0, seed=known.seed, lowercase=known.lowercase)
    if found.tokens == 0:
        raise InputError("there is nothing in it", where="validation", expected="(X, y)")
    return found.fingerprint


def _sides(store: Store, first: Survey, given: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    if not given:
        return split(store, first.bound)
    places = np.flatnonzero(store.lengths > 0)
    found = places < first.sentences
    return places[found], places[~found]


class Mender:
    """Makes the spans of sentences well-formed BIO, and remembers where the first was not.

    tags: all there are; where they are no spans, nothing is changed.
    """

    def __init__(self, tags: Iterable[str]) -> None:
        self.spans = bio.is_bio(set(tags))
        self._count, self._first = 0, ""
        self._cuts, self._cut = 0, ""  # spans that cut a word in two, and the first of them

    def mend(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Each sentence; where its tags are spans, they follow the rules (see `bio.repair`)."""
        if not self.spans:
            yield from sentences
            return
        for sentence in sentences:
            if sentence.cut is not None:
                self._cut = self._cut or f"{sentence.cut!r:.60} ({sentence.place(0)})"
                self._cuts += 1
            if not all(map(_marks, sentence.tags)):  # the encoder tells of what is unknown
                yield sentence
                continue
            for place in bio.faults(sentence.tags):
                if not self._count:
                    before = repr(sentence.tags[place - 1]) if place else "nothing"
                    self._first = (
                        f"{sentence.tags[place]!r} after {before} ({sentence.place(place)})"
                    )
                self._count += 1
            yield dataclasses.replace(sentence, tags=bio.repair(sentence.tags))

    def notes(self) -> list[str]:
        """What was mended, and what looks wrong, in words."""
        notes = []
        if self._cuts:
            more = f", as one in {self._cuts - 1:,} more does" if self._cuts > 1 else ""
            notes.append(
                f"the span {self._cut} begins or ends inside a word{more}: the word is cut in two "
                "there, and no text to be tagged will be; are spans counted in characters, from 0?"
            )
        if self._count:
            more = f", and {self._count - 1:,} more like it" if self._count > 1 else ""
            notes.append(f"{self._first}{more}: read as the beginning of a span, as conlleval does")
        return notes


def _marks(tag: str) -> bool:
    """Whether a tag, maybe of a kind that is not known, marks a span or what is outside."""
    return tag == bio.OUTSIDE or (tag[0] in "BIESLU" and tag[1:2] in ("", "-"))


def _keep(work: Path, mark: str, found: Prepared) -> None:
    encoder = found.encoder
    facts = {
        "mark": mark, "pieces": encoder.pieces.vocabulary, "letters": encoder.letters,
        "tags": encoder.tags, "labels": encoder.labels, "lowercase": encoder.lowercase,
        "fingerprint": found.fingerprint, "notes": found.notes,
    }  # fmt: skip
    np.save(work / "train.npy", found.train, allow_pickle=False)
    np.save(work / "held_out.npy", found.held_out, allow_pickle=False)
    beside = work / "sentences.part"
    beside.write_text(json.dumps(facts), encoding="utf-8")
    beside.replace(work / "sentences.json")  # last: what it describes is whole


def _earlier(work: Path, mark: str) -> Prepared | None:
    """What an earlier fit made of the same files, if it lies whole in `work`."""
    try:
        facts = json.loads((work / "sentences.json").read_text(encoding="utf-8"))
        if facts["mark"] != mark:
            return None
        encoder = TagEncoder(
            Pieces(facts["pieces"]), facts["letters"], facts["tags"], facts["labels"],
            facts["lowercase"],
        )  # fmt: skip
        train, held_out = (
            np.load(work / f"{name}.npy", allow_pickle=False) for name in ("train", "held_out")
        )
        store = Store.open(work / "store")
        return Prepared(encoder, store, train, held_out, facts["fingerprint"], facts["notes"])
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not whole: made anew
        return None
