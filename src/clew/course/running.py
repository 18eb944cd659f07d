"""Run a learner's code: in a process of its own, in a temporary folder, within limits.

The guard stops endless loops, floods of output, huge memory, full disks, other processes, `input()`
and changes of files elsewhere. It is a guard against accidents and not a sandbox.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import os
import re
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clew.errors import InputError

CHILD = Path(__file__).with_name("_child.py")
NAME = "answer.py"  # what the learner's code is called in its temporary folder
LOOK = 0.05  # seconds between two looks at memory, processes and disk
GRACE = 5.0  # seconds more until the parent ends what the child's own clock did not
KEPT = {"PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV"}
THREADS = ("OMP_", "MKL_", "OPENBLAS_")

Outcome = Literal["ended", "raised", "stopped", "died"]
REFUSED = {"input", "processes", "signals", "outside"}  # what the child stops, and memory


@dataclass(frozen=True)
class Limits:
    """What a run may take: seconds, bytes of memory, bytes printed, bytes in its folder.

    address: bytes of address space, None for no limit (torch maps far more than it uses).
    """

    seconds: float = 10.0
    memory: int = 1 << 30
    output: int = 100_000
    disk: int = 20 << 20
    address: int | None = 1 << 30

    @staticmethod
    def for_code(code: str) -> Limits:
        """The limits of plain Python, or larger ones where `code` imports torch, numpy or clew."""
        try:
            nodes = list(ast.walk(ast.parse(code)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Limits()
        names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        if {name.partition(".")[0] for name in names} & {"torch", "numpy", "clew"}:
            return Limits(seconds=120.0, memory=4 << 30, address=None)
        return Limits()


@dataclass(frozen=True)
class Problem:
    """What went wrong, and where: `line` of the learner's code, `test_line` of the checks."""

    type: str = ""
    message: str = ""
    line: int | None = None
    column: int | None = None
    text: str = ""
    function: str = ""
    in_tests: bool = False
    test_line: int | None = None
    test_text: str = ""
    test_function: str = ""
    last: str = ""  # "code" or "tests": in which of them the error arose


@dataclass(frozen=True)
class Ran:
    """What a run printed and how it came to its end; `stopped` says by which limit."""

    stdout: str
    stderr: str
    outcome: Outcome
    seconds: float
    stopped: str = ""
    problem: Problem | None = None
    code: int = 0  # exit code; negative: the signal that ended it

    @property
    def error(self) -> str:
        """The class of the error raised, or nothing."""
        return self.problem.type if self.problem and self.outcome == "raised" else ""

    @property
    def line(self) -> int | None:
        """The line of the learner's code at which it raised or was stopped, where it is known."""
        return self.problem.line if self.problem else None

    @property
    def message(self) -> str:
        """What the error says, as Python prints it; of a run that was stopped, by which limit."""
        if self.outcome == "stopped":
            return f"stopped: {self.stopped}"
        return self.problem.message if self.problem else ""


def run(
    code: str, *, tests: str | None = None, limits: Limits | None = None,
    look: Callable[[], None] | None = None,
) -> Ran:  # fmt: skip
    """Run `code`, then `tests` with its names, and return what was printed and how it ended.

    limits: None chooses them by what the code imports. look: called some times a second; what it
    raises ends the run. Raises InputError on systems that are not like Unix: they lack what the
    guard is made of.
    """
    if os.name != "posix":
        raise InputError(
            "this system lacks what a learner's code is guarded with",
            expected="Linux or macOS",
            hint="on Windows, install Clew within WSL, the Windows Subsystem for Linux",
        )
    limits = limits or Limits.for_code(code)
    folder = tempfile.mkdtemp(prefix="clew-")
    try:
        home = Path(folder, "home")  # one below, so that it may be removed too
        home.mkdir()
        (home / NAME).write_text(code, encoding="utf-8", errors="surrogatepass")
        return _run(code, tests, limits, home, look)
    finally:
        remove(folder)


def _run(
    code: str, tests: str | None, limits: Limits, folder: Path, look: Callable[[], None] | None
) -> Ran:
    request = {
        "code": code, "tests": tests, "name": NAME, "seconds": limits.seconds,
        "address": limits.address, "disk": limits.disk,
    }  # fmt: skip
    kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(("LC_", *THREADS))}
    reading, writing = os.pipe()
    began = time.monotonic()
    with tempfile.TemporaryFile() as asked, os.fdopen(reading, "rb", buffering=0) as report:
        try:
            asked.write(ascii(request).encode())
            asked.seek(0)
            child = subprocess.Popen(
                [sys.executable, "-I", "-u", "-B", "-X", "utf8", str(CHILD), str(writing)],
                stdin=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
                env={**kept, "HOME": str(folder), "TMPDIR": str(folder)},
                pass_fds=[writing], start_new_session=True, bufsize=0,
            )  # fmt: skip
        finally:
            os.close(writing)
        assert child.stdout is not None
        assert child.stderr is not None
        seen: set[int] = set()
        try:
            texts, stopped = _listen(
                child, [child.stdout, child.stderr, report], limits, folder, began, seen, look
            )
        finally:
            _end(child, seen)
            child.stdout.close()
            child.stderr.close()
        os.set_blocking(reading, False)
        with contextlib.suppress(BlockingIOError):  # what was told as the flood was stopped
            texts[2] += os.read(reading, 65536)
    seconds = time.monotonic() - began
    if not texts[2] and child.returncode == 1 and seconds >= limits.seconds:
        stopped = stopped or "time"  # the child's clock could not report: its files were closed
    return _told(texts, stopped, child.returncode, seconds)


def _listen(
    child: subprocess.Popen[bytes], files: list[Any], limits: Limits, folder: Path,
    began: float, seen: set[int], look: Callable[[], None] | None,
) -> tuple[list[bytearray], str]:  # fmt: skip
    """What comes out of `files` until the child ends, and the limit that ended it."""
    texts = [bytearray() for _ in files]
    deadline = began + limits.seconds + GRACE
    looked = 0.0
    with selectors.DefaultSelector() as waiting:
        for number, file in enumerate(files):
            waiting.register(file, selectors.EVENT_READ, number)
        while waiting.get_map():
            over = child.poll() is not None  # then all that it printed is there to be read
            ready = waiting.select(LOOK)
            for key, _ in ready:
                part = os.read(key.fd, 65536)
                if not part:
                    waiting.unregister(key.fileobj)
                texts[key.data] += part
                if len(texts[key.data]) > limits.output:
                    del texts[key.data][limits.output :]
                    return texts, "output"
            now = time.monotonic()
            if now > deadline:
                return texts, "time"
            if now - looked >= LOOK:
                looked = now
                if look is not None:
                    look()
                processes, memory = watch(child.pid)
                seen |= processes
                if processes - {child.pid}:
                    return texts, "processes"
                if memory > limits.memory:
                    return texts, "memory"
                if used(folder.parent, limits.disk) > limits.disk:
                    return texts, "disk"
                if over and not ready:
                    return texts, ""  # what it started may hold the pipes open
    with contextlib.suppress(subprocess.TimeoutExpired):  # it closed its output and goes on
        child.wait(max(0.0, deadline - time.monotonic()))
        return texts, ""
    return texts, "time"


def _end(child: subprocess.Popen[bytes], seen: set[int]) -> None:
    """Kill the child, its group, and every process of its that was seen."""
    more = watch(child.pid)[0] if child.poll() is None else set()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    for pid in (seen | more) - {child.pid}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    child.wait()


def watch(pid: int) -> tuple[set[int], int]:
    """The processes under `pid`, itself included, and the bytes of memory they hold."""
    if Path("/proc/self/statm").exists():  # Linux
        return _watch_proc(pid)
    return _watch_ps(pid)


def _watch_ps(pid: int) -> tuple[set[int], int]:
    said = ""
    with contextlib.suppress(OSError):  # no ps either: the system's own limits and the clock remain
        said = subprocess.run(
            ["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=False
        ).stdout
    rows = [[int(word) for word in line.split()] for line in said.splitlines()]
    found = {pid}
    while more := {row[0] for row in rows if row[1] in found} - found:
        found |= more
    return found, sum(row[2] for row in rows if row[0] in found) * 1024


def _watch_proc(pid: int) -> tuple[set[int], int]:
    found, memory, ahead = {pid}, 0, [pid]
    while ahead:
        root = Path("/proc") / str(ahead.pop())
        with contextlib.suppress(OSError, IndexError):  # it has ended
            memory += int((root / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for thread in (root / "task").iterdir():
                children = {int(word) for word in (thread / "children").read_text().split()}
                ahead += children - found
                found |= children
    return found, memory


def used(folder: Path, enough: int) -> int:
    """Bytes of the files in `folder`, counted until there are more than `enough`.

    Folders in folders too deep for a path are more than enough.
    """
    total, ahead = 0, [str(folder)]
    while ahead and total <= enough:
        try:
            with os.scandir(ahead.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        if entry.is_dir(follow_symlinks=False):
                            ahead.append(entry.path)
                        total += max(4096, entry.stat(follow_symlinks=False).st_size)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return enough + 1
    return total


def remove(folder: str) -> None:
    """Remove `folder` and all in it, however deep; what the system does not let go stays.

    What is in a folder in it is moved up into it first, so that no path grows long.
    """
    above = secrets.token_hex(8)  # what no name in it begins with
    number = 0
    gone = True
    while gone and (entries := _entries(folder)):
        gone = False
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    Path(entry.path).chmod(0o700)
                    for inner in _entries(entry.path):
                        if inner.is_dir(follow_symlinks=False):
                            Path(inner.path).chmod(0o700)
                            Path(inner.path).rename(Path(folder, f"{above}-{number}"))
                            number += 1
                        else:
                            Path(inner.path).unlink()
                    Path(entry.path).rmdir()
                else:
                    Path(entry.path).unlink()
                gone = True
    with contextlib.suppress(OSError):
        Path(folder).rmdir()


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _told(texts: list[bytearray], stopped: str, code: int, seconds: float) -> Ran:
    """The run as the report tells it."""
    stdout, stderr, report = (bytes(text).decode("utf-8", "backslashreplace") for text in texts)
    said: dict[str, Any] = {}
    for line in report.splitlines():
        with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            said = _understood(ast.literal_eval(line)) or said
    outcome: Outcome = said.get("outcome", "died")
    fields = Problem.__dataclass_fields__
    found = {key: value for key, value in said.items() if key in fields and value is not None}
    if said.get("stopped") in REFUSED:  # what was refused says more than that it was tried for ever
        stopped = said["stopped"]
    stopped = stopped or said.get("stopped", "")
    if "Timeout (" in report and stopped in ("", "time"):
        stopped = "time"
        where = re.search(rf'File "[^"]*{re.escape(NAME)}", line (\d+) in (.*)', report)
        found = {"line": int(where[1]), "function": where[2]} if where else {}
    if stopped:
        outcome = "stopped"
    elif code == -signal.SIGXCPU:
        outcome, stopped = "stopped", "time"
    problem = Problem(**found) if found else None
    return Ran(stdout, stderr, outcome, seconds, stopped, problem, code)


def _understood(read: Any) -> dict[str, Any] | None:
    """A line of the report, if it is one: an answer may have written to that file by accident."""
    if not isinstance(read, dict) or read.get("outcome") not in ("ended", "raised", "stopped"):
        return None
    if read.get("stopped", "") not in {"", "memory", *REFUSED}:
        return None
    kinds: dict[str, type] = dict.fromkeys(Problem.__dataclass_fields__, str)
    kinds |= {"line": int, "column": int, "test_line": int, "in_tests": bool}
    for key, kind in kinds.items():
        if read.get(key) is not None and type(read[key]) is not kind:
            return None
    return read
