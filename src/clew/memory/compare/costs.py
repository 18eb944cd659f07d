"""What a network costs: microseconds for one more step, and the memory of its process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import RNNBase

from clew.kernels.turns import in_turns, repeated
from clew.memory.compare.entrants import STREAM
from clew.memory.subject import Subject
from clew.nn import Stack

AFTER = (8, 64, 512)  # steps read before the one that is timed
ROUNDS = 5
SECONDS = 0.01  # of each in each round


def step_costs(subject: Subject) -> dict[str, list[float]]:
    """Microseconds for one more step of one sequence, one figure a round, taken in turns.

    By how many steps were read before, as "64"; and as "stream" in a stream, which holds its
    weights packed, of what has one. A network that reads one way is given its state and the step.
    One that reads both ways has no state to go on from, and reads all of it again.
    """
    with torch.no_grad():
        calls = {**_steps(subject), **_stream(subject)}
        turns = {name: repeated(call) for name, call in calls.items()}
        found = in_turns(turns, rounds=ROUNDS, seconds=SECONDS)
    return {name: [1e6 * each for each in rounds] for name, rounds in found.rounds.items()}


def _steps(subject: Subject) -> dict[str, Callable[[], object]]:
    width = subject.vectors(torch.as_tensor(subject.cases(1, 1)[0].inputs)[:, None]).shape[-1]
    like = next(subject.network.parameters())
    x = torch.randn(max(AFTER) + 1, 1, width, generator=torch.Generator().manual_seed(0))
    x = x.to(like)
    reader = subject.reader
    found: dict[str, Callable[[], object]] = {}
    for after in AFTER:
        if subject.both_ways:
            call = partial(reader, x[: after + 1])
        else:
            state = reader(x[:after])[1]
            call = (
                partial(reader.step, x[after], state)
                if isinstance(reader, Stack)
                else partial(reader, x[after : after + 1], state)
            )
        found[str(after)] = call if like.device.type == "cpu" else partial(_ended, call)
    return found


def _stream(subject: Subject) -> dict[str, Callable[[], object]]:
    reader = subject.reader
    cells = isinstance(reader, Stack) and all(isinstance(each, RNNBase) for each in reader.layers)
    if not cells or subject.both_ways or next(subject.network.parameters()).device.type != "cpu":
        return {}
    x = np.zeros((1, reader.input_size), np.float32)
    return {STREAM: partial(reader.stream().push, x)}


def _ended(call: Callable[[], object]) -> None:
    """The call, and what it has asked of a GPU."""
    call()
    torch.cuda.synchronize()


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
