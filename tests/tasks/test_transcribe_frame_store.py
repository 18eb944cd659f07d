"""Frames kept in a file: those of each recording, from memory or mapped, made once."""

import numpy as np
import pytest
from transcribers import spoken

from clew.data.features import Mel, log_mel
from clew.errors import InputError
from clew.tasks._transcribe import frame_store as _frame_store
from clew.tasks._transcribe.frame_store import frame_store
from clew.tasks._transcribe.heard import heard

MEL = Mel(rate=8000, bins=6, floor=5.0)


@pytest.mark.parametrize("mapped", [False, True])
def test_frames_are_those_of_each_recording(tmp_path, monkeypatch, mapped):
    if mapped:
        monkeypatch.setattr(_frame_store, "SMALL", 0)
        monkeypatch.setattr(_frame_store, "RELEASE", 40)
    X, y = spoken(5)
    X.append(np.zeros(10, np.float32))  # shorter than a frame
    store = frame_store(heard(X, [*y, ""]), MEL, tmp_path)
    assert isinstance(store.flat, np.memmap) == mapped
    assert len(store) == 6
    expected = [log_mel(samples, MEL) for samples in X]
    for _ in range(2):
        for place, frames in enumerate(expected):
            assert np.array_equal(store[place], frames)
    assert store.lengths.tolist() == [len(frames) for frames in expected]
    mean, deviation = store.spread(np.array([0, 3]))
    both = np.concatenate([expected[0], expected[3]])
    np.testing.assert_allclose(mean, both.mean(0), rtol=1e-5)
    np.testing.assert_allclose(deviation, both.std(0), rtol=1e-4)


def test_they_are_made_once_for_the_same_recordings(tmp_path, monkeypatch):
    X, y = spoken(3)
    first = frame_store(heard(X, y), MEL, tmp_path)
    made = []
    real = _frame_store._make
    monkeypatch.setattr(_frame_store, "_make", lambda *a: (made.append(1), real(*a)))
    assert np.array_equal(frame_store(heard(X, y), MEL, tmp_path).flat, first.flat)
    assert not made
    frame_store(heard(X[::-1], y), MEL, tmp_path)
    frame_store(heard(X[::-1], y), Mel(rate=8000, bins=7), tmp_path)
    assert len(made) == 2
    (tmp_path / "frames.json").write_text('{"mark": ')  # a write that was cut off
    frame_store(heard(X, y), MEL, tmp_path)
    assert len(made) == 3


def test_what_is_odd_is_told_once_of_each_sort(tmp_path):
    X, y = spoken(2)
    loud = [np.clip(30 * samples, -1, 1) for samples in X]
    silent = [np.zeros(900, np.float32)]
    told = []
    frame_store(heard([*loud, *silent, *X], [*y, "", *y]), MEL, tmp_path, told.append)
    assert len(told) == 2
    assert told[0].startswith("X[0]: clipped")
    assert "1 more" in told[0]
    assert told[1] == "X[2]: silent throughout"


def test_no_room_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        frame_store(heard(*spoken(2)), MEL, tmp_path / "file" / "under")
