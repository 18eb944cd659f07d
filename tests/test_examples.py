"""Every example runs, in an empty folder, with warnings as errors, and says what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
# What the output of each must contain: the point it makes.
SAYS = {
    "classify_arrays.py": r"with memory: +(0\.9|1\.0)",
    "drop_in.py": r"difference between the two: (\d\.\de-0[789]|0\.0e\+00)",
    "gates.py": r"forget",
    "per_sample_gradients.py": r"batch's gradient by (\d\.\de-(0[789]|1)|0\.0e\+00)",
    "stream.py": r"second process: (\[.*\])\nin one reading: \1",
    "surprise.py": r"'i' +\d",
    "two_processes.py": r"accuracy (0\.9|1\.0)",
}


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_and_makes_its_point(path, tmp_path):
    output = run([sys.executable, "-W", "error", str(path)], tmp_path)
    assert re.search(SAYS[path.name], output), output
    assert list(tmp_path.iterdir()) == [], "an example leaves files behind"


def test_the_gallery_lists_every_example():
    page = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    assert [p.name for p in EXAMPLES] == sorted(set(re.findall(r"\]\((\w+\.py)\)", page)))


def test_two_processes_under_torchrun(tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launcher += ["--master-port", "0", str(ROOT / "examples/two_processes.py")]
    output = run(launcher, tmp_path)
    assert "2 process(es)" in output
    assert output.count("accuracy") == 1  # only the first one prints
