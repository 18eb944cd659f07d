"""Processes that tests start: each has torch imported already, which alone takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Imported once, by the server that every process is forked from. The first optimiser imports
# torch._dynamo, seconds long.
READY = ["torch._dynamo", "clew.tasks.classify", "clew.tasks.language"]


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
