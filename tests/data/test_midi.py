"""MIDI files and events: nothing of the notes is lost, and no file brings the process down."""

import contextlib
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.midi import from_events, iter_midi, read_midi, to_events, write_midi
from clew.data.notes import Notes, notes_of
from clew.errors import InputError

ROWS = [
    (0, 480, 60, 90, 5, 0),
    (0, 240, 67, 90, 5, 0),
    (480, 240, 64, 80, 5, 0),
    (720, 10, 38, 100, 128, 1),
]
PIECE = notes_of(
    ROWS, ticks=480, tempos=((0, 100.0), (960, 50.0)), metres=((0, 6, 8),), keys=((0, "Em"),)
)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_midi(PIECE, tmp_path / "a.mid")
    again = read_midi(tmp_path / "a.mid")
    assert sorted(again.rows()) == sorted(PIECE.rows())
    assert (again.ticks, again.metres, again.keys) == (480, ((0, 6, 8),), ((0, "Em"),))
    assert [(tick, round(bpm, 3)) for tick, bpm in again.tempos] == [(0, 100.0), (960, 50.0)]
    # A quarter lasts 0.6 s, and behind tick 960 twice that.
    assert again.seconds([0, 480, 960, 1440]) == pytest.approx([0, 0.6, 1.2, 2.4], abs=1e-4)


def test_music21_reads_the_same_notes(tmp_path: Path) -> None:
    music21 = pytest.importorskip("music21")
    pitched = notes_of([row for row in ROWS if row[4] < 128], ticks=480)
    write_midi(pitched, tmp_path / "a.mid")
    file = music21.midi.MidiFile()
    file.open(str(tmp_path / "a.mid"))
    file.read()
    file.close()
    found, now = [], 0
    for event in file.tracks[-1].events:
        now += event.time if event.type == "DeltaTime" else 0
        if event.isNoteOn() and event.velocity:
            found.append((now, event.pitch, event.velocity))
    assert sorted(found) == sorted((row[0], row[2], row[3]) for row in pitched.rows())


MEASURES = st.sampled_from([(4, 4), (3, 4), (6, 8), (5, 8), (2, 2)])


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 400), st.integers(1, 60), st.integers(0, 127),
            st.sampled_from([8, 24, 40, 56, 72, 88, 104, 120]), st.sampled_from([0, 40, 128]),
        ),
        max_size=30,
    ),
    metres=st.lists(st.tuples(st.integers(0, 300), MEASURES), max_size=3),
    grid=st.sampled_from([12, 24]),
)  # fmt: skip
def test_events_lose_nothing_on_the_grid(rows, metres, grid) -> None:
    notes = notes_of(
        [(*row, row[4]) for row in rows], ticks=grid, tempos=((0, 96.0),),
        metres=tuple((tick, *metre) for tick, metre in sorted(metres)),
    )  # fmt: skip
    events = to_events(notes, grid=grid)
    again = from_events(events, grid=grid)
    assert again.rows() == notes.rows()
    assert again.tempos == notes.tempos
    assert to_events(again, grid=grid) == events


def test_events_say_what_changes() -> None:
    rows = [(0, 12, 62, 80, 0, 0), (0, 24, 66, 80, 0, 0), (40, 6, 69, 20, 3, 0)]
    notes = notes_of(rows, ticks=12, metres=((0, 6, 8),))
    assert " ".join(to_events(notes)) == (
        "tempo:120 metre:6/8 bar at:0 program:0 velocity:5 pitch:62 length:12 pitch:66 length:24 "
        "bar at:4 program:3 velocity:1 pitch:69 length:6"
    )
    coarse = notes_of([(0, 470, 60, 80, 0, 0), (485, 3, 60, 80, 0, 0)], ticks=480).on_grid(12)
    assert [row[:2] for row in coarse.rows()] == [(0, 12), (12, 1)]


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ("pitch:60 length:1", "before the first bar"),
        ("bar pitch:60", None),
        ("bar pitch:60 pitch:62", "belong together"),
        ("bar length:3", "belong together"),
        ("bar at:48", "out of place"),
        ("bar pitch:128", "out of place"),
        ("bar pitch:x", "out of place"),
        ("bar pitch:60 length:0", "out of place"),
        ("metre:4/0 bar", "out of place"),
        ("metre:5/32 bar", "no whole number of steps"),
        ("bar hello", "there is no event 'hello'"),
    ],
)
def test_events_that_fit_nothing(events: str, what: str | None) -> None:
    if what is None:  # music may break off anywhere
        assert len(from_events(events.split())) == 0
        return
    with pytest.raises(InputError, match=what):
        from_events(events.split())


def test_broken_files_are_refused(tmp_path: Path) -> None:
    write_midi(PIECE, tmp_path / "good.mid")
    data = (tmp_path / "good.mid").read_bytes()
    bad = tmp_path / "bad.mid"
    for content, what in [
        (b"", "empty"),
        (b"words, no music", "no MIDI file"),
        (data[:30], "damaged or cut short"),
        (data[:-9], "damaged or cut short"),
        (data[:14], "no notes"),
    ]:
        bad.write_bytes(content)
        with pytest.raises(InputError, match=what) as error:
            read_midi(bad)
        assert str(bad) in str(error.value.where)
    dice = random.Random(0)
    for _ in range(120):
        spoilt = bytearray(data)
        for _ in range(dice.randrange(1, 5)):
            spoilt[dice.randrange(len(data))] = dice.randrange(256)
        bad.write_bytes(spoilt[: dice.randrange(len(data))] if dice.random() < 0.3 else spoilt)
        with contextlib.suppress(InputError):
            assert len(read_midi(bad)) > 0
    for path, what in [(tmp_path, "a folder"), (tmp_path / "none.mid", "no such file")]:
        with pytest.raises(InputError, match=what):
            read_midi(path)


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_midi(PIECE, tmp_path / "b" / "x.MID")
    write_midi(PIECE, tmp_path / "a.midi")
    (tmp_path / "c.mid").write_bytes(b"")
    seen: list[bytes] = []
    errors: list[InputError] = []
    found = list(iter_midi(tmp_path, observe=seen.append, failed=errors.append))
    assert [path.name for path, _ in found] == ["a.midi", "x.MID"]
    assert [error.where for error in errors] == [str(tmp_path / "c.mid")]
    assert sum(map(len, seen)) > 0
    with pytest.raises(InputError, match="empty"):
        list(iter_midi(tmp_path))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no MIDI file"):
        list(iter_midi(tmp_path / "none"))


def test_notes_that_do_not_fit() -> None:
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(InputError, match="pitch"):
        Notes(one, one, one + 128, one, one, one)
    with pytest.raises(InputError, match="duration has shape"):
        Notes(one, np.zeros(2), one, one, one, one)
    with pytest.raises(InputError, match="ticks=0"):
        notes_of([], ticks=0)
    with pytest.raises(InputError, match="grid=0"):
        PIECE.on_grid(0)
    with pytest.raises(InputError, match="cannot write"):
        write_midi(PIECE, "/nowhere/a.mid")
