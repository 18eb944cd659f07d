"""Recordings with what is said in them, from a manifest, a table or a folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from clew.data._recordings import SOUNDS, Recordings, recordings, tidy
from clew.data._recordings_folder import manifests, read_folder
from clew.data.files import existing, listed, text_of, unreadable
from clew.data.folders import Part, part
from clew.data.rows import MISSING, Table, read_table, separated
from clew.errors import InputError

__all__ = ["SOUNDS", "Recordings", "read_speech", "tidy"]

# Names of columns, the surest first.
_AUDIO = ("audio", "audio_filepath", "wav", "path", "file", "audio_path", "filename")
_TEXT = ("text", "transcript", "transcription", "sentence")
_START = ("start", "offset")
_DURATION = ("duration",)
_EXAMPLE = '{"audio": "a.wav", "text": "..."}'


def read_speech(
    path: str | Path,
    *,
    audio: str | None = None,
    text: str | None = None,
    split: Part | None = None,
) -> Recordings:
    """Sound files and their texts, from any of the layouts below; nothing is left out silently.

    - a manifest, JSON lines `{"audio": "a.wav", "text": "what is said"}`; CSV, TSV, JSON or Parquet
      with such columns. Paths are relative to the folder of the manifest. `start` (or `offset`) and
      `duration`, in seconds, name a part of the sound file. audio, text: the names of the columns,
      where they are called otherwise.
    - a folder in which `X.txt` lies beside `X.wav` (or .flac, .ogg, ...), at any depth
    - a folder with files `*.trans.txt`, lines of `X what is said` beside `X.flac`, as LibriSpeech
    - a folder with one manifest, or with parts named train, dev and test (files or folders)

    `split` picks the part; None is "train" where there are parts. A text may be empty. Raises
    InputError naming file and line for whatever is broken, and for a sound file that is not there;
    the sounds themselves are not read.
    """
    if split not in (None, "train", "dev", "test"):
        raise InputError(f"unknown part {split!r}", expected='"train", "dev" or "test"')
    source = existing(path)
    if source.is_dir():
        source = part(source, split)
    elif split not in (None, "train"):
        raise InputError(
            f"a single file has no part {split!r}", where=str(source), hint="give the folder"
        )
    if not source.is_dir():
        return _manifest(source, audio, text)
    found = manifests(source)
    if len(found) > 1:
        raise InputError(
            "it is not clear which manifest to read",
            where=str(source),
            expected="one, or files named train, dev and test",
            hint="name one: " + " or ".join(map(str, found)),
        )
    if found:
        return _manifest(found[0], audio, text)
    if audio is not None or text is not None:
        raise InputError(
            "there are no columns to choose from: this is a folder of sound files",
            where=str(source),
            hint="leave out the names of the columns",
        )
    return read_folder(source)


def _manifest(path: Path, audio: str | None, text: str | None) -> Recordings:
    table = _table(path)
    sounds = table.columns[_column(table, "audio", audio, _AUDIO)]
    said = table.columns[_column(table, "text", text, _TEXT)]
    starts, durations = _seconds(table, _START), _seconds(table, _DURATION)
    rows = []
    for row, (sound, words) in enumerate(zip(sounds, said, strict=True)):
        where = table.place(row)
        name = _text(sound, "path of a sound file", where)
        file = _sound_file(path.parent, name, where)
        part = (starts[row] or 0.0, durations[row])
        rows.append((file, _text(words, "text", where), where, part))
    if not rows:
        raise InputError(
            "the manifest names no recording", where=str(path), expected="a row for each"
        )
    return recordings(rows, path.parent)


def _table(path: Path) -> Table:
    if path.suffix.lower() in SOUNDS:
        raise InputError(
            "this is a sound file, not a manifest",
            where=str(path),
            expected=f"lines {_EXAMPLE}, or a folder",
        )
    data = _bytes(path)
    table = read_table(path, data, _EXAMPLE)
    if table is not None:
        return table
    if data.lstrip()[:1] != b"{":
        return separated(path, text_of(path, data), None)
    table = read_table(
        path.with_name(path.name + ".jsonl"), data, _EXAMPLE
    )  # whatever it is called
    assert table is not None
    return Table(path, table.columns, table.numbers, table.counted)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def _column(table: Table, option: str, chosen: str | None, names: tuple[str, ...]) -> str:
    by_name = {column.lower(): column for column in reversed(table.columns)}
    found = chosen or next((by_name[name] for name in names if name in by_name), None)
    if found is None or found not in table.columns:
        raise InputError(
            f"there is no column {found!r}" if found else f"which column holds the {option}?",
            where=str(table.path),
            expected=f"one of {listed(table.columns, 20)}"
            if found
            else f'a column "{names[0]}", as in {_EXAMPLE}; there is {listed(table.columns, 20)}',
            hint=None if found else f"name it: --{option} COLUMN, or {option}=... in Python",
        )
    return found


def _seconds(table: Table, names: tuple[str, ...]) -> list[float | None]:
    """A column of seconds, None where a row has none; of nothing but None if there is no column."""
    by_name = {column.lower(): column for column in reversed(table.columns)}
    column = next((by_name[name] for name in names if name in by_name), None)
    if column is None:
        return [None] * len(table.numbers)
    found: list[float | None] = []
    for row, value in enumerate(table.columns[column]):
        if value is None or value is MISSING or value == "":
            found.append(None)
            continue
        try:
            seconds = float(value)
        except (TypeError, ValueError):
            seconds = math.nan
        if isinstance(value, bool) or not 0 <= seconds < math.inf:
            raise InputError(
                f"{column!r} is {value!r:.60}", where=table.place(row), expected="seconds, from 0"
            )
        found.append(seconds)
    return found


def _text(value: Any, kind: str, where: str) -> str:
    if isinstance(value, str):
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise InputError(f"the {kind} holds half a surrogate pair: {value!r}", where=where)
        return value
    said = "there is none" if value is None or value is MISSING else f"it is {value!r:.60}"
    raise InputError(
        f"no {kind}: {said}",
        where=where,
        expected=f'{_EXAMPLE}; a text may be ""',
    )


def _sound_file(folder: Path, name: str, where: str) -> Path:
    if not name.strip():
        raise InputError("the path of the sound file is empty", where=where)
    file = folder / name
    try:
        existing(file)
    except InputError as error:
        raise InputError(
            f"there is no sound file {name!r}",
            where=f"{where} ({file})",
            expected="a path relative to the manifest, or a whole one",
            hint=error.hint,
        ) from error
    if not file.is_file():
        raise InputError(f"{name!r} is no file", where=where, expected="the path of a sound file")
    return file
