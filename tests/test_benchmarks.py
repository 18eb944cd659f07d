"""Every benchmark of speed runs, checks before it times, and draws what needs no colours."""

import json
import runpy
from pathlib import Path

import numpy as np
import processes
import pytest
from matplotlib import image

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def run(tmp_path):
    """Run a benchmark quickly on one thread: what it prints, its JSON, its picture."""

    def start(name, *words):
        found, drawn = tmp_path / "figures.json", tmp_path / "picture.png"
        said, _ = processes.python(
            tmp_path, FOLDER / name, "--quick", "--threads", "1", "--rounds", "1",
            "--json", found, "--png", drawn, *words,
        )  # fmt: skip
        picture = image.imread(drawn) if drawn.exists() else None
        return said, json.loads(found.read_text()), picture

    return start


def grey(picture: np.ndarray) -> bool:
    """Red, green and blue are the same everywhere, and something is drawn."""
    red, green, blue = (picture[..., k] for k in range(3))
    return bool((red == green).all() and (green == blue).all() and red.min() < 0.3 < red.max())


def test_recurrence(run):
    parts = ("speed", "options", "accuracy")  # memory: see below
    said, found, picture = run("recurrence.py", *(w for part in parts for w in ("--only", part)))
    assert grey(picture)
    assert found["machine"]["peak_gflops"] > 0
    assert {row["what"] for row in found["rows"]} == {"inference", "forward+backward"}
    for row in found["rows"]:
        rivals = {"torch", "clew"} | ({"ONNX Runtime"} if row["what"] == "inference" else set())
        assert set(row["seconds"]) == rivals
    shares = found["share_of_peak"]["inference, GRU"]
    assert 0 < shares["clew"] < 1
    times = [row["seconds"]["clew"] for row in found["rows"]
             if (row["cell"], row["what"]) == ("GRU", "inference")]  # fmt: skip
    flops = 2 * 8 * 3 * 48 * (5 + 16)  # T B G (D + H) of the one shape of --quick
    expected = flops / times[0] / 1e9 / found["machine"]["peak_gflops"]
    assert shares["clew"] == pytest.approx(expected)
    assert len(found["options"]) == 6
    assert set(found["options"][1]["time_to_plain"]) == {
        "layer norm", "zoneout", "recurrent dropout", "all three",
    }  # fmt: skip
    assert all(error["clew"] < 1e-5 for error in found["accuracy"])
    assert "geometric means" in said


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells it")
@pytest.mark.hardware
def test_memory_is_what_a_process_holds(run):
    """At 64 steps of 32 sequences a GRU of 256 cannot do without x's gradient and y, 2 MB each."""
    words = ["--only", "memory", "--cell", "GRU", "--shape", "32", "64", "256", "256"]
    _, found, picture = run("recurrence.py", *words)
    assert picture is None  # nothing was timed
    (row,) = found["memory"]
    assert 4e6 < row["torch"] < 1e9
    assert 4e6 < row["clew"] < 1e9


def test_step(run):
    said, found, picture = run("step.py")
    assert grey(picture)
    assert {row["B"] for row in found["rows"]} == {1, 64}
    for row in found["rows"]:
        assert set(row["ratio_to_torch_cell"]) == {
            "torch layer", "clew stream", "clew step", "ONNX Runtime",
        }  # fmt: skip
    assert "one step, B=1" in said


def test_training_without_keras(run):
    said, found, picture = run("training.py", "--jax-python", "/nowhere/python")
    assert grey(picture)
    assert "Keras on JAX is left out: " in said
    assert [row["cell"] for row in found["rows"]] == ["RNN", "GRU", "LSTM"]
    for row in found["rows"]:
        assert set(row["seconds"]) == {"torch", "clew"}
        assert set(row["parts"]) == {"alone", "torch", "clew"}
        assert row["parts"]["alone"]["layers"] < row["parts"]["torch"]["layers"]


def test_loss(run):
    said, found, picture = run("loss.py")
    assert grey(picture)
    assert "speed" in said
    assert [row["what"] for row in found["rows"]] == ["loss", "loss and gradients"]
    for row in found["rows"]:
        assert set(row["seconds"]) == {"clew", "torch"}


def test_who_still_knows_where_one_grew_up(tmp_path):
    said, _ = processes.python(
        tmp_path, FOLDER / "agreement.py", "--quick", "--threads", "1", "--only", "all",
        "--json", tmp_path / "found.json", "--png", tmp_path / "story.png",
    )  # fmt: skip
    kept = json.loads((tmp_path / "found.json").read_text())
    assert kept["quick"] is True
    assert list(kept["learning"]) == ["all"]
    assert kept["learning"]["all"]["steps"] == 10  # what was run
    assert kept["learning"]["all"]["length"] == [5, 20]
    found = kept["found"]["all"]
    assert list(found) == ["RNN", "GRU", "LSTM", "LSTM, chrono"]
    sizes = [row["weights"] for row in found.values()]
    assert max(sizes) <= 1.03 * min(sizes)  # trained alike
    before = {name: row["gradient"][0]["before"]["mean"][-1] for name, row in found.items()}
    assert before["LSTM, chrono"] > 10 * max(before["RNN"], before["LSTM"])
    assert grey(image.imread(tmp_path / "story.png"))
    assert "No measurement" in said or "no measurement" in said


def test_table_1_has_what_was_published_beside_what_is_trained(tmp_path):
    words = ("--quick", "--threads", "1", "--only", "adding", "--json", tmp_path / "found.json")
    said, _ = processes.python(tmp_path, FOLDER / "table1.py", *words)
    found = json.loads((tmp_path / "found.json").read_text())["found"]["adding"]
    assert found["weights"] <= 70_000  # of Bai et al. 2018
    assert "5.3e-05" in said
    assert json.loads((tmp_path / "found.json").read_text())["quick"] is True


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("agreement.py", ["--png", "missing/story.png"], "there is no folder missing"),
        ("agreement.py", ["--png", "story.doc"], "story.doc does not end in .png"),
        ("agreement.py", [], "agreement.png is a folder"),
        ("agreement.py", ["--seeds", "3", "-1"], "'-1' is no whole number from 0"),
        ("agreement.py", ["--threads", "0"], "'0' is no whole number from 1"),
        ("table1.py", ["--json", "missing/x"], "there is no folder missing"),
        ("table1.py", ["--json", "."], ". is a folder"),
        ("table1.py", ["--minutes", "0"], "'0' is no number above 0"),
        ("table1.py", ["--minutes", "nan"], "'nan' is no number above 0"),
        ("table1.py", ["--minutes", "x"], "'x' is no number above 0"),
        ("table1.py", ["--only", "adding", "jsb"], "jsb needs DATA"),
        ("table1.py", ["missing"], "there is no missing/longrange/mnist"),
        ("lags.py", ["--seeds", "0"], "'0' is no whole number from 1"),
        ("lags.py", ["--lags", "5", "2.5"], "'2.5' is no whole number"),
        ("lags.py", ["--json", "closed"], "closed cannot be written"),
        ("step.py", ["--png", "missing/x.png"], "there is no folder missing"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(
    name, words, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agreement.png").mkdir()
    (tmp_path / "closed").touch()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "closed")
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr("sys.argv", [name, *words])
    main = runpy.run_path(str(FOLDER / name))["main"]
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(p.name for p in FOLDER.glob("[a-z]*.py")))
def test_make_bench_may_ask_each_to_be_quick(name):
    text = (FOLDER / name).read_text()
    assert '"--quick"' in text or "_show.options(__doc__)" in text  # has it
