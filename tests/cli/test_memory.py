"""clew memory: what it prints, what it writes, and what it says of bad input."""

import json

import pytest

from clew.cli.memory import _hint

FAST = ["--reach", "12", "--lags", "6", "--cases", "8"]


def test_it_says_in_words_how_far_back_a_model_looks(clew, writer, here):
    answer = clew("memory", writer, "book.txt", *FAST, "--unit", "1:3", "--text", "the sea")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("language model of characters, LSTM of 2 x 16")
    assert lines[2].startswith("Looks back ")
    for title in ("How far back it looks:", "Gradient by lag:", "How long its units hold on:",
                  "What can be read off its state:", "Which elements the answer hangs on:",
                  "What its units hold:", "The text in the eyes of a unit:"):  # fmt: skip
        assert title in lines
    below = lines[lines.index("the␣sea") + 1]
    assert "9" in below
    assert set(below) <= set(".123456789- ")
    assert "Unit 1:3 (cell c)" in answer.out
    assert "how far back it looks: losses with less and less of the past" in answer.err


def test_files_and_json(clew, classifier, here, monkeypatch):
    monkeypatch.setattr("clew.memory.report.pictures", lambda finding, *kinds: [b"<?xml", b"PNG"])
    chosen = ["--instruments", "gates, horizon", "--columns", "text=text,label=label"]
    answer = clew(
        "memory", classifier, "reviews.csv", *FAST, *chosen, "--out", "deep/report", "--json"
    )
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert list(found["findings"]) == ["horizon", "gates"]
    assert found["settings"]["reach"] == 12
    folder = here / "deep" / "report"
    assert json.loads((folder / "report.json").read_text())["findings"] == found["findings"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "gates.json", "gates.png", "gates.svg", "horizon.json", "horizon.png", "horizon.svg",
        "report.html", "report.json",
    ]  # fmt: skip
    assert "wrote deep/report/report.html" in answer.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["{writer}", "nothing.txt"], "no such file"),
        (["nothing.model", "book.txt"], "no model here"),
        (["{writer}", "empty.txt"], "the file is empty"),
        (["{writer}", "one.txt"], "the text has only 1 character"),
        (["{writer}", "noise.txt"], "not UTF-8"),
        (["{classifier}", "book.txt"], "was not there in training"),
        (["{writer}", "book.txt", "--unit", "9:1"], "1:1 to 1:16, 2:1 to 2:16"),
        (["{writer}", "book.txt", "--instruments", "horizont"], "no instrument 'horizont'"),
        (["{writer}", "book.txt", "--epsilon", "nan"], "a number above 0"),
        (["{writer}", "book.txt", "--lags", "100000000"], "10,000 at most"),
        (["{writer}", "book.txt", "--unit", "1:3", "--instruments", "gates"], "states among"),
        (["{writer}", "book.txt", "--reach", "1" + 30 * "0"], "2,147,483,647 at most"),
        (["{writer}", "book.txt", "--columns", "text"], "'text' names no column"),
        (["{writer}", "book.txt", "--side", "source"], "side does not go with task language"),
        (["{writer}", "book.txt", "--out", "taken"], "something else already"),
        (["{writer}", "book.txt", "--out", "taken/notes.txt"], "something else already"),
        (["{writer}", "book.txt", "--out", "taken/notes.txt/report"], "cannot be written"),
        (["{classifier}", "reviews.csv", "--columns", "text=body"], "body"),
        (["{classifier}", "reviews.csv", "--text", "", "--instruments", "states"], "is empty"),
        (["{writer}", "book.txt", "--sequence", "99", *FAST], "no sequence 99"),
    ],
)
def test_bad_input_is_told_in_words(words, says, clew, writer, classifier, here):
    (here / "empty.txt").write_text("")
    (here / "one.txt").write_text("x")
    (here / "noise.txt").write_bytes(bytes([200, 201, 10, 255]) * 9)
    (here / "taken").mkdir()
    (here / "taken" / "notes.txt").write_text("mine")
    answer = clew("memory", *(word.format(writer=writer, classifier=classifier) for word in words))
    assert (answer.code, answer.out) == (1, "")
    assert says in answer.err
    assert "fault in Clew" not in answer.err
    assert [path.name for path in (here / "taken").iterdir()] == ["notes.txt"]


def test_the_model_of_a_probe_needs_no_data_and_every_other_one_does(clew, writer, here):
    from clew.memory.probes import Architecture, DelayedRecall, Learning, learn

    task = DelayedRecall(letters=2, noise=2, before=1)
    learn(task, Learning(2, steps=1, judged=4), Architecture("rnn", 4)).save(here / "probe")
    answer = clew("memory", "probe", *FAST, "--instruments", "horizon")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[1].startswith("It learnt a probe, to ")
    answer = clew("memory", "probe", "book.txt")
    assert (answer.code, answer.out) == (1, "")
    assert "data does not go with a probe" in answer.err
    answer = clew("memory", writer)
    assert (answer.code, answer.out) == (2, "")
    assert "there are no data" in answer.err
    assert "where: DATA" in answer.err


def test_wrong_usage_and_help(clew):
    assert clew("memory").code == 2
    assert clew("memory", "a", "b", "--cases", "0").code == 2
    assert clew("memory", "a", "b", "--seed", "-1").code == 2
    assert clew("memory", "a", "b", "--side", "middle").code == 2
    answer = clew("memory", "--help")
    assert "clew memory book.model unseen.txt --out report" in answer.out


def test_data_that_show_little(clew, writer, here):
    (here / "alike.txt").write_text("s" * 80)
    answer = clew("memory", writer, "alike.txt", *FAST, "--instruments", "horizon,linear")
    assert "All characters of the data are the same" in answer.out
    (here / "short.txt").write_text("th")
    answer = clew("memory", writer, "short.txt")
    assert answer.code == 0
    assert "horizon: not measured. There is nothing before the character asked" in answer.out
    (here / "few.txt").write_text("the sea was")
    answer = clew("memory", writer, "few.txt", "--instruments", "gradient")
    assert "There are only" in answer.out


@pytest.mark.parametrize(
    ("file", "content", "hint"),
    [
        ("texts.csv", "a,b,c\nx,y,z\n", "--columns text=NAME"),
        ("labels.csv", "text,b,c\nx,y,z\n", "--columns label=NAME"),
    ],
)
def test_hints_of_readers_name_the_option_that_is_there(
    file, content, hint, clew, classifier, here
):
    (here / file).write_text(content)
    answer = clew("memory", classifier, file)
    assert answer.code == 1
    assert f"try: {hint}\n" in answer.err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (None, None),
        ("check the name", "check the name"),
        ("name it: --id-column COLUMN, or unique_id=... in Python", "--columns unique_id=NAME"),
        ("name both: --word-column, --tag-column; in Python word, y",
         "--columns word=NAME,tag=NAME"),
        ("name them: source=..., target=... in Python, or --source-column, --target-column",
         "--columns source=NAME,target=NAME"),
        ("say which it is: ds=... in Python, --ds at the command line",
         "give it a table with the columns that the model learned from"),
        ('say what the step is: freq="month" in Python, --freq at the command line', None),
    ],
)  # fmt: skip
def test_hints_in_the_words_of_this_command(said, told):
    assert _hint(said) == told
