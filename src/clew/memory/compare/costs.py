"""What a network costs: microseconds for one more step, and the memory of its process."""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import RNNBase

from clew.memory.subject import Subject
from clew.nn import Stack

AFTER = (8, 64, 512)  # steps read before the one that is timed
_TIMES = 40
_TIMES_WHOLE = 5


def step_costs(subject: Subject) -> dict[int, float]:
    """Microseconds for one more step of one sequence, after so many: medians, without a graph.

    A network that reads one way is given its state and the step. One that reads both ways has no
    state to go on from, and reads all of it again.
    """
    width = subject.vectors(torch.as_tensor(subject.cases(1, 1)[0].inputs)[:, None]).shape[-1]
    like = next(subject.network.parameters())
    x = torch.randn(max(AFTER) + 1, 1, width, generator=torch.Generator().manual_seed(0))
    x = x.to(like)
    reader = subject.reader
    steps = isinstance(reader, Stack)
    found = {}
    with torch.no_grad():
        for after in AFTER:
            if subject.both_ways:
                found[after] = _median(partial(reader, x[: after + 1]), _TIMES_WHOLE)
                continue
            state = reader(x[:after])[1]
            step = (
                partial(reader.step, x[after], state)
                if steps
                else partial(reader, x[after : after + 1], state)
            )
            found[after] = _median(step, _TIMES)
    return found


def stream_cost(subject: Subject) -> float | None:
    """Microseconds a step of a stream, which holds its weights packed; None of what has none."""
    reader = subject.reader
    cells = isinstance(reader, Stack) and all(isinstance(each, RNNBase) for each in reader.layers)
    if not cells or subject.both_ways or next(subject.network.parameters()).device.type != "cpu":
        return None
    stream = reader.stream()
    x = np.zeros((1, reader.input_size), np.float32)
    return _median(partial(stream.push, x), 5 * _TIMES)


def _median(call: Any, times: int) -> float:
    for _ in range(3):
        call()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begun)
    return 1e6 * statistics.median(taken)


def peak_memory() -> float | None:
    """The most memory that this process has had, in MiB; None where the system does not say."""
    try:  # of this program alone: ru_maxrss begins with what started it
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)
