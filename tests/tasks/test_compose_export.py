"""A piece as text, MIDI, sound and pictures."""

import stat
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clew.data.abc import bars, parse, read_tunes, sounding
from clew.data.midi import read_midi
from clew.data.notes import notes_of
from clew.errors import InputError
from clew.tasks._compose import sound, staff
from clew.tasks._compose.export import Piece
from clew.tasks._compose.sound import samples, write_wav
from clew.tasks._compose.staff_layout import height, lines, written

HEADER = "X:1\nT:Trial\nM:4/4\nL:1/4\nK:G\n"
ALL = (
    'X:1\nT:All of it\nM:6/8\nL:1/8\nK:D\n|:d|"G"g2g B^AB|d2d {e}G3|"A7"c2c (3BAG A|"D/f+"c3- c2::'
    "[K:Bb]z|z3 z3/2A/4B/4c/4d/4|[B3d3f3] _e2=e|[M:4/4]C8|(3A,B,c D2 E>F z2|z4 z c'd'e'|"
    "f'4 g>a b/2a/2g/2f/2|[1 A2 B4 c2:|[2 A8|]"
)


@pytest.fixture(autouse=True)
def _no_synthesiser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLEW_SOUNDFONT", raising=False)
    monkeypatch.setattr(sound, "_FONTS", ())


def piece(body: str) -> Piece:
    return Piece.of(parse(HEADER + body))


def test_what_sounds() -> None:
    notes = piece('"G"G A-|A2 [Bd]2:|').notes  # two quarters are a bar too short: a pickup
    tune = [row[:3] for row in notes.rows() if row[5] == 0]
    half = 960
    assert tune == [
        (half, 480, 67), (half + 480, 480 + half, 69), (3 * half, half, 71), (3 * half, half, 74),
        (4 * half, 480, 67), (4 * half + 480, 480 + half, 69), (6 * half, half, 71),
        (6 * half, half, 74),
    ]  # fmt: skip
    chords = [row for row in notes.rows() if row[5] == 1]
    assert {row[2] % 12 for row in chords} == {7, 11, 2}
    assert all(row[3] < 60 for row in chords)
    assert len(sounding(parse(HEADER + "GABc:|"), unfold=False)) == 4


def test_repeats_and_endings_are_played() -> None:
    def letters(body: str) -> str:
        rows = sorted(row for row in piece(body).notes.rows() if row[5] == 0)
        return "".join("C?D?EF?G?A?B"[row[2] % 12] for row in rows)

    assert letters("C4|D4:|E4|]") == "CDCDE"
    assert letters("C4|:D4:|E4|]") == "CDDE"
    assert letters("C4|:D4::E4:|") == "CDDEE"
    assert letters("C4|[1D4:|[2E4||G4|]") == "CDCEG"
    assert letters("C4|[1D4|[2E4|]") == "CDCE"  # the repeat that is meant
    assert letters("C4|[1,3D4:|[2E4:|G4|]") == "CDCECDG"
    assert letters("C4||D4:|") == "CDD"
    assert letters("|:C4||D4:|") == "CDCD"
    assert letters("C4|D4:|]") == "CDCD"


def test_tempo() -> None:
    def tempo(field: str) -> float:
        text = HEADER.replace("M:", f"{field}\nM:" if field else "M:") + "c4|"
        return sounding(parse(text)).tempos[0][1]

    assert tempo("Q:1/4=100") == 100
    assert tempo("Q:3/8=110") == 165
    assert tempo('Q:"Fast" 1/2=90') == 180
    assert tempo("Q:70") == 70  # of the unit
    assert tempo("") == 180
    assert tempo("Q:Allegro") == 180


@pytest.mark.parametrize(("note", "frequency"), [("A", 440.0), ("A,,", 110.0), ("c'", 1046.5)])
def test_the_pitch_that_is_heard(tmp_path: Path, note: str, frequency: float) -> None:
    made = piece(f"{note}4|")
    assert made.wav(tmp_path / "a.wav", rate=16_000) == "5 partial tones"
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        heard = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
    assert np.abs(heard).max() == pytest.approx(0.8, abs=0.01)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    peak = spectrum.argmax() * 16_000 / len(heard)
    assert peak == pytest.approx(frequency, abs=16_000 / len(heard))


def test_sound_is_not_cut_off() -> None:
    chord = notes_of([(0, 480, 48 + k, 127, 0, 0) for k in range(20)])
    heard = samples(chord, 8000)
    assert np.abs(heard).max() == pytest.approx(0.8)
    assert len(heard) == pytest.approx((0.5 + 0.06) * 8000, abs=2)
    drums = notes_of([(0, 480, 48, 100, 128, 0)])
    assert not samples(drums, 8000).any()


def test_an_installed_synthesiser_is_used(tmp_path: Path, monkeypatch) -> None:
    font = tmp_path / "a.sf2"
    font.write_bytes(b"")
    program = tmp_path / "fluidsynth"
    program.write_text('#!/bin/sh\nwhile [ "$1" != "-F" ]; do shift; done\nprintf wave > "$2"\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("CLEW_SOUNDFONT", str(font))
    notes = piece("C4|").notes
    assert write_wav(notes, tmp_path / "a.wav") == "fluidsynth with a.sf2"
    assert (tmp_path / "a.wav").read_bytes() == b"wave"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert write_wav(notes, tmp_path / "a.wav", rate=8000) == "5 partial tones"
    monkeypatch.setenv("CLEW_SOUNDFONT", str(tmp_path / "none"))
    with pytest.raises(InputError, match="no such sound font"):
        write_wav(notes, tmp_path / "a.wav")


@pytest.mark.parametrize("kind", ["staff", "roll"])
def test_pictures(tmp_path: Path, kind: str) -> None:
    made = Piece.of(parse(ALL))
    made.picture(tmp_path / "a.png", kind=kind)
    data = (tmp_path / "a.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(data) > 10_000


def test_a_section_is_opened_once_where_it_begins(tmp_path: Path, monkeypatch) -> None:
    """Also where that is on the next line of music."""
    drawn: list[bool] = []
    monkeypatch.setattr(staff, "_repeat", lambda pen, x, *, opens: drawn.append(opens))
    monkeypatch.setattr(staff, "saved", lambda *_: None)
    strain = "|".join(["GABc"] * 3)
    for sign, count in (("|:", 5), ("::", 5), (":||:", 5)):
        drawn.clear()
        tune = parse(f"X:1\nM:4/4\nL:1/4\nK:C\n|:{sign.join([strain] * count)}:|")
        staff.staff_picture(tune, tmp_path / "a.png")
        assert drawn.count(True) == count
        assert drawn.count(False) == (1 if sign == "|:" else count)


def test_chord_symbols_stand_above_their_notes(tmp_path: Path, monkeypatch) -> None:
    written: dict[str, float] = {}
    monkeypatch.setattr(staff, "saved", lambda *_: None)
    monkeypatch.setattr(
        staff._Pen, "write", lambda self, x, y, text, *_, **how: written.update({text: y})
    )
    for music, highest in (('"Em"e\'2G2"A"A4|', ("E", 6)), ('"Em"e2G2"A"A4|', ("E", 5))):
        tune = parse(f"X:1\nM:4/4\nL:1/8\nK:C\n{music}")
        staff.staff_picture(tune, tmp_path / "a.png")
        assert written["Em"] == written["A"] > height(*highest) + 1


def test_every_form(tmp_path: Path) -> None:
    made = piece("GABc|d4|]")
    for name in ("a.abc", "a.mid", "a.wav", "a.svg"):
        made.save(tmp_path / name)
    assert read_tunes(tmp_path / "a.abc")[0].music == made.tune.music
    assert sorted(read_midi(tmp_path / "a.mid").rows()) == sorted(made.notes.rows())
    assert str(made) == made.abc == (tmp_path / "a.abc").read_text()
    assert "<svg" in (tmp_path / "a.svg").read_text()
    with pytest.raises(InputError, match=r"ending '\.xyz'"):
        made.save(tmp_path / "a.xyz")
    with pytest.raises(InputError, match="kind="):
        made.picture(tmp_path / "a.png", kind="notes")  # type: ignore[arg-type]
    for name in ("a.abc", "a.mid", "a.wav", "a.png"):
        with pytest.raises(InputError, match="cannot write"):
            made.save(tmp_path / "none" / name)


def test_a_piece_without_notation(tmp_path: Path) -> None:
    made = Piece(None, notes_of([(0, 960, 60, 80, 0, 0)]))
    assert str(made) == "1 note, 1 second"
    made.save(tmp_path / "a.png")  # as a roll
    with pytest.raises(InputError, match="no notation"):
        made.save(tmp_path / "a.abc")
    silent = Piece(None, notes_of([]))
    for name in ("a.wav", "a.png"):
        with pytest.raises(InputError):
            silent.save(tmp_path / name)


def test_where_notes_stand() -> None:
    assert [height(*at) for at in (("E", 4), ("F", 5), ("C", 4), ("A", 5))] == [0, 4, -1, 5]
    assert [written(Fraction(*d)) for d in ((1, 1), (3, 8), (7, 16), (1, 32), (5, 8))] == [
        (1, 0), (4, 1), (4, 2), (32, 0), (2, 0),
    ]  # fmt: skip
    tune = parse(ALL)
    every = bars(tune)
    shape = list(lines(tune.tokens, every, Fraction(3, 8)))
    assert [b.bar.number for line in shape for b in line] == [b.number for b in every]
    for line in shape:
        xs = [note.x for b in line for note in b.notes]
        assert xs == sorted(xs)
        assert all(b.left < note.x < b.right for b in line for note in b.notes)
    first = shape[0][1]  # g2g B^AB: the last three have one beam
    assert [note.base for note in first.notes] == [4, 8, 8, 8, 8]
    assert len({note.group for note in first.notes[2:]}) == 1
    assert first.notes[0].group == -1
    assert first.notes[0].symbol == "G"
