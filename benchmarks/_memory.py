"""The most memory that forward and backward need, each in a process of its own.

As a program: python _memory.py clew|torch CELL B T D H THREADS prints bytes.
"""

import gc
import subprocess
import sys
from pathlib import Path


def peak(library: str, cell: str, shape: tuple[int, int, int, int], threads: int) -> int:
    """Bytes of the resident high-water mark of a step, less what was resident before it."""
    words = [library, cell, *map(str, shape), str(threads)]
    done = subprocess.run(
        [sys.executable, __file__, *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return int(done.stdout)


def _resident(field: str) -> int:
    """VmRSS (now) or VmHWM (at most so far) of this process in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(f"{field}:")[2].split()[0])


def _measure(library: str, cell: str, sizes: list[int], threads: int) -> int:
    from clew.nn import bench

    with bench.threads(threads):
        small, shape = bench.TINY[0], bench.Shape(*sizes)
        pick = 0 if library == "torch" else 1
        for one in (small, shape):
            layer = bench.pair(cell, one)[pick]
            x, gradient = bench.drawn(one.T, one.B, one.D), bench.drawn(one.T, one.B, one.H)
            call = bench.forward_backward(layer, x, gradient)
            if one is small:
                call()  # libraries are loaded, threads are started
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        before = _resident("VmRSS")
        for _ in range(3):  # the second call holds what the first left in caches
            call()
        return _resident("VmHWM") - before


if __name__ == "__main__":
    name, kind, *numbers = sys.argv[1:]
    values = [int(number) for number in numbers]
    print(_measure(name, kind, values[:4], values[4]))
