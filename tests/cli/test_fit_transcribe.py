"""clew fit transcribe, and what clew predict says of sound files and of a pipe."""

import io
import json
import sys

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

import clew as library
from clew.cli import fit_transcribe
from clew.cli.answers import ANSWERS, Search
from clew.errors import InputError

RATE = 8000
ANSWER, PLAIN = ANSWERS["Transcriber"], Search(None, None)
TINY = ["--sample-rate", 8000, "--bins", 12, "--stack", 2, "--hidden-size", 16, "--num-layers", 1,
        "--epochs", 8, "--batch-size", 4, "--learning-rate", 0.03, "--dropout", 0,
        "--no-bidirectional", "--device", "cpu"]  # fmt: skip


def tones(text):
    hertz = {"a": 400, "b": 1200, " ": 2500}
    time = np.arange(700) / RATE
    parts = [np.zeros(500)]
    for letter in text:
        parts += [0.3 * np.sin(2 * np.pi * hertz[letter] * time), np.zeros(300)]
    return np.concatenate(parts).astype(np.float32)


def fit(*words):
    """Run the command by itself."""
    app = typer.Typer()
    fit_transcribe.register(app)
    app.command("other")(lambda: None)
    words = ["transcribe", *map(str, words)]
    return CliRunner().invoke(app, words, obj={"typed": words}, catch_exceptions=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with sound files, a manifest of them, and a model."""
    folder = tmp_path_factory.mktemp("speech")
    texts = ["ab a", "b ab", "ba b", "a", "b", "ab", "ba", "a b"] * 3
    lines = []
    for n, text in enumerate(texts):
        soundfile.write(folder / f"{n}.wav", tones(text), RATE)
        lines.append(json.dumps({"wav file": f"{n}.wav", "said": text}) + "\n")
    (folder / "said.jsonl").write_text("".join(lines))
    (folder / "test.jsonl").write_text("".join(lines[:4]))
    return folder


@pytest.fixture(scope="module")
def fitted(place):
    columns = ["--audio", "wav file", "--text", "said"]
    words = [place / "said.jsonl", "--test", place / "test.jsonl", "--out", place / "m"]
    return fit(*words, *columns, *TINY), place / "m"


def test_it_ends_with_a_table_and_a_model_that_answers(fitted):
    answer, folder = fitted
    assert answer.exit_code == 0
    metrics = library.load(folder).metrics_
    row = next(line for line in answer.output.splitlines() if line.startswith("this model"))
    wer, cer = (100 * metrics["score"][key] for key in ("wer", "cer"))
    assert row.split()[2:] == [f"{wer:.1f}", "%", f"{cer:.1f}", "%"]
    assert metrics["baseline"]["name"] in answer.output
    assert "2 recordings held out, 4 of the test" in answer.output
    assert f"clew predict {folder} recording.wav" in answer.output


def test_a_mistake_is_named_before_anything_is_read(place, tmp_path):
    with pytest.raises(InputError, match="which column"):
        fit(place / "said.jsonl", "--out", tmp_path / "m", *TINY)
    assert fit(place / "said.jsonl", "--out", tmp_path / "m", "--stack", 0).exit_code == 2


def test_what_is_broken_in_the_test_is_told_before_the_fit(place, tmp_path):
    (tmp_path / "broken.wav").write_bytes((place / "0.wav").read_bytes()[:500])
    (tmp_path / "test.jsonl").write_text('{"wav file": "broken.wav", "said": "ab"}\n')
    words = [place / "said.jsonl", "--test", tmp_path / "test.jsonl", "--out", tmp_path / "m"]
    with pytest.raises(InputError, match="breaks off") as caught:
        fit(*words, "--audio", "wav file", "--text", "said", *TINY)
    assert "test.jsonl:1" in caught.value.where
    assert not (tmp_path / "m").exists()


def test_characters_of_the_test_that_were_not_learned_are_told(fitted):
    rates = {"wer": 0.5, "cer": 0.5, "recordings": 2}
    some = {**rates, "units": "characters", "unknown": list("éü")}
    metrics = library.load(fitted[1]).metrics_
    told = fit_transcribe.TRANSCRIBED.table(metrics, some)
    line = "characters of the test that were not there in training are errors: 'é', 'ü'"
    assert line in told
    assert line[:20] not in "".join(
        fit_transcribe.TRANSCRIBED.table(metrics, {**some, "unknown": []})
    )


def test_a_row_for_each_sound_file(fitted, place):
    model = library.load(fitted[1])
    paths = [str(place / "0.wav"), str(place / "3.wav")]
    rows = list(ANSWER.rows(model, paths, PLAIN))
    assert [row["audio"] for row in rows] == paths
    assert [row["text"] for row in rows] == model.predict(paths)
    assert [word["text"] for word in rows[0]["words"]] == rows[0]["text"].split()
    assert set(rows[0]["words"][0]) == {"text", "start", "end"}
    assert ANSWER.line(rows[0]) == f"{paths[0]}\t{rows[0]['text']}"


def test_a_pipe_is_written_word_by_word(fitted, monkeypatch):
    model = library.load(fitted[1])
    samples = (tones("ab ba a b ab") * 32768).astype("<i2")
    raw = io.BufferedReader(_Odd(samples.tobytes()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
    rows = list(ANSWER.rows(model, ["-"], PLAIN))
    whole = model.transcribe(samples)
    assert [row["text"] for row in rows] == whole.text.split()
    assert [row["words"][0]["start"] for row in rows] == [word.start for word in whole.words]
    assert ANSWER.line(rows[0]) == rows[0]["text"]


class _Odd(io.RawIOBase):
    """Gives an odd number of bytes at a time."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, into):
        got = self._data.read(min(len(into), 333))
        into[: len(got)] = got
        return len(got)


def test_a_manifest_names_what_to_transcribe_and_a_sound_file_is_no_pipe(
    place, fitted, monkeypatch, capsys
):
    from clew.cli import main

    (place / "new.jsonl").write_text('{"audio": "0.wav", "text": "not this"}\n')
    assert main(["predict", str(place / "m"), "--file", str(place / "new.jsonl"), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["audio"] == str(place / "0.wav")
    assert row["text"] == library.load(place / "m").transcribe(place / "0.wav").text
    piped = io.TextIOWrapper(io.BytesIO((place / "0.wav").read_bytes()))
    monkeypatch.setattr(sys, "stdin", piped)
    assert main(["predict", str(place / "m"), "-"]) == 1
    assert "a sound file, not its samples" in capsys.readouterr().err
