"""MIDI files as tables of notes, and notes as events that a model can learn one after another."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from clew.data._midi_events import from_events, to_events
from clew.data.files import existing, listed, unreadable, visible
from clew.data.notes import DRUMS, Notes, notes_of
from clew.errors import InputError, need

__all__ = [
    "Notes",
    "from_events",
    "iter_midi",
    "midi_files",
    "read_midi",
    "to_events",
    "write_midi",
]

_MOST = 64 << 20  # bytes of a file; music has a thousandth of it
_USUAL = 120.0  # quarters a minute, by the standard
_MAJOR = ["Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"]
_MINOR = ["Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#"]


def read_midi(path: str | Path, *, observe: Callable[[bytes], Any] | None = None) -> Notes:
    """The notes of a MIDI file of format 0 or 1, with its metres, keys and tempos.

    Raises InputError naming the file if it is no MIDI, is cut short or damaged, or has no notes.
    """
    library = need("symusic", extra="compose")
    source = existing(path)
    if source.is_dir():
        raise InputError("this is a folder", where=str(source), expected="a MIDI file")
    try:
        if source.stat().st_size > _MOST:
            raise InputError("the file is too large for music", where=str(path), expected="MIDI")
        data = source.read_bytes()
    except OSError as error:
        raise unreadable(source, error) from error
    if observe is not None:
        observe(data)
    if not data:
        raise InputError("the file is empty: 0 bytes", where=str(path), expected="a MIDI file")
    if data[:4] != b"MThd":
        raise InputError("this is no MIDI file", where=str(path), expected="MThd at its start")
    _check_head(data, path)
    try:
        notes = _notes(library.Score.from_midi(data))
    except (RuntimeError, ValueError, MemoryError, OverflowError, UnicodeDecodeError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"the MIDI file is damaged or cut short: {said[0][:120]}",
            where=str(path),
            hint="copy it anew, or open and save it in a program for music",
        ) from error
    if not len(notes):
        raise InputError("there are no notes in the file", where=str(path), expected="music")
    return notes


def _check_head(data: bytes, path: str | Path) -> None:
    """Refuse what is sound, but cannot be told in bars and beats."""
    if data[8:10] == b"\0\2":
        raise InputError(
            "a MIDI file of format 2: its tracks are pieces of their own", where=str(path),
            expected="format 0 or 1", hint="save each of its tracks as a file",
        )  # fmt: skip
    if data[12:13] >= b"\x80":
        raise InputError(
            "the MIDI file counts frames of film (SMPTE), not beats", where=str(path),
            expected="ticks of a quarter note", hint="save it anew in a program for music",
        )  # fmt: skip


def _notes(score: Any) -> Notes:
    rows = []
    for number, track in enumerate(score.tracks):
        found = track.notes.numpy()
        program = DRUMS if track.is_drum else int(track.program)
        columns = [
            found[name].astype(np.int64) for name in ("time", "duration", "pitch", "velocity")
        ]
        size = len(columns[0])
        columns += [np.full(size, program), np.full(size, number)]
        rows.append(np.stack(columns, axis=1))
    table = np.concatenate(rows) if rows else np.empty((0, 6), dtype=np.int64)
    table = table[(table[:, 1] > 0) & (table[:, 3] > 0)]
    tempos = [(int(t.time), float(t.qpm)) for t in score.tempos]
    good = [(tick, bpm) for tick, bpm in tempos if math.isfinite(bpm) and bpm > 0]
    if not good or min(good)[0] > 0:
        good.insert(0, (0, _USUAL))  # until a tempo is said
    metres = [(int(m.time), int(m.numerator), int(m.denominator)) for m in score.time_signatures]
    return notes_of(
        table, ticks=int(score.tpq), tempos=tuple(good),
        metres=tuple((tick, n, d) for tick, n, d in metres if n > 0 and 0 < d <= 64),
        keys=tuple((int(k.time), _key(int(k.key), int(k.tonality))) for k in score.key_signatures),
    )  # fmt: skip


def _key(sharps: int, minor: int) -> str:
    sharps = max(-7, min(7, sharps))
    return _MINOR[sharps + 7] + "m" if minor else _MAJOR[sharps + 7]


def write_midi(notes: Notes, path: str | Path) -> None:
    """Writes notes as a MIDI file, a track for each track and program; raises InputError."""
    library = need("symusic", extra="compose")
    if not 1 <= notes.ticks < 1 << 15:
        raise InputError(f"{notes.ticks} ticks a quarter", expected="1 to 32767 in a MIDI file")
    score = library.Score(notes.ticks)
    voices = sorted({(t, p) for *_, p, t in notes.rows()})
    tracks = {}
    for track, program in voices:
        drums = program == DRUMS
        made = library.Track(name=f"track {track}", program=0 if drums else program, is_drum=drums)
        tracks[track, program] = made
    for start, duration, pitch, velocity, program, track in notes.rows():
        note = library.Note(time=start, duration=duration, pitch=pitch, velocity=velocity)
        tracks[track, program].notes.append(note)
    for made in tracks.values():
        score.tracks.append(made)
    for tick, bpm in notes.tempos:
        score.tempos.append(library.Tempo(time=tick, qpm=bpm))
    for tick, beats, unit in notes.metres:
        signature = library.TimeSignature(time=tick, numerator=beats, denominator=unit)
        score.time_signatures.append(signature)
    for tick, name in notes.keys:
        sharps = _sharps(name)
        if sharps is not None:
            key = library.KeySignature(time=tick, key=sharps, tonality=int(name.endswith("m")))
            score.key_signatures.append(key)
    _save(score.dumps_midi(), Path(path))


def _sharps(name: str) -> int | None:
    """Sharps of a major or minor key as MIDI knows them; None for other names."""
    names = _MINOR if name.endswith("m") else _MAJOR
    tonic = name.removesuffix("m")
    return names.index(tonic) - 7 if tonic in names else None


def _save(data: bytes, path: Path) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(
            f"cannot write: {os.strerror(error.errno or 0)}", where=str(path)
        ) from error


def midi_files(path: str | Path) -> list[Path]:
    """The MIDI files that `path` is or, with its folders, holds, sorted by name."""
    source = existing(path)
    if not source.is_dir():
        return [source]
    found: list[Path] = []
    inside = visible(source)
    for item in inside:
        if item.is_dir():
            found += midi_files(item) if any(_is_midi(p) for p in item.rglob("*")) else []
        elif _is_midi(item):
            found.append(item)
    if not found:
        raise InputError(
            "the folder holds no MIDI file",
            where=str(source),
            expected="*.mid or *.midi files",
            hint="there is " + (listed([p.name for p in inside]) or "nothing in it"),
        )
    return found


def _is_midi(path: Path) -> bool:
    return path.suffix.lower() in (".mid", ".midi")


def iter_midi(
    path: str | Path,
    *,
    observe: Callable[[bytes], Any] | None = None,
    failed: Callable[[InputError], Any] | None = None,
) -> Iterator[tuple[Path, Notes]]:
    """The notes of each file one by one; `failed` gets the errors of those that cannot be read."""
    files: Iterable[Path] = midi_files(path)
    for file in files:
        try:
            notes = read_midi(file, observe=observe)
        except InputError as error:
            if failed is None:
                raise
            failed(error)
            continue
        yield file, notes
