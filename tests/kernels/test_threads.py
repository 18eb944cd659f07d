"""The worker threads: truly together, never ahead of a barrier, alive after a fork, as torch's are.

What must not be shared with other tests (forks, changed settings) runs in a process of its own.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import processes
import pytest
import torch

from clew.kernels import simd, threads

native = simd.native()


def torch_op() -> torch.Tensor:
    """Large enough for every thread of torch, and with one right answer."""
    x = torch.arange(200_000, dtype=torch.float64)
    return (x * 2).sum()


ANSWER = torch.tensor(199_999.0 * 200_000, dtype=torch.float64)


def probes(*counts: int) -> None:
    for count in counts:
        found = native.parallel_probe(count, 200)
        assert found == list(range(count)), found


def forked(work: Callable[[], None]) -> None:
    """Run `work` in a fork of this process; it has to end well, and soon."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"in the fork: {error!r}\n".encode())
        finally:
            os._exit(1)
    end = time.monotonic() + 20
    while True:
        gone, status = os.waitpid(child, os.WNOHANG)
        if gone:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("a forked process hangs")
        time.sleep(0.01)
    assert status == 0


@pytest.mark.parametrize("count", [1, 2, 4, 8, 64])
def test_all_run_together(count: int) -> None:
    threads.count()
    # many rounds where the machine has to switch between threads would take long
    assert native.parallel_probe(count, 1000 if count <= 8 else 20) == list(range(count))


def test_beyond_the_most() -> None:
    assert native.parallel_probe(1000, 2) == list(range(64))
    assert native.parallel_probe(0) == native.parallel_probe(-3) == [0]


def test_count_follows_torch() -> None:
    before = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert threads.count() == count
    finally:
        torch.set_num_threads(before)


def test_torchs_threads_are_used() -> None:
    if sys.platform != "linux":  # what torch runs on is looked for on Linux only
        assert threads.source() == "own"
        return
    assert threads.source() == "openmp"
    assert processes.run(_no_threads_beside_torchs) == 0


def _no_threads_beside_torchs() -> None:
    def alive() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    torch.set_num_threads(4)
    threads.count()
    before = alive()
    torch_op()
    assert alive() == before + 3
    for count in (4, 2, 3, 1, 4):
        probes(count)
        assert torch_op() == ANSWER
        assert alive() == before + 3


@pytest.mark.parametrize("source", ["openmp", "own"])
def test_torch_goes_on_beside_us(source: str) -> None:
    assert processes.run(_beside_torch, source) == 0


def _use(source: str) -> None:
    threads.count()
    if source == "own":
        native.use_openmp("")
        assert threads.source() == "own"


def _beside_torch(source: str) -> None:
    _use(source)
    for count in (1, 4, 2):
        torch.set_num_threads(count)
        assert torch_op() == ANSWER
        probes(1, 2, 4, 8)
        assert torch_op() == ANSWER


@pytest.mark.parametrize("source", ["openmp", "own"])
def test_forks(source: str) -> None:
    assert processes.run(_forks, source) == 0


def _forks(source: str) -> None:
    _use(source)
    torch.set_num_threads(4)

    def use() -> None:
        probes(4, 2)
        # Without the runtime beneath us torch itself may hang in a fork: that is not ours to mend.
        if threads.source() == "openmp":
            assert torch_op() == ANSWER

    def use_and_fork() -> None:
        use()
        forked(use)
        use()

    forked(use)  # before anything ran
    torch_op()
    forked(use)  # only torch ran
    use()
    forked(use_and_fork)
    use()
    kept: list[BaseException] = []
    other = threading.Thread(target=_keep, args=(kept, lambda: forked(use_and_fork)))
    other.start()
    other.join()
    assert not kept


def _keep(errors: list[BaseException], work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException as error:
        errors.append(error)


@pytest.mark.parametrize("source", ["openmp", "own"])
def test_several_callers_at_once(source: str) -> None:
    assert processes.run(_callers, source) == 0


def _callers(source: str) -> None:
    _use(source)
    errors: list[BaseException] = []

    def call() -> None:
        for _ in range(20):
            found = native.parallel_probe(3, 20)
            # Own threads serve one caller at a time; the others do the work themselves.
            assert found == [0, 1, 2] or (source == "own" and found == [0])
            assert torch_op() == ANSWER

    callers = [threading.Thread(target=_keep, args=(errors, call)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not errors
    probes(4)


def test_a_library_that_is_not_there() -> None:
    assert processes.run(_not_there) == 0


def _not_there() -> None:
    threads.count()
    native.use_openmp("/nowhere/libgomp.so")
    assert threads.source() == "own"
    probes(4)
