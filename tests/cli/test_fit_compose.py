import json
import math
import shutil

import pytest

import clew as library
from clew.data.abc import check, parse

TINY = ["--hidden-size", "12", "--embedding-size", "8", "--num-layers", "1", "--epochs", "2",
        "--batch-size", "4"]  # fmt: skip


def tunes(count):
    """Tunes of two bars, no two alike."""
    turns = ["DFA", "FAd", "dAF", "GBd", "ABc", "dcB"]
    bars = [f"{a}{b}" for a in turns for b in turns]
    head = "X:{}\nM:6/8\nL:1/8\nK:D\n"
    return [
        head.format(n) + f'|:"D"{bars[n % 36]}|{bars[(n * 7 + 3) % 36]}:|\n' for n in range(count)
    ]


@pytest.fixture
def dances(here):
    (here / "dances.abc").write_text("\n".join(tunes(24)))
    return here


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("composers") / "m"
    settings = {
        name[2:].replace("-", "_"): int(value)
        for name, value in zip(TINY[::2], TINY[1::2], strict=True)
    }
    library.Composer(**settings, baseline=False).fit([*map(parse, tunes(24))]).save(folder)
    return folder


@pytest.fixture
def composer(here, learned):
    return shutil.copytree(learned, here / "m")


def test_it_ends_with_a_table_and_a_model_that_writes(clew, dances):
    answer = clew("fit", "compose", "dances.abc", "--out", "m", "--test", "dances.abc", *TINY)
    assert answer.code == 0, answer.err
    metrics = library.load("m").metrics_
    lines = answer.out.splitlines()
    assert lines[0].split() == ["fewer", "is", "better", "bits/token", "nats/char", "perplexity"]
    row = next(line for line in lines if line.startswith("this model "))
    assert f"{metrics['score']['bits_per_token']:.3f}" in row
    assert metrics["baseline"]["name"] in answer.out
    assert any(line.startswith("this model, on the test") for line in lines)
    assert "memory" in answer.out.lower()
    found = json.loads(clew("fit", "compose", "dances.abc", "--out", "j", "--json", *TINY).out)
    assert math.isclose(found["score"]["nats_per_token"], metrics["score"]["nats_per_token"])


def test_what_is_wrong_is_said(clew, dances):
    (dances / "bad.abc").write_text((dances / "dances.abc").read_text() + "\nX:99\nK:D\nd2 @|\n")
    answer = clew("fit", "compose", "bad.abc", "--out", "b", *TINY)
    assert answer.code == 1
    assert "bad.abc:" in answer.err
    assert "tune 99" in answer.err
    assert not (dances / "b").exists()
    assert clew("fit", "compose", "bad.abc", "--skip", "--out", "b", "-q", *TINY).code == 0
    assert clew("fit", "compose", "dances.abc", "--notation", "tab").code == 2
    assert clew("fit", "compose", "dances.abc", "--hidden-size", "0").code == 2
    assert clew("fit", "compose", "none.abc").code == 1


def test_it_writes_what_the_library_writes(clew, composer):
    given = ["--key", "G", "--metre", "6/8", "--bars", "4", "--seed", "3", "--temperature", "0.8"]
    answer = clew("generate", "m", *given)
    expected = library.load("m").compose("G", "6/8", 4, seed=3, temperature=0.8)
    assert answer.out == str(expected)
    assert answer.err.strip() == expected.recalled()
    assert check(parse(answer.out)) == []
    row = json.loads(clew("generate", "m", "--json", *given).out)
    assert row == {"abc": str(expected), "seed": 3, "notes": expected.recall.notes,
                   "longest_run": expected.recall.longest, "copied": False}  # fmt: skip


def test_it_goes_on_from_a_file(clew, composer):
    (composer.parent / "opening.abc").write_text("M:6/8\nK:D\n|:DFA d")
    asked = ["--bars", "2", "--seed", "1"]
    whole = clew("generate", "m", "--prompt", "opening.abc", *asked)
    assert whole.code == 0, whole.err
    assert parse(whole.out).music[:5] == ("|:", "D", "F", "A", "d")
    typed = clew("generate", "m", "--prompt", "|:DFA d", "--metre", "6/8", "--key", "D", *asked)
    assert typed.out == whole.out
    (composer.parent / "opening.abc").write_text("M:6/8\nK:D\n|:DFA dAAA|")
    answer = clew("generate", "m", "--prompt", "opening.abc", *asked)
    assert answer.code == 1
    assert "bar" in answer.err


@pytest.mark.parametrize("ending", ["abc", "mid", "png", "wav"])
def test_the_ending_says_what_is_written(clew, composer, ending):
    answer = clew("generate", "m", "--bars", "2", "--seed", "1", "--out", f"t.{ending}")
    assert answer.code == 0, answer.err
    assert answer.out == ""
    start = {"abc": b"X:1", "mid": b"MThd", "png": b"\x89PNG", "wav": b"RIFF"}[ending]
    assert (composer.parent / f"t.{ending}").read_bytes().startswith(start)


def test_several_stand_in_one_file_or_in_numbered_ones(clew, composer):
    given = ["--bars", "2", "--seed", "1", "--count", "3"]
    assert clew("generate", "m", *given, "--out", "all.abc").code == 0
    assert (composer.parent / "all.abc").read_text().count("X:") == 3
    assert (composer.parent / "all.abc").read_text() == clew("generate", "m", *given).out
    assert clew("generate", "m", *given, "--out", "t.mid").code == 0
    assert {p.name for p in composer.parent.glob("t-*.mid")} == {"t-1.mid", "t-2.mid", "t-3.mid"}


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--bars", "0"], "bars"), (["--metre", "4/4"], "6/8"), (["--key", "Ddor"], "expected: D"),
     (["--out", "t.doc"], ".wav"), (["--prompt", "|:DFA dAAA|"], "bar"), (["--count", "0"], "n"),
     (["--length", "9"], "--length"), (["--top-k", "3"], "--top-k")],
)  # fmt: skip
def test_what_cannot_be_is_told_before_anything_is_written(clew, composer, options, said):
    answer = clew("generate", "m", *options)
    assert answer.code == 1
    assert answer.out == ""
    assert said in answer.err


def test_a_composer_has_nothing_to_predict(clew, composer):
    answer = clew("predict", "m", "DFA")
    assert answer.code == 1
    assert "clew generate m" in answer.err
