"""`clew compare` as it is typed; what it measures is tested in tests/memory/compare."""

import json

import pytest

import clew.cli.compare as shown
import clew.memory.compare as compared
from clew.memory.compare import costs, running
from clew.memory.compare.running import compare

PROBE = ("compare", "probe", "recall", "--rivals", "gru,window", "--seeds", 2, "--budget", 400)
EASY = ("--length", 2, "--set", "letters=3", "--set", "before=1", "--set", "steps=3",
        "--set", "batch_size=4", "--set", "judged=8")  # fmt: skip


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Runs stay in this process; that they have one of their own is tested with `compare`."""
    monkeypatch.setattr(running, "load", lambda: "")
    monkeypatch.setattr(costs, "ROUNDS", 1)
    monkeypatch.setattr(
        compared, "compare", lambda *plan, **more: compare(*plan, **{**more, "apart": False})
    )


def test_a_table_a_picture_json_and_a_reason(clew, tmp_path):
    out = tmp_path / "out"
    answer = clew(*PROBE, *EASY, "--lengths", "1,2", "--out", out, "--picture", tmp_path / "a.svg")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].split()[:2] == ["network", "accuracy"]
    assert [line.split()[0] for line in lines[1:4]] == ["chance", "GRU", "window"]
    assert any(line.startswith("by length") and line.split()[-2:] == ["1", "2"] for line in lines)
    assert "\nTake the " in answer.out
    assert "4/4  window, seed 1: accuracy" in answer.err
    assert (out / "compare.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    kept = json.loads((out / "compare.json").read_text())
    again = clew(*PROBE, *EASY, "--lengths", "1,2", "--out", out, "--json", "--quiet")
    assert again.err == ""
    assert json.loads(again.out) == kept
    assert kept["chosen"] in ("gru", "window")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("compare", "probe", "recal"), "there is no probe 'recal'"),
        (("compare", "guess", "recall"), "there is no such file"),
        (("compare", "classify", "no.csv"), "there is no such file"),
        ((*PROBE, "--rivals", "gru,elman"), "there is no rival 'elman'"),
        ((*PROBE, "--rivals", "bigru"), "bigru reads both ways"),
        ((*PROBE, "--budget", 1), "the smallest network"),
        ((*PROBE, "--seeds", 0), "seeds is 0"),
        ((*PROBE, "--window", 0), "--window is 0"),
        ((*PROBE, "--attend", -1), "--attend is -1"),
        ((*PROBE, "--length", "long"), "no whole numbers"),
        ((*PROBE, "--set", "letters"), "is no pair"),
        ((*PROBE, "--set", "a=1", "--set", "a=2"), "given twice"),
        ((*PROBE, "--set", "cell=gru"), "cell is not for you to set"),
        ((*PROBE, "--rates", "small,large"), "are no numbers"),
        ((*PROBE, "--rates", "1e-3"), "two or more that differ"),
        ((*PROBE, "--test", "no.csv"), "test of a probe"),
        (("compare", "classify", __file__, "--test", "no.csv"), "there is no such file"),
        ((*PROBE, "--time", "soon"), "is not a length of time"),
        ((*PROBE, "--picture", "a.jpeg"), "no picture is written under this name"),
    ],
)
def test_what_is_refused_before_anything_is_trained(clew, typed, said):
    answer = clew(*typed)
    assert answer.code in (1, 2)
    assert said in answer.err
    assert answer.out == ""


def test_scores_of_a_test_and_rates_stand_in_the_table(clew, tmp_path):
    rows = "".join(f"{('warm', 'dull')[n % 2]} film {n},{n % 2}\n" for n in range(24))
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,label\n" + rows)
    answer = clew(
        "compare", "classify", tmp_path / "a.csv", "--test", tmp_path / "b.csv", "--rivals", "rnn",
        "--epochs", 1, "--seeds", 1, "--budget", 400, "--set", "embedding_size=3",
        "--rates", "1e-3,0.05",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    heads, baseline, rnn = (line.split("  ") for line in answer.out.splitlines()[:3])
    names, cells, base = ([x.strip() for x in row if x] for row in (heads, rnn, baseline))
    assert names[:4] == ["network", "accuracy", "test", "rate"]
    assert cells[0] == "RNN"
    assert cells[2].endswith("%")
    assert cells[3] in ("0.001", "0.05")
    assert base[1:] == ["100.0 %", "100.0 %"]
    assert "rnn, learning rate 0.05: accuracy" in answer.err
    assert "On the test, which chose nothing, the RNN scores" in answer.out


def test_a_busy_machine_is_told_before_and_in_the_answer(clew, monkeypatch):
    busy = "this machine is busy (load 3.0 on 4 cores): expect wide figures"
    monkeypatch.setattr(running, "load", lambda: busy)
    typed = (*PROBE[:-5], "gru", "--seeds", 1, "--budget", 400, *EASY)
    answer = clew(*typed)
    assert answer.err.startswith(busy)
    assert "The machine was busy: what a step costs is rough" in answer.out
    found = json.loads(clew(*typed, "--json").out)
    assert found["busy"] == busy
    assert found["networks"][0]["runs"][0]["rounds_us"]["stream"]


def test_a_narrow_terminal_gets_some_columns_below_others(capsys):
    rows = [["network", "accuracy", "range", "peak"], ["chance", "50.0 %", "", ""],
            ["LSTM both ways", "80.0 %", "7 to 9", "400"]]  # fmt: skip
    shown._aligned(rows, 32)
    assert capsys.readouterr().out.splitlines() == [
        "network         accuracy   range", "chance            50.0 %",
        "LSTM both ways    80.0 %  7 to 9", "",
        "network         peak", "LSTM both ways   400", "",
    ]  # fmt: skip
    shown._aligned(rows, 5)  # too narrow for two: one at a time all the same
    assert len(capsys.readouterr().out.splitlines()) == 10
    shown._aligned(rows)
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_interrupted_it_says_how_to_go_on(clew, monkeypatch, tmp_path):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(compared, "compare", stopped)
    answer = clew(*PROBE, "--out", tmp_path / "out")
    assert answer.code == 130
    assert "clew compare probe recall --rivals gru,window" in answer.err
