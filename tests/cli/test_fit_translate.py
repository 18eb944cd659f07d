"""clew fit translate: tables and line-aligned files in, a model and its scores out."""

import json

import pytest

from clew.cli import main

SMALL = ["--unit", "word", "--hidden-size", "6", "--embedding-size", "6", "--epochs", "2",
         "--held-out", "0.2"]  # fmt: skip
WORDS = {"one": "un", "two": "deux", "red": "rouge", "blue": "bleu", "Tom": "Tom"}
LINES = [(f"{a} {b}.", f"{WORDS[b]} {WORDS[a]} !") for a in WORDS for b in WORDS]


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in LINES))
    (tmp_path / "en.txt").write_text("".join(f"{s}\n" for s, _ in LINES))
    (tmp_path / "fr.txt").write_text("".join(f"{t}\n" for _, t in LINES))
    return tmp_path


def run(capsys, *words):
    code = main(["fit", "translate", *map(str, words)])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def test_a_table_becomes_a_model_that_answers(table, capsys):
    code, out, _ = run(capsys, "p.tsv", *SMALL, "--out", "m", "--test", "p.tsv", "--baseline")
    assert code == 0
    for words in ("BLEU", "chrF", "the same without attention", "on the test", "25 tested"):
        assert words in out
    assert main(["predict", "m", "red Tom.", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["text"] == "red Tom."
    assert isinstance(row["answer"], str)


def test_files_side_by_side_make_the_model_of_the_table(table, capsys):
    for words in (["p.tsv"], ["en.txt", "--target", "fr.txt"]):
        code, out, _ = run(capsys, *words, *SMALL, "--out", words[0][0], "--json", "--quiet")
        assert code == 0
    ours, theirs = (json.loads((table / n / "metrics.json").read_text()) for n in ("p", "e"))
    assert ours["score"] == theirs["score"]
    assert json.loads(out)["score"] == theirs["score"]


def test_columns_are_chosen_and_none_is_no_attention(table, capsys):
    rows = "".join(f'{{"a": "{s}", "b": "{t}", "c": 1}}\n' for s, t in LINES)
    (table / "p.jsonl").write_text(rows)
    chosen = ["--source-column", "b", "--target-column", "a", "--attention", "none"]
    code, _, _ = run(capsys, "p.jsonl", *chosen, *SMALL, "--out", "m")
    assert code == 0
    config = json.loads((table / "m" / "config.json").read_text())
    assert config["parameters"]["attention"] is None
    code, _, err = run(capsys, "p.jsonl", "--source-column", "z", *SMALL, "--out", "n")
    assert code == 1
    assert "p.jsonl" in err
    code, _, err = run(capsys, "p.tsv", "--source-column", "9", *SMALL, "--out", "n")
    assert code == 1


def test_bad_input_is_told_in_words(table, capsys):
    (table / "fr.txt").write_text("un\n")
    code, _, err = run(capsys, "en.txt", "--target", "fr.txt", *SMALL)
    assert code == 1
    assert "25" in err
    assert "1" in err
    code, _, err = run(capsys, "en.txt", "--target", "fr.txt", "--test", "p.tsv", *SMALL)
    assert code == 1
    assert "--target goes with DATA alone" in err
    code, _, err = run(capsys, "p.tsv", "--teacher-forcing", "2", *SMALL)
    assert code == 2
    assert "--teacher-forcing" in err
    code, _, err = run(capsys, "none.tsv", *SMALL)
    assert code == 1
    code, _, err = run(capsys, "en.txt", *SMALL)
    assert code == 1
    assert "en.txt" in err
    assert "--target TARGETS" in err
    code, _, err = run(capsys, "p.tsv", "--attention", "none", "--baseline", *SMALL)
    assert code == 2
    assert "--baseline" in err
    code, _, err = run(capsys, "p.tsv", "--conversation-column", "1", *SMALL)
    assert code == 1
    assert "--source-column 1" in err
