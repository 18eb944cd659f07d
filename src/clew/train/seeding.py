"""Random numbers that depend on the step alone, so that no generator has to be saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_MASK = 2**64 - 1


def seed_for(*parts: int) -> int:
    """One well-mixed 64-bit seed from whole numbers (splitmix64, Steele et al. 2014)."""
    value = 0
    for part in parts:
        value = (value + (part & _MASK) + 0x9E3779B97F4A7C15) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        value ^= value >> 31
    return value


def seed_device(device: torch.device, seed: int) -> None:
    """Seed torch's generators of the CPU and of `device`.

    Not torch.manual_seed: it formats a stack trace for CUDA's sake at every call.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed % 2**63)


@contextmanager
def generators_kept(device: torch.device) -> Iterator[None]:
    """Give torch's generators back as they were found."""
    cpu = torch.get_rng_state()
    other = None
    if device.type == "cuda":
        other = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        other = torch.mps.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if device.type == "cuda":
            assert other is not None
            torch.cuda.set_rng_state(other, device)
        elif device.type == "mps":
            assert other is not None
            torch.mps.set_rng_state(other)


@contextmanager
def threads_kept() -> Iterator[None]:
    """Give torch's number of threads back as it was found."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
