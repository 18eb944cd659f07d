"""Every example runs in an empty folder, warnings being errors, and says what it promises."""

import os
import re
import runpy
import sys
from pathlib import Path

import processes
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# What the output of each must contain: the point it makes.
SAYS = {
    "classify_arrays.py": r"with memory: +(0\.9|1\.0)",
    "compare_lags.py": r"lag 10\n  window of 6 +\d\d % right.*\n  GRU .* back (9|10|11) steps",
    "compose_tunes.py": r"bars that are not full: 0",
    "drop_in.py": r"difference between the two: (\d\.\de-(0[6-9]|1\d)|0\.0e\+00)",  # below 1e-5
    "forecast_offers.py": r"this model +0\.[0-6]",
    "gates.py": r"forget",
    "memory_report.py": r"Looks back 6 steps",
    "per_sample_gradients.py": r"batch's gradient by (\d\.\de-(0[789]|1)|0\.0e\+00)",
    "series.py": r"with memory: +(0\.9|1\.0)",
    "stream.py": r"second process: (\[.*\])\nin one reading: \1",
    "surprise.py": r"'i' +\d",
    "tag_invented.py": r"with letters: (0\.9[89]|1\.0)",
    "teddy.py": r"forwards +50\.0%\n.*both ways +100\.0%",
    "transcribe_live.py": r"live:  abc dab cad\nwhole: abc dab cad",
    "translate_dates.py": r"(9[89]|100)% of 200 new dates are right",
    "two_processes.py": r"accuracy (0\.9|1\.0)",
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_and_makes_its_point(path, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, sys.path))
    )  # stream.py starts a second process
    with torch.random.fork_rng():
        runpy.run_path(str(path), run_name="__main__")
    output = capfd.readouterr().out
    assert re.search(SAYS[path.name], output), output
    assert list(tmp_path.iterdir()) == [], "an example leaves files behind"


def test_the_gallery_lists_every_example():
    page = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert [p.name for p in EXAMPLES] == sorted(set(re.findall(r"\]\((\w+\.py)\)", page)))


def test_two_processes_as_torchrun_starts_them(tmp_path):
    said, _ = processes.ranks(2, tmp_path, ROOT / "examples/two_processes.py")
    assert "2 process(es)" in said
    assert said.count("accuracy") == 1  # only the first one prints
