"""exp, sigmoid and tanh: elements a second of each target beside torch and NumPy, one thread.

Each is checked against extended precision before it is timed.
Run: python benchmarks/simd.py [--quick]
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from clew.kernels import simd

ELEMENTS = 16_384  # x and the result fit the second cache


def sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


NUMPY: dict[str, Callable] = {"exp": np.exp, "sigmoid": sigmoid, "tanh": np.tanh}


def best(function: Callable[[], object], seconds: float) -> float:
    """Elements a second in the best of many short tries."""
    function()
    fastest = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(10):
            function()
        fastest = min(fastest, time.perf_counter() - start)
    return 10 * ELEMENTS / fastest


def validate(name: str, x: np.ndarray, target: str) -> None:
    truth = NUMPY[name](x.astype(np.longdouble))
    got = getattr(simd, name)(x, target=target)
    error = np.abs(got - truth) / np.spacing(np.abs(truth).astype(x.dtype))
    assert error.max() <= simd.largest_error(name) * 1.01, (name, target, float(error.max()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a second a row instead of three")
    seconds = (0.5 if parser.parse_args().quick else 3.0) / (len(simd.targets()) + 2)
    torch.set_num_threads(1)
    print("thousand million elements a second, one thread; the ratios are the first target's")
    titles = (*simd.targets(), "torch", "numpy", "clew/torch", "clew/numpy")
    print(f"{'':16}" + "".join(f"{title:>12}" for title in titles))
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x = rng.normal(0, 3, ELEMENTS).astype(dtype)
        out = np.empty_like(x)
        tensor, result = torch.from_numpy(x), torch.from_numpy(out)
        for name, numpy in NUMPY.items():
            rates = []
            for target in simd.targets():
                validate(name, x, target)
                ours = getattr(simd, name)
                rates.append(best(partial(ours, x, out, target=target), seconds))
            theirs = getattr(torch, name)
            rates.append(best(partial(theirs, tensor, out=result), seconds))
            rates.append(best(partial(numpy, x), seconds))
            ratios = (rates[0] / rates[-2], rates[0] / rates[-1])
            print(
                f"{name:8}{np.dtype(dtype).name:8}"
                + "".join(f"{rate / 1e9:12.2f}" for rate in rates)
                + "".join(f"{ratio:12.2f}" for ratio in ratios)
            )


if __name__ == "__main__":
    main()
