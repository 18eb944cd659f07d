"""What this processor can do at most, measured: arithmetic a second and reading speeds.

A kernel is judged by its share of these. Multiplications and additions that stay in the registers
give the peak; arrays that fit half of each cache, and one that fits none, give the bandwidths.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from clew.errors import InputError
from clew.kernels import simd

# Where the system does not tell the size of a cache (in bytes, by level).
_USUAL = {1: 32 << 10, 2: 1 << 20, 3: 16 << 20}
_LARGEST = 512 << 20


@dataclass(frozen=True)
class Machine:
    """Measured peaks of this processor; rates are the best of repeated tries."""

    target: str
    """The instructions in use: "avx512", "avx2" or "portable"."""
    threads: int
    """How many threads the figures for all threads were measured with."""
    float32_gflops: float
    """Thousand million float32 operations a second, one thread; a fused multiply-add counts two."""
    float64_gflops: float
    """The same for float64."""
    float32_gflops_all: float
    """float32, all threads together."""
    float64_gflops_all: float
    """float64, all threads together."""
    l1: float
    """GB/s read from the first cache by one thread; l2, l3 and memory likewise."""
    l2: float
    l3: float
    memory: float
    memory_all: float
    """GB/s read from memory by all threads together."""


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measure(*, threads: int | None = None, seconds: float = 2.0) -> Machine:
    """Measures for about `seconds` in all; `threads` is as many as there are cores unless given.

    InputError for a number of threads below 1 or a time that is not positive.
    """
    if threads is None:
        threads = cores()
    if threads < 1:
        raise InputError(f"threads is {threads}", where="threads", expected="1 or more")
    if not 0 < seconds <= 60:
        raise InputError(f"seconds is {seconds}", where="seconds", expected="in (0, 60]")
    module = simd.native()
    target = simd.target()
    each = seconds / 9

    def read(level: int) -> float:
        size = (module.cache_bytes(level) or _USUAL[level]) // 2
        return float(module.read_gigabytes(size, 1, each))

    beyond = min(4 * (module.cache_bytes(3) or _USUAL[3]), _LARGEST)
    return Machine(
        target=target,
        threads=threads,
        float32_gflops=module.multiply_add_gflops(False, 1, each),
        float64_gflops=module.multiply_add_gflops(True, 1, each),
        float32_gflops_all=module.multiply_add_gflops(False, threads, each),
        float64_gflops_all=module.multiply_add_gflops(True, threads, each),
        l1=read(1),
        l2=read(2),
        l3=read(3),
        memory=module.read_gigabytes(beyond, 1, each),
        memory_all=module.read_gigabytes(beyond, threads, each),
    )
