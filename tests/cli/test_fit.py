import json
import os
import signal
import time

import processes
import pytest

import clew as library
from clew.cli import main
from clew.errors import Interrupted

TINY = ["--hidden-size", "8", "--embedding-size", "8", "--epochs", "2", "--batch-size", "4"]


def test_classify_ends_with_a_table_and_a_model_that_answers(clew, here):
    answer = clew("fit", "classify", "reviews.csv", "--out", "m", *TINY)
    assert answer.code == 0
    lines = answer.out.splitlines()
    metrics = library.load("m").metrics_
    assert lines[0].split() == ["accuracy", "held", "out"]
    assert lines[1].split() == ["this", "model", f"{100 * metrics['score']['accuracy']:.1f}", "%"]
    assert f"{100 * metrics['baseline']['accuracy']:.1f} %" in answer.out
    assert metrics["baseline"]["name"] in answer.out
    assert f"{metrics['parameters']:,} parameters" in answer.out
    assert "the model is in m" in answer.out
    assert "clew predict m " in answer.out
    assert "epoch 2" in answer.err  # plain lines, for standard error is no terminal
    assert "\x1b" not in answer.out + answer.err


def test_what_it_says_to_type_next_works(clew, here):
    fitted = clew("fit", "classify", "reviews.csv", "--out", "my model", *TINY)
    command = next(line for line in fitted.out.splitlines() if "some text" in line)
    assert command == "  clew predict 'my model' \"some text\""
    assert clew("predict", "my model", "some text").code == 0


def test_language_ends_with_a_table_and_a_model_that_writes(clew, here):
    answer = clew("fit", "language", "book.txt", "--out", "m", "--window", 16, *TINY)
    assert answer.code == 0
    metrics = library.load("m").metrics_
    row = next(line for line in answer.out.splitlines() if line.startswith("this model"))
    keys = ("bits_per_character", "nats_per_character", "perplexity")
    assert row.split()[2:] == [f"{metrics['score'][key]:.3f}" for key in keys]
    assert metrics["baseline"]["name"] in answer.out
    assert metrics["window"]["name"] in answer.out
    assert "clew generate m " in answer.out


def test_without_out_the_model_is_called_after_the_data(clew, here):
    assert clew("fit", "classify", "reviews.csv", "--quiet", *TINY).code == 0
    assert (here / "reviews.model" / "config.json").exists()


def test_quiet_says_nothing(clew, here):
    answer = clew("fit", "classify", "reviews.csv", "--quiet", "--out", "m", *TINY)
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_json_is_the_metrics_on_one_line(clew, here):
    answer = clew("fit", "classify", "reviews.csv", "--json", "--out", "m", *TINY)
    found = json.loads(answer.out)
    assert found.pop("model") == "m"
    assert found == json.loads((here / "m/metrics.json").read_text())


def test_the_test_data_is_scored_beside_the_held_out(clew, here):
    (here / "test.csv").write_text("text,label\nwarm and funny,good\ndull and long,good\n")
    more = ["--test", "test.csv", "--epochs", 20, "--learning-rate", 0.05, "--json"]
    answer = clew("fit", "classify", "reviews.csv", "--out", "m", *TINY, *more)
    tested = json.loads(answer.out)["test"]
    assert tested["examples"] == 2
    assert tested["accuracy"] == 0.5  # both texts were learned; one of the two labels is wrong
    assert tested["baseline"]["accuracy"] == 0.5


def test_the_test_text_of_a_language_model_is_scored(clew, here):
    (here / "test.txt").write_text("The sea was far from the land.\n")
    more = ["--test", "test.txt", "--json"]
    answer = clew("fit", "language", "book.txt", "--out", "m", *TINY, *more)
    expected = library.load("m").score((here / "test.txt").read_text())
    tested = json.loads(answer.out)["test"]
    assert tested["characters"] == 31
    assert tested["bits_per_character"] == pytest.approx(expected.bits_per_character)


def test_given_validation_data_is_held_out_in_place_of_a_share(clew, here):
    (here / "dev.csv").write_text("text,label\n" + "warm and funny,good\nlong,bad\n" * 3)
    (here / "dev.txt").write_text("The sea was far.\n" * 20)
    clew("fit", "classify", "reviews.csv", "--validation", "dev.csv", "--out", "c", "-q", *TINY)
    clew("fit", "language", "book.txt", "--validation", "dev.txt", "--out", "l", "-q", *TINY)
    assert library.load("c").metrics_["score"]["examples"] == 6
    assert library.load("l").metrics_["held_out"]["characters"] == 17 * 20


def test_what_is_typed_is_what_is_trained(clew, here):
    clew("fit", "classify", "reviews.csv", "--out", "m", "-q", "--cell", "gru", "--clip", "none",
         "--no-bidirectional", *TINY)  # fmt: skip
    model = library.load("m")
    assert (model.cell, model.clip, model.bidirectional, model.epochs) == ("gru", None, False, 2)
    assert model.learning_rate == library.Classifier().learning_rate


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["classify", "reviws.csv"], "did you mean reviews.csv?"),
        (["classify", "reviews.csv", "--test", "nowhere.csv"], "nowhere.csv"),
        (["classify", "reviews.csv", "--text", "texte"], "texte"),
        (["classify", "one.csv"], "two classes"),
        (["classify", "broken.csv"], "broken.csv:3"),
        (["classify", "empty.csv"], "empty"),
        (["language", "empty.csv"], "empty"),
        (["language", "binary.txt"], "binary.txt"),
        (["language", "latin.txt"], "byte 3"),
        (["language", "book.txt", "nowhere.txt"], "nowhere.txt"),
        (["language", "book.txt", "--test", "latin.txt"], "byte 3"),
        (["classify", "reviews.csv", "--validation", "broken.csv"], "broken.csv:3"),
        (["classify", "reviews.csv", "--validation", "other.csv"], "other.csv:2"),
        (["classify", "reviews.csv", "--test", "other.csv"], "'so-so'"),
    ],
)
def test_bad_input_is_told_and_leaves_nothing(clew, here, words, said):
    (here / "one.csv").write_text("text,label\na,x\nb,x\n")
    (here / "broken.csv").write_text("text,label\na,x\nonly one field\nb,y\n")
    (here / "other.csv").write_text("text,label\na film,so-so\n")
    (here / "empty.csv").write_text("")
    (here / "binary.txt").write_bytes(b"abc\0\0\x01def" * 10)
    (here / "latin.txt").write_bytes("caf\xe9 au lait".encode("latin-1"))
    answer = clew("fit", *words, "--out", "m")
    assert answer.code == 1
    assert answer.out == ""
    assert "error: " in answer.err
    assert said in answer.err
    assert not (here / "m" / "config.json").exists()
    assert not (here / "m").exists() or not any(p.name[0] != "." for p in (here / "m").iterdir())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--hidden-size", "0"),
        ("--learning-rate", "-1"),
        ("--dropout", "nan"),
        ("--time", "soon"),
        ("--device", "abacus"),
    ],
)
@pytest.mark.parametrize(("task", "data"), [("classify", "reviews.csv"), ("language", "book.txt")])
def test_a_setting_that_makes_no_sense_is_wrong_usage(clew, here, task, data, option, value):
    answer = clew("fit", task, data, "--out", "m", option, value)
    assert answer.code == 2
    assert f"  where: {option}\n" in answer.err
    assert "  expected: " in answer.err
    assert not (here / "m").exists()


def test_after_a_refused_fit_the_right_command_may_follow(clew, here):
    answer = clew("fit", "classify", "reviews.csv", "--out", "m", "--hidden-size", "0")
    assert answer.code == 2
    assert "where: --hidden-size" in answer.err
    assert not (here / "m").exists()
    assert clew("fit", "classify", "reviews.csv", "--out", "m", "-q", *TINY).code == 0


def test_a_folder_that_holds_something_is_not_written_into(clew, here):
    (here / "m").mkdir()
    (here / "m" / "thesis.txt").write_text("years of work")
    answer = clew("fit", "classify", "reviews.csv", "--out", "m", *TINY)
    assert answer.code == 1
    assert "m" in answer.err
    assert "  try: " in answer.err
    assert [p.name for p in (here / "m").iterdir()] == ["thesis.txt"]


def test_an_interrupted_fit_says_how_to_go_on(clew, here, monkeypatch):
    def interrupted(self, *args, **kwargs):
        raise Interrupted(folder=here / "m")

    monkeypatch.setattr(library.Classifier, "fit", interrupted)
    answer = clew("fit", "classify", "reviews.csv", "--out", "my m", "--epochs", 3)
    assert answer.code == 130
    assert answer.err.endswith(
        "To go on:\n  clew fit classify reviews.csv --out 'my m' --epochs 3 --resume\n"
    )


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted(folder=None)])
def test_an_interrupted_fit_says_what_there_is_to_go_on_from(clew, here, monkeypatch, stop):
    def interrupted(self, *args, **kwargs):  # while a baseline learns, or by a second Ctrl-C
        raise stop

    monkeypatch.setattr(library.LanguageModel, "fit", interrupted)
    words = ["fit", "language", "book.txt", "--out", "m", "--resume"]
    assert clew(*words).err.endswith("Stopped before there was anything to keep.\n")
    (here / "m").mkdir()
    (here / "m" / "checkpoint.safetensors").touch()
    answer = clew(*words)
    assert answer.code == 130
    assert answer.err.endswith("To go on:\n  clew fit language book.txt --out m --resume\n")


def test_ctrl_c_keeps_the_work_and_the_command_it_prints_ends_with_the_same_weights(here):
    settings = [*TINY, "--no-baseline", "--epochs", "30", "--patience", "none", "--seed", "3"]
    fit = ["fit", "classify", "reviews.csv", *settings]
    (here / "log").mkdir()
    stopped = processes.started(here, here / "log", "-m", "clew", *fit, "--out", "stopped")
    while stopped.is_alive() and not (here / "stopped/checkpoint.safetensors").exists():
        time.sleep(0.01)
    os.kill(stopped.pid, signal.SIGINT)
    stopped.join(60)
    said = (here / "log/err").read_text()
    assert stopped.exitcode == 130, said
    assert "Traceback" not in said
    assert not (here / "stopped/config.json").exists()
    command = said.splitlines()[-1].split()
    assert command[0] == "clew"
    assert command[-1] == "--resume"
    assert main(command[1:]) == 0
    assert main([*fit, "--out", "whole"]) == 0
    weights = [(here / name / "model.safetensors").read_bytes() for name in ("stopped", "whole")]
    assert weights[0] == weights[1]
