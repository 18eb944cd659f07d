"""What the root conftest.py promises: in CI nothing essential skips silently."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"

TESTS = """
import pytest

def test_essential():
    pytest.skip("no reason at all")

@pytest.mark.hardware
def test_of_a_part_that_may_be_missing():
    pytest.skip("no such part")

@pytest.mark.xfail(reason="known")
def test_known_to_fail():
    assert False

def test_that_passes():
    pass
"""


def outcome(folder: Path, ci: str, tests: str) -> tuple[int, str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    hardware: may skip\n")
    (folder / "test_some.py").write_text(tests)
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**environment, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout


@pytest.mark.parametrize("ci", ["true", "1"])
def test_a_skip_fails_in_ci(tmp_path: Path, ci: str) -> None:
    code, told = outcome(tmp_path, ci, TESTS)
    assert code == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed" in told
    assert "test_essential was skipped in CI" in told
    assert "no reason at all" in told


def test_a_whole_file_that_skips_fails_in_ci(tmp_path: Path) -> None:
    code, told = outcome(tmp_path, "true", 'import pytest\npytest.importorskip("no_such_module")\n')
    assert code != 0
    assert "test_some.py was skipped in CI" in told


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    code, told = outcome(tmp_path, "", TESTS)
    assert code == 0
    assert "1 passed, 2 skipped, 1 xfailed" in told
