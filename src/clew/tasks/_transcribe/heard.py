"""What a transcriber is given: sound files or samples, a manifest of them, and what is said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.data.files import existing
from clew.data.resample import check_rate
from clew.data.sound import Sound, as_samples, as_sound, read_sound
from clew.data.speech import Recordings, read_speech, tidy
from clew.errors import InputError

_BEGINNING = 4096  # bytes of a file that its fingerprint looks at, with its size


@dataclass(frozen=True)
class Heard:
    """Recordings: paths of sound files or arrays of samples, the part of each that is meant, where
    each was named, what is said in each (no texts where only sound was given), a fingerprint.
    """

    sounds: list[Any]
    parts: list[tuple[float, float | None]]
    where: list[str]
    texts: list[str]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.sounds)

    def read(self, index: int, rate: int) -> Sound:
        """One recording at `rate`; samples that were given are of that rate. Raises InputError."""
        item, place = self.sounds[index], self.where[index]
        if not isinstance(item, Path):
            return as_sound(item, rate, rate, place)
        start, duration = self.parts[index]
        try:
            return read_sound(item, rate, start=start, duration=duration)
        except InputError as error:
            if str(item) == place:
                raise
            where = f"{place} ({error.where or item})"
            raise InputError(
                error.what, where=where, expected=error.expected, hint=error.hint
            ) from error


def heard(X: Any, y: Any = None, *, name: str = "X", spoken: bool = True) -> Heard:
    """X as recordings: a manifest (see clew.data.speech), a list of paths, or of arrays of samples.

    y: what is said in each, for a list; `spoken`: whether that must be known. Raises InputError
    naming the place of the first that is unsound; the sounds themselves are not read yet.
    """
    if isinstance(X, Recordings | str | Path):
        if y is not None:
            raise InputError(
                "a manifest says itself what is said, and y was given too",
                where="y",
                expected="a list of sound files as X, or no y",
            )
        found = X if isinstance(X, Recordings) else read_speech(X)
        return Heard(list(found.paths), found.parts, found.where, found.texts, found.fingerprint)
    try:
        items = list(X)
    except TypeError:
        items = None
    if items is None or isinstance(X, dict):
        raise InputError(
            f"{name} is of type {type(X).__name__}", where=name, expected="a list of recordings"
        )
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim == 1 and X.dtype.kind != "U":
        raise InputError(
            "one recording was given", where=name, expected="a list of them", hint="[samples]"
        )
    if spoken and y is None:
        raise InputError("it is not known what is said", where="y", expected="a text for each")
    texts = [] if y is None else _texts(y, len(items), "y" if name == "X" else f"{name} y")
    sounds: list[Any] = []
    where: list[str] = []
    for index, item in enumerate(items):
        place = f"{name}[{index}]"
        if isinstance(item, str | Path):
            sounds.append(_file(item, place))
            where.append(str(item))
        else:
            sounds.append(as_samples(item, place))
            where.append(place)
    if spoken and not items:
        raise InputError("there are no recordings", where=name, expected="at least one")
    whole: list[tuple[float, float | None]] = [(0.0, None)] * len(sounds)
    return Heard(sounds, whole, where, texts, _fingerprint(sounds, texts) if spoken else "")


def one_sound(sound: Any, rate: int | None, own: int) -> Heard:
    """A sound file, or samples at `rate` (None: `own`, which they are brought to)."""
    if not isinstance(sound, str | Path):
        rate = own if rate is None else check_rate(rate, "rate")
        samples = as_sound(sound, rate, own, "sound").samples
        return Heard([samples], [(0.0, None)], ["sound"], [], "")
    if rate is not None:
        raise InputError(
            "a sound file says its rate itself", where="rate", expected="no rate, or samples"
        )
    return Heard([_file(sound, "sound")], [(0.0, None)], [str(sound)], [], "")


def _file(name: str | Path, place: str) -> Path:
    """The path of a file that is there."""
    if not str(name).strip():
        raise InputError("the path is empty", where=place, expected="the path of a sound file")
    found = existing(name)
    if not found.is_file():
        raise InputError(
            f"this is {'a folder' if found.is_dir() else 'no file'}, not a sound file",
            where=f"{place} ({name})",
            expected="the path of a sound file",
        )
    return found


def _texts(y: Any, count: int, name: str) -> list[str]:
    if isinstance(y, str | bytes) or not isinstance(y, Sequence | np.ndarray):
        try:
            y = None if isinstance(y, str | bytes) else list(y)
        except TypeError:
            y = None
        if y is None:
            raise InputError("y is no list of texts", where=name, expected="a list of texts")
    if len(y) != count:
        raise InputError(f"{count} recordings and {len(y)} texts", where=name)
    found = []
    for index, text in enumerate(y):
        place = f"{name}[{index}]"
        if not isinstance(text, str):
            raise InputError(
                f"this is of type {type(text).__name__}",
                where=place,
                expected='a text; "" for silence',
            )
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"character {error.start} is half of a surrogate pair", where=place
            ) from None
        found.append(tidy(str(text)))
    return found


def _fingerprint(sounds: list[Any], texts: list[str]) -> str:
    """SHA-256 of the samples, or of each file's name, size and beginning; and of the texts."""
    total = hashlib.sha256()
    for index, item in enumerate(sounds):
        if isinstance(item, Path):
            try:
                with item.open("rb") as file:
                    total.update(f"{item.name}\0{item.stat().st_size}\0".encode())
                    total.update(file.read(_BEGINNING))
            except OSError as error:
                raise InputError(
                    f"cannot read: {error.strerror}", where=str(item), expected="a sound file"
                ) from error
        else:
            total.update(f"{len(item)}\0".encode() + item.tobytes())
        total.update((texts[index] if texts else "").encode() + b"\0")
    return total.hexdigest()
