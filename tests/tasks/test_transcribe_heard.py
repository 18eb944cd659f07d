"""What a transcriber is given: what is taken, and by what it is known again."""

import numpy as np
import pytest
import soundfile
from transcribers import RATE, tones, write_manifest

from clew.data.speech import read_speech
from clew.errors import InputError
from clew.tasks._transcribe.heard import heard, one_sound

A, B = tones("a"), tones("b")


def test_samples_of_any_type_are_one_sound():
    given = [A, A.astype(np.float64), (A * 32768).round().astype(np.int16), A[:, None], A.tolist(),
             np.stack([A, A], axis=1)]  # fmt: skip
    found = heard(given, [""] * 6)
    for index in range(6):
        np.testing.assert_allclose(found.read(index, RATE).samples, A, atol=1 / 32768)


def test_a_manifest_a_path_of_one_and_what_was_read_of_it_are_one(tmp_path):
    manifest = write_manifest(tmp_path, 3)
    one, other = heard(manifest), heard(read_speech(str(manifest)))
    assert one == other
    assert one.where[2].endswith("said.jsonl:3")
    (tmp_path / "2.wav").write_bytes((tmp_path / "2.wav").read_bytes()[:400])
    with pytest.raises(InputError, match="breaks off") as caught:
        one.read(2, RATE)
    assert "said.jsonl:3" in caught.value.where


def test_the_fingerprint_tells_recordings_and_texts_apart(tmp_path):
    soundfile.write(tmp_path / "a.wav", A, RATE)
    soundfile.write(tmp_path / "b.wav", B, RATE)
    files = [tmp_path / "a.wav", tmp_path / "b.wav"]
    every = [heard(*pair).fingerprint for pair in (
        ([A, B], ["a", "b"]), ([B, A], ["a", "b"]), ([A, B], ["b", "a"]), ([A], ["a"]),
        (files, ["a", "b"]), (files, ["a", ""]), (files[::-1], ["a", "b"]),
    )]  # fmt: skip
    assert len(set(every)) == len(every)
    assert heard([A.copy(), B], ("a ", " b")).fingerprint == every[0]
    assert heard(list(map(str, files)), np.array(["a", "b"])).fingerprint == every[4]


def test_one_sound_is_brought_to_the_rate_of_the_model():
    found = one_sound(tones("ab", 1, 48_000), 48_000, RATE)
    assert len(found) == 1
    assert found.texts == []
    np.testing.assert_allclose(len(found.read(0, RATE).samples), len(tones("ab", 1)), rtol=0.1)
    assert heard([], spoken=False).sounds == []
