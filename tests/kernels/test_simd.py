"""The native exp, sigmoid and tanh against extended precision, on every target of this machine."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import clew
from clew import InputError
from clew.kernels import simd
from clew.kernels.loss import linear_cross_entropy
from clew.nn import LSTM

FUNCTIONS = ("exp", "sigmoid", "tanh")
TYPES = (np.float32, np.float64)
TARGETS = simd.targets()


def true_sigmoid(x: NDArray) -> NDArray:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


TRUTH: dict[str, Callable] = {"exp": np.exp, "sigmoid": true_sigmoid, "tanh": np.tanh}


def inputs(dtype: type) -> NDArray:
    """Random bit patterns of every kind, and dense random values where something happens."""
    rng = np.random.default_rng(7)
    whole = np.uint32 if dtype is np.float32 else np.uint64
    patterns = rng.integers(0, np.iinfo(whole).max, 100_000, dtype=whole, endpoint=True)
    parts = [patterns.view(dtype)]
    for reach in (1e-4, 0.1, 0.35, 1, 3, 10, 30, 110, 760):
        parts.append(rng.uniform(-reach, reach, 40_000).astype(dtype))
    # where 1 + e^x begins to lose e^x, and about the ends of the segments of a table
    middle = -17 if dtype is np.float32 else -37
    parts.append(rng.uniform(middle - 1, middle + 1, 40_000).astype(dtype))
    ends = np.arange(0, 10, 1 / 16).astype(dtype)[:, None]
    parts.append((ends + np.spacing(ends) * np.arange(-8, 9, dtype=dtype)).ravel())
    tiny = np.finfo(dtype).smallest_subnormal
    parts.append(tiny * np.arange(-200, 200, dtype=dtype))
    return np.concatenate(parts)


def ulps(y: NDArray, truth: NDArray, dtype: type) -> NDArray:
    """The distance in units in the last place of the true value."""
    limits = np.finfo(dtype)
    _, exponent = np.frexp(np.abs(truth))
    unit = np.ldexp(
        np.ones_like(truth), np.maximum(exponent - limits.nmant - 1, limits.minexp - limits.nmant)
    )
    return np.abs(y.astype(truth.dtype) - truth) / unit


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_bound(name: str, dtype: type, target: str) -> None:
    x = inputs(dtype)
    wider = np.float64 if dtype is np.float32 else np.longdouble
    if np.finfo(wider).nmant < np.finfo(dtype).nmant + 8:
        # no wider type on this architecture: fewer values, by mpmath
        rng = np.random.default_rng(3)
        x = rng.uniform(-30, 30, 3000).astype(dtype)
        exact = {"exp": mpmath.exp, "sigmoid": mpmath.sigmoid, "tanh": mpmath.tanh}.get(name)
        assert mpmath_ulps(getattr(simd, name)(x, target=target), x, exact) <= (
            simd.largest_error(name)
        )
        return
    with np.errstate(all="ignore"):
        truth = TRUTH[name](x.astype(wider))
        rounded = truth.astype(dtype)
        y = getattr(simd, name)(x, target=target)
        error = ulps(y, truth, dtype)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(y[~finite], rounded[~finite])  # infinities and NaN, each in place
    worst = int(np.argmax(np.where(finite, error, 0)))
    assert np.isfinite(y[finite]).all()
    assert error[worst] <= simd.largest_error(name), f"{error[worst]:.3f} ulp at {x[worst]!r}"


def mpmath_ulps(y: NDArray, x: NDArray, exact: Callable) -> float:
    with mpmath.workprec(120):
        distances = [
            abs(mpmath.mpf(float(got)) - exact(mpmath.mpf(float(at)))) / float(np.spacing(abs(got)))
            for got, at in zip(y, x, strict=True)
        ]
    return float(max(distances))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_agrees_with_a_hundred_digits(name: str) -> None:
    """The same bound against arithmetic that shares nothing with the processor's libm."""
    exact = {
        "exp": mpmath.exp,
        "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
        "tanh": mpmath.tanh,
    }[name]
    x = np.random.default_rng(1).normal(0, 4, 2000)
    # spacing of the computed value may be half that of the true one at a power of two
    assert mpmath_ulps(getattr(simd, name)(x), x, exact) <= 2 * simd.largest_error(name)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", TYPES)
def test_limits(dtype: type, target: str) -> None:
    x = np.array([-np.inf, -1e30, -0.0, 0.0, 1e30, np.inf, np.nan], dtype)
    expected = {
        "exp": [0, 0, 1, 1, np.inf, np.inf, np.nan],
        "sigmoid": [0, 0, 0.5, 0.5, 1, 1, np.nan],
        "tanh": [-1, -1, -0.0, 0.0, 1, 1, np.nan],
    }
    for name, values in expected.items():
        y = getattr(simd, name)(x, target=target)
        np.testing.assert_array_equal(y, np.array(values, dtype), err_msg=name)
    np.testing.assert_array_equal(np.signbit(simd.tanh(x, target=target)[:6]), [1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_value_does_not_depend_on_where_it_stands(name: str, dtype: type, target: str) -> None:
    """Full vectors and the rest at the end give the same bits, and write nothing beyond."""
    function = getattr(simd, name)
    x = np.random.default_rng(2).normal(0, 3, 150).astype(dtype)
    whole = function(x, target=target)
    for size in (0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 127):
        buffer = np.full(size + 4, 9, dtype)
        function(x[:size], buffer[:size], target=target)
        np.testing.assert_array_equal(buffer[:size], whole[:size])
        np.testing.assert_array_equal(buffer[size:], 9)
    square = x[:144].reshape(12, 12)
    np.testing.assert_array_equal(function(square.T, target=target), whole[:144].reshape(12, 12).T)
    in_place = x.copy()
    assert function(in_place, in_place, target=target) is in_place
    np.testing.assert_array_equal(in_place, whole)


def test_mistakes_are_told() -> None:
    x = np.zeros(4, np.float32)
    for wrong in ([0.0], np.zeros(4, np.float16), np.zeros(4, np.int64), np.zeros(4, ">f4")):
        with pytest.raises(InputError, match="float32 or float64"):
            simd.exp(wrong)
    for out in (np.zeros(4), np.zeros((4, 2), np.float32)[:, 0], np.broadcast_to(x, (4,))):
        with pytest.raises(InputError, match="cannot be written"):
            simd.exp(x, out)
    with pytest.raises(InputError, match="differ in shape"):
        simd.tanh(x, np.zeros(5, np.float32))
    with pytest.raises(InputError, match="differ in shape"):
        simd.tanh(x, np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match="overlap"):
        simd.sigmoid(x[:3], x[1:])
    with pytest.raises(
        InputError, match=r"'mmx', which is no target\n  expected: one of .*portable"
    ):
        simd.exp(x, target="mmx")
    with pytest.raises(InputError, match="no function 'cosh'"):
        simd.largest_error("cosh")


def chosen_by(wish: str) -> subprocess.CompletedProcess:
    code = "from clew import _native; print(_native.target())"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CLEW_SIMD": wish},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_environment_chooses_the_target() -> None:
    for target in TARGETS:
        assert chosen_by(target).stdout.strip() == target
    assert chosen_by("").stdout.strip() == TARGETS[0]
    refused = chosen_by("sse9")
    assert refused.returncode != 0
    assert "the environment variable CLEW_SIMD asks for 'sse9'" in refused.stderr
    assert "portable" in refused.stderr


def test_a_refused_environment_is_a_mistake_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEW_SIMD", "sse9")
    with pytest.raises(InputError, match=r"CLEW_SIMD asks for 'sse9'.*\n  expected: one of"):
        simd.target()


def test_layers_streams_and_losses_tell_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEW_SIMD", "sse9")
    layer, x, word = LSTM(2, 3), torch.zeros(4, 1, 2), torch.zeros(4, dtype=torch.int64)
    calls: list[Callable[[], object]] = [
        lambda: layer(x),
        lambda: layer(x.requires_grad_()),
        lambda: layer.trace(x),
        layer.stream,
        lambda: linear_cross_entropy(x[:, 0], torch.zeros(5, 2), None, word),
    ]
    for call in calls:
        with pytest.raises(InputError, match="CLEW_SIMD asks for 'sse9'") as told:
            call()
        assert told.value.where is None
        assert told.value.expected == "one of " + ", ".join(TARGETS)


def test_without_the_native_module_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(clew, "_native")
    monkeypatch.setitem(sys.modules, "clew._native", None)
    with pytest.raises(ImportError, match=r"was not built for this Python\n  try: pip install \."):
        simd.target()


def test_the_stub_names_what_the_module_has() -> None:
    stub = ast.parse((Path(clew.__file__).parent / "_native.pyi").read_text())
    told = {node.name for node in stub.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    told |= {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
    assert told == {name for name in dir(simd.native()) if not name.startswith("_")}
