"""Clew's layers beside torch's on this machine: checked first, then timed in turns.

What disagrees is not timed: `DisagreementError` says by how much. ``clew bench`` prints what is
measured here; ``benchmarks/recurrence.py`` and ``benchmarks/step.py`` put others beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import clew
from clew.kernels import machine
from clew.kernels.turns import Times, geometric_mean, in_turns, repeated
from clew.nn.recurrent import GRU, LSTM, RNN

CELLS: dict[str, Any] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
_TORCH: dict[str, Any] = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
_TORCH_CELL: dict[str, Any] = {"RNN": nn.RNNCell, "GRU": nn.GRUCell, "LSTM": nn.LSTMCell}
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}

INFERENCE, TRAINING, STEP = "inference", "forward+backward", "step"

# Largest difference allowed: of outputs, which lie in (-1, 1); of gradients, which are sums over
# all steps and sequences, as a share of the largest element.
OUTPUT_TOLERANCE = 2e-5
GRADIENT_TOLERANCE = 2e-4

Call = Callable[[], Any]
Peers = Callable[[nn.RNNBase, Tensor], Mapping[str, Call]]
"""Further contenders for inference, given torch's layer and x; each call returns y (T, B, H)."""


class DisagreementError(RuntimeError):
    """A contender computes something else than torch, so its time means nothing."""


@dataclass(frozen=True)
class Shape:
    """B sequences of T steps, D features in, H hidden units."""

    B: int
    T: int
    D: int
    H: int

    def __str__(self) -> str:
        return f"{self.B}, {self.T}, {self.D}, {self.H}"


# One sequence; a small batch; a usual one; a large one; long sequences of few features.
SHAPES = (
    Shape(1, 256, 64, 64),
    Shape(16, 256, 64, 128),
    Shape(32, 128, 256, 256),
    Shape(128, 100, 512, 512),
    Shape(32, 1000, 2, 128),
)
SHORT = (SHAPES[0], SHAPES[1], SHAPES[2])
TINY = (Shape(3, 8, 5, 16),)


@dataclass(frozen=True)
class Row:
    """What was timed once: seconds a call by contender, and how often torch's time fits into it."""

    cell: str
    shape: Shape
    what: str
    times: Times
    flops: int
    """Additions and multiplications that the matrix products of a call need."""

    def seconds(self, name: str) -> float:
        """Seconds a call, the median."""
        return self.times.median(name)

    def ratio(self, name: str, to: str = "torch") -> float:
        """How many times as fast `name` is."""
        return self.times.ratio(name, to)

    def share(self, name: str, peak: float) -> float:
        """Share of the peak (in GFLOP/s) that the needed arithmetic was done at."""
        return self.flops / self.seconds(name) / 1e9 / peak

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        names = list(self.times.rounds)
        reference = names[0]
        return {
            "cell": self.cell,
            **vars(self.shape),
            "what": self.what,
            "flops": self.flops,
            "seconds": {name: self.seconds(name) for name in names},
            f"ratio_to_{reference.replace(' ', '_')}": {
                name: self.ratio(name, reference) for name in names[1:]
            },
        }


@contextmanager
def threads(number: int | None) -> Iterator[int]:
    """torch, and Clew with it, on `number` threads (one a core if None), as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(machine.cores() if number is None else number)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def flops(cell: str, shape: Shape, what: str) -> int:
    """What the matrix products need: forward 2 T B G (D + H), G rows of all gates' matrices.

    Backward needs as much for the gradient of what enters (x and h), and as much for that of the
    weights: three times the forward pass in all.
    """
    forward = 2 * shape.T * shape.B * _GATES[cell] * shape.H * (shape.D + shape.H)
    return forward if what == INFERENCE else 3 * forward


def pair(cell: str, shape: Shape, **options: Any) -> tuple[nn.RNNBase, Any]:
    """torch's layer and Clew's with the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = _TORCH[cell](shape.D, shape.H)
    ours = CELLS[cell](shape.D, shape.H, **options)
    ours.load_state_dict(theirs.state_dict(), strict=not options)
    return theirs, ours


def drawn(*size: int) -> Tensor:
    """Standard normal values, the same at every call."""
    return torch.randn(size, generator=torch.Generator().manual_seed(1))


def inference(layer: nn.Module, x: Tensor) -> Call:
    """A call that reads x and returns y."""

    def call() -> Tensor:
        with torch.inference_mode():
            y: Tensor = layer(x)[0]
            return y

    return call


def forward_backward(layer: nn.Module, x: Tensor, gradient: Tensor) -> Call:
    """A call that reads x and returns the gradients of x and of every parameter."""
    x = x.detach().requires_grad_()
    wanted = [x, *layer.parameters()]

    def call() -> tuple[Tensor, ...]:
        return torch.autograd.grad(layer(x)[0], wanted, gradient)

    return call


def check(what: str, found: Any, expected: Any, tolerance: float, *, relative: bool) -> None:
    """Raise unless each array is as expected, `relative` to its largest element."""
    many = isinstance(found, tuple | list)
    pairs = zip(found, expected, strict=True) if many else [(found, expected)]
    for number, (one, other) in enumerate(pairs):
        a, b = (np.asarray(value.detach() if isinstance(value, Tensor) else value)
                for value in (one, other))  # fmt: skip
        if a.shape != b.shape:
            raise DisagreementError(f"{what} gives the shape {a.shape}, torch {b.shape}")
        scale = float(np.abs(b).max(initial=0.0)) if relative else 1.0
        error = float(np.abs(a - b).max(initial=0.0))
        if not error <= tolerance * max(scale, 1e-30):  # NaN is never in order
            place = f", array {number}" if many else ""
            raise DisagreementError(
                f"{what}{place} differs from torch by {error:.3g}, allowed are "
                f"{tolerance:g}" + (f" of {scale:.3g}" if relative else "")
            )


def layers(
    cells: Sequence[str] = tuple(CELLS),
    shapes: Sequence[Shape] = SHAPES,
    *,
    rounds: int = 5,
    seconds: float = 0.1,
    most: float = math.inf,
    peers: Peers | None = None,
) -> Iterator[Row]:
    """For each cell and shape: inference, then forward and backward; "torch", "clew", peers.

    Raises DisagreementError before anything of that cell and shape is timed.
    """
    for cell in cells:
        for shape in shapes:
            theirs, ours = pair(cell, shape)
            x = drawn(shape.T, shape.B, shape.D)
            gradient = drawn(shape.T, shape.B, shape.H)
            reading: dict[str, Call] = {"torch": inference(theirs, x), "clew": inference(ours, x)}
            reading |= {} if peers is None else peers(theirs, x)
            learning = {
                "torch": forward_backward(theirs, x, gradient),
                "clew": forward_backward(ours, x, gradient),
            }
            title = f"{cell} ({shape})"
            y = reading["torch"]()
            for name, call in list(reading.items())[1:]:
                check(f"{title}: {name}", call(), y, OUTPUT_TOLERANCE, relative=False)
            check(f"{title}: clew's gradient", learning["clew"](), learning["torch"](),
                  GRADIENT_TOLERANCE, relative=True)  # fmt: skip
            for what, calls in ((INFERENCE, reading), (TRAINING, learning)):
                contenders = {name: repeated(call) for name, call in calls.items()}
                times = in_turns(contenders, rounds=rounds, seconds=seconds, most=most)
                yield Row(cell, shape, what, times, flops(cell, shape, what))


StepPeers = Callable[[nn.RNNBase, np.ndarray[Any, Any]], Mapping[str, Call]]
"""Further contenders for a step, given torch's layer and x_t (B, D); each call returns y (B, H)."""


def steps(
    cells: Sequence[str] = tuple(CELLS),
    shape: Shape = SHAPES[0],
    *,
    rounds: int = 5,
    seconds: float = 0.05,
    most: float = math.inf,
    peers: StepPeers | None = None,
) -> Iterator[Row]:
    """For each cell one step of `shape.B` sequences, each call going on from the state of the last.

    Contenders: "torch cell", "torch layer", "clew stream" (NumPy in and out), "clew step" (tensors)
    and peers. They read the same steps first, and what they say must agree.
    """
    for cell in cells:
        theirs, ours = pair(cell, shape)
        x = drawn(shape.B, shape.D)
        calls: dict[str, Call] = {
            "torch cell": _torch_cell(cell, theirs, x),
            "torch layer": _torch_layer(theirs, x),
            "clew stream": _stream(ours.eval().stream(shape.B), x.numpy()),
            "clew step": _step(ours.eval(), x),
        }
        calls |= {} if peers is None else peers(theirs, x.numpy())
        for number in range(1, 4):
            y = calls["torch cell"]()
            for name, call in list(calls.items())[1:]:
                what = f"{cell} ({shape.D}, {shape.H}), step {number}: {name}"
                check(what, call(), y, OUTPUT_TOLERANCE, relative=False)
        contenders = {name: repeated(call) for name, call in calls.items()}
        times = in_turns(contenders, rounds=rounds, seconds=seconds, most=most)
        one = Shape(shape.B, 1, shape.D, shape.H)
        yield Row(cell, one, STEP, times, flops(cell, one, INFERENCE))


def _torch_cell(cell: str, layer: nn.RNNBase, x: Tensor) -> Call:
    one = _TORCH_CELL[cell](layer.input_size, layer.hidden_size)
    values = layer.state_dict()
    one.load_state_dict({name.removesuffix("_l0"): value for name, value in values.items()})
    state: Any = None

    def call() -> Any:
        nonlocal state
        with torch.inference_mode():
            state = one(x, state)
        return state[0] if cell == "LSTM" else state

    return call


def _torch_layer(layer: nn.RNNBase, x: Tensor) -> Call:
    state: Any = None
    x = x.unsqueeze(0)  # (1, B, D)

    def call() -> Any:
        nonlocal state
        with torch.inference_mode():
            y, state = layer(x, state)
            return y[0]

    return call


def _stream(stream: Any, x: np.ndarray[Any, Any]) -> Call:
    push = stream.push
    return lambda: push(x)


def _step(layer: Any, x: Tensor) -> Call:
    state: Any = None

    def call() -> Any:
        nonlocal state
        with torch.inference_mode():
            y, state = layer.step(x, state)
        return y

    return call


@dataclass(frozen=True)
class Report:
    """What ``clew bench`` measured."""

    rows: tuple[Row, ...]
    threads: int
    target: str
    peak: float
    """GFLOP/s of float32 multiplications and additions on all threads, measured in this run."""
    versions: Mapping[str, str]

    def means(self) -> dict[str, float]:
        """The geometric mean of Clew's ratios for "inference", "forward+backward" and "step"."""
        return {
            INFERENCE: means(self.rows, INFERENCE, "clew"),
            TRAINING: means(self.rows, TRAINING, "clew"),
            STEP: means(self.rows, STEP, "clew stream", "torch cell"),
        }

    def fastest_step(self) -> float:
        """Seconds of the fastest cell's step."""
        return min(row.seconds("clew stream") for row in self.rows if row.what == STEP)

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "versions": dict(self.versions),
            "threads": self.threads,
            "target": self.target,
            "peak_gflops": self.peak,
            "means": self.means(),
            "rows": [row.summary() for row in self.rows],
        }


def measure(*, threads: int, quick: bool = False) -> Report:
    """Everything that ``clew bench`` shows, in about half a minute; `quick`: in a second or two."""
    rounds, seconds, most = (2, 0.01, 0.2) if quick else (4, 0.04, 1.5)
    peak = machine.measure(threads=threads, seconds=0.2 if quick else 1.0)
    rows = [
        *layers(shapes=SHORT[:1] if quick else SHORT, rounds=rounds, seconds=seconds, most=most),
        *steps(rounds=rounds, seconds=seconds, most=most),
    ]
    versions = {"clew": clew.__version__, "torch": torch.__version__}
    return Report(tuple(rows), threads, peak.target, peak.float32_gflops_all, versions)


def means(
    rows: Iterable[Row], what: str, name: str, to: str = "torch", cell: str | None = None
) -> float:
    """The geometric mean of the ratios of one contender, of all cells or of one."""
    return geometric_mean(
        row.ratio(name, to) for row in rows if row.what == what and cell in (None, row.cell)
    )
