"""The measured peaks: plausible, never exact. Tests run beside each other, so the slack is wide."""

from dataclasses import fields

import pytest

from clew import InputError
from clew.kernels import machine, simd


def test_the_peaks_are_plausible() -> None:
    found = machine.measure(threads=2, seconds=0.9)
    assert found.target == simd.target()
    assert found.threads == 2
    rates = [getattr(found, field.name) for field in fields(found) if field.name not in {"target"}]
    assert all(0 < rate < 1e6 for rate in rates)
    # float32 vectors hold twice as many; a cache is nearer than memory
    assert found.float32_gflops > found.float64_gflops
    assert 2 * found.l1 > found.memory
    assert 2 * found.l2 > found.memory


@pytest.mark.hardware
def test_wider_vectors_measure_no_slower() -> None:
    """More than the scalar unit can do: one multiply-add a cycle below 10 GHz is 20 GFLOP/s."""
    if simd.target() == "portable":
        pytest.skip("only the portable target here")
    assert machine.measure(threads=1, seconds=0.5).float32_gflops > 5


def test_mistakes_are_told() -> None:
    with pytest.raises(InputError, match="threads is 0"):
        machine.measure(threads=0)
    for seconds in (0, -1, float("nan"), 100):
        with pytest.raises(InputError, match="seconds is"):
            machine.measure(seconds=seconds)


def test_cores() -> None:
    assert machine.cores() >= 1
