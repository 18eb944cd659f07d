"""The native module as native/bind*.cpp define it; clew.kernels is the way to use it."""

from typing import overload

from numpy import bool_, float32, float64
from numpy.typing import NDArray

exp_ulps: float
sigmoid_ulps: float
tanh_ulps: float

def targets() -> list[str]: ...
def target() -> str: ...
def vector_bytes(target: str = "") -> int: ...
@overload
def exp(x: NDArray[float32], out: NDArray[float32], target: str = "") -> None: ...
@overload
def exp(x: NDArray[float64], out: NDArray[float64], target: str = "") -> None: ...
@overload
def sigmoid(x: NDArray[float32], out: NDArray[float32], target: str = "") -> None: ...
@overload
def sigmoid(x: NDArray[float64], out: NDArray[float64], target: str = "") -> None: ...
@overload
def tanh(x: NDArray[float32], out: NDArray[float32], target: str = "") -> None: ...
@overload
def tanh(x: NDArray[float64], out: NDArray[float64], target: str = "") -> None: ...
@overload
def gradient(
    a: NDArray[float32],
    x: NDArray[float32],
    h: NDArray[float32],
    has_h: NDArray[bool_],
    scale: NDArray[float32],
    has_scale: NDArray[bool_],
    bands: list[tuple[int, int, bool, bool]],
    out: NDArray[float32],
    threads: int = 1,
    target: str = "",
) -> None: ...
@overload
def gradient(
    a: NDArray[float64],
    x: NDArray[float64],
    h: NDArray[float64],
    has_h: NDArray[bool_],
    scale: NDArray[float64],
    has_scale: NDArray[bool_],
    bands: list[tuple[int, int, bool, bool]],
    out: NDArray[float64],
    threads: int = 1,
    target: str = "",
) -> None: ...
def cross_entropy(
    is_double: bool,
    N: int,
    H: int,
    V: int,
    hidden: int,
    weight: int,
    bias: int,
    targets: int,
    ignore: int,
    smoothing: float,
    mean: bool,
    row_scale: int,
    losses: int,
    d_hidden: int,
    d_weight: int,
    d_bias: int,
    threads: int,
) -> tuple[float, int]: ...
def multiply_add_gflops(is_double: bool, threads: int, seconds: float) -> float: ...
def read_gigabytes(size: int, threads: int, seconds: float) -> float: ...
def cache_bytes(level: int) -> int: ...
def draw(is_double: bool, seed: int, chance: float, out: int, count: int, threads: int) -> None: ...
def kept_bytes() -> int: ...
def use_openmp(path: str) -> None: ...
def thread_source() -> str: ...
def parallel_probe(threads: int, rounds: int = 1000) -> list[int]: ...

class Sequences:
    def __init__(self, steps: int, batch: int, lengths: int = 0, reset: int = 0) -> None: ...

class Layer:
    def __init__(
        self,
        is_double: bool,
        mode: int,
        D: int,
        H: int,
        P: int,
        directions: int,
        layer_norm: bool,
        hold_h: float,
        hold_c: float,
        sequences: Sequences,
    ) -> None: ...
    def record_size(self) -> int: ...
    def forward(
        self,
        x: int,
        h_0: int,
        c_0: int,
        weights: list[int],
        masks: list[int],
        y: int,
        h_n: int,
        c_n: int,
        record: int,
        threads: int,
    ) -> None: ...
    def backward(
        self,
        x: int,
        h_0: int,
        c_0: int,
        weights: list[int],
        masks: list[int],
        y: int,
        record: int,
        grad_y: int,
        grad_h_n: int,
        grad_c_n: int,
        grad_x: int,
        grad_h_0: int,
        grad_c_0: int,
        grad_weights: list[int],
        threads: int,
    ) -> None: ...
    def trace(self, weights: list[int], record: int, out: list[int]) -> None: ...

class Stream32:
    def __init__(
        self,
        storeys: list[tuple[int, int, int, int, float, float, bool, list[int]]],
        batch: int,
        half: bool = False,
        table: int = 0,
        ids: int = 0,
        pool: int = 0,
        w_out: int = 0,
        b_out: int = 0,
        outputs: int = 0,
        ending: int = 0,
        threads: int = 1,
    ) -> None: ...
    def push(
        self, x: object, moves: object = None
    ) -> NDArray[float32] | NDArray[float64] | None: ...
    def states(self, layer: int, h: int, c: int, store: bool) -> None: ...
    def pooled(self, values: int, steps: int, store: bool) -> None: ...
    def reset(self, which: object) -> None: ...

class Stream64(Stream32): ...
