import csv
import io
import json
import re
import sys

import processes
import pytest

from clew import load
from clew.cli import main

FUN = "warm and funny"


def test_a_label_and_its_probability_for_each_text(clew, classifier):
    model = load(classifier)
    texts = [FUN, "dull and long", ""]
    answer = clew("predict", classifier, *texts)
    rows = [line.split("\t") for line in answer.out.splitlines()]
    assert [row[0] for row in rows] == model.predict(texts).tolist()
    assert [row[1] for row in rows] == [f"{p:.3f}" for p in model.predict_proba(texts).max(1)]
    assert [row[2] for row in rows] == texts
    assert rows[0][0] == "good"
    assert rows[1][0] == "bad"


def test_the_three_forms_say_the_same(clew, classifier):
    texts = [FUN, 'dull, "long" and\ndreary', "naïve"]
    jsonl = [
        json.loads(line) for line in clew("predict", classifier, "--json", *texts).out.splitlines()
    ]
    table = clew("predict", classifier, "--format", "csv", *texts).out
    assert [row["text"] for row in jsonl] == texts
    assert list(csv.DictReader(io.StringIO(table))) == [
        {name: str(value) for name, value in row.items()} for row in jsonl
    ]
    assert clew("predict", classifier, "--format", "jsonl", *texts).out.count("\n") == 3
    assert len(clew("predict", classifier, *texts).out.splitlines()) == 3  # one line a text


def test_arguments_a_file_and_a_pipe_are_answered_alike(clew, classifier, tmp_path):
    texts = [FUN, "dull and long", "", "a joy"]
    lines, table = tmp_path / "lines.txt", tmp_path / "table.csv"
    lines.write_text("".join(text + "\n" for text in texts))
    table.write_text("n,review\n" + "".join(f"1,{text}\n" for text in texts))
    expected = clew("predict", classifier, *texts).out
    assert clew("predict", classifier, stdin=lines.read_text()).out == expected
    assert clew("predict", classifier, "--file", lines).out == expected
    assert clew("predict", classifier, "--file", table, "--text", "review").out == expected


def test_a_long_pipe_is_answered_in_order(clew, classifier):
    texts = [f"{FUN} {number}" for number in range(1000)]
    answer = clew("predict", classifier, "--json", stdin="\n".join(texts))
    assert [json.loads(line)["text"] for line in answer.out.splitlines()] == texts


def test_a_language_model_says_how_surprising_each_text_is(clew, writer):
    model = load(writer)
    texts = ["The sea was calm.", "zzzz"]
    rows = [json.loads(line) for line in clew("predict", writer, "--json", *texts).out.splitlines()]
    for row, text in zip(rows, texts, strict=True):
        assert row["bits_per_character"] == pytest.approx(
            model.score(text).bits_per_character, abs=1e-4
        )
        assert row["characters"] == len(text)
    assert rows[0]["bits_per_character"] < rows[1]["bits_per_character"]


def test_a_language_model_reads_a_file_or_a_pipe_whole(clew, writer, tmp_path):
    text = "The sea was calm.\nThe ship was far.\n"
    (tmp_path / "a.txt").write_text(text)
    piped = clew("predict", writer, "--json", stdin=text)
    assert json.loads(piped.out)["characters"] == len(text)
    assert clew("predict", writer, "--json", "--file", tmp_path / "a.txt").out == piped.out


def test_a_pipe_that_is_not_utf_8_is_told_with_the_byte(clew, classifier):
    answer = clew("predict", classifier, stdin=b"na\xc3\xafve\ncaf\xe9 au lait\n")
    assert answer.code == 1
    assert answer.err.splitlines()[0] == "error: this is not UTF-8 text: byte 10 is 0xe9"


def test_a_text_that_the_terminal_cannot_spell_is_answered_all_the_same(classifier, tmp_path):
    said = processes.told(tmp_path / "log", _in_ascii, ["predict", str(classifier), "naïve"])
    assert re.fullmatch(r"(good|bad)\t0\.\d+\tna\\xefve\n", said)


def _in_ascii(words):
    """Run `clew` where the terminal is as PYTHONIOENCODING=ascii makes it."""
    sys.stdout.reconfigure(encoding="ascii", errors="strict")
    assert main(words) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", FUN], "nowhere"),
        (["MODEL"], "no text to predict"),
        (["MODEL", FUN, "--file", "x"], "given twice"),
        (["MODEL", "--file", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_cannot_be_is_told(clew, classifier, words, said):
    answer = clew("predict", *[classifier if word == "MODEL" else word for word in words])
    assert answer.code == 1
    assert answer.out == ""
    assert said in answer.err
