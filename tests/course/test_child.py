"""That nothing elsewhere is changed, by Python or by a library; limits are in test_running.py."""

import os
from dataclasses import dataclass

import pytest

from clew.course import running
from clew.course.judging import judge
from clew.course.running import Limits, run

SMALL = Limits(seconds=10.0, memory=256 << 20, output=5000, disk=1 << 20, address=300 << 20)
CONFINE = 'sys.platform == "linux" and confine'  # the two layers, as they stand in the child
HOOK = "sys.addaudithook(guard(owner))"
LANDLOCK = run("import __main__, sys\nprint(sys._getframe(2).f_globals['Report'].confined)").stdout


def in_the_system(test):
    """Mark what only a kernel with Landlock does, which an ordinary machine may lack."""
    known = pytest.mark.skipif(LANDLOCK != "True\n", reason="a Linux without Landlock")
    return pytest.mark.hardware(known(test))


OPEN = "import os; here = os.open(os.path.dirname({0!r}), os.O_RDONLY)\n"
ELSEWHERE = [
    "open({0!r}, 'w')",
    "open({0!r}, 'a')",
    "import os\nos.remove({0!r})",
    "import os\nos.rename({0!r}, 'mine')",
    "import os\nos.open({0!r}, os.O_WRONLY | os.O_TRUNC)",
    "import os\nos.chdir('/')\nos.truncate({0!r}, 0)",
    "import sqlite3\nsqlite3.connect({0!r} + '.db').execute('create table t (x)')",
    "import pathlib\npathlib.Path({0!r}).unlink()",
    "import shutil, os\nshutil.rmtree(os.path.dirname({0!r}))",
    "import os\nos.symlink(os.path.dirname({0!r}), 'here')\nopen('here/kept', 'w')",
    "import os\nos.link({0!r}, 'here')",
    "import os\nos.chmod({0!r}, 0)",
    "import os\nos.fchmod(os.open({0!r}, os.O_RDONLY), 0)",
    "import os\nos.utime(os.open({0!r}, os.O_RDONLY), (0, 0))",
    "import os\nos.makedirs(os.path.dirname({0!r}) + '/new/new')",
    "import socket\nsocket.socket(socket.AF_UNIX).bind({0!r} + '.s')",
    OPEN + "os.unlink('kept', dir_fd=here)",
    OPEN + "os.rename('kept', 'kept2', src_dir_fd=here, dst_dir_fd=here)",
    OPEN + "os.chmod('kept', 0, dir_fd=here)",
    OPEN + "os.mkdir('new', dir_fd=here)",
    OPEN + "os.symlink('kept', 'new', dir_fd=here)",
    OPEN + "os.open('kept', os.O_WRONLY | os.O_TRUNC, dir_fd=here)",
    OPEN + "open('kept', 'w', opener=lambda name, how: os.open(name, how, dir_fd=here))",
    OPEN + "os.fchdir(here)\nopen('kept', 'w')",
    "import os\nfor _, _, names, here in os.fwalk(os.path.dirname({0!r})):\n"
    "    for name in names: os.unlink(name, dir_fd=here)",
]  # fmt: skip
IN_C = [  # of which Python tells nobody
    "import sqlite3\nx = sqlite3.connect(':memory:')\nx.execute('attach \"{0}.db\" as a')\n"
    "x.execute('create table a.t (x)')",
    "import os\nos.mkfifo({0!r} + '.pipe')",
    "import ctypes\nif ctypes.CDLL(None).unlink({0!r}.encode()):\n"
    "    raise OSError(13, 'refused', {0!r})",
    "import ctypes\nif not ctypes.CDLL(None).fopen({0!r}.encode(), b'w'):\n"
    "    raise RuntimeError('fopen: Permission denied')",
    "import ctypes, os\nif ctypes.CDLL(None).truncate({0!r}.encode(), ctypes.c_long(0)):\n"
    "    os.open('/', os.O_RDONLY)\n    raise OSError(13, 'refused', 'kept')",
]  # fmt: skip


@dataclass(frozen=True)
class Task:
    starter: str = ""
    expected: str = "1\n"
    tests: str | None = None


def without(monkeypatch, tmp_path, line, other):
    """Let what follows run in a child in which `line` is another."""
    text = running.CHILD.read_text()
    assert text.count(line) == 1
    child = tmp_path / "child.py"
    child.write_text(text.replace(line, other))
    monkeypatch.setattr(running, "CHILD", child)


def stays(code, folder):
    """That `code` changes nothing in `folder`, and that its learner is told of it."""
    folder.mkdir()
    kept = folder / "kept"
    kept.write_text("mine")
    before = kept.stat()
    verdict = judge(Task(), code.format(str(kept)) + "\nprint(1)", limits=SMALL)
    lines = " ".join(" ".join(verdict.lines()).split())
    assert verdict.kind == "stopped", lines
    assert "only files in the folder" in lines
    assert verdict.line is not None
    assert kept.read_text() == "mine"
    after = kept.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert os.listdir(folder) == ["kept"]  # noqa: PTH208


@pytest.mark.parametrize("code", ELSEWHERE)
def test_files_elsewhere_are_not_changed(code, tmp_path):
    stays(code, tmp_path / "a")


@pytest.mark.parametrize("code", ELSEWHERE)
def test_nor_where_only_python_sees_to_it(code, tmp_path, monkeypatch):
    without(monkeypatch, tmp_path, CONFINE, "False and confine")
    stays(code, tmp_path / "a")


@in_the_system
@pytest.mark.parametrize("code", IN_C)
def test_nor_by_what_python_tells_nobody_of(code, tmp_path):
    stays(code, tmp_path / "a")


@in_the_system
def test_the_system_alone_lets_nobody_write_elsewhere_or_end_others(tmp_path, monkeypatch):
    without(monkeypatch, tmp_path, HOOK, "pass")
    stays("open({0!r}, 'w')", tmp_path / "a")
    code = "import os\ntry: os.kill(os.getppid(), 0)\nexcept PermissionError: print('refused')"
    assert run(code, limits=SMALL).stdout in ("refused\n", "")  # before Linux 6.12 it may


def test_in_its_own_folder_all_may_be_done_and_elsewhere_all_may_be_read(tmp_path):
    (tmp_path / "kept").write_text("mine")
    code = f"""
import os, shutil, sqlite3, tempfile
os.makedirs("a/b")
with open("a/x", "w") as file: os.fchmod(file.fileno(), 0o600)
os.rename("a/x", "a/b/x")
os.truncate("a/b/x", 3)
os.utime("a/b/x")
os.symlink("..", "a/up")
os.link("a/b/x", "y")
os.mkfifo("pipe")
os.chmod("pipe", 0o600)
os.unlink("x", dir_fd=os.open("a/b", os.O_RDONLY))
sqlite3.connect("t.db").execute("create table t (x)")
tempfile.NamedTemporaryFile().write(b"x")
open(os.devnull, "w").write("x")
os.symlink({str(tmp_path)!r}, "there")
os.remove("there")
os.makedirs("/tmp", exist_ok=True)
shutil.rmtree("a")
print(os.path.exists("a"), open({str(tmp_path / "kept")!r}).read())
print([names for _, _, names in os.walk({str(tmp_path)!r})])
"""
    assert run(code, limits=SMALL).stdout == "False mine\n[['kept']]\n"


def test_what_may_not_be_read_is_an_error_of_its_own(tmp_path):
    code = f"raise PermissionError(13, 'no', {str(tmp_path)!r})"
    assert run(code, limits=SMALL).stopped == ("outside" if LANDLOCK == "True\n" else "")
    assert run("raise PermissionError(13, 'no', 'answer.py')").outcome == "raised"
    assert run("raise PermissionError(1, 'no')").outcome == "raised"


@pytest.mark.parametrize(
    ("code", "stopped", "line"),
    [
        ("try: n = int(input())\nexcept Exception: n = 3\nprint(1)", "input", 1),
        ("try: input()\nexcept EOFError: pass\nprint(1)", "input", 1),
        ("try: input()\nexcept EOFError: pass\nprint(1 / 0)", "input", 1),
        ("import contextlib, os\nwith contextlib.suppress(Exception):\n    os.fork()\nprint(1)",
         "processes", 3),
        ("import os\ntry: os.fork()\nexcept Exception as error: print(error)\nprint(1)",
         "processes", 2),
        ("def f():\n    try: open('/x', 'w')\n    except OSError: print(1)\nf()", "outside", 2),
        ("import threading\nthreading.Thread(target=lambda: open('/x', 'w')).start()\nprint(1)",
         "outside", 2),
        ("import atexit\natexit.register(lambda: open('/x', 'w'))\nprint(1)", "outside", 2),
        ("class A:\n  def __del__(self): open('/x', 'w')\na = A()\ndel a\nprint(1)", "outside", 2),
    ],
)  # fmt: skip
def test_who_catches_what_was_refused_has_not_passed(code, stopped, line):
    verdict = judge(Task(), code, limits=SMALL)
    assert (verdict.kind, verdict.line) == ("stopped", line)
    assert verdict.ran.stopped == stopped
    assert "nobody is there" not in " ".join(verdict.lines())
    assert "refused here" not in " ".join(verdict.lines())


def test_what_a_library_tries_and_does_without_is_no_matter():
    code = "import os, platform\nos.makedirs('/usr', exist_ok=True)\nplatform.processor()\nprint(1)"
    assert judge(Task(), code, limits=SMALL).passed
