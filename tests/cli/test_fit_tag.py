import json

import pytest

import clew as library

TINY = ["--hidden-size", "8", "--embedding-size", "8", "--character-size", "4", "--epochs", "2",
        "--batch-size", "4"]  # fmt: skip
WALKS = "go O\nto O\nNew B-place\nYork I-place\n\nis O\nRome B-place\nfar O\n\n" * 8


@pytest.fixture
def walks(here):
    (here / "walks.txt").write_text(WALKS)
    return here


def test_it_ends_with_a_table_and_a_model_that_answers(clew, walks):
    answer = clew("fit", "tag", "walks.txt", "--out", "m", "--test", "walks.txt", *TINY)
    assert answer.code == 0, answer.err
    metrics = library.load("m").metrics_
    lines = answer.out.splitlines()
    assert lines[0].split() == ["right", "words", "spans", "(F1)"]
    row = next(line for line in lines if line.startswith("this model "))
    assert f"{100 * metrics['score']['f1']:.1f} %" in row
    assert metrics["baseline"]["name"] in answer.out
    assert any(line.startswith("this model, on the test") for line in lines)
    assert "memory" in answer.out.lower()
    said = clew("predict", "m", "go to Rome", "")
    assert said.code == 0
    assert [pair.split("/")[0] for pair in said.out.splitlines()[0].split()] == ["go", "to", "Rome"]
    row = json.loads(clew("predict", "m", "go to Rome", "--json").out)
    assert row["tokens"] == ["go", "to", "Rome"]
    assert row["tags"] == library.load("m").predict(["go to Rome"])[0]


def test_columns_by_number_and_name(clew, walks):
    (walks / "two.txt").write_text("the x D\nman x N\n\n" * 8)
    assert clew("fit", "tag", "two.txt", "--out", "a", "--no-baseline", *TINY).code == 0
    assert library.load("a").tags_.tolist() == ["D", "N"]
    columns = ["--word-column", "3", "--tag-column", "1"]
    assert clew("fit", "tag", "two.txt", *columns, "--out", "b", "--no-baseline", *TINY).code == 0
    assert library.load("b").tags_.tolist() == ["man", "the"]
    answer = clew("fit", "tag", "two.txt", "--tag-column", "9", "--out", "c", *TINY)
    assert answer.code == 1
    assert "two.txt" in answer.err
    assert not (walks / "c").exists()


def test_a_label_of_the_sentence_as_well(clew, walks):
    rows = [{"tokens": ["play", "Help"], "tags": ["O", "B-song"], "intent": "music"},
            {"tokens": ["rain", "?"], "tags": ["O", "O"], "intent": "weather"}] * 8  # fmt: skip
    (walks / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = clew("fit", "tag", "r.jsonl", "--label", "intent", "--out", "m", *TINY)
    assert answer.code == 0, answer.err
    assert "sentences" in answer.out.splitlines()[0]
    line = clew("predict", "m", "play Help").out
    assert line.split("\t")[0] in ("music", "weather")
    row = json.loads(clew("predict", "m", "play Help", "--json").out)
    assert row["label"] in ("music", "weather")


def test_a_crf_is_an_option(clew, walks):
    given = ["--out", "m", "--no-crf", "--no-baseline", "--quiet", *TINY]
    assert clew("fit", "tag", "walks.txt", *given).out == ""
    assert library.load("m").network_.crf is None
    assert library.load("m").crf is False


def test_what_is_wrong_is_said(clew, walks):
    (walks / "bad.txt").write_text("go O\nto\n")
    answer = clew("fit", "tag", "bad.txt", *TINY)
    assert answer.code == 1
    assert "bad.txt:2" in answer.err
    answer = clew("fit", "tag", "walks.txt", "--metric", "best", *TINY)
    assert answer.code == 2
    assert clew("fit", "tag", "none.txt").code == 1
    assert clew("fit", "tag", "walks.txt", "--character-size", "-1").code == 2


def test_a_broken_test_file_is_told_of_before_anything_is_learned(clew, walks):
    (walks / "broken.txt").write_text("go O\nto\n\n")
    answer = clew("fit", "tag", "walks.txt", "--out", "m", "--test", "broken.txt", *TINY)
    assert answer.code == 1
    assert "broken.txt:2" in answer.err
    assert not (walks / "m").exists()


def test_of_a_folder_with_parts_each_is_used_for_what_it_is(clew, walks):
    folder = walks / "parts"
    folder.mkdir()
    (folder / "train.txt").write_text(WALKS)
    (folder / "dev.txt").write_text("go O\nto O\nRome B-place\n\n")
    (folder / "test.txt").write_text("go O\nHelp B-song\n\n")
    words = ["--validation", folder, "--test", folder]
    answer = clew("fit", "tag", folder, *words, "--out", "m", *TINY)
    assert answer.code == 0, answer.err
    assert library.load("m").metrics_["held_out"]["sentences"] == 1
    assert "1 of the tags and labels of the test were not there in training" in answer.out


def test_columns_are_named_as_they_are_typed(clew, walks):
    answer = clew("fit", "tag", "walks.txt", "--word-column", "-1", *TINY)
    assert "--tag-column" in answer.err
    (walks / "none").mkdir()
    answer = clew("fit", "tag", "none", *TINY)
    assert "there is nothing in it" in answer.err
