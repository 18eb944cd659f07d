"""From tunes to what a fit needs: encoded, divided, and the vocabulary of what is learned from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import InputError
from clew.tasks._compose.sources import notation_of, written
from clew.tasks._compose.store import Part, Store, divide, encode, fingerprint, finish, learn
from clew.tasks._compose.vocabulary import Notation, Vocabulary
from clew.train import on_main

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Prepared:
    """What a fit learns from, and what it is judged on."""

    vocabulary: Vocabulary
    train: Part
    held_out: Part
    left_out: tuple[str, ...] = ()  # what was wrong with tunes that cannot be read, and where

    @property
    def fingerprint(self) -> str:
        """Sha-256 of what is learned from and what is held out."""
        return fingerprint(self.train, self.held_out)


def prepare(
    data: Any, validation: Any, *, notation: Notation, share: float, seed: int, errors: str,
    common: bool, work: Path,
) -> Prepared:  # fmt: skip
    """Encode tunes in the folder `work`, and hold out a share of the different ones.

    validation: tunes to hold out instead. common: in one key for all (ABC). Raises InputError as
    the readers do, and where there are too few.
    """
    if validation is not None:
        notation_of(validation, notation, "validation")
    on_main(lambda: _encode(data, validation, notation, share, seed, errors, common, work))
    vocabulary = Vocabulary.from_json((work / "vocabulary.json").read_text(encoding="utf-8"))
    train, held = (np.load(work / f"{name}.npy") for name in ("train", "held_out"))
    store = Store.open(work / "tunes")
    judged = store if validation is None else Store.open(work / "validation")
    left_out = json.loads((work / "left_out.json").read_text(encoding="utf-8"))
    return Prepared(vocabulary, Part(store, train), Part(judged, held), tuple(left_out))


def _encode(
    data: Any, validation: Any, notation: Notation, share: float, seed: int, errors: str,
    common: bool, work: Path,
) -> None:  # fmt: skip
    shutil.rmtree(work, ignore_errors=True)  # of a fit that was interrupted: cheap to make anew
    failed: list[InputError] | None = [] if errors == "skip" else None
    encode(written(data, notation, common, failed), work / "tunes")
    keys = Store.open(work / "tunes").keys
    if validation is None:
        train, held = divide(keys, share, seed)
    else:
        encode(written(validation, notation, common, failed), work / "validation")
        train = np.arange(len(keys))
        held = np.arange(len(Store.open(work / "validation")))
        for part, words in ((train, "to learn from"), (held, "in validation")):
            if len(part) == 0:
                raise InputError(f"there is no tune {words}", expected="at least one")
    vocabulary = learn(work / "tunes", train, notation)
    finish(work / "tunes", vocabulary)
    if validation is not None:
        finish(work / "validation", vocabulary)
    (work / "vocabulary.json").write_text(vocabulary.to_json(), encoding="utf-8")
    said = [f"{error.what} ({error.where})" for error in failed or ()]
    (work / "left_out.json").write_text(json.dumps(said), encoding="utf-8")
    np.save(work / "train.npy", train)
    np.save(work / "held_out.npy", held)


def only(
    tunes: Any, vocabulary: Vocabulary, common: bool, work: Path,
    failed: list[InputError] | None = None,
) -> Part:  # fmt: skip
    """Tunes to be scored, encoded in the folder `work`; failed: as `written` takes it."""
    notation_of(tunes, vocabulary.notation, "tunes")
    encode(written(tunes, vocabulary.notation, common, failed), work / "tunes")
    store = finish(work / "tunes", vocabulary)
    if len(store) == 0:
        raise InputError("there is no tune to score", where="tunes", expected="at least one")
    return Part(store, np.arange(len(store)))
