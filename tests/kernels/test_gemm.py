"""The product that the gradients of the weights are, against NumPy in float64."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from clew.kernels import simd

native = simd.native()
TARGETS = simd.targets()
Band = tuple[int, int, bool, bool]


@dataclass(frozen=True)
class Terms:
    """What is multiplied: a (n, m) with rows [x h 1] of (D + P + 1), for each band in part."""

    a: NDArray  # (n, m)
    x: NDArray  # (n, D)
    h: NDArray  # (n, P)
    has_h: NDArray  # (n,) bool; a row that is missing is zeros
    scale: NDArray  # (n, P)
    has_scale: NDArray  # (n,) bool; a row that is missing is ones
    bands: list[Band]
    wider: int = 0  # columns of c beyond D + P + 1

    def c(self) -> NDArray:
        D, P = self.x.shape[1], self.h.shape[1]
        return np.full((self.a.shape[1], D + P + 1 + self.wider), 77, self.a.dtype)

    def got(self, target: str, threads: int = 1) -> NDArray:
        c = self.c()
        native.gradient(
            self.a, self.x, self.h, self.has_h, self.scale, self.has_scale, self.bands, c,
            threads, target,
        )  # fmt: skip
        return c

    def true(self) -> NDArray:
        """By NumPy in float64; 77 where nothing is to be written."""
        c = self.c().astype(np.float64)
        a, x = self.a.astype(np.float64), self.x.astype(np.float64)
        h = np.where(self.has_scale[:, None], self.h.astype(np.float64) * self.scale, self.h)
        h = np.where(self.has_h[:, None], h, 0)
        D, P = x.shape[1], h.shape[1]
        for begin, end, uses_x, uses_h in self.bands:
            part = a[:, begin:end].T
            if uses_x:
                c[begin:end, :D] = part @ x
            if uses_h:
                c[begin:end, D : D + P] = part @ h
            c[begin:end, D + P] = part.sum(axis=1)
        return c


def terms(
    dtype: type, n: int, m: int, D: int, P: int, bands: list[Band], wider: int = 0, seed: int = 0
) -> Terms:
    rng = np.random.default_rng([seed, n, m, D, P])

    def values(*shape: int) -> NDArray:
        return rng.uniform(-1, 1, shape).astype(dtype)

    return Terms(
        values(n, m), values(n, D), values(n, P), rng.random(n) < 0.8, values(n, P),
        rng.random(n) < 0.5, bands, wider,
    )  # fmt: skip


def assert_right(case: Terms, target: str) -> NDArray:
    """The largest error is that of n roundings of sums of at most n; every thread count agrees."""
    c = case.got(target)
    n = len(case.a)
    bound = 1e-12 + np.finfo(case.a.dtype).eps * max(n, 1) * np.sqrt(max(n, 1))
    np.testing.assert_allclose(c, case.true(), rtol=0, atol=bound)
    for threads in (2, 3, 4):
        np.testing.assert_array_equal(case.got(target, threads), c, strict=True)
    return c


sizes = st.integers(0, 70)


@st.composite
def cases(draw: st.DrawFn) -> Terms:
    m = draw(sizes)
    cuts = sorted(draw(st.lists(st.integers(0, m), max_size=6)))
    bands = [
        (begin, end, draw(st.booleans()), draw(st.booleans()))
        for begin, end in zip(cuts[:-1:2], cuts[1::2], strict=True)
    ] if len(cuts) % 2 == 0 else [(0, m, True, True)]  # fmt: skip
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    return terms(
        dtype, draw(sizes), m, draw(sizes), draw(sizes), bands,
        draw(st.integers(0, 3)), draw(st.integers(0, 99)),
    )  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_any_sizes_bands_and_missing_rows(target: str, case: Terms) -> None:
    assert_right(case, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_continue_over_blocks(dtype: type, target: str) -> None:
    """More rows, columns of a and columns of b than are packed at a time; the bands of a GRU."""
    H = 100
    gru = [(0, 2 * H, True, True), (2 * H, 3 * H, True, False), (3 * H, 4 * H, False, True)]
    assert_right(terms(dtype, 700, 4 * H, 33, H, gru), target)
    assert_right(terms(dtype, 300, 19, 1700, 40, [(0, 19, True, True)]), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_added_in_order(dtype: type, target: str) -> None:
    """A sum is one chain from the first row to the last: its rounding shows the order."""
    big = 2.0 ** (np.finfo(dtype).nmant + 2)
    a = np.array([[1], [big], [1], [-big], [1]], dtype).repeat(9, axis=1)
    x, h, yes = np.ones((5, 50), dtype), np.ones((5, 3), dtype), np.ones(5, bool)
    case = Terms(a, x, h, yes, h, yes, [(0, 9, True, True)])
    np.testing.assert_array_equal(case.got(target), 1)  # both ones beside big were rounded away


@pytest.mark.parametrize("target", TARGETS)
def test_not_a_number_goes_where_it_belongs(target: str) -> None:
    case = terms(np.float32, 20, 30, 20, 20, [(0, 30, True, True)])
    case.a[3, 7], case.x[5, 2] = np.nan, np.inf
    c = case.got(target)
    assert np.isnan(c[7]).all()
    assert not np.isfinite(c[:, 2]).any()
    rest = np.delete(np.delete(c, 7, axis=0), 2, axis=1)
    assert np.isfinite(rest).all()


def test_mistakes_are_told() -> None:
    case = terms(np.float32, 4, 6, 3, 2, [(0, 6, True, True)])

    def call(**changes: object) -> None:
        c = changes.pop("c", case.c())
        fields = {**vars(case), **changes}
        native.gradient(*(fields[k] for k in (
            "a", "x", "h", "has_h", "scale", "has_scale", "bands")), c)  # fmt: skip

    with pytest.raises(ValueError, match="differ in rows"):
        call(x=case.x[:3])
    with pytest.raises(ValueError, match="out is not"):
        call(c=np.zeros((6, 5), np.float32))
    for bands in ([(0, 7, True, True)], [(0, 3, True, True), (2, 6, True, True)]):
        with pytest.raises(ValueError, match="bands overlap or do not lie within m"):
            call(bands=bands)
