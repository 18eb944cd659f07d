"""What runs in the child process: the learner's code, then the checks, and a report of both.

It is started as a script (``python -I _child.py FD``) and uses nothing of ours, so that nothing of
ours is in the learner's way, and little else, as it is started at each check. It is a guard against
accidents; nothing here holds back who means it.
"""

# pathlib is not loaded either:
# ruff: noqa: PTH100, PTH109, PTH110, PTH112, PTH115, PTH118, PTH120, PTH208

from __future__ import annotations

import builtins
import contextlib
import errno
import faulthandler
import io
import os
import sys
from types import CodeType, ModuleType

TYPE_CHECKING = False  # typing itself is not loaded
if TYPE_CHECKING:
    from typing import Any

MESSAGE = 2000  # characters of an error, and of a line, that are reported
SPARE = 64 << 20  # bytes kept for reporting that there are no more
PROCESSES = {"os.fork", "os.forkpty", "os.system", "os.exec", "os.posix_spawn", "os.spawn",
             "subprocess.Popen", "pty.spawn"}  # fmt: skip
SIGNALS = {"os.kill", "os.killpg"}
# Event: where its paths are, and for each where the open folder is that it is within.
CHANGES: dict[str, dict[int, int | None]] = {
    "os.remove": {0: 1}, "os.rmdir": {0: 1}, "os.mkdir": {0: 2}, "os.truncate": {0: None},
    "os.chmod": {0: 2}, "os.chown": {0: 3}, "os.utime": {0: 3}, "os.rename": {0: 2, 1: 3},
    "os.link": {0: 2, 1: 3}, "os.symlink": {1: 2}, "shutil.rmtree": {0: 1},
    "os.setxattr": {0: None}, "os.removexattr": {0: None}, "sqlite3.connect": {0: None},
    "socket.bind": {1: None},
}  # fmt: skip
NAMES = {"os.remove", "os.rmdir", "os.mkdir", "os.rename"}  # of a link these change the link itself
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Rights of Landlock by their bits: to write a file; to remove and make files and folders of every
# kind; from its version 2 to move them between folders, from 3 to cut them off.
WRITE, MAKE, MOVE, CUT = 1 << 1, 0b1_1111_1111 << 4, 1 << 13, 1 << 14
SIGNALLING = 1 << 1  # from version 6: signals to others
DEVICES = ("null", "nvidia", "kfd", "dri")  # what /dev/null and graphics cards begin with in /dev
DENIED = ("permission denied", "unable to open database:")  # how libraries tell it


class StoppedError(PermissionError):
    """The guard refused something; `kind` is what."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


class NobodyTypesError(EOFError):
    """Something was to be typed; `kind` as above."""

    kind = "input"


class Keyboard(io.TextIOBase):
    """Standard input, at which nobody is."""

    @property
    def buffer(self) -> Keyboard:
        """The same for who would read bytes."""
        return self

    def readable(self) -> bool:
        """It may be asked."""
        return True

    def read(self, size: int | None = -1, /) -> str:
        """Refuse, as nobody types."""
        raise refused(NobodyTypesError("nobody is there to type an answer"))

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """Refuse, as nobody types."""
        return self.read()


class Report:
    """What is told to the parent, in lines; the last one holds."""

    file: io.TextIOBase | None = None
    path = ""  # of the learner's code
    sources: dict[str, str]  # by their paths
    refused: list[tuple[Exception, dict[str, Any]]]  # and where in the learner's code
    over = False  # whether the end was told
    home = ""  # the folder that may be changed
    confined = False  # whether the system sees to that too

    @classmethod
    def tell(cls, said: dict[str, Any]) -> None:
        """Write one line of the report."""
        if cls.file is not None:
            cls.file.write(ascii(said) + "\n")
            cls.file.flush()


def refused(error: StoppedError | NobodyTypesError) -> Exception:
    """`error`, told at once: code that catches it and tries again for ever is stopped for it."""
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename != Report.path:
        frame = frame.f_back
    where: dict[str, Any] = {}
    if frame.f_code.co_filename == Report.path:
        where = {"line": frame.f_lineno, "function": frame.f_code.co_name}
    if not Report.refused or (Report.over and where):
        Report.tell({"outcome": "stopped", "stopped": error.kind, **where})
    if len(Report.refused) < 100:
        Report.refused.append((error, where))
    return error


def caught() -> dict[str, Any] | None:
    """What was refused and then caught in the learner's code, which went on as if it were done.

    What a library tried and caught on its own is no matter: it has another way.
    """
    for error, where in Report.refused:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in Report.sources:
                return {"outcome": "stopped", "stopped": getattr(error, "kind", ""), **where}
            trace = trace.tb_next
    return None


def main(channel: int) -> None:
    """Read the request from standard input, run it, and report on the file `channel`."""
    request = eval(sys.stdin.buffer.read())  # a literal of ours; json alone takes longer to load
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    Report.file = os.fdopen(channel, "w", encoding="utf-8", errors="backslashreplace")
    path = os.path.join(os.getcwd(), request["name"])
    Report.path, Report.sources, Report.refused = path, {}, []
    Report.home = os.path.realpath(os.getcwd())
    # Clew itself, where it is used from its sources; last, so that it is in nobody's way.
    sys.path.append(os.path.abspath(__file__ + "/../../.."))
    module = ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    sys.argv, sys.stdin, builtins.input = [path], Keyboard(), _input
    limit(request)
    with contextlib.suppress(Exception):  # a system that has no such thing
        Report.confined = sys.platform == "linux" and confine(os.path.dirname(Report.home))
    faulthandler.dump_traceback_later(request["seconds"], exit=True, file=Report.file)
    owner = os.getpid()
    sys.addaudithook(guard(owner))
    said = run(request["code"], path, module, in_tests=False)
    if said is None and request["tests"] is not None:
        with contextlib.suppress(Exception):  # it may be closed, or another
            sys.stdout.flush()
        os.dup2(2, 1)  # what checks print is not the learner's answer
        said = run(request["tests"], path[:-3] + " (checks).py", module, in_tests=True, code=path)
    if os.getpid() == owner:  # not in a copy that the learner's code made of us
        with contextlib.suppress(KeyError, AttributeError):  # its threads may be refused things too
            sys.modules["threading"]._shutdown()
        if not said or said["outcome"] != "stopped":
            said = caught() or said
        Report.over = True
        Report.tell(said or {"outcome": "ended"})


def _input(prompt: object = "", /) -> str:
    sys.stdout.write(str(prompt))
    raise refused(NobodyTypesError("nobody is there to type an answer to input()"))


def limit(request: dict[str, Any]) -> None:
    """Ask the operating system for limits; what it does not know, the parent watches."""
    import resource

    cpu = int(request["seconds"] * (os.cpu_count() or 1)) + 2
    for name, most in (
        ("RLIMIT_AS", request["address"]), ("RLIMIT_FSIZE", request["disk"]),
        ("RLIMIT_CPU", cpu), ("RLIMIT_CORE", 0),
    ):  # fmt: skip
        with contextlib.suppress(AttributeError, ValueError, OSError):
            if most is not None:
                spare = SPARE if name == "RLIMIT_AS" else 0
                resource.setrlimit(getattr(resource, name), (most, most + spare))
    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            import ctypes

            libc = ctypes.CDLL(None)
            libc.prctl(1, 9)  # PR_SET_PDEATHSIG: die with who started us
            libc.prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans stay our children, in the count


def _breathe() -> None:
    """A little more memory, to report with."""
    import resource

    with contextlib.suppress(AttributeError, ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def confine(folder: str) -> bool:
    """Have Linux refuse changes outside `folder` (Landlock, from 5.13 on); whether it does.

    What is refused so, a library in C is refused too. Rights, owners and times of files are not
    among it, nor is reading.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    libc.syscall.restype = long = ctypes.c_long
    create, add, restrict = long(444), long(445), long(446)  # the same on every machine
    version = libc.syscall(create, None, long(0), long(1))
    if version < 1:
        return False
    handled = WRITE | MAKE | (MOVE if version > 1 else 0) | (CUT if version > 2 else 0)
    asked = b"".join(word.to_bytes(8, sys.byteorder) for word in (handled, 0, SIGNALLING))
    asked = asked if version > 5 else asked[:8]
    rules = libc.syscall(create, asked, long(len(asked)), long(0))
    if rules < 0:
        return False
    devices = [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith(DEVICES)]
    may = {folder: handled} | dict.fromkeys(devices, handled & (WRITE | CUT))
    done = True
    for path, rights in may.items():
        file = os.open(path, os.O_PATH)
        rule = rights.to_bytes(8, sys.byteorder) + file.to_bytes(4, sys.byteorder)
        done &= libc.syscall(add, long(rules), long(1), rule, long(0)) == 0
        os.close(file)
    done = done and libc.prctl(38, long(1), long(0), long(0), long(0)) == 0  # no new privileges
    done = done and libc.syscall(restrict, long(rules), long(0)) == 0
    os.close(rules)
    return done


def opened(file: int) -> str:
    """The path of an open file or folder."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(file, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{file}")


def inside(path: Any, within: Any = None, *, name: bool = False) -> bool:
    """Whether `path` is in the folder that may be changed.

    within: the open folder that it is relative to, if any. name: whether of a link the link
    itself is meant.
    """
    if isinstance(path, int):
        path = opened(path)
        if not path.startswith("/"):  # a pipe
            return True
    path = os.fsdecode(path)
    if isinstance(within, int) and within >= 0:
        path = os.path.join(opened(within), path)
    folder, last = os.path.split(path)
    if name and last not in ("", ".", ".."):
        whole = os.path.join(os.path.realpath(folder or "."), last)
    else:
        whole = os.path.realpath(path)
    return whole in (os.devnull, Report.home) or whole.startswith(Report.home + os.sep)


def guard(owner: int) -> Any:
    """An audit hook that refuses other processes, signals to them, and changes elsewhere."""

    def refuse(*arguments: object) -> int:
        raise refused(StoppedError("processes", "starting other processes is refused here"))

    with contextlib.suppress(ImportError):  # what multiprocessing calls; it tells no audit hook
        import _posixsubprocess

        _posixsubprocess.fork_exec = refuse

    def changed(event: str, arguments: tuple[Any, ...]) -> list[tuple[Any, Any]]:
        """The paths that are about to be changed, each with the open folder it is within."""
        first: Any = arguments[0]
        if event == "open":
            if isinstance(first, int) or not isinstance(arguments[2], int):
                return []
            # A folder opened by os.open is what os.open(..., dir_fd=...) starts from, untold.
            folder = arguments[1] is None and not Report.confined and os.path.isdir(first)
            return [(first, None)] if folder or arguments[2] & WRITING else []
        if event == "os.truncate" and isinstance(first, int):
            return []  # it is open for writing
        if event == "socket.bind" and not isinstance(arguments[1], str | bytes):
            return []  # of the network
        return [(arguments[at], arguments[within] if within else None)
                for at, within in CHANGES[event].items()]  # fmt: skip

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROCESSES:
            refuse()
        if event in SIGNALS and arguments[0] != owner:
            raise refused(StoppedError("signals", "signals to other processes are refused here"))
        if event != "open" and event not in CHANGES:
            return
        try:
            away = [path for path, within in changed(event, arguments)
                    if not inside(path, within, name=event in NAMES)]  # fmt: skip
        except (OSError, ValueError, TypeError):  # the call itself will say what is wrong with it
            return
        if away:
            said = f"changing files outside its own folder: {away[0]!r}"
            raise refused(StoppedError("outside", said))

    return hook


def run(
    source: str, path: str, module: ModuleType, *, in_tests: bool, code: str | None = None
) -> dict[str, Any] | None:
    """Run `source` in `module`; None if it came to its end, else what went wrong and where.

    code: the path of the learner's code, where it is not `path`.
    """
    Report.sources[path] = source
    try:
        compiled: CodeType = compile(source, path, "exec", dont_inherit=True)
        exec(compiled, module.__dict__)
    except SystemExit as end:
        if end.code in (None, 0) and not in_tests:  # else checks that follow would not be made
            return None
        return problem(end, path, in_tests=in_tests, code=code or path)
    except BaseException as error:
        return problem(error, path, in_tests=in_tests, code=code or path)
    return None


def stop(error: BaseException) -> str:
    """What the guard refused, if `error` comes from that."""
    cause: BaseException | None = error
    for _ in range(20):
        if isinstance(cause, StoppedError | NobodyTypesError):
            return cause.kind
        cause = cause and (cause.__cause__ or cause.__context__)
    if not (Report.confined and isinstance(error, Exception)):
        return ""
    with contextlib.suppress(Exception):  # it may be of the learner's own making
        if isinstance(error, OSError) and error.filename is not None:
            paths = [path for path in (error.filename, error.filename2) if path is not None]
            # What is not there was named within an open folder, or was to be made.
            away = any(not (inside(path) and os.path.lexists(path)) for path in paths)
            # What cannot be read at all may have been opened for reading only.
            first = paths[0] if os.path.exists(paths[0]) else os.path.dirname(paths[0]) or "."
            own = os.access(first, os.R_OK) and error.errno in (errno.EACCES, errno.EXDEV)
            return "outside" if own and away else ""
        if any(word in str(error).lower() for word in DENIED):
            return "outside"
    return ""


def problem(error: BaseException, path: str, *, in_tests: bool, code: str) -> dict[str, Any]:
    """What an error says and where it stands in the learner's code and in the checks."""
    _breathe()
    import linecache
    import traceback

    for name, source in Report.sources.items():  # as they were run, whatever became of the files
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    told = traceback.TracebackException.from_exception(error, limit=-60)
    # The lines of the error's own text; of a SyntaxError the last, its place is told on its own.
    said = [*told.format_exception_only()]
    message = (said[-1] if isinstance(error, SyntaxError) else "".join(said)).strip()
    found: dict[str, Any] = {
        "outcome": "stopped" if (kind := stop(error)) else "raised",
        "stopped": kind,
        "type": type(error).__name__,
        "message": message[:MESSAGE],
        "in_tests": in_tests,
    }
    if isinstance(error, MemoryError):
        found |= {"outcome": "stopped", "stopped": "memory"}
    if isinstance(error, SyntaxError) and error.filename == path:
        where = "test_" if in_tests else ""
        return found | {
            where + "line": error.lineno, where + "text": (error.text or "")[:MESSAGE],
            "column": error.offset,
        }  # fmt: skip
    last = ""
    for frame in told.stack:
        if frame.filename not in (code, path):
            continue
        where = "" if frame.filename == code else "test_"
        last = "code" if where == "" else "tests"
        found |= {
            where + "line": frame.lineno, where + "text": (frame.line or "").strip()[:MESSAGE],
            where + "function": frame.name,
        }  # fmt: skip
    return found | {"last": last}


if __name__ == "__main__":
    main(int(sys.argv[1]))
