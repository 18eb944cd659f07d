"""Sound as samples: files and arrays of any rate and number of channels become one of one rate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.data.files import existing, unreadable
from clew.data.resample import Resampler, Samples, check_rate
from clew.errors import InputError, need

_BLOCK = 1 << 16  # frames read at once: a header that promises more than there is costs nothing
_LOUD = 0.98  # of full scale; 8-bit formats reach no more
_FLAT = 3  # equal loud samples in a row: no sound in nature has such tops
_CLIPPED = 1e-3  # share of samples on such tops that is worth a word
_SILENT = 1e-4  # -80 dB
_TOO_LOUD = 8.0  # floats beyond it are not of full scale 1
_TYPES = "an array of floats, int16, int32, int8 or uint8"
_UNTOLD = 0x7FFF_0000  # bytes: from here on a header means that it does not know
_ENDLESS = 1 << 40  # samples: likewise


@dataclass(frozen=True)
class Sound:
    """One channel of samples (N,), full scale is -1 to 1, and what is odd about them."""

    samples: Samples
    rate: int
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def read_sound(
    path: str | Path, rate: int, *, start: float = 0.0, duration: float | None = None
) -> Sound:
    """The sound in a file (WAV, FLAC, OGG, ...) at `rate` samples a second.

    Channels are averaged. start, duration: the part of the file, in seconds. `warnings` says what
    does not keep it from being read: tops that are cut off, silence throughout. Raises InputError
    naming the file if it is no sound, is empty, has NaN, or breaks off before the end that its
    header promises (an Ogg file and an unfinished WAV header promise none).
    """
    check_rate(rate, "rate")
    heard = _Heard()
    parts: list[Samples] = []
    resampler: Resampler | None = None
    for block, own_rate in _blocks(existing(path), start, duration):
        heard.add(block)
        resampler = resampler or Resampler(own_rate, rate)
        parts.append(resampler.push(_mono(block)))
    if resampler is not None:
        parts.append(resampler.finish())
    samples = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
    if not len(samples):
        raise InputError(
            "the recording is empty: it has no samples",
            where=str(path),
            hint="was it stopped before its header was written?",
        )
    return Sound(samples, rate, heard.warnings())


def as_sound(samples: Any, rate_in: int, rate: int, where: str = "samples") -> Sound:
    """The same of an array: (N,) or (N, channels), of floats (full scale 1) or of whole numbers.

    Whole numbers are scaled by their type: int16 by 1 / 32768. Raises InputError naming `where` for
    other arrays, none, or NaN.
    """
    values = as_samples(samples, where)
    if not len(values):
        raise InputError("the recording is empty: it has no samples", where=where)
    heard = _Heard()
    heard.add(values[:, np.newaxis])
    resampler = Resampler(check_rate(rate_in, "rate_in"), check_rate(rate, "rate"))
    parts = [resampler.push(values), resampler.finish()]
    return Sound(np.concatenate(parts), rate, heard.warnings())


def as_samples(samples: Any, where: str = "samples") -> Samples:
    """An array of one or more channels as one of float32 (N,), full scale 1; may be empty."""
    try:
        values = np.asarray(samples)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"these are no samples: {error}", where=where) from error
    if values.size and values.dtype.kind not in "iuf":
        raise InputError(
            f"these are no samples but a {type(samples).__name__} of type {values.dtype}",
            where=where,
            expected=_TYPES,
        )
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] > 64):
        turned = values.ndim == 2 and values.shape[0] <= 64
        raise InputError(
            f"samples of shape {values.shape}",
            where=where,
            expected="(N,), or (N, channels)",
            hint="give samples.T" if turned else None,
        )
    if values.size == 0:
        return np.empty(0, dtype=np.float32)
    floats = _scaled(values, where)
    _check(floats, where)
    return _mono(floats if floats.ndim == 2 else floats[:, np.newaxis])


def _scaled(values: NDArray[Any], where: str) -> Samples:
    kind = values.dtype
    if kind.kind == "i":
        return (values / -float(np.iinfo(kind).min)).astype(np.float32)
    if kind == np.uint8:  # silence is 128, as in WAV files of 8 bits
        return ((values.astype(np.float32) - 128) / 128).astype(np.float32)
    if kind.kind == "f":
        return values.astype(np.float32)
    raise InputError(f"samples of type {kind}", where=where, expected=_TYPES)


def _check(values: Samples, where: str, before: int = 0) -> None:
    """Raises InputError for what is no sample; `before` is how many were read already."""
    peak = np.abs(values).max(initial=0.0)
    if not np.isfinite(peak):
        first = int(np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))[0])
        raise InputError("a sample is NaN or infinite", where=f"{where}, sample {before + first}")
    if peak > _TOO_LOUD:
        raise InputError(
            f"a sample is {peak:g}",
            where=where,
            expected="samples from -1 to 1",
            hint="divide by 32768, or give whole numbers as int16" if peak > 100 else None,
        )


def _mono(block: Samples) -> Samples:
    if block.shape[1] == 1:
        return block[:, 0]
    return np.asarray(block.mean(axis=1, dtype=np.float64), dtype=np.float32)


class _Heard:
    """What is odd about samples that pass by."""

    def __init__(self) -> None:
        self._count = self._flat = 0
        self._peak = 0.0

    def add(self, block: Samples) -> None:
        """Looks at samples (n, channels)."""
        size = np.abs(block)
        self._count += block.size
        self._peak = max(self._peak, float(size.max(initial=0.0)))
        if self._peak >= _LOUD and len(block) >= _FLAT:
            same = (block[1:] == block[:-1]) & (size[1:] >= _LOUD)
            self._flat += int((same[1:] & same[:-1]).sum())

    def warnings(self) -> tuple[str, ...]:
        """One line for each oddity."""
        found = []
        if self._flat > _CLIPPED * self._count:
            found.append(
                f"clipped: {self._flat / self._count:.1%} of the samples are cut off at full scale"
            )
        if self._peak > 1.05:
            found.append(f"louder than full scale: up to {self._peak:.2f}")
        if self._peak < _SILENT:
            found.append("silent throughout")
        return tuple(found)


def _blocks(path: Path, start: float, duration: float | None) -> Iterator[tuple[Samples, int]]:
    """Samples (n, channels) of a file as they stand there, and their rate."""
    library = need("soundfile", extra="transcribe")
    _check_file(path)
    position = 0
    try:
        # By its number: by its name *.raw would be taken for samples without a header.
        with path.open("rb") as file, library.SoundFile(file.fileno(), closefd=False) as sound:
            rate = check_rate(sound.samplerate, str(path))
            _check_whole(path, sound.extra_info)
            promised = _sought(path, sound, start, duration)
            while position < promised:
                size = min(_BLOCK, promised - position)
                block = sound.read(size, dtype="float32", always_2d=True)
                if not len(block):
                    break
                _check(block, str(path), position)
                position += len(block)
                yield block, rate
            if position < promised < _ENDLESS:
                raise _broken(path, f"{position / rate:.2f} of {promised / rate:.2f} s are there")
    except OSError as error:
        raise unreadable(path, error) from error
    except library.SoundFileError as error:
        if position or path.suffix.lower() in (".flac", ".ogg", ".mp3"):
            raise _broken(path, f"after {position} samples it cannot be read") from error
        raise InputError(
            "this is no sound file that can be read",
            where=str(path),
            expected="WAV, FLAC or OGG",
            hint=f"ffmpeg -i {path.name} -ac 1 sound.wav makes one of most sounds and films",
        ) from error


def _check_file(path: Path) -> None:
    what = "a folder" if path.is_dir() else None if path.is_file() else "no regular file"
    if what is not None:
        raise InputError(f"this is {what}", where=str(path), expected="a sound file")
    if path.stat().st_size == 0:
        raise InputError("the file is empty: 0 bytes", where=str(path), expected="a sound file")


def _check_whole(path: Path, notes: str) -> None:
    """Refuses a WAV file whose header promises more bytes than there are."""
    found = re.search(r"^data\s*: (\d+) \(should be (\d+)\)", notes, re.MULTILINE)
    if found and int(found[2]) < int(found[1]) < _UNTOLD:
        raise _broken(path, f"{found[2]} of {found[1]} bytes of sound are there")


def _broken(path: Path, how: str) -> InputError:
    return InputError(
        f"the file breaks off or is damaged: {how}",
        where=str(path),
        hint=f"copy it anew, or keep what is there: ffmpeg -i {path.name} whole.wav",
    )


def _sought(path: Path, sound: Any, start: float, duration: float | None) -> int:
    """Goes to `start` (seconds) and says how many samples from there are wanted."""
    rate, there = sound.samplerate, sound.frames
    first = round(start * rate)
    wanted = there - first if duration is None else round(duration * rate)
    if first < 0 or wanted < 0 or first + wanted > there:
        end = "the end" if duration is None else f"{start + duration:g} s"
        raise InputError(
            f"there is no part from {start:g} s to {end}",
            where=str(path),
            expected=f"a part of its {there / rate:g} s",
        )
    if first:
        sound.seek(first)
    return int(wanted)
