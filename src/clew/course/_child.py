"""What runs in the child process: the learner's code, then the checks, and a report of both.

It is started as a script (``python -I _child.py FD``) and uses nothing of ours, so that nothing of
ours is in the learner's way, and little else, as it is started at each check. It is a guard against
accidents; nothing here holds back who means it.
"""

from __future__ import annotations

import builtins
import contextlib
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
CHANGES = {  # event: how many arguments are paths, and from where on they are open folders
    "os.remove": (1, 1), "os.rmdir": (1, 1), "os.mkdir": (1, 2), "os.truncate": (1, 9),
    "os.chmod": (1, 2), "os.chown": (1, 3), "os.utime": (1, 3), "os.rename": (2, 2),
    "os.link": (2, 2), "os.symlink": (2, 2), "shutil.rmtree": (1, 9), "os.setxattr": (1, 9),
    "os.removexattr": (1, 9), "sqlite3.connect": (1, 9),
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


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
    refused = False

    @classmethod
    def tell(cls, said: dict[str, Any]) -> None:
        """Write one line of the report."""
        if cls.file is not None:
            cls.file.write(ascii(said) + "\n")
            cls.file.flush()


def refused(error: StoppedError | NobodyTypesError) -> Exception:
    """`error`, told at once: code that catches it and tries again for ever is stopped for it."""
    if not Report.refused:
        Report.refused = True
        frame = sys._getframe()
        while frame.f_back and frame.f_code.co_filename != Report.path:
            frame = frame.f_back
        where = {"line": frame.f_lineno} if frame.f_code.co_filename == Report.path else {}
        Report.tell({"outcome": "stopped", "stopped": error.kind, **where})
    return error


def main(channel: int) -> None:
    """Read the request from standard input, run it, and report on the file `channel`."""
    request = eval(sys.stdin.buffer.read())  # a literal of ours; json alone takes longer to load
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    Report.file = os.fdopen(channel, "w", encoding="utf-8", errors="backslashreplace")
    path = os.path.join(os.getcwd(), request["name"])  # noqa: PTH109, PTH118 - nothing to import
    Report.path, Report.sources = path, {}
    # Clew itself, where it is used from its sources; last, so that it is in nobody's way.
    sys.path.append(os.path.abspath(__file__ + "/../../.."))  # noqa: PTH100
    module = ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    sys.argv = [path]
    builtins.input = _input
    sys.stdin = Keyboard()
    limit(request)
    faulthandler.dump_traceback_later(request["seconds"], exit=True, file=Report.file)
    owner = os.getpid()
    sys.addaudithook(guard(os.getcwd(), owner))  # noqa: PTH109
    said = run(request["code"], path, module, in_tests=False)
    if said is None and request["tests"] is not None:
        with contextlib.suppress(Exception):  # it may be closed, or another
            sys.stdout.flush()
        os.dup2(2, 1)  # what checks print is not the learner's answer
        said = run(request["tests"], path[:-3] + " (checks).py", module, in_tests=True, code=path)
    if os.getpid() == owner:  # not in a copy that the learner's code made of us
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


def guard(folder: str, owner: int) -> Any:
    """An audit hook that refuses other processes, signals to them, and changes outside `folder`."""
    home = os.path.realpath(folder)
    with contextlib.suppress(ImportError):  # what multiprocessing calls; it tells no audit hook
        import _posixsubprocess

        def refuse(*arguments: object) -> int:
            raise refused(StoppedError("processes", "starting other processes is refused here"))

        _posixsubprocess.fork_exec = refuse

    def inside(path: Any) -> bool:
        if isinstance(path, int):  # a file already open
            return True
        whole = os.path.realpath(os.fsdecode(path))
        return whole == os.devnull or whole == home or whole.startswith(home + os.sep)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROCESSES:
            raise refused(StoppedError("processes", "starting other processes is refused here"))
        if event in SIGNALS and arguments[0] != owner:
            raise refused(StoppedError("signals", "signals to other processes are refused here"))
        paths: tuple[Any, ...] = ()
        if event == "open":
            if isinstance(arguments[2], int) and arguments[2] & WRITING:
                paths = arguments[:1]
        elif event in CHANGES:
            count, folders = CHANGES[event]
            if any(fd != -1 for fd in arguments[folders:]):
                return  # within an open folder, as rmtree works, whose own event came first
            paths = arguments[:count]
        try:
            away = [path for path in paths if not inside(path)]
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
        "outcome": "stopped" if isinstance(error, StoppedError | NobodyTypesError) else "raised",
        "stopped": error.kind if isinstance(error, StoppedError | NobodyTypesError) else "",
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
