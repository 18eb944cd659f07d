"""Notes as sound: by a synthesiser where one is installed, else added up from partial tones."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.data.notes import DRUMS, Notes
from clew.errors import InputError

_FONTS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
_PARTIALS = 5
_ATTACK, _RELEASE = 0.012, 0.06  # seconds
_PEAK = 0.8  # of full scale
_LONGEST = 3600.0  # seconds


def write_wav(notes: Notes, path: str | Path, *, rate: int = 44_100) -> str:
    """Writes what notes sound like as a WAV file of 16 bits, and says by what it was made.

    fluidsynth makes it where it is installed with a sound font (or CLEW_SOUNDFONT names one), else
    `samples`. Raises InputError for no notes, more than an hour, and a file that cannot be written.
    """
    seconds = float(notes.seconds(notes.end)) if len(notes) else 0.0
    if not 0 < seconds <= _LONGEST:
        raise InputError(
            f"{seconds:.0f} seconds of music", where="notes", expected="more than 0, up to an hour"
        )
    font, program = sound_font(), shutil.which("fluidsynth")
    if font is not None and program is not None and _synthesised(notes, path, rate, font, program):
        return f"fluidsynth with {font.name}"
    whole = np.round(samples(notes, rate) * 32767).astype("<i2")
    try:
        with Path(path).open("wb") as stored, wave.open(stored, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(whole.tobytes())
    except OSError as error:
        raise InputError(
            f"cannot write: {os.strerror(error.errno or 0)}", where=str(path)
        ) from error
    return f"{_PARTIALS} partial tones"


def samples(notes: Notes, rate: int = 44_100) -> NDArray[np.float64]:
    """Sound (N,), from the first note on: each note five partials, the k-th as loud as 1 / k^1.5.

    A partial fades the faster the higher it is; the whole is scaled to 0.8 of full scale, so that
    nothing is cut off. Drums are left out.
    """
    begins, ends = notes.seconds(notes.start), notes.seconds(notes.start + notes.duration)
    first = float(begins.min(initial=np.inf)) if len(notes) else 0.0
    size = int((float(ends.max(initial=first)) - first + _RELEASE) * rate) + 1
    sound = np.zeros(size)
    for i in range(len(notes)):
        if notes.program[i] == DRUMS:
            continue
        tone = _tone(int(notes.pitch[i]), float(ends[i] - begins[i]), rate)
        start = int((begins[i] - first) * rate)
        tone = tone[: size - start] * (int(notes.velocity[i]) / 127) ** 1.5
        sound[start : start + len(tone)] += tone
    peak = float(np.abs(sound).max(initial=0.0))
    return sound * (_PEAK / peak) if peak > 0 else sound


def _tone(pitch: int, seconds: float, rate: int) -> NDArray[np.float64]:
    """One note: the sine of its frequency and of the multiples below half the rate."""
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    time = np.arange(int((seconds + _RELEASE) * rate)) / rate
    tone = np.zeros(len(time))
    for k in range(1, _PARTIALS + 1):
        if k * frequency < 0.45 * rate:
            fading = np.exp(-time * (0.8 + 0.7 * k))
            tone += fading * np.sin(2 * np.pi * k * frequency * time) / k**1.5
    envelope = np.minimum(1.0, time / _ATTACK) * np.clip(
        (seconds + _RELEASE - time) / _RELEASE, 0, 1
    )
    return np.asarray(tone * envelope)


def sound_font() -> Path | None:
    """The sound font to play with, if there is one."""
    named = os.environ.get("CLEW_SOUNDFONT")
    if named:
        if not Path(named).is_file():
            raise InputError("there is no such sound font", where=f"CLEW_SOUNDFONT={named}")
        return Path(named)
    folders = [Path(folder) for folder in _FONTS if Path(folder).is_dir()]
    fonts = [p for folder in folders for p in sorted(folder.iterdir()) if p.suffix[:3] == ".sf"]
    return fonts[0] if fonts else None


def _synthesised(notes: Notes, path: str | Path, rate: int, font: Path, program: str) -> bool:
    """Whether the synthesiser wrote the file; if it fails, the plain way is left."""
    from clew.data.midi import write_midi

    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        write_midi(notes, midi)
        command = [program, "-ni", "-q", "-F", str(wav), "-r", str(rate), str(font), str(midi)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=600)
            shutil.copyfile(wav, path)
        except (OSError, subprocess.SubprocessError):
            return False
    return True
