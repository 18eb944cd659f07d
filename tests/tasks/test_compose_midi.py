"""A composer of MIDI: its tokens, its keys, its bars; what it writes and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from composers import assert_same, parsed, tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.abc import sounding
from clew.data.midi import read_midi, write_midi
from clew.data.notes import Notes, notes_of
from clew.errors import InputError
from clew.tasks._compose import midi_tokens
from clew.tasks._compose.event_keeper import EventKeeper
from clew.tasks._compose.midi_tokens import moves, opened, written
from clew.tasks._compose.store import Part, encode, finish, learn
from clew.tasks._compose.vocabulary import END, UNKNOWN, Vocabulary
from clew.tasks._folder import read_model
from clew.tasks.compose import Composer

some_rows = st.lists(
    st.tuples(
        st.integers(0, 100), st.integers(1, 20), st.integers(40, 60), st.integers(1, 127),
        st.sampled_from([0, 24, 128]), st.just(0),
    ), min_size=1, max_size=12,
)  # fmt: skip


def pieces(count: int) -> list[Notes]:
    return [sounding(tune, unfold=False) for tune in parsed(count)]


@settings(max_examples=20)
@given(rows=some_rows, metre=st.sampled_from([(4, 4), (6, 8), (3, 4)]))
def test_events_come_back_as_the_notes_they_were(rows, metre):
    notes = notes_of(rows, ticks=12, metres=((0, *metre),))
    head, events = opened(notes)
    assert head == f"{metre[0]}/{metre[1]}"
    back = midi_tokens.notes_of(head, events)
    assert [(*row[:3], row[4]) for row in back.rows()] == [
        (*row[:3], row[4]) for row in notes.rows()
    ]
    assert any(event.startswith("drum:") for event in events) == any(r[4] == 128 for r in rows)
    assert written(notes).tokens[:2] == [f"M:{head}", f"bars:{events.count('bar')}"]


def test_moved_to_other_keys_all_but_the_drums(tmp_path: Path) -> None:
    rows = [
        (0, 4, 60, 90, 0, 0),
        (4, 4, 62, 90, 0, 0),
        (8, 4, 61, 90, 0, 0),
        (0, 4, 60, 90, 128, 1),
    ]
    encode([written(notes_of(rows, ticks=12))], tmp_path / "s")
    vocabulary = learn(tmp_path / "s", np.array([0]), "midi")
    table = moves(vocabulary)
    up = table[midi_tokens.MOVED + 1]
    for text in ("pitch:60", "pitch:61"):
        moved = f"pitch:{int(text[6:]) + 1}"
        assert up[vocabulary.number(text)] == vocabulary.number(moved)
    assert up[vocabulary.number("pitch:62")] == UNKNOWN
    same = [vocabulary.number(text) for text in ("drum:60", "length:4", "bar", "M:4/4")]
    assert up[same].tolist() == same
    assert (table[midi_tokens.MOVED] == np.arange(len(vocabulary))).all()
    part = Part(finish(tmp_path / "s", vocabulary), np.array([0]))
    plain, moved_up = part.batch(np.array([0]))[1], part.batch(np.array([0]), tables=up[None])[1]
    assert plain.equal(moved_up)  # 63 is not known: it stays as it is


EVENTS = ["tempo:120", "bar", *(f"at:{n}" for n in (0, 6, 12, 18, 30)), "program:0", "program:128",
          "velocity:5", "pitch:60", "pitch:64", "drum:36", "length:6", "length:24",
          "metre:3/4", "M:3/4", "bars:4"]  # fmt: skip


@settings(max_examples=40)
@given(
    data=st.data(), bars=st.integers(1, 3), metre=st.sampled_from(["3/4", "4/4", "6/8"]),
    without=st.sets(st.sampled_from(["program:128", "drum:36", "pitch:60", "velocity:5", "at:0"])),
)  # fmt: skip
def test_any_walk_that_is_allowed_is_music_of_so_many_bars(data, bars, metre, without):
    vocabulary = Vocabulary("midi", [event for event in EVENTS if event not in without])
    keeper = EventKeeper(vocabulary.tokens, metre=metre, bars=bars, end=END)
    state, found = keeper.start(), []
    for _ in range(300):
        allowed = np.flatnonzero(keeper.allowed(state)).tolist()
        assert allowed
        token = data.draw(st.sampled_from(allowed)) if len(found) < 40 else max(allowed, key=_ends)
        state = keeper.step(state, token)
        if state.done:
            break
        found.append(vocabulary.tokens[token])
    assert state.done
    assert found.count("bar") == bars
    notes = midi_tokens.notes_of(metre, found)
    full = {"3/4": 36, "4/4": 48, "6/8": 36}[metre]
    assert notes.end <= bars * full + 24
    assert (notes.start < bars * full).all()


def _ends(token: int) -> int:
    """Bars and the end first."""
    return {END: 3, 4: 2}.get(token, 0)


def test_what_is_no_music_is_refused():
    for tokens, metre in ((["bar", "at:0", "length:3"], "4/4"), (EVENTS, "none"), (EVENTS, "7/x")):
        with pytest.raises(InputError):
            EventKeeper(Vocabulary("midi", tokens).tokens, metre=metre, bars=1, end=END)


@pytest.fixture(scope="module")
def composer() -> Composer:
    return tiny(epochs=1).fit(pieces(16))


def test_files_and_notes_are_the_same(tmp_path: Path) -> None:
    for number, notes in enumerate(pieces(8)):
        write_midi(notes, tmp_path / f"{number}.mid")
    listed = tiny(epochs=1).fit([read_midi(tmp_path / f"{n}.mid") for n in range(8)])
    assert_same(tiny(epochs=1).fit(tmp_path), listed)
    (tmp_path / "9.mid").write_bytes(b"MThd")
    with pytest.raises(InputError, match=r"9\.mid"):
        tiny(epochs=1).fit(tmp_path)
    assert_same(tiny(epochs=1).fit(tmp_path, errors="skip"), listed)


def test_it_writes_bars_and_goes_on_from_an_opening(composer: Composer, tmp_path: Path) -> None:
    piece = composer.compose(metre="4/4", bars=3, seed=1)
    assert opened(piece.notes)[0] == "4/4"
    assert opened(piece.notes)[1].count("bar") <= 3
    assert str(piece)
    piece.save(tmp_path / "a.mid")
    back = read_midi(tmp_path / "a.mid").on_grid(12)
    # A file ends a note where the same one begins anew: lengths aside, it is what was written.
    assert back.start.tolist() == piece.notes.start.tolist()
    assert back.pitch.tolist() == piece.notes.pitch.tolist()
    with pytest.raises(InputError, match="no notation"):
        _ = piece.abc
    opening = pieces(1)[0]
    with pytest.raises(InputError, match="more bars than 2"):
        composer.compose(prompt=opening, bars=2)
    longer = composer.compose(prompt=opening, bars=12, seed=2)
    given, found = ({row[:3] for row in n.on_grid(12).rows()} for n in (opening, longer.notes))
    assert given <= found
    assert composer.compose(prompt=opening, bars=12, seed=2).notes.rows() == longer.notes.rows()
    tokens = [*composer.writing(metre="4/4", bars=3, seed=1)]
    assert tokens.count("bar") == 3


@pytest.mark.parametrize("changes", [{"key": "D"}, {"metre": "5/4"}, {"prompt": 3}, {"bars": 0},
                                     {"prompt": "none.mid"}])  # fmt: skip
def test_what_cannot_be_written_is_refused(composer: Composer, changes: dict) -> None:
    with pytest.raises(InputError):
        composer.compose(**changes)


def test_saved_is_loaded(composer: Composer, tmp_path: Path) -> None:
    composer.save(tmp_path / "m")
    again = Composer._read(read_model(tmp_path / "m"))
    assert_same(again, composer)
    assert again.compose(seed=3).notes.rows() == composer.compose(seed=3).notes.rows()
