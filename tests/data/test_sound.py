"""Sound files and arrays, sound and unsound ones."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clew.data.sound import Sound, as_samples, as_sound, read_sound
from clew.errors import InputError

RATE = 8000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def _file(folder: Path, name: str, samples: Any = TONE, rate: int = RATE, **how: Any) -> Path:
    path = folder / name
    soundfile.write(path, samples, rate, **how)
    return path


def _cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize(
    ("name", "how", "step"),
    [
        ("a.wav", {}, 2**-15),
        ("a.wav", {"subtype": "PCM_U8"}, 2**-7),
        ("a.wav", {"subtype": "PCM_24"}, 2**-23),
        ("a.wav", {"subtype": "FLOAT"}, 1e-7),
        ("a.flac", {}, 2**-15),
        ("a.raw", {"format": "WAV"}, 2**-15),
        ("no ending é", {"format": "FLAC"}, 2**-15),
    ],
)
def test_what_is_written_is_read(
    tmp_path: Path, name: str, how: dict[str, str], step: float
) -> None:
    sound = read_sound(_file(tmp_path, name, **how), RATE)
    assert sound.samples.dtype == np.float32
    assert (sound.rate, sound.seconds, sound.warnings) == (RATE, 1.0, ())
    np.testing.assert_allclose(sound.samples, TONE, atol=step)


def test_channels_are_averaged_and_the_rate_is_made_equal(tmp_path: Path) -> None:
    time = np.arange(48000) / 48000
    left, right = np.sin(2 * np.pi * 300 * time), 0.5 * np.sin(2 * np.pi * 700 * time)
    path = _file(tmp_path, "a.flac", np.stack([left, right], axis=1) / 2, 48000)
    found = read_sound(path, 16000).samples
    time = np.arange(16000) / 16000
    expected = (np.sin(2 * np.pi * 300 * time) + 0.5 * np.sin(2 * np.pi * 700 * time)) / 4
    np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=1e-4)


def test_a_long_file_is_the_same_as_its_samples(tmp_path: Path) -> None:
    samples = (0.1 * np.random.default_rng(0).standard_normal((150_000, 2))).astype(np.float32)
    path = _file(tmp_path, "a.wav", samples, 11025, subtype="FLOAT")
    from_file = read_sound(path, 8000).samples
    assert np.array_equal(from_file, as_sound(samples, 11025, 8000).samples)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_part_of_a_file(tmp_path: Path, name: str) -> None:
    path = _file(tmp_path, name)
    whole = read_sound(path, RATE).samples
    part = read_sound(path, RATE, start=0.25, duration=0.5).samples
    assert np.array_equal(part, whole[2000:6000])
    assert np.array_equal(read_sound(path, RATE, start=0.25).samples, whole[2000:])


@pytest.mark.parametrize(
    "span", [{"start": 1.5}, {"duration": 1.5}, {"start": 0.6, "duration": 0.5}, {"start": -0.1}]
)
def test_a_part_that_is_not_there(tmp_path: Path, span: dict[str, float]) -> None:
    path = _file(tmp_path, "a.wav")
    with pytest.raises(InputError, match="there is no part from") as caught:
        read_sound(path, RATE, **span)  # type: ignore[arg-type]
    assert (caught.value.where, caught.value.expected) == (str(path), "a part of its 1 s")


@pytest.mark.parametrize(("name", "share"), [("a.wav", 0.5), ("a.wav", 0.0028), ("a.flac", 0.5)])
def test_a_file_that_breaks_off(tmp_path: Path, name: str, share: float) -> None:
    path = _cut(_file(tmp_path, name), share)
    with pytest.raises(InputError, match="breaks off or is damaged") as caught:
        read_sound(path, RATE)
    assert caught.value.where == str(path)


def test_a_damaged_flac(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(200_000)
    path = _file(tmp_path, "a.flac", noise)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 99] = bytes(99)
    path.write_bytes(data)
    with pytest.raises(InputError, match="breaks off or is damaged"):
        read_sound(path, RATE)


def test_an_unfinished_header_promises_nothing(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.wav")
    data = path.read_bytes()
    path.write_bytes(data[:40] + struct.pack("<I", 0xFFFFFFFF) + data[44:])  # as streams write it
    assert len(read_sound(path, RATE).samples) == RATE
    path.write_bytes(data[:40] + struct.pack("<I", 0) + data[44:])
    with pytest.raises(InputError, match="empty") as caught:
        read_sound(path, RATE)
    assert caught.value.hint is not None


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.flac")
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the upper bits of the number of samples: 60 thousand million
    path.write_bytes(data)
    with pytest.raises(InputError, match="breaks off or is damaged"):
        read_sound(path, RATE)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.wav", b"", "the file is empty: 0 bytes"),
        ("a.wav", b"hello, this is no sound at all", "no sound file"),
        ("a.txt", "zwölf".encode(), "no sound file"),
        ("a.wav", b"RIFF\0\0\0\0WAVE", "no sound file"),
        ("a.flac", b"fLaC", "breaks off or is damaged"),
    ],
)
def test_what_is_no_sound(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_sound(path, RATE)
    assert caught.value.where == str(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    _file(tmp_path, "there.wav")
    with pytest.raises(InputError, match="no such file") as caught:
        read_sound(tmp_path / "ther.wav", RATE)
    assert str(tmp_path / "there.wav") in str(caught.value)
    with pytest.raises(InputError, match="this is a folder"):
        read_sound(tmp_path, RATE)


def test_an_empty_recording(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the recording is empty"):
        read_sound(_file(tmp_path, "a.wav", TONE[:0]), RATE)
    with pytest.raises(InputError, match="the recording is empty") as caught:
        as_sound([], RATE, RATE, "X[3]")
    assert caught.value.where == "X[3]"


def test_a_rate_that_is_none(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.wav", rate=100)
    with pytest.raises(InputError, match="a rate of 100") as caught:
        read_sound(path, RATE)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_number(tmp_path: Path, value: float) -> None:
    samples = np.zeros((70_000, 2))
    samples[66_000, 1] = value
    path = _file(tmp_path, "a.wav", samples, subtype="FLOAT")
    with pytest.raises(InputError, match="NaN or infinite") as caught:
        read_sound(path, RATE)
    assert caught.value.where == f"{path}, sample 66000"
    with pytest.raises(InputError, match="NaN or infinite"):
        as_sound(samples, RATE, RATE)


def _said(samples: Any) -> str:
    found: Sound = as_sound(samples, RATE, RATE)
    return " ".join(found.warnings)


def test_what_is_odd_is_said() -> None:
    assert _said(TONE) == ""
    assert _said(2 * TONE) == ""  # full scale, not beyond it
    assert "clipped" in _said(np.clip(4 * TONE, -1, 1))
    assert "clipped" in _said((np.clip(4 * TONE, -1, 1) * 32767).astype(np.int16))
    assert "clipped" in _said((np.clip(4 * TONE, -1, 1) * 127 + 128).astype(np.uint8))
    assert "up to 2" in _said(4 * TONE)
    assert _said(np.zeros(RATE)) == "silent throughout"


def test_clipping_is_said_of_files(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.wav", np.clip(4 * TONE, -1, 1))
    assert [warning.split(":")[0] for warning in read_sound(path, RATE).warnings] == ["clipped"]


def test_whole_numbers_are_scaled_by_their_type() -> None:
    for kind in (np.int8, np.int16, np.int32):
        lowest = np.iinfo(kind).min
        assert as_samples(np.array([lowest, 0, lowest // 2], kind)).tolist() == [-1.0, 0.0, -0.5]
    assert as_samples(np.array([0, 128, 192], np.uint8)).tolist() == [-1.0, 0.0, 0.5]
    assert as_samples([[0.5, 0.25], [0.0, -1.0]]).tolist() == [0.375, -0.5]
    assert as_samples(np.zeros((0, 2))).shape == (0,)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 16000)), r"shape \(2, 16000\)"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (0.5, r"shape \(\)"),
        ("hello", "no samples but a str of type <U5"),
        (None, "a NoneType of type object"),
        ({"a": 1}, "a dict of type object"),
        ([True], "a list of type bool"),
        ([1j], "type complex128"),
        (np.zeros(3, np.uint16), "samples of type uint16"),
        ([[1.0], [1.0, 2.0]], "no samples"),
        (np.array([12345.0]), "a sample is 12345"),
    ],
)
def test_what_is_no_array_of_samples(samples: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        as_samples(samples, "X[3]")
    assert caught.value.where == "X[3]"
