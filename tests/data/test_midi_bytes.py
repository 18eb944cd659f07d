"""MIDI files as other programs write them, put together byte by byte, and what is read of them."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import pytest

from clew.data.midi import read_midi
from clew.errors import InputError


def varying(number: int) -> bytes:
    """A number of varying length: seven bits a byte, the highest first."""
    found = [number & 127]
    while number := number >> 7:
        found.append(number & 127 | 128)
    return bytes(reversed(found))


def track(*events: tuple[int, tuple[int, ...]]) -> bytes:
    """A track of (ticks since the last, bytes)."""
    body = b"".join(varying(ticks) + bytes(event) for ticks, event in events)
    body += b"\0\xff\x2f\0"
    return b"MTrk" + struct.pack(">I", len(body)) + body


def midi(kind: int, *tracks: bytes, division: int = 480) -> bytes:
    head = struct.pack(">4sIHHH", b"MThd", 6, kind, len(tracks), division)
    return head + b"".join(tracks)


def tempo(microseconds: int) -> tuple[int, ...]:
    return (0xFF, 0x51, 3, *microseconds.to_bytes(3, "big"))


def metre(beats: int, power: int) -> tuple[int, ...]:
    return (0xFF, 0x58, 4, beats, power, 24, 8)


ON, OFF, PROGRAM = 0x90, 0x80, 0xC0
NOTE = [(0, (ON, 60, 90)), (480, (OFF, 60, 0))]
# Running status (a status byte holds until the next), an end that is a velocity of 0, drums on the
# tenth channel, a program said behind the first notes.
RUNNING = midi(0, track(
    (0, tempo(600_000)), (0, metre(6, 3)), (0, (ON, 60, 90)), (480, (60, 0)), (0, (64, 80)),
    (480, (64, 0)), (0, (ON + 9, 38, 100)), (240, (38, 0)), (0, (PROGRAM, 5)),
    (0, (ON, 67, 70)), (100, (OFF, 67, 0)),
))  # fmt: skip
# Tempos and metres in a track of their own; a name in Latin-1, which is no UTF-8.
SEVERAL = midi(
    1,
    track((0, tempo(500_000)), (0, metre(4, 2)), (1920, tempo(1_000_000)), (0, metre(3, 2)),
          (1440, metre(7, 3))),
    track((0, (0xFF, 3, 4, *"Café".encode("latin-1"))), (0, (PROGRAM + 1, 40)),
          (0, (ON + 1, 60, 90)), (480, (OFF + 1, 60, 64)), (2880, (ON + 1, 62, 90)),
          (480, (OFF + 1, 62, 64))),
    track((0, (ON + 9, 36, 100)), (120, (OFF + 9, 36, 0)), (0, (ON + 9, 42, 100)),
          (120, (OFF + 9, 42, 0))),
)  # fmt: skip
FILES = {
    "running": (RUNNING, [(0, 480, 60, 90, 0), (480, 480, 64, 80, 0), (960, 240, 38, 100, 128),
                          (1200, 100, 67, 70, 5)]),
    "several": (SEVERAL, [(0, 120, 36, 100, 128), (0, 480, 60, 90, 40), (120, 120, 42, 100, 128),
                          (3360, 480, 62, 90, 40)]),
    # one pitch struck again while it sounds: what began first ends first
    "overlapping": (
        midi(0, track((0, (ON, 60, 90)), (240, (60, 50)), (240, (60, 0)), (240, (60, 0)))),
        [(0, 480, 60, 90, 0), (240, 480, 60, 50, 0)],
    ),
    "of no length": (
        midi(0, track((0, (ON, 60, 90)), (0, (60, 0)), (0, (62, 90)), (480, (62, 0)))),
        [(0, 480, 62, 90, 0)],
    ),
    "of two programs": (
        midi(0, track((0, (PROGRAM, 1)), *NOTE, (0, (PROGRAM, 30)), *NOTE)),
        [(0, 480, 60, 90, 1), (480, 480, 60, 90, 30)],
    ),
    "of two channels": (
        midi(0, track((0, (ON, 60, 90)), (0, (ON + 1, 60, 80)), (240, (OFF, 60, 0)),
                      (240, (OFF + 1, 60, 0)))),
        [(0, 240, 60, 90, 0), (0, 480, 60, 80, 0)],
    ),
    # a message of a maker, controllers, a text within running status
    "with much else": (
        midi(0, track((0, (0xF0, 3, 1, 2, 0xF7)), (0, (0xB0, 7, 100)), (0, (0xE0, 0, 64)),
                      (0, (ON, 60, 90)), (10, (0xFF, 1, 2, 65, 66)), (470, (ON, 60, 0)),
                      (0, (62, 90)), (480, (62, 0)))),
        [(0, 480, 60, 90, 0), (480, 480, 62, 90, 0)],
    ),
    "never ended": (
        midi(0, track((0, (ON, 60, 90)), (480, (62, 90)), (480, (62, 0)))),
        [(480, 480, 62, 90, 0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_notes_of_a_file(tmp_path: Path, name: str) -> None:
    data, expected = FILES[name]
    (tmp_path / "a.mid").write_bytes(data)
    found = read_midi(tmp_path / "a.mid")
    assert sorted(row[:5] for row in found.rows()) == expected
    if name != "overlapping":  # music21 ends both at once
        assert sorted(row[:4] for row in found.rows() if row[4] < 128) == heard(data)


def heard(data: bytes) -> list[tuple[int, ...]]:
    """Start, length, pitch and velocity of the notes that music21 hears, but for drums."""
    music21 = pytest.importorskip("music21")
    file = music21.midi.MidiFile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.readstr(data)
        score = music21.midi.translate.midiFileToStream(file, quantizePost=False)
    found = []
    for note in score.recurse().notes:
        if note.quarterLength > 0 and note.pitches:
            times = (note.getOffsetInHierarchy(score), note.quarterLength)
            ticks = [round(float(time) * 480) for time in times]
            found.append((*ticks, note.pitches[0].midi, note.volume.velocity))
    return sorted(found)


def test_tempos_and_metres(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(SEVERAL)
    found = read_midi(path)
    assert found.metres == ((0, 4, 4), (1920, 3, 4), (3360, 7, 8))
    assert found.tempos == ((0, 120.0), (1920, 60.0))
    assert found.seconds([480, 1920, 3360]).tolist() == [0.5, 2.0, 5.0]
    path.write_bytes(midi(1, track((1920, tempo(400_000))), track(*NOTE)))  # 120 until one is said
    found = read_midi(path)
    assert found.tempos == ((0, 120.0), (1920, 150.0))
    assert found.seconds([1920, 2400]) == pytest.approx([2.0, 2.4])
    path.write_bytes(midi(0, track((0, tempo(0)), *NOTE)))
    assert read_midi(path).tempos == ((0, 120.0),)


def test_what_has_no_bars_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    for data, said in (
        (midi(2, track(*NOTE), track(*NOTE)), "format 2"),
        (midi(0, track(*NOTE), division=0xE728), "SMPTE"),
        (midi(0, track(*NOTE), division=0), "ticks"),
        (midi(0, track(*NOTE))[:-9], "cut short"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=said) as caught:
            read_midi(path)
        assert caught.value.where == str(path)
