"""exp, sigmoid and tanh of the native module on NumPy arrays, with their error stated.

Each is written once on the compiler's vector extensions (native/simd.h) and compiled for several
targets; the widest that the processor runs is used, or the one that the environment variable
CLEW_SIMD names: "avx512", "avx2", "portable".
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError

Real = TypeVar("Real", np.float32, np.float64)


def native() -> ModuleType:
    """The native module; ImportError says how to build it where it was never built."""
    try:
        from clew import _native
    except ImportError as error:
        raise ImportError(
            "Clew's native module was not built for this Python\n"
            "  try: pip install . in Clew's folder, with a C++ compiler installed; "
            "or make test, which does it"
        ) from error
    return _native


def target() -> str:
    """The name of the target in use; InputError where CLEW_SIMD asks for one that cannot be."""
    return str(checked(native().target))


def targets() -> tuple[str, ...]:
    """The targets that this processor can run, the widest first."""
    return tuple(native().targets())


def largest_error(function: str) -> float:
    """The stated bound of "exp", "sigmoid" or "tanh" in units in the last place."""
    if function not in {"exp", "sigmoid", "tanh"}:
        raise InputError(
            f"there is no function {function!r}", expected='"exp", "sigmoid" or "tanh"'
        )
    return float(getattr(native(), f"{function}_ulps"))


def exp(x: NDArray[Real], out: NDArray[Real] | None = None, *, target: str = "") -> NDArray[Real]:
    """e^x elementwise, float32 or float64 of any shape; into `out` if given, which x itself may be.

    InputError for other types, and for an `out` of another shape, type or order.
    """
    return _map(native().exp, x, out, target)


def sigmoid(
    x: NDArray[Real], out: NDArray[Real] | None = None, *, target: str = ""
) -> NDArray[Real]:
    """1 / (1 + e^-x) elementwise; arguments and errors as for `exp`."""
    return _map(native().sigmoid, x, out, target)


def tanh(x: NDArray[Real], out: NDArray[Real] | None = None, *, target: str = "") -> NDArray[Real]:
    """(e^x - e^-x) / (e^x + e^-x) elementwise; arguments and errors as for `exp`."""
    return _map(native().tanh, x, out, target)


def _map(
    function: Callable[..., None], x: NDArray[Real], out: NDArray[Real] | None, target: str
) -> NDArray[Real]:
    if not isinstance(x, np.ndarray) or x.dtype.char not in "fd" or not x.dtype.isnative:
        raise InputError(
            "x must be an array of float32 or float64",
            where="x",
            expected="numpy.ndarray of float32 or float64",
            hint="numpy.asarray(x, dtype=numpy.float32)",
        )
    if out is None:
        out = np.empty(x.shape, x.dtype)
    elif out.dtype != x.dtype or not out.flags.c_contiguous or not out.flags.writeable:
        raise InputError(
            "the result cannot be written into out",
            where="out",
            expected=f"a writable C-contiguous array of {x.dtype}",
        )
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    checked(function, x, out, target)
    return out


def checked(function: Callable[..., Any], *arguments: object, where: str | None = None) -> Any:
    """What the native module refuses, told in the words of every other mistake.

    ``where``: the argument that is wrong, if any is; CLEW_SIMD is none of them.
    """
    try:
        return function(*arguments)
    except ValueError as error:
        what, _, expected = str(error).partition("\n  expected: ")
        where = None if "CLEW_SIMD" in what else where
        raise InputError(what, where=where, expected=expected or None) from None
