"""Manifests and folders of recordings, and the place that is named when one is broken."""

from pathlib import Path
from typing import Any

import pytest

from clew.data.speech import read_speech, tidy
from clew.errors import InputError

SOUND = b"RIFF, or so: the sounds are not read here"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.wav").write_bytes(SOUND)
    (tmp_path / "deep" / "b.flac").write_bytes(SOUND)
    return tmp_path


def _manifest(folder: Path, text: str, name: str = "m.jsonl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _refused(path: Path, **names: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_speech(path, **names)
    return caught.value


def test_a_manifest(folder: Path) -> None:
    path = _manifest(
        folder,
        '{"audio": "a.wav", "text": " one  two\\n"}\n\n'
        f'{{"audio": "{folder}/deep/b.flac", "text": "", "start": 1, "duration": 2.5}}\n'
        '{"audio": "a.wav", "text": "x", "start": null}\n',
    )
    found = read_speech(path)
    assert found.paths == [folder / "a.wav", folder / "deep" / "b.flac", folder / "a.wav"]
    assert found.texts == ["one two", "", "x"]
    assert found.where == [f"{path}:1", f"{path}:3", f"{path}:4"]
    assert found.parts == [(0.0, None), (1.0, 2.5), (0.0, None)]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", 'Audio,speaker,text\na.wav,me,"one, two"\n'),
        ("m.tsv", "path\tsentence\na.wav\tone, two\n"),
        ("m.json", '[{"audio": "a.wav", "text": "one, two"}]'),
        ("manifest", '{"audio": "a.wav", "text": "one, two"}\n'),
        ("nemo.txt", '{"audio_filepath": "a.wav", "offset": 0, "text": "one, two"}\n'),
    ],
)
def test_tables(folder: Path, name: str, text: str) -> None:
    found = read_speech(_manifest(folder, text, name))
    assert (found.paths, found.texts) == ([folder / "a.wav"], ["one, two"])


def test_columns_of_other_names(folder: Path) -> None:
    path = _manifest(folder, '[{"sound": "a.wav", "words": "one"}]', "m.json")
    found = read_speech(path, audio="sound", text="words")
    assert (found.texts, found.where) == (["one"], [f"{path}, item 1"])
    assert "which column holds the audio" in _refused(path).what
    assert "there is no column 'nope'" in _refused(path, audio="nope").what


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"audio": "c.wav", "text": "x"}', "there is no sound file 'c.wav'"),
        ('{"audio": "deep", "text": "x"}', "'deep' is no file"),
        ('{"audio": "", "text": "x"}', "the path of the sound file is empty"),
        ('{"audio": "a\\u0000", "text": "x"}', "there is no sound file"),
        ('{"audio": 5, "text": "x"}', "no path of a sound file: it is 5"),
        ('{"text": "x"}', "no path of a sound file: there is none"),
        ('{"audio": "a.wav"}', "no text: there is none"),
        ('{"audio": "a.wav", "text": ["x"]}', r"no text: it is ['x']"),
        ('{"audio": "a.wav", "text": "\\ud800"}', "half a surrogate pair"),
        ('{"audio": "a.wav", "text": "x", "start": -1}', "'start' is -1"),
        ('{"audio": "a.wav", "text": "x", "start": true}', "'start' is True"),
        ('{"audio": "a.wav", "text": "x", "duration": "long"}', "'duration' is 'long'"),
        ('{"audio": "a.wav", "text": "x", "duration": NaN}', "'duration' is nan"),
        ('{"audio": "a.wav", ', "the line is not JSON"),
    ],
)
def test_the_line_that_is_broken_is_named(folder: Path, line: str, message: str) -> None:
    path = _manifest(folder, '{"audio": "a.wav", "text": "x"}\n\n' + line + "\n")
    error = _refused(path)
    assert message in error.what
    assert str(error.where).startswith(f"{path}:3")


@pytest.mark.parametrize(
    ("name", "text"),
    [("m.jsonl", '{"audio": "a.wav", '), ("m.jsonl", "[1]"), ("m.json", "[7]"), ("m", '{"audio"')],
)
def test_the_shape_that_was_expected_is_that_of_a_manifest(
    folder: Path, name: str, text: str
) -> None:
    error = _refused(_manifest(folder, text + "\n", name))
    assert '{"audio": "a.wav", "text": "..."}' in str(error.expected)
    assert "label" not in str(error)


def test_a_missing_sound_is_named_with_what_is_close(folder: Path) -> None:
    path = _manifest(folder, '{"audio": "deep/b.flak", "text": "x"}\n')
    error = _refused(path)
    assert str(folder / "deep" / "b.flak") in str(error.where)
    assert str(folder / "deep" / "b.flac") in str(error.hint)


@pytest.mark.parametrize("text", ["", "\n\n", "audio,text\n"])
def test_manifests_of_nothing(folder: Path, text: str) -> None:
    assert _refused(_manifest(folder, text, "m.csv")).where == str(folder / "m.csv")


def test_a_sound_in_place_of_a_manifest(folder: Path) -> None:
    assert "this is a sound file, not a manifest" in _refused(folder / "a.wav").what


def test_a_folder_of_sounds_with_texts(folder: Path) -> None:
    (folder / "a.txt").write_text("one\ntwo\n")
    (folder / "deep" / "1-2.trans.txt").write_text("b SEVEN  EIGHT\n\n")
    (folder / "README.txt").write_text("about it")
    (folder / ".hidden.wav").write_bytes(SOUND)
    found = read_speech(folder)
    assert found.paths == [folder / "a.wav", folder / "deep" / "b.flac"]
    assert found.texts == ["one two", "SEVEN EIGHT"]
    assert found.where == [str(folder / "a.txt"), f"{folder / 'deep' / '1-2.trans.txt'}:1"]
    assert "no columns" in _refused(folder, text="text").what
    (folder / "deep" / "1-2.trans.txt").write_text("b\n")
    assert read_speech(folder).texts == ["one two", ""]


def test_folders_that_lack_something(folder: Path) -> None:
    error = _refused(folder)
    assert (error.what, error.where) == (
        "there is no text for this recording, nor for 1 more",
        str(folder / "a.wav"),
    )
    (folder / "a.txt").write_text("one")
    lines = folder / "deep" / "x.trans.txt"
    lines.write_text("b x\nc y\n")
    assert _refused(folder).where == f"{lines}:2"
    lines.write_text("b x\nb y\n")
    error = _refused(folder)
    assert ("has a text already" in error.what, error.where) == (True, f"{lines}:2")
    lines.write_text("b x\n")
    (folder / "a.mp3").write_bytes(SOUND)
    assert "a.mp3 and a.wav share one text" in _refused(folder).what
    (folder / "empty").mkdir()
    assert "no sound file" in _refused(folder / "empty").what


def test_a_folder_with_a_manifest_and_with_parts(folder: Path) -> None:
    line = '{"audio": "a.wav", "text": "%s"}\n'
    _manifest(folder, line % "one", "train.jsonl")
    assert read_speech(folder).texts == ["one"]
    _manifest(folder, line % "two", "test.jsonl")
    assert read_speech(folder).texts == ["one"]
    assert read_speech(folder, split="test").texts == ["two"]
    assert "no part 'dev'" in _refused(folder, split="dev").what
    assert "no part 'test'" in _refused(folder / "test.jsonl", split="test").what
    assert "unknown part" in _refused(folder, split="all").what
    _manifest(folder, line % "two", "more.jsonl")
    (folder / "test.jsonl").unlink()
    assert "which manifest" in _refused(folder).what


def test_the_fingerprint_knows_contents_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    line = '{"audio": "a.wav", "text": "one"}\n'
    first = read_speech(_manifest(folder, line)).fingerprint
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.wav").write_bytes(SOUND)
    assert read_speech(_manifest(elsewhere, line)).fingerprint == first
    (elsewhere / "a.wav").write_bytes(SOUND + b"!")
    assert read_speech(elsewhere / "m.jsonl").fingerprint != first
    (elsewhere / "a.wav").write_bytes(SOUND)
    for other in (line.replace("one", "two"), line * 2, line[:-2] + ', "start": 1}\n'):
        assert read_speech(_manifest(elsewhere, other)).fingerprint != first


def test_tidy() -> None:
    assert tidy("  one\t two\u00a0three \n") == "one two three"
