"""What a translator cannot learn from, and how that is said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from clew.errors import InputError


def check_conversations(there: bool, shared: bool) -> None:
    """Raise InputError where there are conversations and no vocabulary that both sides share."""
    if there and not shared:
        raise InputError(
            "conversations need one vocabulary: a reply is then part of what is read next",
            where="shared",
            expected="shared=True",
        )


def tell_left_out(
    left: NDArray[np.int64], count: int, place: Callable[[int], str], words: str, longest: int,
    tell: Callable[[str], None],
) -> None:  # fmt: skip
    """Say which pairs of `count` are too long, the first by its place; InputError if all are."""
    if len(left) == count:
        raise InputError(
            f"every pair {words} has a side of more than {longest} pieces"
            if count
            else f"there are no pairs {words}",
            where="max_length" if count else "X",
            expected="some pairs that are not",
            hint="a larger max_length" if count else None,
        )
    if len(left):
        tell(
            f"{len(left):,} of {count:,} pairs {words} have a side of more than {longest} pieces "
            f"(max_length) and are left out, the first at {place(int(left[0]))}"
        )
