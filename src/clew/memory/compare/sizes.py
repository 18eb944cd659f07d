"""One budget for all: how large each network is, so that its parameters come nearest to it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from clew.errors import InputError
from clew.memory.compare.contest import Contest, Size
from clew.memory.compare.entrants import Entrant

_MOST = 1 << 20


def sized(contest: Contest, entrant: Entrant, budget: int) -> tuple[Size, int]:
    """The size whose parameters are nearest to the budget, and how many these are.

    The number is a polynomial of the second degree in H, known from three networks that are made,
    and checked on the one that is found. Raises InputError where the smallest is larger by a half.
    """
    unit = entrant.multiple
    attends = entrant.base == "transformer"

    def made(hidden: int) -> Size:
        wide = 2 * hidden * (2 if entrant.both_ways else 1)
        return Size(hidden, wide if attends else None)

    known = {hidden: contest.parameters(entrant, made(hidden)) for hidden in _points(unit)}
    hidden = _nearest(_polynomial(known), budget, unit)
    size = made(hidden)
    count = contest.parameters(entrant, size)
    if attends and size.feedforward is not None:
        one = contest.parameters(entrant, Size(hidden, size.feedforward + 1)) - count
        wide = max(1, size.feedforward + round((budget - count) / one))
        size = Size(hidden, wide)
        count = contest.parameters(entrant, size)
    if count > 1.5 * budget:
        raise InputError(
            f"the smallest network of {entrant.title} has {count:,} parameters",
            where="budget",
            expected=f"more than {budget:,}; vectors of words and the output layer count too",
            hint=f"a larger --budget{contest.smaller}",
        )
    return size, count


def _points(unit: int) -> tuple[int, ...]:
    return tuple(unit * k for k in (2, 4, 8))


def _polynomial(known: dict[int, int]) -> Callable[[int], Fraction]:
    """The parabola through three points (Lagrange)."""

    def at(x: int) -> Fraction:
        total = Fraction(0)
        for one, value in known.items():
            term = Fraction(value)
            for other in known:
                if other != one:
                    term *= Fraction(x - other, one - other)
            total += term
        return total

    return at


def _nearest(parameters: Callable[[int], Fraction], budget: int, unit: int) -> int:
    """The multiple of `unit` whose number of parameters, which rises, is nearest to the budget."""
    low, high = 1, 2
    while parameters(high * unit) < budget and high < _MOST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if parameters(middle * unit) < budget:
            low = middle
        else:
            high = middle
    near = min((low, high), key=lambda k: abs(parameters(k * unit) - budget))
    return near * unit
