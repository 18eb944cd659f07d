"""What a run gives back. That wrong answers are stopped is in test_wrong_answers.py."""

import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clew.course import running
from clew.course.running import Limits, run, used, watch
from clew.errors import InputError

SMALL = Limits(seconds=10.0, memory=256 << 20, output=5000, disk=1 << 20, address=300 << 20)


def test_a_program_is_the_main_module_in_an_empty_folder_of_its_own():
    ran = run(
        "import sys, os, inspect, __main__\n"
        "def f(): return 1\n"
        "print(__name__, os.listdir(), os.getcwd() == os.environ['HOME'], sys.argv == [__file__])\n"
        "print(__main__.f is f, inspect.getsource(f).strip(), 'ü')\n"
        "if input is None: pass\n"
        "print('aside', file=sys.stderr)\n",
        limits=SMALL,
    )
    assert ran.outcome == "ended"
    assert ran.stdout == ("__main__ ['answer.py'] True True\nTrue def f(): return 1 ü\n")
    assert ran.stderr == "aside\n"


def test_the_folder_and_all_in_it_are_gone_afterwards():
    ran = run("import os\nopen('x', 'w').write('y')\nprint(os.getcwd())", limits=SMALL)
    assert not Path(ran.stdout.strip()).exists()


def test_a_deep_folder_is_removed_too(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import os\nfor number in range(1000):\n    os.mkdir('d')\n    os.chdir('d')\n"
        "open('x', 'w').close()\nos.symlink('/', 'link')\nos.chmod('.', 0)\nos.chmod('..', 0o500)\n"
        "print(6)"
    )
    assert run(code, limits=replace(SMALL, disk=30 << 20)).stdout == "6\n"
    assert not list(tmp_path.iterdir())
    code = "import os\nwhile True:\n    os.mkdir('d' * 250)\n    os.chdir('d' * 250)"
    assert run(code, limits=replace(SMALL, disk=1 << 40)).stopped == "disk"
    assert not list(tmp_path.iterdir())


def test_what_looks_on_may_end_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def look():
        raise LookupError

    with pytest.raises(LookupError):
        run("while True: pass", limits=SMALL, look=look)
    assert not list(tmp_path.iterdir())


def test_nothing_of_the_environment_but_what_programs_need(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "1234")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    ran = run("import os, sys\nprint('SECRET_TOKEN' in os.environ, '/somewhere' in sys.path)")
    assert ran.stdout == "False False\n"


def test_checks_have_the_names_and_what_they_print_is_not_the_answer():
    ran = run("h = 3\nprint(h)", tests="print('checked', h)\nassert h == 3", limits=SMALL)
    assert (ran.outcome, ran.stdout, ran.stderr) == ("ended", "3\n", "checked 3\n")


def test_a_check_that_fails_is_told_apart_from_an_error_within_the_answer():
    refuted = run("h = 3", tests="\nassert h == 4", limits=SMALL).problem
    assert (refuted.in_tests, refuted.last, refuted.test_line) == (True, "tests", 2)
    within = run("def f():\n    return [][1]", tests="f()", limits=SMALL).problem
    assert (within.in_tests, within.last, within.line, within.function) == (True, "code", 2, "f")
    assert within.test_text == "f()"


def test_an_error_within_a_library_stands_at_the_line_that_called_it():
    problem = run("import json\n\njson.loads('{')", limits=SMALL).problem
    assert (problem.line, problem.text, problem.function) == (3, "json.loads('{')", "<module>")


def test_an_exit_without_an_error_is_an_end():
    ran = run("print(1)\nraise SystemExit", tests="print(2)", limits=SMALL)
    assert (ran.outcome, ran.stdout, ran.stderr) == ("ended", "1\n", "2\n")


def test_threads_are_waited_for_within_the_limits():
    code = (
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep({}), print(1))).start()"
    )
    assert run(code.format(0.05), limits=SMALL).stdout == "1\n"
    assert run(code.format(99), limits=replace(SMALL, seconds=0.3)).stopped == "time"


def test_no_process_outlives_its_run():
    code = (
        "import ctypes, os, time\nlibc = ctypes.CDLL(None)\nprint(os.getpid(), flush=True)\n"
        "if libc.fork() == 0:\n    libc.setsid()\n    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\ntime.sleep(60)"
    )
    ran = run(code, limits=Limits(seconds=5.0))
    assert ran.stopped == "processes"
    for pid in map(int, ran.stdout.split()):
        end = time.monotonic() + 5
        while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                break  # dead; whoever adopted it is to take note
            time.sleep(0.01)
        else:
            assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("code", ["\x00", "é = '\udc80'", "(" * 5000, "\t if 1:\n"])
def test_any_text_is_judged_and_not_a_fault_of_ours(code):
    assert run(code, limits=SMALL).outcome in ("raised", "stopped")


def test_a_program_that_closes_its_output_is_still_watched():
    code = "import os\nos.close(1)\nos.close(2)\nos.closerange(3, 99)\nwhile True: pass"
    ran = run(code, limits=Limits(seconds=0.2))
    assert ran.outcome == "stopped"
    assert ran.stopped == "time"


@pytest.mark.parametrize(
    "line",
    ["[1, 2]", "[" * 4000, "odd", "1 +", '{"outcome": "stopped", "stopped": "odd"}',
     '{"outcome": "sideways"}', '{"outcome": []}', "{[]: 1}",
     '{"outcome": "raised", "message": 7}', '{"outcome": "raised", "line": "3"}'],
)  # fmt: skip
def test_what_an_answer_writes_into_our_report_is_no_fault_of_ours(line):
    code = f"import os\nfor file in range(3, 20):\n    try: os.write(file, b'{line}\\n')\n"
    ran = run(code + "    except OSError: pass\nos._exit(3)", limits=SMALL)
    assert (ran.outcome, ran.code) == ("died", 3)


def test_a_system_unlike_unix_is_told_so_in_words(monkeypatch):
    monkeypatch.setattr(running.os, "name", "nt")
    with pytest.raises(InputError, match="lacks what a learner's code is guarded with"):
        run("print(1)")


def test_more_is_allowed_where_torch_or_clew_is_imported():
    assert Limits.for_code("import math\nx = 'import torch'") == Limits()
    for code in ("import torch.nn as nn", "from clew.nn import LSTM", "def f():\n    import numpy"):
        assert Limits.for_code(code).seconds > Limits().seconds
        assert Limits.for_code(code).address is None
    assert Limits.for_code("def f(:") == Limits()


def test_clew_can_be_imported_by_an_answer():
    assert run("import clew\nprint(clew.__name__)").stdout == "clew\n"


def test_watch_counts_a_child_and_memory():
    child = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")
    try:
        found, memory = watch(os.getpid())
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert {os.getpid(), child} <= found
    assert memory > 10 << 20


def test_where_there_is_no_proc_ps_is_asked(monkeypatch):
    said = " 1 0 1000\n50 1 300\n51 50 40\n52 51 5\n60 1 7\n"
    answer = subprocess.CompletedProcess([], 0, stdout=said)
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: answer)
    assert running._watch_ps(50) == ({50, 51, 52}, 345 * 1024)
    assert running._watch_ps(99) == ({99}, 0)


def test_where_there_is_no_ps_either_nothing_is_watched_and_nothing_fails(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert running._watch_ps(50) == ({50}, 0)


def test_used_counts_until_there_is_more_than_enough(tmp_path):
    (tmp_path / "deep").mkdir()
    for number in range(10):
        (tmp_path / "deep" / f"{number}").write_bytes(b"x" * 10_000)
    assert used(tmp_path, 1 << 20) >= 100_000
    assert used(tmp_path, 20_000) > 20_000
    assert used(tmp_path / "none", 5) == 0
