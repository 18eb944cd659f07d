"""The threads that the native kernels run on: torch's own, as many as torch uses.

torch's workers spin for a while after each operation, so that threads of another pool would fight
them for the cores. The native module therefore runs on the very OpenMP runtime that torch runs on.
It makes threads of its own where there is none.

Importing this module also makes that runtime survive ``os.fork``, for kernels and torch alike.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache

import torch

from clew.kernels import simd


def count() -> int:
    """How many threads a kernel may use: ``torch.get_num_threads()``."""
    _tell()
    return torch.get_num_threads()


def source() -> str:
    """Whose threads the kernels run on: "openmp" (torch's) or "own"."""
    _tell()
    return str(simd.native().thread_source())


@cache
def _tell() -> None:
    # Other packages bring OpenMP runtimes of their own (scikit-learn does), or one may have been
    # preloaded for all. Whichever torch's module is bound to is right, so the dynamic linker is
    # asked for that instead of the list of loaded files.
    runtime = torch._C.__file__ if sys.platform == "linux" else None
    simd.native().use_openmp(runtime or "")


# From here on, so that no fork goes unseen. Where the module was never built, its first use tells.
with suppress(ImportError):
    _tell()
