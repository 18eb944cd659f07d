"""Processes that tests start: each has torch imported already, which alone takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Imported once, by the server that every process is forked from.
READY = ["clew.tasks.classify", "clew.tasks.language"]


def process(target: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """A process that has torch imported already (importing takes seconds), not yet started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(READY)
    # Python 3.11's server does not take over sys.path; without this it would preload nothing.
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    return context.Process(target=target, args=arguments, kwargs=keywords, daemon=True)


def run(target: Callable[..., Any], *arguments: Any, **keywords: Any) -> int:
    """Run `target` in a process of its own; its exit code."""
    one = process(target, *arguments, **keywords)
    one.start()
    one.join(60)
    assert one.exitcode is not None
    return one.exitcode


def _logged(log: Path, target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with log.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    target(*arguments)
    sys.stdout.flush()


def told(log: Path, target: Callable[..., Any], *arguments: Any) -> str:
    """Run `target` in a process of its own, which has to end well; what it printed."""
    one = process(_logged, log, target, arguments)
    one.start()
    one.join(240)
    assert one.exitcode == 0, log.read_text()
    return log.read_text()


def _python(
    folder: Path, log: Path, words: tuple[str, ...], environment: Mapping[str, str]
) -> None:
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        with (log / name).open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.chdir(folder)
    os.environ.update(environment)
    module = words[0] == "-m"
    name, *rest = words[1:] if module else words
    sys.argv = [name, *rest]
    sys.path.insert(0, str(folder) if module else str(Path(name).parent))
    if module:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(name, run_name="__main__")


def started(folder: Path, log: Path, *words: object, **environment: str) -> Any:
    """`python *words` as a process that has torch imported already, started in `folder`.

    What it writes is in the files `out` and `err` of the folder `log`.
    """
    one = process(_python, folder, log, tuple(map(str, words)), environment)
    one.start()
    return one


def python(folder: Path, *words: object, **environment: str) -> tuple[str, str]:
    """What `python *words`, which has to end well, writes on standard output and on error."""
    with tempfile.TemporaryDirectory() as log:
        one = started(folder, Path(log), *words, **environment)
        one.join(240)
        out, err = ((Path(log) / name).read_text() for name in ("out", "err"))
    assert one.exitcode == 0, f"{one.exitcode}: {err}"
    return out, err


def _rank(*arguments: Any) -> None:
    import torch

    try:
        _python(*arguments)
    finally:  # as at the end of an ordinary process; a forked one skips it
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def ranks(world: int, folder: Path, *words: object, **environment: str) -> tuple[str, str]:
    """What `torchrun --nproc-per-node WORLD *words` writes, without the processes' imports.

    That torchrun starts them just so is tested in train/test_sync.py.
    """
    together = {
        "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()), **environment,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as log:
        logs = [Path(log) / str(rank) for rank in range(world)]
        started = []
        for rank, own in enumerate(logs):
            own.mkdir()
            variables = {**together, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            started.append(process(_rank, folder, own, tuple(map(str, words)), variables))
            started[-1].start()
        for one in started:
            one.join(240)
        out, err = ("".join((own / name).read_text() for own in logs) for name in ("out", "err"))
    assert [one.exitcode for one in started] == [0] * world, err
    return out, err


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
